//! All adapters, as the services use them.

use std::sync::Arc;

use gateway_core::{config::CommonConfig, domain::Clock, provider::ProviderRegistry, store::Store};
use url::Url;

use crate::{GoCardless, Stripe, gocardless, http::HttpClient, sandbox::Sandbox, stripe};

/// The adapters of every provider kind, for [`gateway_core::app::App::start`].
pub fn registry(
    http: HttpClient,
    config: &CommonConfig,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> ProviderRegistry {
    let sandbox = Sandbox::new(store.clone(), config.urls.main_frontend.clone(), Arc::clone(clock));
    let stripe_url = config.provider_urls.stripe.clone().unwrap_or_else(|| own(stripe::BASE_URL));
    let gocardless_url = |usual| config.provider_urls.gocardless.clone().unwrap_or_else(|| own(usual));
    let gocardless = GoCardless::new(
        http.clone(),
        gocardless_url(gocardless::LIVE_URL),
        gocardless_url(gocardless::TEST_URL),
    );
    ProviderRegistry::new(vec![
        Arc::new(sandbox),
        Arc::new(Stripe::new(http, stripe_url)),
        Arc::new(gocardless),
    ])
}

fn own(text: &str) -> Url {
    text.parse().expect("an adapter's own address is a URL")
}
