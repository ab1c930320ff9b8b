//! Work that goes on behind the requests: telling merchants, and picking up what a crash left.
//!
//! | Module | Does |
//! |---|---|
//! | [`relay`] | outbox entries of checkouts and transactions become deliveries |
//! | [`lanes`] | who may send to which receiver, by lease |
//! | [`deliver`] | sends what is due in a lane, with retries, order, fairness and breaker |
//! | [`queue`] | what waits in a lane, and what is on the wire |
//! | [`pulse`] | how much waits, and for how long |
//! | [`turns`] | organizations take turns at work that falls due |
//! | [`render`] | sessions, orders and transactions as merchants see them |

pub(crate) mod attempt;
pub mod deliver;
mod disable;
pub mod lanes;
pub mod pulse;
pub mod queue;
pub mod relay;
pub mod render;
pub mod slots;
pub mod turns;

use std::time::Duration;

use crate::app::{App, AppError};

/// Work that is done again and again. A pass takes no input, is idempotent, and may run in several workers
/// at once.
pub trait Job: Send + Sync + 'static {
    /// For logs and metrics.
    const NAME: &'static str;
    /// Pause between two passes that found nothing.
    const EVERY: Duration;
    /// A pass; answers how much was found, so that a full hand is followed by another at once.
    fn run(&self, app: &App) -> impl Future<Output = Result<Pass, AppError>> + Send;
}

/// What a pass came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Nothing is left to do now.
    Done,
    /// There may be more.
    More,
}

impl Pass {
    /// More, when the hand was full.
    pub const fn of(found: usize, limit: usize) -> Self {
        if found >= limit { Self::More } else { Self::Done }
    }
}

/// Counts a panic in a job and says what it was at; the process's hook has written down where it was.
pub fn note_panic(task: &'static str, at: &str) {
    metrics::counter!("job_panics_total", "task" => task).increment(1);
    tracing::error!(job = task, at, "a job panicked");
}
