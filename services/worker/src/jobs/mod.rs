//! The worker's jobs. Each is a few lines around a use case; what they do is told there.

pub mod relay;
mod sweeps;

pub use sweeps::{
    EventSweep, Expiry, ForgottenLanes, IdempotencySweep, Mailing, Numbering, Reconciler, Rendering,
    SandboxClock,
};
