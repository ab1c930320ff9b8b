//! Which IPNs must not go out (any more).
//!
//! Receivers key on the order, not on the transaction: a "failed" of one try that comes after another
//! try's "paid" would undo the payment. And of one transaction only the newest word counts.

use std::collections::HashMap;

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};

use crate::{
    domain::{
        CheckoutId, SiteId, Tenant, Timestamp, TransactionId,
        delivery::{Delivery, DeliveryKind},
        ipn::silenced_by_success,
        transaction::Transaction,
    },
    store::{Entity, Store, StoreError, codec::oid},
};

/// Reason of a delivery that a newer message took the place of.
pub(super) const NEWER: &str = "a newer message about the same transaction took its place";

/// Reason of a delivery that a sibling's success silenced.
pub(super) const SILENCED: &str = "another payment of the same order has succeeded";

/// How many siblings of one order are looked at.
const SIBLINGS_MAX: i64 = 200;

/// What makes transactions siblings: the checkout, or the site's reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) tenant: Tenant,
    pub(super) transaction: TransactionId,
    pub(super) checkout: CheckoutId,
    pub(super) site: SiteId,
    pub(super) reference: &'a str,
}

impl<'a> Order<'a> {
    pub(super) fn of(transaction: &'a Transaction) -> Self {
        Self {
            tenant: transaction.tenant(),
            transaction: transaction.id,
            checkout: transaction.checkout_id,
            site: transaction.site_id,
            reference: &transaction.external_reference,
        }
    }

    /// `None` for a message that is about no transaction.
    pub(super) fn of_delivery(delivery: &'a Delivery) -> Option<Self> {
        Some(Self {
            tenant: delivery.tenant(),
            transaction: delivery.transaction_id?,
            checkout: delivery.checkout_id?,
            site: delivery.site_id?,
            reference: &delivery.external_reference,
        })
    }

    /// The other transactions of the order: one filter per index.
    fn siblings(&self) -> Vec<Document> {
        let base = doc! {
            "org": self.tenant.organization, "mode": self.tenant.mode, "_id": { "$ne": oid(self.transaction) }
        };
        let mut same_checkout = base.clone();
        same_checkout.insert("checkoutId", oid(self.checkout));
        let mut filters = vec![same_checkout];
        if !self.reference.is_empty() {
            let mut same_reference = base;
            same_reference.insert("siteId", oid(self.site));
            same_reference.insert("externalReference", self.reference);
            filters.push(same_reference);
        }
        filters
    }

    /// Whether a message with this integer must not go out, since a sibling has succeeded.
    pub(super) async fn is_silenced(&self, store: &Store, status: i64) -> Result<bool, StoreError> {
        if !i8::try_from(status).is_ok_and(silenced_by_success) {
            return Ok(false);
        }
        let transactions = store.database().collection::<Document>(Transaction::COLLECTION);
        for mut filter in self.siblings() {
            filter.insert("succeededAt", doc! { "$exists": true });
            if transactions.find_one(filter).projection(doc! { "_id": 1 }).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends the waiting messages of siblings that this transaction's success silences.
    pub(super) async fn silence_siblings(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let transactions = store.database().collection::<Document>(Transaction::COLLECTION);
        let mut siblings = Vec::new();
        for filter in self.siblings() {
            let found = transactions.find(filter).projection(doc! { "_id": 1 }).limit(SIBLINGS_MAX).await?;
            let found: Vec<Document> = found.try_collect().await?;
            siblings.extend(found.into_iter().filter_map(|mut sibling| sibling.remove("_id")));
        }
        if siblings.is_empty() {
            return Ok(());
        }
        let filter = doc! {
            "transactionId": { "$in": siblings },
            "kind": "ipn",
            "state": "pending",
            "ipnStatus": { "$in": [-2_i64, -1, 0, 2] },
        };
        supersede(store, filter, SILENCED, now).await
    }
}

/// Whether an IPN must not go out any more, and why.
pub(crate) async fn why_void(store: &Store, delivery: &Delivery) -> Result<Option<&'static str>, StoreError> {
    if delivery.kind != DeliveryKind::Ipn {
        return Ok(None);
    }
    if let (Some(id), Some(version)) = (delivery.transaction_id, delivery.event_version)
        && newest_versions(store, &[id]).await?.get(&id).is_some_and(|newest| *newest > version)
    {
        return Ok(Some(NEWER));
    }
    if let (Some(order), Some(status)) = (Order::of_delivery(delivery), delivery.ipn_status)
        && order.is_silenced(store, status).await?
    {
        return Ok(Some(SILENCED));
    }
    Ok(None)
}

/// Ends waiting messages of a transaction that are older than `version`.
pub(super) async fn supersede_older(
    store: &Store,
    transaction: TransactionId,
    version: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let filter = doc! {
        "transactionId": oid(transaction),
        "kind": "ipn",
        "eventVersion": { "$lt": version },
        "state": "pending",
    };
    supersede(store, filter, NEWER, now).await
}

pub(super) async fn supersede(
    store: &Store,
    filter: Document,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = doc! {
        "$set": { "state": "superseded", "reason": reason, "updatedAt": now },
        "$unset": { "due": "" },
    };
    store.database().collection::<Document>(Delivery::COLLECTION).update_many(filter, update).await?;
    Ok(())
}

/// The newest message of each transaction that was not silenced.
pub(super) async fn newest_versions(
    store: &Store,
    transactions: &[TransactionId],
) -> Result<HashMap<TransactionId, i64>, StoreError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        transaction_id: TransactionId,
        event_version: i64,
    }
    let ids: Vec<_> = transactions.iter().map(|id| oid(*id)).collect();
    let filter = doc! {
        "transactionId": { "$in": ids }, "kind": "ipn", "eventVersion": { "$exists": true },
        "state": { "$ne": "superseded" },
    };
    let deliveries = store.database().collection::<Row>(Delivery::COLLECTION);
    let found = deliveries.find(filter).projection(doc! { "transactionId": 1, "eventVersion": 1, "_id": 0 });
    let rows: Vec<Row> = found.await?.try_collect().await?;
    let mut newest: HashMap<TransactionId, i64> = HashMap::new();
    for row in rows {
        let known = newest.entry(row.transaction_id).or_insert(row.event_version);
        *known = (*known).max(row.event_version);
    }
    Ok(newest)
}
