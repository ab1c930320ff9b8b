//! What waits and what a person must look at, measured when somebody asks.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::{lanes, relay};
use crate::{
    app::{App, AppError},
    store::{due, indexes},
};

/// Counts stop here, so that asking stays cheap however much waits.
const COUNT_MAX: u64 = 10_000;

/// How much waits, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// Stored provider events that are due to be applied.
    pub inbox_waiting: u64,
    /// How overdue the oldest of them is.
    pub inbox_oldest: Duration,
    /// Age of the oldest announcement that has not been relayed.
    pub outbox_oldest: Duration,
    /// Lanes with messages that are due.
    pub lanes_waiting: u64,
    /// How overdue the oldest of them is.
    pub lanes_oldest: Duration,
    /// Receivers to whom nothing is sent because they keep failing.
    pub breakers_open: u64,
    /// Transactions that a person must look at.
    pub needing_review: u64,
}

/// Asks the database. Every count reads an index over what waits alone, but for the lanes' breakers: one
/// document per receiver.
pub async fn measure(app: &App) -> Result<Pulse, AppError> {
    let now = app.now();
    let unapplied = doc! { "due": { "$lte": now } };
    let next = doc! { "next": { "$lte": now } };
    let open = doc! { "breaker.state": { "$in": ["open", "half_open", "disabled"] } };
    let review = doc! { "needsReview": { "$exists": true } };
    let count = async |collection: &str, filter: Document, index: &str| {
        app.store.count_waiting(collection, filter, index, COUNT_MAX).await
    };
    Ok(Pulse {
        inbox_waiting: count(due::EVENTS.collection, unapplied, due::EVENTS.index).await?,
        inbox_oldest: app.store.overdue(due::EVENTS, now).await?,
        outbox_oldest: relay::oldest_outbox(app).await?,
        lanes_waiting: count("lanes", next, "next").await?,
        lanes_oldest: lanes::oldest_due(&app.store, now).await?,
        breakers_open: count("lanes", open, "_id_").await?,
        needing_review: count("transactions", review, indexes::TO_REVIEW).await?,
    })
}

impl Pulse {
    /// Sets the gauges.
    pub fn publish(&self) {
        let count = |name: &'static str, value: u64| {
            metrics::gauge!(name).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
        };
        let age = |name: &'static str, value: Duration| metrics::gauge!(name).set(value.as_secs_f64());
        count("inbox_waiting", self.inbox_waiting);
        age("inbox_oldest_seconds", self.inbox_oldest);
        age("outbox_oldest_seconds", self.outbox_oldest);
        count("lanes_waiting", self.lanes_waiting);
        age("lanes_oldest_seconds", self.lanes_oldest);
        count("breakers_open", self.breakers_open);
        count("transactions_needing_review", self.needing_review);
    }
}
