//! Sweeps: what is due, again and again.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gateway_core::{
    app::{
        App, AppError, audit, catch_up, discount_claims,
        invoices::{mail::Mailer, number},
        migrations,
        people::{codes, invitations},
        personal::erase,
        retention,
        settings::domains,
    },
    jobs::{Job, Pass, lanes, queue},
};

/// What a use case takes on in one pass; a full hand is followed by another at once.
const HAND: usize = 100;

/// Makes the documents of provider accounts that an older version made, so that their lists of events are read too.
pub struct Adoption;

impl Job for Adoption {
    const NAME: &'static str = "adoption";
    const EVERY: Duration = Duration::from_mins(10);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        catch_up::adopt(app).await?;
        Ok(Pass::Done)
    }
}

/// Gives back uses of discounts that no payment holds any more.
pub struct ClaimSweep;

impl Job for ClaimSweep {
    const NAME: &'static str = "claim_sweep";
    const EVERY: Duration = Duration::from_secs(5);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(discount_claims::sweep(app).await?, HAND))
    }
}

/// Goes on with erasures of personal data that were cut off, and looks again for what came in late.
pub struct Erasures;

impl Job for Erasures {
    const NAME: &'static str = "erasures";
    const EVERY: Duration = Duration::from_secs(5);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(erase::sweep(app).await?, erase::HAND_FULL))
    }
}

/// Carries an installation of an earlier release over.
pub struct Migrations;

impl Job for Migrations {
    const NAME: &'static str = "migrations";
    const EVERY: Duration = Duration::from_mins(1);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        let more = migrations::step(app).await?;
        metrics::gauge!("migrations_pending")
            .set(u32::try_from(migrations::pending(app).await?).unwrap_or(u32::MAX));
        Ok(if more { Pass::More } else { Pass::Done })
    }
}

/// Moves the sandbox's payments along.
pub struct SandboxClock;

impl Job for SandboxClock {
    const NAME: &'static str = "sandbox_clock";
    const EVERY: Duration = Duration::from_millis(500);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(gateway_providers::sandbox::tick(app).await?, HAND))
    }
}

/// Takes expired idempotency records out of checkouts.
pub struct IdempotencySweep;

impl Job for IdempotencySweep {
    const NAME: &'static str = "idempotency_sweep";
    const EVERY: Duration = Duration::from_mins(10);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        app.store.sweep_idempotency(app.now()).await?;
        Ok(Pass::Done)
    }
}

/// Wakes lanes whose waking was cut off by a crash, and takes up what a crash left on the wire.
pub struct ForgottenLanes;

impl Job for ForgottenLanes {
    const NAME: &'static str = "forgotten_lanes";
    const EVERY: Duration = Duration::from_secs(15);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        lanes::wake_forgotten(&app.store, app.now()).await?;
        queue::recover_forgotten(app).await?;
        Ok(Pass::Done)
    }
}

/// Takes away what organizations keep for a while only.
pub struct Retention;

impl Job for Retention {
    const NAME: &'static str = "retention";
    const EVERY: Duration = Duration::from_hours(1);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        let is_more = retention::has_begun(app).await? && retention::sweep(app).await?;
        Ok(if is_more { Pass::More } else { Pass::Done })
    }
}

/// Gives waiting drafts their numbers.
pub struct Numbering;

impl Job for Numbering {
    const NAME: &'static str = "numbering";
    const EVERY: Duration = Duration::from_millis(250);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        let (_, lag) = number::number_due(app).await?;
        metrics::gauge!("invoice_numbering_lag_seconds").set(lag.as_secs_f64());
        Ok(Pass::Done)
    }
}

/// Looks again where verified checkout domains point.
pub struct DomainChecks;

impl Job for DomainChecks {
    const NAME: &'static str = "domain_checks";
    const EVERY: Duration = Duration::from_mins(5);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(domains::check_due(app).await?, domains::BATCH))
    }
}

/// Sends invitations to colleagues.
pub struct Inviting(pub Arc<dyn Mailer>);

impl Job for Inviting {
    const NAME: &'static str = "inviting";
    const EVERY: Duration = Duration::from_secs(1);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(invitations::send_due(app, &self.0).await?, invitations::HAND_FULL))
    }
}

/// Sends codes to people who want to sign in.
pub struct Coding(pub Arc<dyn Mailer>);

impl Job for Coding {
    const NAME: &'static str = "sign_in_codes";
    const EVERY: Duration = Duration::from_millis(500);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(codes::send_due(app, &self.0).await?, codes::HAND_FULL))
    }
}

/// Makes entries of the audit log of what was cut off.
pub struct AuditSweep;

impl Job for AuditSweep {
    const NAME: &'static str = "audit_sweep";
    const EVERY: Duration = Duration::from_secs(5);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        Ok(Pass::of(audit::sweep(app).await?, audit::HAND_FULL))
    }
}

/// Writes into the service's log how far audit logs have come: where who can change the database cannot reach.
#[derive(Default)]
pub struct AuditHeads {
    told: Mutex<HashSet<audit::HeadLine>>,
}

impl Job for AuditHeads {
    const NAME: &'static str = "audit_heads";
    const EVERY: Duration = Duration::from_mins(10);
    async fn run(&self, app: &App) -> Result<Pass, AppError> {
        let heads: HashSet<audit::HeadLine> = audit::heads(app).await?.into_iter().collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for head in heads.difference(&told) {
            tracing::info!(%head, "how far an audit log has come");
        }
        *told = heads;
        Ok(Pass::Done)
    }
}
