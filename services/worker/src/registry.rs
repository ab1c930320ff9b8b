//! Every job of the worker.

use crate::{jobs, runner::Runner};

/// Starts what runs on a timer.
pub fn start(runner: &Runner) {
    runner.job(jobs::EventSweep);
    runner.job(jobs::Reconciler);
    runner.job(jobs::Expiry);
    runner.job(jobs::SandboxClock);
    runner.job(jobs::IdempotencySweep);
    runner.job(jobs::ForgottenLanes);
}
