//! Serving: three listeners, and an orderly end.

use std::process::ExitCode;

use axum::{Router, routing::get};
use gateway_core::{
    app::{App, people::setup},
    crypto::jwt::JwtKeys,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use web_kit::{
    health,
    rate_limit::RateLimits,
    shutdown::{ServeLimits, serve as serve_until, stop_on_signal},
    stack::{self, StackConfig},
};

use crate::{Failure, api, config::AdminConfig, documents::Documents, panel, state::AppState};

/// Serves until a signal asks to stop.
pub(crate) async fn serve(config: AdminConfig) -> Result<ExitCode, Failure> {
    let stop = stop_on_signal()?;
    let metrics = health::install_prometheus()?;
    let Some(app) = stop.run_until_cancelled(gateway_providers::start(&config.common)).await else {
        tracing::info!("stopped before it was ready");
        return Ok(ExitCode::SUCCESS);
    };
    let app = app?;
    tell_first_step(&app).await?;
    let limits = RateLimits::new(config.rates);
    tokio::spawn(limits.clone().clean_up_until(stop.clone()));
    tokio::spawn(health::metrics_upkeep_until(metrics.clone(), stop.clone()));
    let documents = config.worker.clone().map(Documents::new).transpose()?;
    let checked = app.clone();
    let deep = move || {
        let app = checked.clone();
        async move { health::of_database(&app).await }
    };
    let (jwt, sends_mail) = (JwtKeys::new(config.jwt.clone()), config.sends_mail);
    let state = AppState { app: app.clone(), limits, jwt, documents, sends_mail };
    let routes = api::router(state.clone());
    let urls = &config.common.urls;
    let api = stack::api(
        routes.clone().route("/health", get(health::live)),
        &stack_config(&config, urls.admin_backend.scheme()),
    );
    let panel = panel::router(routes, state, &stack_config(&config, urls.admin_frontend.scheme()));
    let listeners = [
        (bind("ADMIN_API_LISTEN", config.api).await?, api),
        (bind("ADMIN_PANEL_LISTEN", config.panel).await?, panel),
        (bind("ADMIN_HEALTH_LISTEN", config.health).await?, health::router(deep, Some(metrics))),
    ];
    tracing::info!(api = %config.api, panel = %config.panel, health = %config.health, "listening");
    run(listeners, &stop).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// An installation without people belongs to whoever runs it: says where to become the first. Each start makes a
/// link of its own, which works once and for a day.
async fn tell_first_step(app: &App) -> Result<(), Failure> {
    if let Some(link) = setup::link(app).await? {
        tracing::warn!(link = link.expose(), "nobody can sign in yet: open the link to become the first");
    }
    Ok(())
}

async fn run(listeners: [(TcpListener, Router); 3], stop: &CancellationToken) -> Result<(), Failure> {
    let serving = listeners
        .map(|(listener, router)| serve_until(listener, router, ServeLimits::default(), stop.clone()));
    for ended in futures::future::join_all(serving).await {
        ended?;
    }
    Ok(())
}

fn stack_config(config: &AdminConfig, scheme: &str) -> StackConfig {
    StackConfig { proxies: config.proxies.clone(), https: scheme == "https", ..StackConfig::default() }
}

async fn bind(name: &str, address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| format!("{name}={address}: {error}").into())
}
