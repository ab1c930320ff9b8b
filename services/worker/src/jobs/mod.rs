//! The worker's jobs. Each is a few lines around a use case; what they do is told there.

mod images;
pub mod relay;
mod sweeps;

pub use images::ImageFetch;
pub use sweeps::{
    AuditHeads, AuditSweep, CatchUp, ClaimSweep, Coding, DomainChecks, Erasures, EventSweep, Expiry,
    ForgottenLanes, IdempotencySweep, Inviting, Mailing, Migrations, Numbering, OrderSweep, Reconciler,
    Rendering, SandboxClock,
};
