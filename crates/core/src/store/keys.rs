//! Data keys of organizations: made once, wrapped by the system key, unwrapped into memory when needed.

use std::{sync::Arc, time::Duration};

use mongodb::{
    Collection, Database,
    bson::{self, doc},
};
use serde::{Deserialize, Serialize};

use super::{StoreError, codec::oid};
use crate::{
    crypto::{
        ChainKeys, KeyWrapper, OrganizationKeys, SearchKeys, ServiceTokens, SystemKeyWrapper, TokenKeys,
        VersionedKeys, WrappedDataKey,
    },
    domain::OrganizationId,
};

/// The keys that a service is started with.
#[derive(Debug, Clone)]
pub struct KeyConfig {
    /// Wraps data keys.
    pub system: VersionedKeys,
    /// Makes blind indexes.
    pub search: VersionedKeys,
    /// Hashes API keys; idempotency fingerprints use a key derived from it.
    pub pepper: VersionedKeys,
}

/// An organization's keys as they are stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyDocument {
    #[serde(rename = "_id")]
    pub(crate) organization: OrganizationId,
    /// The current one first.
    pub(crate) keys: Vec<WrappedDataKey>,
    /// Rises with every change.
    pub(crate) version: i64,
}

/// Hands out keys. Cloning shares the cache.
#[derive(Clone)]
pub struct KeyService {
    collection: Collection<KeyDocument>,
    wrapper: Arc<dyn KeyWrapper>,
    cache: moka::future::Cache<OrganizationId, OrganizationKeys>,
    search: Arc<SearchKeys>,
    pepper: Arc<VersionedKeys>,
    fingerprint: Arc<VersionedKeys>,
    service_tokens: Arc<ServiceTokens>,
    tokens: Arc<TokenKeys>,
    chains: Arc<ChainKeys>,
}

impl std::fmt::Debug for KeyService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyService")
    }
}

/// The collection of organizations' keys.
pub const KEYS_COLLECTION: &str = "organization_keys";

impl KeyService {
    pub(super) fn new(database: &Database, config: KeyConfig) -> Self {
        // A minute bounds how long a service seals with a key that a rotation has replaced.
        let cache =
            moka::future::Cache::builder().max_capacity(10_000).time_to_live(Duration::from_mins(1)).build();
        Self {
            collection: database.collection(KEYS_COLLECTION),
            chains: Arc::new(ChainKeys::new(&config.system)),
            wrapper: Arc::new(SystemKeyWrapper::new(config.system)),
            cache,
            search: Arc::new(SearchKeys::new(config.search)),
            fingerprint: Arc::new(config.pepper.derive("idempotency fingerprint")),
            service_tokens: Arc::new(ServiceTokens::new(&config.pepper)),
            tokens: Arc::new(TokenKeys::new(&config.pepper)),
            pepper: Arc::new(config.pepper),
        }
    }

    /// An organization's keys; made the first time.
    pub async fn of(&self, organization: OrganizationId) -> Result<OrganizationKeys, StoreError> {
        self.cache
            .try_get_with(organization, self.load_or_make(organization))
            .await
            .map_err(|error| {
                // Whoever asked is told to try again later: that is right once the operator has mended it.
                if let StoreError::Crypto(cause) = &*error {
                    tracing::error!(%organization, %cause, "data keys cannot be opened with SYSTEM_ENCRYPTION_KEY");
                }
                StoreError::Unknown(format!("data keys: {error}"))
            })
    }

    /// An organization's keys, the data key of this version among them: one that this process does not know may have been
    /// made by another a moment ago.
    pub async fn with_version(
        &self,
        organization: OrganizationId,
        version: u32,
    ) -> Result<OrganizationKeys, StoreError> {
        let keys = self.of(organization).await?;
        if keys.versions().any(|known| known == version) {
            return Ok(keys);
        }
        self.cache.invalidate(&organization).await;
        self.of(organization).await
    }

    /// The version of a system key under which an organization's data keys are wrapped, and which this process does not
    /// have. It was started with an older `SYSTEM_ENCRYPTION_KEY`, or one was taken out too early.
    pub async fn missing_system_key(&self) -> Result<Option<u32>, StoreError> {
        let known: Vec<i64> = self.wrapper.versions().into_iter().map(i64::from).collect();
        let unknown = doc! { "keys": { "$elemMatch": { "wrapped.systemVersion": { "$nin": &known } } } };
        let found = self.collection.find_one(unknown).await?;
        let versions =
            found.into_iter().flat_map(|document| document.keys).map(|key| key.wrapped.system_version);
        Ok(versions.into_iter().find(|version| !known.contains(&i64::from(*version))))
    }

    async fn load_or_make(&self, organization: OrganizationId) -> Result<OrganizationKeys, StoreError> {
        let name = organization.to_string();
        loop {
            if let Some(stored) = self.load(organization).await? {
                return Ok(OrganizationKeys::unwrap(&*self.wrapper, &name, &stored.keys).await?);
            }
            let fresh = OrganizationKeys::generate();
            let keys = fresh.wrap(&*self.wrapper, &name).await?;
            match self.collection.insert_one(KeyDocument { organization, keys, version: 1 }).await {
                Ok(_) => return Ok(fresh),
                // Another process made them first: use those.
                Err(error) => match StoreError::from(error) {
                    StoreError::Duplicate => {}
                    other => return Err(other),
                },
            }
        }
    }

    async fn load(&self, organization: OrganizationId) -> Result<Option<KeyDocument>, StoreError> {
        let found = self.collection.find_one(doc! { "_id": oid(organization) });
        Ok(found.read_concern(super::majority()).await?)
    }

    /// Puts a new data key in front; older ones stay until nothing is sealed with them.
    pub async fn rotate_data_key(&self, organization: OrganizationId) -> Result<u32, StoreError> {
        let current = self.load_or_make(organization).await?;
        let stored = self.load(organization).await?.ok_or(StoreError::Conflict)?;
        let next = current.with_next_version();
        let keys = next.wrap(&*self.wrapper, &organization.to_string()).await?;
        self.replace(organization, stored.version, &keys).await?;
        Ok(next.current_version())
    }

    /// Wraps every organization's keys with the current system key; answers how many were rewrapped.
    pub async fn rewrap_all(&self) -> Result<u64, StoreError> {
        use futures::TryStreamExt;
        let mut rewrapped = 0;
        let mut cursor = self.collection.find(doc! {}).await?;
        while let Some(stored) = cursor.try_next().await? {
            let name = stored.organization.to_string();
            if let Some(keys) = OrganizationKeys::rewrap(&*self.wrapper, &name, &stored.keys).await? {
                self.replace(stored.organization, stored.version, &keys).await?;
                rewrapped += 1;
            }
        }
        Ok(rewrapped)
    }

    /// How many organizations' keys are wrapped by another system key than the current one.
    pub async fn count_on_old_system_key(&self) -> Result<u64, StoreError> {
        let current = i64::from(self.wrapper.current_version());
        let filter = doc! { "keys.wrapped.systemVersion": { "$ne": current } };
        Ok(self.collection.count_documents(filter).await?)
    }

    /// Takes data keys out that nothing is sealed with any more; the current one stays.
    pub async fn drop_old_data_keys(&self, organization: OrganizationId) -> Result<(), StoreError> {
        let Some(stored) = self.load(organization).await? else { return Ok(()) };
        let current: Vec<WrappedDataKey> = stored.keys.into_iter().take(1).collect();
        self.replace(organization, stored.version, &current).await
    }

    async fn replace(
        &self,
        organization: OrganizationId,
        version: i64,
        keys: &[WrappedDataKey],
    ) -> Result<(), StoreError> {
        let keys = bson::serialize_to_bson(keys).map_err(|e| StoreError::Malformed(e.to_string()))?;
        let filter = doc! { "_id": oid(organization), "version": version };
        let update = doc! { "$set": { "keys": keys, "version": version + 1 } };
        let done = self.collection.update_one(filter, update).await?;
        self.cache.invalidate(&organization).await;
        if done.matched_count == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Blind indexes.
    pub fn search(&self) -> &SearchKeys {
        &self.search
    }

    /// The pepper of API keys.
    pub fn pepper(&self) -> &VersionedKeys {
        &self.pepper
    }

    /// Tokens between services.
    pub fn service_tokens(&self) -> &ServiceTokens {
        &self.service_tokens
    }

    /// Hashes of people's tokens.
    pub fn tokens(&self) -> &TokenKeys {
        &self.tokens
    }

    /// What vouches for entries of audit logs.
    pub fn chains(&self) -> &ChainKeys {
        &self.chains
    }

    /// The key of idempotency fingerprints.
    pub fn fingerprint(&self) -> &VersionedKeys {
        &self.fingerprint
    }
}
