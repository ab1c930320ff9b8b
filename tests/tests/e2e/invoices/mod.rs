//! Invoices: numbers without gaps, papers that follow the money, and what merchants do with them.

mod api;
mod files;
mod flow;
mod lanes;
mod law;
mod mails;
pub mod world;
