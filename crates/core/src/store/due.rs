//! Work that waits in documents for its time: a field says when, and an index finds what has come.
//!
//! What is found is named only, whatever it weighs; whoever has its turn reads it.

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::{
    bson::{Bson, Document, doc, oid::ObjectId},
    options::Hint,
};

use super::{Store, StoreError, codec::oid, majority};
use crate::domain::{IdBytes, Mode, OrganizationId, Tenant, Timestamp};

/// Where documents say when they are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// The collection.
    pub collection: &'static str,
    /// The field, which is absent where nothing is to be done.
    pub field: &'static str,
    /// The index over field and organization.
    pub index: &'static str,
}

/// Provider events that nobody has applied.
pub const EVENTS: Waits = Waits { collection: "provider_events", field: "due", index: "due_org" };
/// Payments whose provider is to be asked.
pub const RECONCILES: Waits =
    Waits { collection: "transactions", field: "reconcile.due", index: "reconcile_due_org" };
/// Checkouts whose time has run out.
pub const EXPIRIES: Waits = Waits { collection: "checkouts", field: "expiryDue", index: "expiry_due_org" };
/// Mails to buyers.
pub const MAILS: Waits = Waits { collection: "invoice_mails", field: "due", index: "due_org" };
/// Issued documents whose files are not made.
pub const RENDERINGS: Waits =
    Waits { collection: "invoices", field: "rendering.due", index: "render_due_org" };
/// Orders that are to be looked at again.
pub const ORDERS: Waits = Waits { collection: "orders", field: "due", index: "due_org" };
/// Lists of events that are to be read at providers.
pub const FEEDS: Waits = Waits { collection: "provider_health", field: "feed.due", index: "feed_due_org" };

/// A document that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its id.
    pub id: IdBytes,
    /// Whose it is.
    pub tenant: Tenant,
    /// Since when.
    pub due: Timestamp,
}

impl Store {
    /// What is due, the longest first, that of some organizations left out; as a majority has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the database.
    pub async fn due(
        &self,
        waits: Waits,
        now: Timestamp,
        except: &[OrganizationId],
        limit: i64,
    ) -> Result<Vec<Due>, StoreError> {
        let mut filter = doc! { waits.field: { "$lte": now } };
        if !except.is_empty() {
            let except: Vec<Bson> = except.iter().map(|id| oid(*id).into()).collect();
            filter.insert("org", doc! { "$nin": except });
        }
        let collection = self.database().collection::<Document>(waits.collection);
        let found = collection
            .find(filter)
            .projection(doc! { "org": 1, "mode": 1, waits.field: 1 })
            .sort(doc! { waits.field: 1 })
            .hint(Hint::Name(waits.index.to_owned()))
            .read_concern(majority())
            .limit(limit);
        let found: Vec<Document> = found.await?.try_collect().await?;
        found.iter().map(|document| due_of(document, waits.field)).collect()
    }

    /// How long what waits longest has been due; zero where nothing is.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the database.
    pub async fn overdue(&self, waits: Waits, now: Timestamp) -> Result<Duration, StoreError> {
        let oldest = self.due(waits, now, &[], 1).await?;
        Ok(oldest.first().map_or(Duration::ZERO, |oldest| now.since(oldest.due)))
    }

    /// Puts a document off to `until`, unless somebody has changed when it is due: of those who found it, one has it
    /// until then.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the database.
    pub async fn claim_due(&self, waits: Waits, found: &Due, until: Timestamp) -> Result<bool, StoreError> {
        let filter = doc! { "_id": ObjectId::from_bytes(found.id), waits.field: found.due };
        let update = doc! { "$set": { waits.field: until } };
        let collection = self.database().collection::<Document>(waits.collection);
        Ok(collection.update_one(filter, update).await?.modified_count == 1)
    }
}

fn due_of(document: &Document, field: &str) -> Result<Due, StoreError> {
    let read = || {
        let mut at: &Document = document;
        let mut parts = field.split('.').peekable();
        let last = loop {
            let part = parts.next()?;
            if parts.peek().is_none() {
                break part;
            }
            at = at.get_document(part).ok()?;
        };
        let organization = OrganizationId::from_bytes(document.get_object_id("org").ok()?.bytes());
        let mode: Mode = document.get_str("mode").ok()?.parse().ok()?;
        Some(Due {
            id: document.get_object_id("_id").ok()?.bytes(),
            tenant: Tenant::new(organization, mode),
            due: Timestamp::from_millis(at.get_datetime(last).ok()?.timestamp_millis()),
        })
    };
    read().ok_or_else(|| StoreError::Malformed(format!("a document without id, tenant or {field}")))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::DateTime;

    use super::*;

    #[test]
    fn a_date_is_found_however_deep_it_stands() {
        let (id, org) = (ObjectId::from_bytes([1; 12]), ObjectId::from_bytes([2; 12]));
        let at = DateTime::from_millis(1_700_000_000_000);
        let tenant = Tenant::new(OrganizationId::from_bytes([2; 12]), Mode::Test);
        let due = Due { id: [1; 12], tenant, due: Timestamp::from_millis(1_700_000_000_000) };
        let flat = doc! { "_id": id, "org": org, "mode": "test", "due": at };
        assert_eq!(due_of(&flat, "due").unwrap(), due);
        let deep = doc! { "_id": id, "org": org, "mode": "test", "feed": { "due": at } };
        assert_eq!(due_of(&deep, "feed.due").unwrap(), due);
        assert!(due_of(&deep, "due").is_err());
    }
}
