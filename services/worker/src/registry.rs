//! Every job of the worker.

use gateway_core::outbound::GuardedClient;

use crate::{jobs, runner::Runner};

/// Starts what runs on a timer; `client` is the way out to merchants' addresses.
pub fn start(runner: &Runner, client: GuardedClient) {
    runner.job(jobs::EventSweep);
    runner.job(jobs::Reconciler);
    runner.job(jobs::Expiry);
    runner.job(jobs::SandboxClock);
    runner.job(jobs::IdempotencySweep);
    runner.job(jobs::ForgottenLanes);
    runner.job(jobs::ClaimSweep);
    runner.job(jobs::ImageFetch::new(client));
}
