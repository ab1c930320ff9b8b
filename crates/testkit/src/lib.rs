//! What tests and the development commands stand on, and production never links: real MongoDB servers,
//! child processes that never outlive their starter, provider simulators and a merchant's receiver.
//!
//! The simulators are independent of the gateway's own code on purpose: an error in the gateway's
//! understanding of a signature or of a number must not be repeated here.

// The simulated objects are long JSON literals.
#![recursion_limit = "512"]

pub mod caddy;
pub mod fonts;
pub mod gocardless_sim;
pub mod mongod;
pub mod process;
pub mod receiver;
pub mod seed;
pub mod sim;
pub mod smtp_sink;
pub mod stripe_sim;
pub mod tools;

pub use mongod::shared_mongod;
