//! The worker's jobs. Each is a few lines around a use case; what they do is told there.

mod fair;
mod images;
pub mod relay;
mod sweeps;

pub use images::ImageFetch;
pub use sweeps::{
    Adoption, AuditHeads, AuditSweep, ClaimSweep, Coding, DomainChecks, Erasures, ForgottenLanes,
    IdempotencySweep, Inviting, Migrations, Numbering, Retention, SandboxClock,
};
