//! The service that customers and payment providers talk to.

pub mod checkout;
