//! Starts the three listeners and stops them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use gateway_core::config::ConfigError;
use gateway_core::store::due;
use gateway_core::timing::scaled;
use gateway_providers::StartError;
use serde_json::json;
use tokio::net::TcpListener;
use web_kit::health::{self, HealthReport};
use web_kit::shutdown::{ServeLimits, serve, stop_on_signal};
use web_kit::stack::{self, StackConfig};

use crate::config::Config;
use crate::gateway::{Gateway, Shared, limit_address};
use crate::{checkout, hooks, images, runtime, sandbox};

/// Longer than a call to a provider may take, so that starting a payment is never cut off by us.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);

/// Time that background work gets once the listeners are closed.
const BACKGROUND_GRACE: Duration = Duration::from_secs(20);

/// An event that has waited this long has been missed by this service and by the worker.
const INBOX_AGE_MAX: Duration = Duration::from_mins(1);

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Variables are missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// MongoDB was not reached or is not safe to use, or there are no certificates for calls to providers.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The operating system refused something else.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is another recorder of metrics in this process.
    #[error("metrics: {0}")]
    Metrics(String),
}

/// Runs until a signal stops it.
pub async fn run() -> Result<(), RunError> {
    let config = Config::from_env()?;
    let stop = stop_on_signal()?;
    let metrics = health::install_prometheus().map_err(|error| RunError::Metrics(error.to_string()))?;
    let Some(app) = stop.run_until_cancelled(gateway_providers::start(&config.common)).await else {
        tracing::info!("stopped before it was ready");
        return Ok(());
    };
    let app = app?;
    let gateway = Gateway::new(app, &config, stop.clone());

    let stack = StackConfig {
        request_timeout: REQUEST_TIMEOUT,
        proxies: config.proxies.clone(),
        https: config.common.urls.main_frontend.scheme() == "https",
        ..StackConfig::default()
    };
    let pages = bind(config.checkout).await?;
    let api = bind(config.runtime).await?;
    let internal = bind(config.health).await?;
    let limits = ServeLimits::default();

    tokio::spawn(health::metrics_upkeep_until(metrics.clone(), stop.clone()));
    tokio::spawn(gateway.limits.clone().clean_up_until(stop.clone()));
    tokio::spawn(gateway.quotas.clone().clean_up_until(stop.clone()));
    tokio::spawn(gateway.codes.clone().clean_up_until(stop.clone()));
    let pages = serve(pages, page_router(&gateway, &stack), limits, stop.clone());
    let api = serve(api, api_router(&gateway, &stack), limits, stop.clone());
    let deep = {
        let gateway = Arc::clone(&gateway);
        move || deep_health(Arc::clone(&gateway))
    };
    let internal = serve(internal, health::router(deep, Some(metrics)), limits, stop);
    tracing::info!(checkout = %config.checkout, runtime = %config.runtime, "listening");
    tokio::try_join!(pages, api, internal)?;
    gateway.background.drain(scaled(BACKGROUND_GRACE)).await;
    tracing::info!("stopped");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|error| RunError::Listen(address, error))
}

fn page_router(gateway: &Shared, stack: &StackConfig) -> Router {
    let pages = checkout::router().merge(sandbox::router()).merge(images::router());
    let limited = pages.layer(from_fn_with_state(Arc::clone(gateway), limit_address));
    let router = limited.with_state(Arc::clone(gateway)).merge(checkout::pages::static_files().router());
    stack::pages(router, stack, checkout::pages::error_page)
}

fn api_router(gateway: &Shared, stack: &StackConfig) -> Router {
    let limited = runtime::router().layer(from_fn_with_state(Arc::clone(gateway), limit_address));
    // Providers send in bursts and from few addresses: their webhooks have quotas of their own.
    let router = limited.merge(hooks::router()).with_state(Arc::clone(gateway));
    stack::api(router.route("/health", get(health::live)), stack)
}

async fn deep_health(gateway: Shared) -> HealthReport {
    let store = &gateway.app.store;
    let report = health::of_database(&gateway.app).await;
    if !report.is_ok("mongodb") {
        return report;
    }
    let now = gateway.app.now();
    match store.overdue(due::EVENTS, now).await {
        Ok(age) => report.check("inbox", age <= INBOX_AGE_MAX, json!({ "overdueMs": millis(age) })),
        Err(error) => report.check("inbox", false, json!({ "error": error.to_string() })),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
