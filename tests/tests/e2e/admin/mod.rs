//! The Admin API over HTTP: the binary on a real MongoDB, an organization per test.

mod authorization;
mod checkouts;
mod conditions;
mod domains;
pub mod door;
mod keys;
mod rotation;
mod settings;
mod transactions;
