//! The adapters: one folder per payment provider, each translating between the provider's API and the
//! vocabulary of [`gateway_core::provider`].

mod customer;
pub mod gocardless;
#[cfg(test)]
mod history;
pub mod http;
mod registry;
pub mod sandbox;
pub mod stripe;
pub mod wire;

pub use gocardless::GoCardless;
pub use registry::{StartError, start};
pub use stripe::Stripe;
pub use wire::Wire;
