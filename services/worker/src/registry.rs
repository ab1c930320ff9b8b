//! Every job of the worker.

use std::sync::Arc;

use gateway_core::app::invoices::PaperRenderer;

use crate::{jobs, runner::Runner};

/// Starts what runs on a timer. Without a renderer issued documents wait for their files.
pub fn start(runner: &Runner, renderer: Option<Arc<dyn PaperRenderer>>) {
    runner.job(jobs::EventSweep);
    runner.job(jobs::Reconciler);
    runner.job(jobs::Expiry);
    runner.job(jobs::SandboxClock);
    runner.job(jobs::IdempotencySweep);
    runner.job(jobs::ForgottenLanes);
    runner.job(jobs::Numbering);
    if let Some(renderer) = renderer {
        runner.job(jobs::Rendering(renderer));
    }
}
