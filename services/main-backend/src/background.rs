//! Work that goes on when its request has been answered or its caller has hung up. A stopping service waits
//! for it.

use std::sync::Arc;
use std::time::Duration;

use gateway_core::app::intake::FreshEvent;
use gateway_core::app::{App, apply};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use web_kit::{ApiError, request_id};

/// Events applied at once. Each needs a few round trips to MongoDB and at times one to its provider.
const APPLIED_AT_ONCE_MAX: usize = 64;

/// Events that may wait in memory for their turn; what is beyond is left to the worker's sweep.
const WAITING_MAX: usize = 4_096;

/// Bytes that those may hold.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Tasks of their own.
#[derive(Debug)]
pub(crate) struct Background {
    tasks: TaskTracker,
    turns: Arc<Semaphore>,
    waiting_bytes: Arc<Semaphore>,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            tasks: TaskTracker::new(),
            turns: Arc::new(Semaphore::new(APPLIED_AT_ONCE_MAX)),
            waiting_bytes: Arc::new(Semaphore::new(WAITING_BYTES_MAX)),
        }
    }
}

impl Background {
    /// Runs a future to its end, under the id of the request that began it.
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks.spawn(request_id::scope(request_id::current(), future))
    }

    /// Runs a use case to its end even when the caller hangs up, and answers what it answered.
    pub(crate) async fn finish<T, E, F>(&self, future: F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        match self.spawn(future.in_current_span()).await {
            Ok(result) => result.map_err(Into::into),
            Err(panicked) => Err(ApiError::internal(panicked)),
        }
    }

    /// Applies events that were stored and answered. Whatever does not get done here, the worker does.
    pub(crate) fn apply(&self, app: &App, events: Vec<FreshEvent>) {
        for event in events {
            let bytes = u32::try_from(event.bytes()).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.waiting_bytes).try_acquire_many_owned(bytes);
            let (Ok(room), true) = (room, self.tasks.len() < WAITING_MAX) else {
                metrics::counter!("provider_events_left_to_worker_total").increment(1);
                continue;
            };
            let (app, turns) = (app.clone(), Arc::clone(&self.turns));
            self.spawn(async move {
                let _room = room;
                // Never closed.
                let Ok(_turn) = turns.acquire().await else { return };
                let id = event.id();
                if let Err(error) = apply::apply_fresh(&app, event).await {
                    tracing::warn!(event = %id, %error, "an event is left to the worker");
                }
            });
        }
    }

    /// Waits until all is done, for at most `grace`.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "grace period over, the worker does the rest");
        }
    }
}
