//! The providers that this service speaks to.

use gateway_core::{config::ProviderUrls, provider::ProviderRegistry};

/// Every adapter.
pub(crate) fn registry(_urls: &ProviderUrls) -> ProviderRegistry {
    ProviderRegistry::new(Vec::new())
}
