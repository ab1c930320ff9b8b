//! Takes away what is kept for a while only: what providers and receivers said in full, and mails. That something was
//! said stays, with its id: a provider whose events carry no time of their own could otherwise say it again.
//!
//! Documents, payments, orders and the audit log are not touched.

use std::time::Duration;

use mongodb::bson::{Document, doc, oid::ObjectId};

use super::{App, AppError};
use crate::{
    domain::{
        Mode, Tenant, Timestamp, delivery::Delivery, invoice::DocumentMail, organization::Organization,
        provider_event::ProviderEvent,
    },
    store::{Entity, TenantStore},
};

/// Documents that are looked at with one command.
const BATCH: i64 = 1_000;
/// Commands for one organization and kind in a pass; others have their turn then.
const BATCHES_MAX: usize = 10;

/// After an upgrade from a release that kept everything, organizations have this long to set their own times.
pub const GRACE: Duration = Duration::from_hours(7 * 24);

/// Whether the time has come here to take anything away.
///
/// # Errors
///
/// [`AppError`] of the database.
pub async fn has_begun(app: &App) -> Result<bool, AppError> {
    let now = app.now();
    Ok(now.since(app.store.retention_since(now).await?) >= GRACE)
}

/// Takes away what organizations do not keep any longer. Answers whether something is left for another pass.
///
/// # Errors
///
/// [`AppError`] of the database; what one organization's pass meets does not keep the others from theirs.
pub async fn sweep(app: &App) -> Result<bool, AppError> {
    let mut is_more = false;
    let mut failed = None;
    for organization in app.store.organizations().await? {
        match sweep_one(app, &organization).await {
            Ok(more) => is_more |= more,
            Err(error) => {
                tracing::warn!(organization = %organization.id, ?error, "what is old could not be taken away");
                failed = Some(error);
            }
        }
    }
    app.store.drop_idle_lanes().await?;
    failed.map_or(Ok(is_more), Err)
}

async fn sweep_one(app: &App, organization: &Organization) -> Result<bool, AppError> {
    let mut is_more = false;
    let kept = &organization.retention;
    for mode in [Mode::Live, Mode::Test] {
        let store = app.store.for_org(Tenant::new(organization.id, mode));
        let before = |days: i64| app.now() - Duration::from_hours(24 * days.unsigned_abs());
        // Without their bodies nothing can be applied or sent: what is not done with keeps them.
        let events = Emptied {
            name: "provider_events",
            settled: doc! { "state": { "$ne": "received" }, "raw": { "$exists": true } },
            update: vec![doc! { "$unset": "raw" }],
        };
        is_more |= empty::<ProviderEvent>(&store, &events, before(kept.provider_events)).await?;
        let deliveries = Emptied {
            name: "deliveries",
            settled: doc! { "state": { "$nin": ["pending", "sending"] }, "body": { "$exists": true } },
            update: vec![doc! { "$unset": ["body", "attempts.response"] }],
        };
        is_more |= empty::<Delivery>(&store, &deliveries, before(kept.deliveries)).await?;
        let old = doc! { "createdAt": { "$lt": before(kept.mails) }, "due": { "$exists": false } };
        count(DocumentMail::COLLECTION, store.delete_all::<DocumentMail>(old).await?);
    }
    Ok(is_more)
}

/// What is taken out of documents of a kind.
struct Emptied {
    /// What the mark is called that says how far it was done.
    name: &'static str,
    settled: Document,
    update: Vec<Document>,
}

/// Takes contents out of documents that are older; ids begin with the time. Whether there are more.
async fn empty<E: Entity<Id: crate::domain::EntityId>>(
    store: &TenantStore,
    what: &Emptied,
    before: Timestamp,
) -> Result<bool, AppError> {
    for _ in 0..BATCHES_MAX {
        let done = store.retention_mark(what.name).await?;
        let Some(last) = store.last_of_batch::<E>(done, first_id_at(before), BATCH).await? else {
            return Ok(false);
        };
        let mut filter = doc! { "_id": { "$lte": last } };
        if let (Some(done), Ok(ids)) = (done, filter.get_document_mut("_id")) {
            ids.insert("$gt", done);
        }
        filter.extend(what.settled.clone());
        count(E::COLLECTION, store.update_all::<E>(filter, what.update.clone()).await?);
        store.set_retention_mark(what.name, last).await?;
    }
    Ok(true)
}

/// No id that was made before is as large.
fn first_id_at(at: Timestamp) -> ObjectId {
    let mut id = [0; 12];
    id[..4].copy_from_slice(&u32::try_from(at.seconds()).unwrap_or(0).to_be_bytes());
    ObjectId::from_bytes(id)
}

fn count(collection: &'static str, documents: u64) {
    if documents > 0 {
        metrics::counter!("retention_documents_total", "collection" => collection).increment(documents);
        tracing::info!(collection, documents, "what was kept long enough is gone");
    }
}
