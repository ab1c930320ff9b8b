//! The domain, which is a crate of its own, and the machine's clock.

pub use gateway_domain::*;

pub use crate::clock::SystemClock;
