//! Orders: what belongs to one, and what became of what its shop was told.

use std::collections::HashMap;

use futures::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, deserialize_from_slice, doc};
use serde::Deserialize;

use super::{Entity, StoreError, TenantStore, codec::oid};
use crate::domain::{
    CheckoutId, DeliveryId, Metadata, Timestamp, TransactionId,
    checkout::{Checkout, CheckoutStatus, IpnTarget},
    delivery::{AttemptOutcome, Delivery, DeliveryState},
    order::{Order, OrderKey},
    transaction::Transaction,
};

/// Checkouts that a look at the newest of an order reads at first.
const CHECKOUTS_AT_FIRST: i64 = 32;

/// Most checkouts that are read for it.
const CHECKOUTS_MAX: i64 = 2048;

/// Ids are made from a clock with a resolution of seconds, on machines whose clocks differ by a second at most: what was
/// made this much before the newest id cannot be the newest checkout.
const ID_SPREAD_SECONDS: i64 = 5;

/// Most payments of an order that are read.
pub const TRANSACTIONS_MAX: i64 = 200;

/// What an order must know of one of its checkouts.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutGlance {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: CheckoutId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub status: CheckoutStatus,
    /// What IPNs name it.
    pub public_id: String,
    /// Where IPNs go.
    #[serde(default)]
    pub ipn: Option<IpnTarget>,
    /// The shop's own pairs.
    #[serde(rename = "m", default)]
    pub metadata: Metadata,
}

/// What became of a delivery so far.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryGlance {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: DeliveryId,
    /// Where it stands.
    pub state: DeliveryState,
    /// Every request.
    #[serde(default)]
    pub attempts: Vec<AttemptGlance>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptGlance {
    /// When it began.
    pub started_at: Timestamp,
    /// What it came to.
    pub outcome: AttemptOutcome,
    /// The HTTP status of the answer.
    #[serde(default)]
    pub status: Option<i64>,
    /// Until the answer was there, in milliseconds.
    #[serde(default)]
    pub duration_ms: Option<i64>,
}

/// A payment, and whether an earlier release told the shop of it by itself.
#[derive(Debug)]
pub struct OrderTransaction {
    /// The payment.
    pub transaction: Transaction,
    /// A release before orders has made notifications of it.
    pub told_before_orders: bool,
}

impl TenantStore {
    /// An order by what makes it one.
    pub async fn order(&self, key: &OrderKey) -> Result<Option<Order>, StoreError> {
        let filter = doc! { "key": super::codec::binary::to_bson(&key.digest()) };
        self.find_one(filter).await
    }

    /// Checkouts of an order, the newest first: by time, then id. Those that can be the newest are always among them.
    pub async fn newest_checkouts(&self, key: &OrderKey) -> Result<Vec<CheckoutGlance>, StoreError> {
        let mut limit = CHECKOUTS_AT_FIRST;
        loop {
            let mut found = self.checkouts_by_id(key, limit).await?;
            let seconds = |checkout: &CheckoutGlance| {
                let bytes = checkout.id.bytes();
                i64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            };
            let spread = found.first().map(seconds).zip(found.last().map(seconds));
            let is_all = i64::try_from(found.len()).unwrap_or(i64::MAX) < limit;
            let reaches_back = spread.is_none_or(|(first, last)| last < first - ID_SPREAD_SECONDS);
            if is_all || reaches_back || limit >= CHECKOUTS_MAX {
                found.sort_by_key(|checkout| std::cmp::Reverse((checkout.created_at, checkout.id)));
                return Ok(found);
            }
            limit *= 8;
        }
    }

    async fn checkouts_by_id(&self, key: &OrderKey, limit: i64) -> Result<Vec<CheckoutGlance>, StoreError> {
        let mut filter = self.scope();
        match key {
            OrderKey::Checkout(.., id) => filter.insert("_id", oid(*id)),
            OrderKey::Reference(..) => {
                filter.extend(of_reference(key));
                None
            }
        };
        let wanted = doc! { "createdAt": 1, "status": 1, "publicId": 1, "ipn": 1, "m": 1 };
        let checkouts = self.store().collection::<Checkout>().clone_with_type::<CheckoutGlance>();
        let found = checkouts.find(filter).projection(wanted).sort(doc! { "_id": -1 }).limit(limit).await?;
        Ok(found.try_collect().await?)
    }

    /// Whether a newer checkout has taken a checkout's place.
    pub async fn is_superseded(&self, checkout: &Checkout) -> Result<bool, StoreError> {
        let key = OrderKey::of_checkout(checkout);
        if key.checkout().is_some() {
            return Ok(false);
        }
        let newest = self.newest_checkouts(&key).await?;
        Ok(newest.first().is_some_and(|newest| newest.id != checkout.id))
    }

    /// Payments of an order, newest first.
    pub async fn order_transactions(&self, key: &OrderKey) -> Result<Vec<OrderTransaction>, StoreError> {
        let mut filter = self.scope();
        match key {
            OrderKey::Checkout(.., id) => {
                filter.insert("checkoutId", oid(*id));
            }
            OrderKey::Reference(..) => filter.extend(of_reference(key)),
        }
        let transactions = self.store().collection::<Transaction>().clone_with_type::<RawDocumentBuf>();
        let found = transactions.find(filter).sort(doc! { "_id": -1 }).limit(TRANSACTIONS_MAX).await?;
        let raw: Vec<RawDocumentBuf> = found.try_collect().await?;
        let mut payments = raw.iter().map(order_transaction).collect::<Result<Vec<_>, _>>()?;
        for payment in &mut payments {
            self.store().open_texts(&mut payment.transaction).await?;
        }
        Ok(payments)
    }

    /// What became of deliveries, by their ids.
    pub async fn glance_deliveries(
        &self,
        ids: &[DeliveryId],
    ) -> Result<HashMap<DeliveryId, DeliveryGlance>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut filter = self.scope();
        filter.insert("_id", doc! { "$in": ids.iter().map(|id| oid(*id)).collect::<Vec<_>>() });
        let wanted = doc! {
            "state": 1, "attempts.startedAt": 1, "attempts.outcome": 1, "attempts.status": 1,
            "attempts.durationMs": 1,
        };
        let deliveries = self.store().collection::<Delivery>().clone_with_type::<DeliveryGlance>();
        let found: Vec<DeliveryGlance> =
            deliveries.find(filter).projection(wanted).await?.try_collect().await?;
        Ok(found.into_iter().map(|glance| (glance.id, glance)).collect())
    }

    /// Every IPN about payments, oldest first.
    pub async fn ipns_about(&self, transactions: &[TransactionId]) -> Result<Vec<Delivery>, StoreError> {
        let ids: Vec<_> = transactions.iter().map(|id| oid(*id)).collect();
        let filter = doc! { "transactionId": { "$in": ids }, "kind": "ipn" };
        self.find(filter, doc! { "_id": 1 }, 1000).await
    }

    /// Ends waiting deliveries that others have taken the place of.
    pub async fn supersede_deliveries(
        &self,
        ids: &[DeliveryId],
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut filter = self.scope();
        filter.insert("_id", doc! { "$in": ids.iter().map(|id| oid(*id)).collect::<Vec<_>>() });
        filter.insert("state", "pending");
        let update = doc! {
            "$set": { "state": "superseded", "reason": reason, "updatedAt": now },
            "$unset": { "due": "" },
        };
        self.store().collection::<Delivery>().update_many(filter, update).await?;
        Ok(())
    }
}

/// Checkouts or payments of a site's reference, those left out that are orders of their own.
fn of_reference(key: &OrderKey) -> Document {
    doc! {
        "siteId": key.site(), "externalReference": key.reference(), "standsAlone": { "$ne": true },
    }
}

fn order_transaction(raw: &RawDocumentBuf) -> Result<OrderTransaction, StoreError> {
    let unreadable = |error: &dyn std::fmt::Display| {
        StoreError::Malformed(format!("{}: {error}", Transaction::COLLECTION))
    };
    let told_before_orders = raw.get("ipnStatus").map_err(|error| unreadable(&error))?.is_some();
    let transaction = deserialize_from_slice(raw.as_bytes()).map_err(|error| unreadable(&error))?;
    Ok(OrderTransaction { transaction, told_before_orders })
}
