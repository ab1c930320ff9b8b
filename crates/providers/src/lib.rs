//! The adapters: one folder per payment provider, each translating between the provider's API and the
//! vocabulary of [`gateway_core::provider`].

#[cfg(test)]
mod history;
pub mod http;
mod registry;
pub mod sandbox;
pub mod stripe;

pub use registry::registry;
pub use stripe::Stripe;
