//! Every job of the worker.

use std::sync::Arc;

use gateway_core::{
    app::invoices::{mail::Mailer, render::Renderings},
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
    renderings: Renderings,
    mailer: Option<Arc<dyn Mailer>>,
) {
    runner.job(jobs::Migrations);
    runner.job(jobs::EventSweep);
    runner.job(jobs::Reconciler);
    runner.job(jobs::CatchUp::default());
    runner.job(jobs::Expiry);
    runner.job(jobs::OrderSweep(held));
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
    runner.job(jobs::Rendering(renderings));
    if let Some(mailer) = mailer {
        runner.job(jobs::Mailing { mailer: Arc::clone(&mailer), stop: runner.stop() });
        runner.job(jobs::Coding(Arc::clone(&mailer)));
        runner.job(jobs::Inviting(mailer));
    }
}
