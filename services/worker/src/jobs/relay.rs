//! Relays outboxes: told by a change stream within milliseconds, and by polling when nobody told.
//!
//! The stream is a shortcut only. Its resume token is not kept: whatever happened while it was away, the
//! poll finds by `outbox.due`. Every worker hears of everything; relaying twice makes nothing new, and it
//! wakes the lanes that this worker holds.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, StreamExt};
use gateway_core::{
    app::App,
    domain::{OrganizationId, checkout::Checkout, invoice::Invoice, transaction::Transaction},
    jobs::{note_panic, relay::Relay},
    store::Entity,
};
use mongodb::{
    bson::{RawDocumentBuf, deserialize_from_slice, doc},
    change_stream::event::ChangeStreamEvent,
    error::Error,
};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::fair::FairQueue;

/// Documents relayed at once. One document is always relayed by the same hand, so its changes stay in order.
const HANDS: usize = 32;

/// How often is polled: pick-up stays below a second without any stream.
const POLL: Duration = Duration::from_millis(500);

/// What has been due for less is left to the stream, or both would relay it.
const STREAM_START: Duration = Duration::from_millis(250);

/// Documents of each kind per poll.
const HAND_FULL: i64 = 200;

/// Longest pause between two tries to open the stream.
const REOPEN_MAX: Duration = Duration::from_secs(30);

/// A document with something to relay.
enum Told {
    Checkout(Box<Checkout>),
    Transaction(Box<Transaction>),
    Invoice(Box<Invoice>),
}

impl Told {
    fn organization(&self) -> OrganizationId {
        match self {
            Self::Checkout(checkout) => checkout.org,
            Self::Transaction(transaction) => transaction.org,
            Self::Invoice(invoice) => invoice.org,
        }
    }
}

type Hand = Arc<FairQueue<Told>>;

/// Relays until `stop`.
pub async fn run(relay: Relay, app: App, stop: CancellationToken) {
    let missed = Arc::new(Notify::new());
    let hands = Hands((0..HANDS).map(|_| Hand::default()).collect());
    let working: Vec<_> = hands.0.iter().map(|hand| work(hand, &relay, &app, &stop)).collect();
    let listening = listen(&app, &hands, &missed, &stop);
    let polling = poll(&relay, &missed, &stop);
    tokio::join!(listening, polling);
    drop(hands);
    futures::future::join_all(working).await;
}

/// The hands; also where a panic ends the relay, they end with it.
struct Hands(Vec<Hand>);

impl Drop for Hands {
    fn drop(&mut self) {
        for hand in &self.0 {
            hand.close();
        }
    }
}

/// Relays what a hand is told of; when stopping it ends what it has in hand, and the rest is left to the next poll.
fn work(hand: &Hand, relay: &Relay, app: &App, stop: &CancellationToken) -> JoinHandle<()> {
    let (hand, relay, app, stop) = (Arc::clone(hand), relay.clone(), app.clone(), stop.clone());
    tokio::spawn(async move {
        while let Some(document) = hand.pop().await {
            if stop.is_cancelled() {
                return;
            }
            // After a panic the poll finds it.
            let relaying = AssertUnwindSafe(relay_told(&relay, &app, document)).catch_unwind();
            if relaying.await.is_err() {
                note_panic("relay", "a document");
            }
        }
    })
}

async fn relay_told(relay: &Relay, app: &App, document: Told) {
    // A failure has been logged, and the document put off.
    let _ = match document {
        Told::Checkout(checkout) => relay.relay(&*checkout).await,
        Told::Transaction(mut transaction) => {
            // The stream hands out what is stored. What cannot be opened now is left to the poll.
            if app.store.open_texts(&mut *transaction).await.is_err() {
                return;
            }
            relay.relay(&*transaction).await
        }
        Told::Invoice(invoice) => relay.relay(&*invoice).await,
    };
}

async fn poll(relay: &Relay, missed: &Notify, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match relay.poll(HAND_FULL, STREAM_START).await {
            Ok(found) if found >= usize::try_from(HAND_FULL).unwrap_or(usize::MAX) => Duration::ZERO,
            Ok(_) => POLL,
            Err(error) => {
                tracing::error!(error = ?error, "outboxes could not be polled");
                POLL * 4
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = missed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Keeps a change stream open; while there is none, the poll does the work.
async fn listen(app: &App, hands: &Hands, missed: &Notify, stop: &CancellationToken) {
    let mut pause = Duration::from_secs(1);
    while !stop.is_cancelled() {
        let opened = tokio::time::Instant::now();
        match stop.run_until_cancelled(follow(app, hands, missed)).await {
            None => return,
            Some(Ok(())) => tracing::warn!("the change stream ended"),
            Some(Err(error)) => tracing::warn!(%error, "the change stream broke off"),
        }
        metrics::counter!("change_stream_restarts_total").increment(1);
        pause =
            if opened.elapsed() > REOPEN_MAX { Duration::from_secs(1) } else { (pause * 2).min(REOPEN_MAX) };
        let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

async fn follow(app: &App, hands: &Hands, missed: &Notify) -> Result<(), Error> {
    let wanted = doc! { "$match": {
        "ns.coll": { "$in": [Checkout::COLLECTION, Transaction::COLLECTION, Invoice::COLLECTION] },
        "operationType": { "$in": ["insert", "replace"] },
        "fullDocument.outbox.due": { "$exists": true },
    } };
    let stream = app.store.database().watch().pipeline([wanted]);
    let mut stream = stream.await?.with_type::<ChangeStreamEvent<RawDocumentBuf>>();
    while let Some(event) = stream.next().await {
        let event = event?;
        let Some(document) = event.full_document else { continue };
        let collection = event.ns.and_then(|namespace| namespace.coll);
        if !tell(hands, collection.as_deref(), &document) {
            missed.notify_one();
        }
    }
    Ok(())
}

/// Hands a document over; false when its hand is full or it cannot be read, which the poll then tells of.
fn tell(hands: &Hands, collection: Option<&str>, document: &RawDocumentBuf) -> bool {
    let told = match collection {
        Some(Checkout::COLLECTION) => {
            deserialize_from_slice(document.as_bytes()).map(|found| Told::Checkout(Box::new(found)))
        }
        Some(Invoice::COLLECTION) => {
            deserialize_from_slice(document.as_bytes()).map(|found| Told::Invoice(Box::new(found)))
        }
        _ => deserialize_from_slice(document.as_bytes()).map(|found| Told::Transaction(Box::new(found))),
    };
    let Ok(told) = told else { return false };
    let mut hasher = DefaultHasher::new();
    match &told {
        Told::Checkout(checkout) => checkout.id.hash(&mut hasher),
        Told::Transaction(transaction) => transaction.id.hash(&mut hasher),
        Told::Invoice(invoice) => invoice.id.hash(&mut hasher),
    }
    let hand = usize::try_from(hasher.finish() % HANDS as u64).unwrap_or(0);
    hands.0[hand].push(told.organization(), told)
}
