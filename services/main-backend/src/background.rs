//! Work that goes on when its request has been answered or its caller has hung up. A stopping service waits
//! for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_core::app::intake::FreshEvent;
use gateway_core::app::{App, apply};
use gateway_core::domain::OrganizationId;
use gateway_core::jobs::slots::Slots;
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

/// What one organization may have of either, as a part of the whole.
const PART: usize = 4;

/// Events that wait in memory.
#[derive(Debug, Default)]
struct Waiting(Mutex<HeldByAll>);

/// In all, and by organization.
#[derive(Debug, Default)]
struct HeldByAll {
    all: Held,
    of: HashMap<OrganizationId, Held>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Held {
    events: usize,
    bytes: usize,
}

impl Held {
    /// Whether one more event of so many bytes fits into a part of what there is.
    const fn has_room(self, bytes: usize, part: usize) -> bool {
        self.events < WAITING_MAX / part && self.bytes + bytes <= WAITING_BYTES_MAX / part
    }

    const fn add(&mut self, bytes: usize) {
        self.events += 1;
        self.bytes += bytes;
    }

    const fn take(&mut self, bytes: usize) {
        self.events -= 1;
        self.bytes -= bytes;
    }
}

/// Room for one event; dropping it gives the room back.
struct Room {
    waiting: Arc<Waiting>,
    organization: OrganizationId,
    bytes: usize,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HeldByAll> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(self: &Arc<Self>, organization: OrganizationId, bytes: usize) -> Option<Room> {
        let mut held = self.lock();
        let own = held.of.get(&organization).copied().unwrap_or_default();
        if !held.all.has_room(bytes, 1) || !own.has_room(bytes, PART) {
            return None;
        }
        held.all.add(bytes);
        held.of.entry(organization).or_default().add(bytes);
        Some(Room { waiting: Arc::clone(self), organization, bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut held = self.waiting.lock();
        held.all.take(self.bytes);
        if let Some(own) = held.of.get_mut(&self.organization) {
            own.take(self.bytes);
            if own.events == 0 {
                held.of.remove(&self.organization);
            }
        }
    }
}

/// Tasks of their own.
#[derive(Debug)]
pub(crate) struct Background {
    tasks: TaskTracker,
    /// Events are applied in turn between organizations.
    turns: Slots,
    waiting: Arc<Waiting>,
}

impl Default for Background {
    fn default() -> Self {
        Self { tasks: TaskTracker::new(), turns: Slots::new(APPLIED_AT_ONCE_MAX), waiting: Arc::default() }
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
            let organization = event.organization();
            let Some(room) = self.waiting.room(organization, event.bytes()) else {
                metrics::counter!("provider_events_left_to_worker_total").increment(1);
                continue;
            };
            let (app, turns) = (app.clone(), self.turns.clone());
            self.spawn(async move {
                let _room = room;
                let _turn = turns.take(organization).await;
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

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn one_organization_does_not_fill_what_may_wait() {
        let waiting = Arc::new(Waiting::default());
        let [a, b] = [1, 2].map(|byte| OrganizationId::from_bytes([byte; 12]));
        let rooms: Vec<Room> = (0..WAITING_MAX).filter_map(|_| waiting.room(a, 1000)).collect();
        assert_eq!(rooms.len(), WAITING_MAX / PART);
        let large = WAITING_BYTES_MAX / PART - 1;
        let room = waiting.room(b, large).unwrap();
        assert!(waiting.room(b, 2).is_none());
        drop((rooms, room));
        assert!(waiting.room(a, large).is_some());
        assert!(waiting.lock().of.is_empty(), "nothing is kept of who holds nothing");
    }
}
