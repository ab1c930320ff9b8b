//! Invoices: numbers without gaps, papers that follow the money, and what merchants do with them.

mod api;
mod flow;
mod lanes;
pub mod world;
