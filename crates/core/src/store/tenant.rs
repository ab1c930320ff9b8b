//! A tenant's part of the store: every filter here starts from organization and mode.

use futures::{Stream, TryStreamExt};
use mongodb::{
    bson::{Document, doc},
    error::ErrorKind,
    options::ReadConcern,
};

use super::{
    Entity, Store, StoreError, Versioned,
    codec::oid,
    group_commit::DUPLICATE_KEY,
    list::{Page, PageRequest},
};
use crate::{
    crypto::{FieldContext, OrganizationKeys, Sealed},
    domain::{EntityId, Tenant},
};

/// Documents that a stream reads at once.
const STREAM_BATCH: u32 = 500;

/// A tenant's part of the store.
#[derive(Debug, Clone)]
pub struct TenantStore {
    store: Store,
    tenant: Tenant,
}

impl TenantStore {
    pub(super) const fn new(store: Store, tenant: Tenant) -> Self {
        Self { store, tenant }
    }

    /// The tenant.
    pub const fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// The whole store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The start of every filter.
    pub fn scope(&self) -> Document {
        doc! { "org": self.tenant.organization, "mode": self.tenant.mode }
    }

    pub(crate) fn by_id<E: Entity>(&self, id: E::Id) -> Document {
        let mut filter = doc! { "_id": oid(id) };
        filter.extend(self.scope());
        filter
    }

    /// Looks a document up; another tenant's is not there.
    pub async fn get<E: Entity>(&self, id: E::Id) -> Result<Option<E>, StoreError> {
        self.opened(self.store.collection::<E>().find_one(self.by_id::<E>(id)).await?).await
    }

    /// Looks a document up as a majority has it.
    pub async fn get_majority<E: Entity>(&self, id: E::Id) -> Result<Option<E>, StoreError> {
        let collection = self.store.collection::<E>();
        let found = collection.find_one(self.by_id::<E>(id));
        self.opened(found.read_concern(ReadConcern::majority()).await?).await
    }

    /// Whether a majority has this very version of a document that was read from the primary.
    pub async fn is_committed<E: Versioned>(&self, read: &E) -> Result<bool, StoreError> {
        let committed = self.get_majority::<E>(read.entity_id()).await?;
        Ok(committed.is_some_and(|committed| committed.version() == read.version()))
    }

    async fn opened<E: Entity>(&self, found: Option<E>) -> Result<Option<E>, StoreError> {
        let Some(mut entity) = found else { return Ok(None) };
        self.store.open_texts(&mut entity).await?;
        Ok(Some(entity))
    }

    /// The first document that fits.
    pub async fn find_one<E: Entity>(&self, filter: Document) -> Result<Option<E>, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        self.opened(self.store.collection::<E>().find_one(scoped).await?).await
    }

    /// All documents that fit, at most `limit`.
    pub async fn find<E: Entity>(
        &self,
        filter: Document,
        sort: Document,
        limit: i64,
    ) -> Result<Vec<E>, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        let found = self.store.collection::<E>().find(scoped).sort(sort).limit(limit).await?;
        self.store.open_all(found.try_collect().await?).await
    }

    /// All documents that fit, newest first, read as they are asked for: in constant memory, however many.
    pub async fn stream<E: Entity>(
        &self,
        filter: Document,
    ) -> Result<impl Stream<Item = Result<E, StoreError>> + Send + use<E>, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        let collection = self.store.collection::<E>();
        let found = collection.find(scoped).sort(doc! { "_id": -1 }).batch_size(STREAM_BATCH).await?;
        let store = self.store.clone();
        Ok(found.map_err(StoreError::from).and_then(move |mut entity: E| {
            let store = store.clone();
            async move {
                store.open_texts(&mut entity).await?;
                Ok(entity)
            }
        }))
    }

    /// How many fit, counted no further than `limit`.
    pub async fn count<E: Entity>(&self, filter: Document, limit: u64) -> Result<u64, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        Ok(self.store.collection::<E>().count_documents(scoped).limit(limit).await?)
    }

    /// One whole-number field of all that fit, at most `limit`, the largest first. To be covered by an index.
    pub async fn numbers<E: Entity>(
        &self,
        filter: Document,
        field: &str,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        let collection = self.store.collection::<E>().clone_with_type::<Document>();
        let found = collection.find(scoped).projection(doc! { field: 1, "_id": 0 });
        let rows: Vec<Document> = found.sort(doc! { field: -1 }).limit(limit).await?.try_collect().await?;
        let number = |row: &Document| {
            row.get_i64(field).map_err(|_| StoreError::Malformed(format!("{}.{field}", E::COLLECTION)))
        };
        rows.iter().map(number).collect()
    }

    /// The ids of all that fit.
    pub async fn ids<E: Entity>(&self, filter: Document) -> Result<Vec<E::Id>, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        let collection = self.store.collection::<E>().clone_with_type::<Document>();
        let rows: Vec<Document> =
            collection.find(scoped).projection(doc! { "_id": 1 }).await?.try_collect().await?;
        let id = |row: &Document| row.get_object_id("_id").map(|id| E::Id::from_bytes(id.bytes())).ok();
        Ok(rows.iter().filter_map(id).collect())
    }

    /// The ids of the newest that fit, newest first.
    pub async fn newest_ids<E: Entity>(
        &self,
        filter: Document,
        limit: usize,
    ) -> Result<Vec<E::Id>, StoreError> {
        let mut scoped = self.scope();
        scoped.extend(filter);
        let collection = self.store.collection::<E>().clone_with_type::<Document>();
        let found = collection.find(scoped).projection(doc! { "_id": 1 }).sort(doc! { "_id": -1 });
        let found = found.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<Document> = found.await?.try_collect().await?;
        let id = |row: &Document| row.get_object_id("_id").map(|id| E::Id::from_bytes(id.bytes())).ok();
        Ok(rows.iter().filter_map(id).collect())
    }

    /// A page of a list, newest first.
    pub async fn page<E: Entity>(
        &self,
        filter: Document,
        request: &PageRequest,
    ) -> Result<Page<E>, StoreError> {
        super::list::page(self, filter, request).await
    }

    /// Inserts a document of this tenant.
    pub async fn insert<E: Entity>(&self, entity: &E) -> Result<(), StoreError> {
        debug_assert!(entity.entity_tenant() == self.tenant, "a document of another tenant");
        let sealed = self.store.sealed_copy(entity).await?;
        self.store.collection::<E>().insert_one(sealed.as_ref().unwrap_or(entity)).await?;
        Ok(())
    }

    /// Replaces a document if nobody changed it since it was read, and raises its version.
    pub async fn save<E: Versioned>(&self, entity: &mut E) -> Result<(), StoreError> {
        let read = entity.version();
        let mut filter = self.by_id::<E>(entity.entity_id());
        filter.insert("version", read);
        entity.set_version(read + 1);
        let sealed = self.store.sealed_copy(&*entity).await?;
        let written = sealed.as_ref().unwrap_or(entity);
        let result = self.store.collection::<E>().replace_one(filter, written).await;
        match result {
            Ok(done) if done.matched_count == 1 => Ok(()),
            Ok(_) => {
                entity.set_version(read);
                Err(StoreError::Conflict)
            }
            Err(error) => {
                entity.set_version(read);
                Err(error.into())
            }
        }
    }

    /// Inserts those of this tenant's documents that are not there yet.
    pub async fn insert_missing<E: Entity>(&self, entities: &[E]) -> Result<(), StoreError> {
        if entities.is_empty() {
            return Ok(());
        }
        debug_assert!(entities.iter().all(|e| e.entity_tenant() == self.tenant), "another tenant's document");
        match self.store.collection::<E>().insert_many(entities).ordered(false).await {
            Ok(_) => Ok(()),
            Err(error) if is_there_already(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a document directly; false when it is not there or does not fit `filter`.
    pub async fn update<E: Entity>(
        &self,
        id: E::Id,
        filter: Document,
        update: Document,
    ) -> Result<bool, StoreError> {
        let mut scoped = self.by_id::<E>(id);
        scoped.extend(filter);
        let done = self.store.collection::<E>().update_one(scoped, update).await?;
        Ok(done.matched_count == 1)
    }

    /// Takes a document out; false when it is not there or does not fit `filter`.
    pub async fn delete<E: Entity>(&self, id: E::Id, filter: Document) -> Result<bool, StoreError> {
        let mut scoped = self.by_id::<E>(id);
        scoped.extend(filter);
        Ok(self.store.collection::<E>().delete_one(scoped).await?.deleted_count == 1)
    }

    /// The tenant's data keys.
    pub async fn keys(&self) -> Result<OrganizationKeys, StoreError> {
        self.store.keys().of(self.tenant.organization).await
    }

    async fn keys_with(&self, version: u32) -> Result<OrganizationKeys, StoreError> {
        self.store.keys().with_version(self.tenant.organization, version).await
    }

    /// Opens a sealed field.
    pub async fn open(
        &self,
        collection: &str,
        id: impl std::fmt::Display + Send,
        field: &str,
        sealed: &Sealed,
    ) -> Result<String, StoreError> {
        let keys = self.keys_with(sealed.key_version()).await?;
        open_with(&keys, self.tenant, collection, &id.to_string(), field, sealed)
    }

    /// Opens a sealed field that is no text.
    pub async fn open_bytes(
        &self,
        collection: &str,
        id: impl std::fmt::Display + Send,
        field: &str,
        sealed: &Sealed,
    ) -> Result<Vec<u8>, StoreError> {
        let keys = self.keys_with(sealed.key_version()).await?;
        let (organization, id) = (self.tenant.organization.to_string(), id.to_string());
        let context = FieldContext { organization: &organization, collection, id: &id, field };
        Ok(keys.open(&context, sealed)?.to_vec())
    }

    /// Seals a field.
    pub async fn seal(
        &self,
        collection: &str,
        id: impl std::fmt::Display + Send,
        field: &str,
        plaintext: &[u8],
    ) -> Result<Sealed, StoreError> {
        let keys = self.keys().await?;
        Ok(seal_with(&keys, self.tenant, collection, &id.to_string(), field, plaintext))
    }
}

/// Whether nothing but taken ids kept documents from being inserted.
fn is_there_already(error: &mongodb::error::Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(failed) => {
            failed.write_concern_error.is_none()
                && failed.write_errors.as_ref().is_some_and(|all| all.iter().all(|e| e.code == DUPLICATE_KEY))
        }
        _ => false,
    }
}

/// Seals a field with keys at hand.
pub fn seal_with(
    keys: &OrganizationKeys,
    tenant: Tenant,
    collection: &str,
    id: &str,
    field: &str,
    plaintext: &[u8],
) -> Sealed {
    let organization = tenant.organization.to_string();
    keys.seal(&FieldContext { organization: &organization, collection, id, field }, plaintext)
}

/// Opens a field with keys at hand.
pub fn open_with(
    keys: &OrganizationKeys,
    tenant: Tenant,
    collection: &str,
    id: &str,
    field: &str,
    sealed: &Sealed,
) -> Result<String, StoreError> {
    let organization = tenant.organization.to_string();
    let context = FieldContext { organization: &organization, collection, id, field };
    let bytes = keys.open(&context, sealed)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| StoreError::Malformed(format!("{collection}.{field}")))
}
