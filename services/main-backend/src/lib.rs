//! The service that customers and payment providers talk to: checkout pages, the checkout runtime API and
//! providers' webhooks.

mod background;
pub mod checkout;
mod config;
mod gateway;
mod hooks;
mod images;
mod live;
mod runtime;
mod sandbox;
mod server;

pub use server::run;
