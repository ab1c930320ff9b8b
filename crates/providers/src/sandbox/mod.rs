//! The built-in sandbox: a payment provider with a page of its own and every outcome on a button. It keeps
//! its payments in MongoDB, tells of them by signed webhooks and answers fetches, as a real one does; no
//! money moves, and it cannot exist in live mode.

mod adapter;
mod payment;
mod simulate;

pub use adapter::Sandbox;
pub use payment::{Outcome, SandboxPayment, SandboxState};
pub use simulate::{choose, load, tick};
