//! The adapters: one folder per payment provider, each translating between the provider's API and the
//! vocabulary of [`gateway_core::provider`].

mod registry;
pub mod sandbox;

pub use registry::registry;
