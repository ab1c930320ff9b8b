//! The core of Tollgate: the domain, its use cases and its MongoDB repositories.
//!
//! `domain` is pure, and a crate of its own that is re-exported here; `store` speaks to MongoDB; `app` holds one use
//! case per verb; `provider` is the trait that every payment provider's adapter implements.

pub mod app;
mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod fault;
pub mod jobs;
pub mod outbound;
pub mod provider;
pub mod store;
pub mod telemetry;
pub mod timing;
