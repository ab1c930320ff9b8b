//! The way out: every request to an address that a merchant chose (IPNs, webhooks, product images)
//! leaves through [`GuardedClient`].
//!
//! [`target`] judges the text of a URL, [`address`] an address, and the connector asks [`address`]
//! again about what it is about to dial, so that neither a name that changes its mind nor a literal
//! address gets past. [`policy`] says when to try again, [`breaker`] when to stop trying; both are
//! pure.

pub mod address;
pub mod client;
mod connector;
pub mod names;
pub mod policy;
pub mod target;

pub use address::{Refusal, is_global_unicast};
pub use client::{FailureKind, GuardedClient, GuardedClientConfig, Outcome, Request, SetupError};
pub use connector::{Resolve, SystemResolver};
pub use gateway_domain::breaker::{self, Breaker, FailureClass, Permit, Receiver, Verdict};
pub use policy::{next_attempt_at, retry_delay};
pub use target::{TargetPolicy, TargetRefusal, parse_target};
