//! All adapters, as the services use them.

use std::sync::Arc;

use gateway_core::{config::CommonConfig, domain::Clock, provider::ProviderRegistry, store::Store};

use crate::sandbox::Sandbox;

/// The adapters of every provider kind; pass it to [`gateway_core::app::App::start`].
pub fn registry(config: &CommonConfig, store: &Store, clock: &Arc<dyn Clock>) -> ProviderRegistry {
    let sandbox = Sandbox::new(store.clone(), config.urls.main_frontend.clone(), Arc::clone(clock));
    ProviderRegistry::new(vec![Arc::new(sandbox)])
}
