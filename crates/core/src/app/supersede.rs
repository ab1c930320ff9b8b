//! A new checkout of an order takes the place of the older one. That it does is found by looking
//! (`start_payment::payable`); here payments that were begun in an old tab are ended soon instead of at the
//! reconciler's next look. Nothing is lost when this is cut off: the reconciler ends them later.

use std::time::Duration;

use mongodb::bson::doc;
use tokio::sync::mpsc;

use crate::{
    domain::{CheckoutId, Clock, SiteId, transaction::Transaction},
    store::{Store, StoreError},
};

/// How long to gather: one look for many new checkouts.
const GATHER: Duration = Duration::from_millis(100);
/// Most in one look.
const BATCH_MAX: usize = 200;

/// A checkout that was just made.
#[derive(Debug)]
struct Newer {
    id: CheckoutId,
    site: SiteId,
    reference: String,
}

/// Hears of new checkouts. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Superseder {
    queue: mpsc::Sender<Newer>,
}

impl Superseder {
    pub(super) fn start(store: Store, clock: std::sync::Arc<dyn Clock>) -> Self {
        let (queue, mut news) = mpsc::channel(10_000);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            while news.recv_many(&mut batch, BATCH_MAX).await > 0 {
                if let Err(error) = hurry_older(&store, &*clock, &batch).await {
                    tracing::info!(%error, "older payments are left to the reconciler");
                }
                batch.clear();
                tokio::time::sleep(GATHER).await;
            }
        });
        Self { queue }
    }

    /// Tells of a new checkout; a full queue leaves it to the reconciler.
    pub(super) fn tell(&self, id: CheckoutId, site: SiteId, reference: &str) {
        if !reference.is_empty() {
            let _ = self.queue.try_send(Newer { id, site, reference: reference.to_owned() });
        }
    }
}

/// Makes the reconciler look at open payments of older checkouts now.
async fn hurry_older(store: &Store, clock: &dyn Clock, batch: &[Newer]) -> Result<(), StoreError> {
    let orders: Vec<_> = batch.iter().map(|new| (new.site, new.reference.as_str())).collect();
    let open = store.open_transactions_of(&orders).await?;
    for old in open.iter().filter(|old| !batch.iter().any(|new| new.id == old.checkout_id)) {
        let update = doc! { "$set": { "reconcile.due": clock.now(), "reconcile.step": 0_i64 } };
        store.for_org(old.tenant()).update::<Transaction>(old.id, doc! { "open": true }, update).await?;
    }
    Ok(())
}
