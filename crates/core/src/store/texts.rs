//! Private texts: sealed on the way into the database, opened on the way out.

use futures::TryStreamExt;
use mongodb::bson::{Document, doc, oid::ObjectId};

use super::{Entity, Store, StoreError, codec::oid, open_with, seal_with};
use crate::{
    crypto::PrivateText,
    domain::{Mode, OrganizationId, Tenant, TransactionId, transaction::Transaction},
};

impl Store {
    /// Opens an entity's texts. One that cannot be opened stays sealed, and reads as empty: a text is no reason to
    /// lose sight of a payment.
    pub async fn open_texts<E: Entity>(&self, entity: &mut E) -> Result<(), StoreError> {
        let (tenant, id) = (entity.entity_tenant(), oid(entity.entity_id()).to_hex());
        let is_sealed = |text: &&mut PrivateText| matches!(text, PrivateText::Sealed(_));
        let sealed: Vec<&mut PrivateText> = entity.texts().into_iter().filter(is_sealed).collect();
        if sealed.is_empty() {
            return Ok(());
        }
        let version = |text: &&mut PrivateText| match text {
            PrivateText::Sealed(bytes) => Some(bytes.key_version()),
            PrivateText::Clear(_) => None,
        };
        let Some(newest) = sealed.iter().filter_map(version).max() else { return Ok(()) };
        // On the heap: every read holds this future in its own, and few have anything to open.
        let keys = Box::pin(self.keys().with_version(tenant.organization, newest)).await?;
        for text in sealed {
            let PrivateText::Sealed(bytes) = &*text else { continue };
            match open_with(&keys, tenant, E::COLLECTION, &id, Transaction::TEXTS_FIELD, bytes) {
                Ok(clear) => *text = PrivateText::Clear(clear),
                Err(error) => {
                    tracing::error!(collection = E::COLLECTION, id, ?error, "a text could not be opened");
                }
            }
        }
        Ok(())
    }

    /// [`Self::open_texts`] of many.
    pub(super) async fn open_all<E: Entity>(&self, mut entities: Vec<E>) -> Result<Vec<E>, StoreError> {
        for entity in &mut entities {
            self.open_texts(entity).await?;
        }
        Ok(entities)
    }

    /// What is written in place of an entity; `None` where it may be written as it is.
    pub(super) async fn sealed_copy<E: Entity>(&self, entity: &E) -> Result<Option<E>, StoreError> {
        if !E::HAS_TEXTS {
            return Ok(None);
        }
        let (tenant, id) = (entity.entity_tenant(), oid(entity.entity_id()).to_hex());
        let keys = Box::pin(self.keys().of(tenant.organization)).await?;
        let seal = |text: &str| {
            seal_with(&keys, tenant, E::COLLECTION, &id, Transaction::TEXTS_FIELD, text.as_bytes())
        };
        Ok(entity.sealed_copy(&seal))
    }
}

impl Store {
    /// Seals what older versions stored as clear text, in the next `batch` transactions after one: what providers said of
    /// payments, details of reviews and stored replies. Answers where the next batch begins, `None` at the end, and how
    /// many transactions were rewritten. Harmless to repeat, and while services run: each is written by compare-and-set,
    /// and whoever writes in between seals it.
    pub(crate) async fn seal_texts_after(
        &self,
        after: Option<ObjectId>,
        batch: i64,
    ) -> Result<(Option<ObjectId>, usize), StoreError> {
        let is_clear = |path: &&str| doc! { *path: { "$regex": r"^[\s\S]" } };
        let clear: Vec<Document> = Transaction::TEXT_PATHS.iter().map(is_clear).collect();
        let mut filter = doc! { "$or": clear };
        if let Some(after) = after {
            filter.insert("_id", doc! { "$gt": after });
        }
        let all = self.database().collection::<Document>(Transaction::COLLECTION);
        let found = all.find(filter).projection(doc! { "org": 1, "mode": 1 }).sort(doc! { "_id": 1 });
        let found: Vec<Document> = found.limit(batch).await?.try_collect().await?;
        let mut sealed = 0;
        for row in &found {
            sealed += usize::from(seal_one(self, row).await?);
        }
        Ok((found.last().and_then(|last| last.get_object_id("_id").ok()), sealed))
    }
}

async fn seal_one(store: &Store, row: &Document) -> Result<bool, StoreError> {
    let id = |field: &str| row.get_object_id(field).map(|id| id.bytes());
    let mode = row.get_str("mode").ok().and_then(|mode| mode.parse::<Mode>().ok());
    let (Ok(organization), Ok(id), Some(mode)) = (id("org"), id("_id"), mode) else {
        return Err(StoreError::Malformed("a transaction without organization or mode".to_owned()));
    };
    let tenant = store.for_org(Tenant::new(OrganizationId::from_bytes(organization), mode));
    let found = tenant.get::<Transaction>(TransactionId::from_bytes(id)).await?;
    let Some(mut transaction) = found else { return Ok(false) };
    match tenant.save(&mut transaction).await {
        Ok(()) => Ok(true),
        // Whoever came in between has sealed it.
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
