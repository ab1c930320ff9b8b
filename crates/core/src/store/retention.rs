//! Marks of how far old contents were taken away, and commands over many documents of a tenant.

use mongodb::{
    bson::{Bson, Document, doc, oid::ObjectId},
    options::{Hint, ReturnDocument},
};

use super::{Entity, Store, StoreError, TenantStore};
use crate::domain::Timestamp;

/// The collection of marks.
const MARKS: &str = "retention_marks";

impl TenantStore {
    fn mark_id(&self, name: &str) -> String {
        let tenant = self.tenant();
        format!("{}:{}:{name}", tenant.organization, tenant.mode)
    }

    fn marks(&self) -> mongodb::Collection<Document> {
        self.store().database().collection(MARKS)
    }

    /// Up to which id it was done.
    pub(crate) async fn retention_mark(&self, name: &str) -> Result<Option<ObjectId>, StoreError> {
        let found = self.marks().find_one(doc! { "_id": self.mark_id(name) }).await?;
        Ok(found.and_then(|mark| mark.get_object_id("done").ok()))
    }

    /// It was done up to this id.
    pub(crate) async fn set_retention_mark(&self, name: &str, done: ObjectId) -> Result<(), StoreError> {
        // Never back: another worker may have been further.
        let update = doc! { "$max": { "done": done } };
        self.marks().update_one(doc! { "_id": self.mark_id(name) }, update).upsert(true).await?;
        Ok(())
    }

    /// The last id of the next `size` documents after one and before another; `None` where there are none.
    pub(crate) async fn last_of_batch<E: Entity>(
        &self,
        after: Option<ObjectId>,
        before: ObjectId,
        size: i64,
    ) -> Result<Option<ObjectId>, StoreError> {
        let mut filter = self.scope();
        let mut ids = doc! { "$lt": before };
        if let Some(after) = after {
            ids.insert("$gt", after);
        }
        filter.insert("_id", ids);
        let collection = self.store().database().collection::<Document>(E::COLLECTION);
        let mut found = collection
            .find(filter)
            .projection(doc! { "_id": 1 })
            .sort(doc! { "_id": 1 })
            .hint(Hint::Name("tenant_id".to_owned()))
            .limit(size)
            .await?;
        let mut last = None;
        while found.advance().await? {
            last = found.current().get_object_id("_id").ok().or(last);
        }
        Ok(last)
    }

    /// Changes all of the tenant's documents that fit; answers how many.
    pub(crate) async fn update_all<E: Entity>(
        &self,
        filter: Document,
        update: Vec<Document>,
    ) -> Result<u64, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        Ok(self.store().collection::<E>().update_many(scoped, update).await?.modified_count)
    }

    /// Takes away all of the tenant's documents that fit; answers how many.
    pub(crate) async fn delete_all<E: Entity>(&self, filter: Document) -> Result<u64, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        Ok(self.store().collection::<E>().delete_many(scoped).await?.deleted_count)
    }
}

impl Store {
    /// Since when old contents are taken away here; set by whoever asks first.
    pub(crate) async fn retention_since(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let marks = self.database().collection::<Document>(MARKS);
        let update = doc! { "$setOnInsert": { "at": now } };
        let found = marks
            .find_one_and_update(doc! { "_id": "begin" }, update)
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await?;
        let at = found.and_then(|mark| mark.get_datetime("at").ok().copied());
        Ok(at.map_or(now, |at| Timestamp::from_millis(at.timestamp_millis())))
    }

    /// Takes away lanes of which nothing is known: nobody holds them, nothing waits in them, and their receivers are
    /// well. The next message makes them anew.
    pub(crate) async fn drop_idle_lanes(&self) -> Result<u64, StoreError> {
        let idle = doc! {
            "next": { "$exists": false },
            "token": { "$exists": false },
            "dirty": { "$ne": true },
            "breaker.state": { "$in": [Bson::Null, Bson::from("closed")] },
            "breaker.streak": Bson::Null,
            "breaker.messages.0": { "$exists": false },
        };
        let lanes = self.database().collection::<Document>("lanes");
        Ok(lanes.delete_many(idle).await?.deleted_count)
    }
}
