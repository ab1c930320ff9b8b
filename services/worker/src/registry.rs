//! Every job of the worker.

use std::sync::Arc;

use gateway_core::{
    app::{
        apply::{EventSweep, Reconciler},
        catch_up::CatchUp,
        checkouts::Expiry,
        invoices::{
            mail::{Mailer, Mailing},
            render::{PaperRenderer, Renderings},
        },
        orders::OrderSweep,
    },
    jobs::lanes::HeldLanes,
    outbound::GuardedClient,
};

use crate::{jobs, pool::Pool, runner::Runner};

/// Starts what runs on a timer; `client` is the way out to merchants' addresses. Without a mailer
/// mails wait.
pub fn start(
    runner: &Runner,
    client: GuardedClient,
    held: Arc<HeldLanes>,
    pool: Pool,
    renderer: Arc<dyn PaperRenderer>,
    mailer: Option<Arc<dyn Mailer>>,
) {
    runner.job(jobs::Migrations);
    runner.turns(EventSweep);
    runner.turns(Reconciler);
    runner.turns(CatchUp);
    runner.turns(Expiry);
    runner.turns(OrderSweep(held));
    runner.job(jobs::Adoption);
    runner.job(jobs::Retention);
    runner.job(jobs::SandboxClock);
    runner.job(jobs::IdempotencySweep);
    runner.job(jobs::ForgottenLanes);
    runner.job(jobs::ClaimSweep);
    runner.job(jobs::Erasures);
    runner.job(jobs::ImageFetch::new(client, pool));
    runner.job(jobs::Numbering);
    runner.job(jobs::DomainChecks);
    runner.job(jobs::AuditSweep);
    runner.job(jobs::AuditHeads::default());
    runner.turns(Renderings::new(renderer));
    if let Some(mailer) = mailer {
        runner.turns(Mailing(Arc::clone(&mailer)));
        runner.job(jobs::Coding(Arc::clone(&mailer)));
        runner.job(jobs::Inviting(mailer));
    }
}
