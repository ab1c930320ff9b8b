//! All adapters, and the gateway started with them.

use std::sync::Arc;

use gateway_core::{
    app::App,
    config::CommonConfig,
    domain::{Clock, SystemClock},
    provider::ProviderRegistry,
    store::{Store, StoreError},
};
use url::Url;

use crate::{
    GoCardless, Stripe, Wire, gocardless,
    http::{HttpClient, count_from_zero},
    sandbox::Sandbox,
    stripe,
};

/// Why the gateway could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// MongoDB.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client for calls to providers.
    #[error("provider calls: {0}")]
    Http(#[from] reqwest::Error),
}

/// Starts the use cases with the adapters of every provider kind, as each service does.
pub async fn start(config: &CommonConfig) -> Result<App, StartError> {
    let http = HttpClient::new()?;
    let registry = |config: &_, store: &_, clock: &_| registry(http, config, store, clock);
    Ok(App::start(config, registry, SystemClock::shared()).await?)
}

fn registry(
    http: HttpClient,
    config: &CommonConfig,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> ProviderRegistry {
    let sandbox = Sandbox::new(store.clone(), config.urls.main_frontend.clone(), Arc::clone(clock));
    let stripe_url = config.provider_urls.stripe.clone().unwrap_or_else(|| own(stripe::BASE_URL));
    let gocardless_url = |usual| config.provider_urls.gocardless.clone().unwrap_or_else(|| own(usual));
    let (live, test) = (gocardless_url(gocardless::LIVE_URL), gocardless_url(gocardless::TEST_URL));
    for url in [&stripe_url, &live, &test] {
        count_from_zero(url);
    }
    let gocardless = GoCardless::new(http.clone(), live, test);
    ProviderRegistry::new(vec![
        Arc::new(sandbox),
        Arc::new(Stripe::new(http, stripe_url)),
        Arc::new(gocardless),
        Arc::new(Wire),
    ])
}

fn own(text: &str) -> Url {
    text.parse().expect("an adapter's own address is a URL")
}
