//! The key hierarchy: a system key wraps each organization's data keys.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::error::CryptoError;
use super::sealed::{gcm_open, gcm_seal};
use super::versioned::{Key32, VersionedKeys};
use super::{mac, random};

/// The format of [`SystemKeyWrapper`]'s bytes: this byte, nonce (12), encrypted key (32), tag (16).
const WRAP_FORMAT: u8 = 1;

/// A data key, wrapped by a system key or by a key service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrappedKey {
    /// The version of the wrapping key, by which rotation finds what is left to wrap again.
    pub system_version: u32,
    /// What only the wrapper understands.
    #[serde(with = "gateway_domain::opaque::bytes")]
    pub bytes: Vec<u8>,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WrappedKey(system version {}, {} bytes)", self.system_version, self.bytes.len())
    }
}

/// Wraps data keys. [`SystemKeyWrapper`] does it with a key from the environment; a key management service
/// can stand in.
#[async_trait]
pub trait KeyWrapper: Send + Sync {
    /// The version that [`KeyWrapper::wrap`] uses now.
    fn current_version(&self) -> u32;

    /// Every version that can be unwrapped.
    fn versions(&self) -> Vec<u32>;

    /// Wraps `key`; the same `aad` must be given to unwrap it.
    async fn wrap(&self, key: &Key32, aad: &[u8]) -> Result<WrappedKey, CryptoError>;

    /// Reverses [`KeyWrapper::wrap`].
    async fn unwrap(&self, wrapped: &WrappedKey, aad: &[u8]) -> Result<Key32, CryptoError>;
}

/// Wraps with AES-256-GCM under the versioned `SYSTEM_ENCRYPTION_KEY`.
#[derive(Debug, Clone)]
pub struct SystemKeyWrapper {
    keys: VersionedKeys,
}

impl SystemKeyWrapper {
    /// A wrapper with these system keys.
    pub fn new(keys: VersionedKeys) -> Self {
        Self { keys }
    }
}

#[async_trait]
impl KeyWrapper for SystemKeyWrapper {
    fn current_version(&self) -> u32 {
        self.keys.current().0
    }

    fn versions(&self) -> Vec<u32> {
        self.keys.versions().collect()
    }

    async fn wrap(&self, key: &Key32, aad: &[u8]) -> Result<WrappedKey, CryptoError> {
        let (system_version, system_key) = self.keys.current();
        let nonce: [u8; 12] = random::bytes();
        let ciphertext = gcm_seal(system_key, &nonce, aad, key.as_bytes());
        let bytes = [&[WRAP_FORMAT][..], &nonce, &ciphertext].concat();
        Ok(WrappedKey { system_version, bytes })
    }

    async fn unwrap(&self, wrapped: &WrappedKey, aad: &[u8]) -> Result<Key32, CryptoError> {
        let version = wrapped.system_version;
        let system_key = self.keys.get(version).ok_or(CryptoError::UnknownKeyVersion { version })?;
        let (&format, rest) = wrapped.bytes.split_first().ok_or(CryptoError::Malformed)?;
        if format != WRAP_FORMAT {
            return Err(CryptoError::UnsupportedFormat(format));
        }
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(CryptoError::Malformed)?;
        let key = gcm_open(system_key, nonce, aad, ciphertext)?;
        let key: &[u8; 32] = key.as_slice().try_into().map_err(|_| CryptoError::Malformed)?;
        Ok(Key32::from_bytes(*key))
    }
}

/// One data key of an organization as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrappedDataKey {
    /// The data key's own version, which [`Sealed`](super::Sealed) values name.
    pub version: u32,
    /// The wrapped key.
    pub wrapped: WrappedKey,
}

/// The unwrapped data keys of one organization: the current one seals, all of them open.
#[derive(Clone)]
pub struct OrganizationKeys(VersionedKeys);

impl OrganizationKeys {
    /// A new data key as version 1.
    pub fn generate() -> Self {
        Self(VersionedKeys::single(Key32::generate()))
    }

    /// From unwrapped keys, the first of them current.
    pub fn new(keys: Vec<(u32, Key32)>) -> Result<Self, CryptoError> {
        VersionedKeys::from_entries(keys).map(Self).ok_or(CryptoError::InconsistentKeys)
    }

    /// The same keys behind a new current one, numbered one above the highest.
    pub fn with_next_version(&self) -> Self {
        let highest = self.0.versions().max().unwrap_or(0);
        let mut keys = vec![(highest.saturating_add(1), Key32::generate())];
        keys.extend(self.0.iter().map(|(version, key)| (version, key.clone())));
        Self::new(keys).expect("one above the highest version is a new version")
    }

    /// The version that new values are sealed with.
    pub fn current_version(&self) -> u32 {
        self.0.current().0
    }

    /// All versions, the current one first.
    pub fn versions(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.versions()
    }

    pub(super) fn keys(&self) -> &VersionedKeys {
        &self.0
    }

    /// Wraps all keys for storage, the current one first. `organization` is the id in hex.
    pub async fn wrap(
        &self,
        wrapper: &dyn KeyWrapper,
        organization: &str,
    ) -> Result<Vec<WrappedDataKey>, CryptoError> {
        let mut stored = Vec::new();
        for (version, key) in self.0.iter() {
            let aad = data_key_aad(organization, version);
            stored.push(WrappedDataKey { version, wrapped: wrapper.wrap(key, &aad).await? });
        }
        Ok(stored)
    }

    /// Unwraps what [`OrganizationKeys::wrap`] made for the same organization, the current key first.
    pub async fn unwrap(
        wrapper: &dyn KeyWrapper,
        organization: &str,
        stored: &[WrappedDataKey],
    ) -> Result<Self, CryptoError> {
        let mut keys = Vec::with_capacity(stored.len());
        for entry in stored {
            let key = wrapper.unwrap(&entry.wrapped, &data_key_aad(organization, entry.version)).await?;
            keys.push((entry.version, key));
        }
        Self::new(keys)
    }

    /// Wraps again with the wrapper's current version what is under an older one; `None` when nothing is.
    /// The data keys stay the same, so nothing that they sealed needs rewriting.
    pub async fn rewrap(
        wrapper: &dyn KeyWrapper,
        organization: &str,
        stored: &[WrappedDataKey],
    ) -> Result<Option<Vec<WrappedDataKey>>, CryptoError> {
        let current = wrapper.current_version();
        if stored.iter().all(|entry| entry.wrapped.system_version == current) {
            return Ok(None);
        }
        Self::unwrap(wrapper, organization, stored).await?.wrap(wrapper, organization).await.map(Some)
    }
}

impl fmt::Debug for OrganizationKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("OrganizationKeys").field(&self.0).finish()
    }
}

/// Binds a wrapped key to its organization and version.
fn data_key_aad(organization: &str, version: u32) -> Vec<u8> {
    mac::framed("tollgate data key", &[organization.as_bytes(), &version.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::FieldContext;
    use mongodb::bson;

    const ORGANIZATION: &str = "650000000000000000000001";
    const PLACE: FieldContext<'static> =
        FieldContext { organization: ORGANIZATION, collection: "sites", id: "1", field: "webhookSecret" };

    fn wrapper(list: &[(u32, u8)]) -> SystemKeyWrapper {
        let keys = list.iter().map(|(version, byte)| (*version, Key32::from_bytes([*byte; 32]))).collect();
        SystemKeyWrapper::new(VersionedKeys::from_entries(keys).unwrap())
    }

    #[tokio::test]
    async fn wrapped_keys_open_what_the_originals_sealed() {
        let system = wrapper(&[(1, 7)]);
        let keys = OrganizationKeys::generate().with_next_version();
        let sealed = keys.seal(&PLACE, b"example");
        let stored = keys.wrap(&system, ORGANIZATION).await.unwrap();
        assert_eq!(stored.iter().map(|entry| entry.version).collect::<Vec<_>>(), [2, 1]);

        let document = bson::doc! { "keys": bson::serialize_to_bson(&stored).unwrap() };
        let stored: Vec<WrappedDataKey> =
            bson::deserialize_from_bson(document.get("keys").unwrap().clone()).unwrap();
        let again = OrganizationKeys::unwrap(&system, ORGANIZATION, &stored).await.unwrap();
        assert_eq!(again.current_version(), 2);
        assert_eq!(&**again.open(&PLACE, &sealed).unwrap(), b"example");
    }

    #[tokio::test]
    async fn a_wrapped_key_serves_only_its_organization_and_version() {
        let system = wrapper(&[(1, 7)]);
        let mut stored = OrganizationKeys::generate().wrap(&system, ORGANIZATION).await.unwrap();
        let foreign = OrganizationKeys::unwrap(&system, "650000000000000000000009", &stored).await;
        assert_eq!(foreign.unwrap_err(), CryptoError::NotAuthentic);
        let other_system = OrganizationKeys::unwrap(&wrapper(&[(1, 8)]), ORGANIZATION, &stored).await;
        assert_eq!(other_system.unwrap_err(), CryptoError::NotAuthentic);
        stored[0].version = 2;
        let renumbered = OrganizationKeys::unwrap(&system, ORGANIZATION, &stored).await;
        assert_eq!(renumbered.unwrap_err(), CryptoError::NotAuthentic);
        stored[0].wrapped.bytes.truncate(12);
        let short = OrganizationKeys::unwrap(&system, ORGANIZATION, &stored).await;
        assert_eq!(short.unwrap_err(), CryptoError::Malformed);
    }

    #[tokio::test]
    async fn the_system_key_rotates_without_touching_sealed_values() {
        let keys = OrganizationKeys::generate();
        let sealed = keys.seal(&PLACE, b"example");
        let old = keys.wrap(&wrapper(&[(1, 7)]), ORGANIZATION).await.unwrap();

        let both = wrapper(&[(2, 9), (1, 7)]);
        let new = OrganizationKeys::rewrap(&both, ORGANIZATION, &old).await.unwrap().unwrap();
        assert_eq!(new[0].wrapped.system_version, 2);
        assert_eq!(OrganizationKeys::rewrap(&both, ORGANIZATION, &new).await, Ok(None));

        let only_new = wrapper(&[(2, 9)]);
        let unwrapped = OrganizationKeys::unwrap(&only_new, ORGANIZATION, &new).await.unwrap();
        assert_eq!(&**unwrapped.open(&PLACE, &sealed).unwrap(), b"example");
        let error = OrganizationKeys::unwrap(&only_new, ORGANIZATION, &old).await.unwrap_err();
        assert_eq!(error, CryptoError::UnknownKeyVersion { version: 1 });
    }

    #[test]
    fn inconsistent_sets_are_refused() {
        let key = Key32::generate;
        assert_eq!(OrganizationKeys::new(vec![]).unwrap_err(), CryptoError::InconsistentKeys);
        assert_eq!(OrganizationKeys::new(vec![(0, key())]).unwrap_err(), CryptoError::InconsistentKeys);
        assert_eq!(
            OrganizationKeys::new(vec![(1, key()), (1, key())]).unwrap_err(),
            CryptoError::InconsistentKeys
        );
    }

    #[tokio::test]
    async fn debug_shows_no_key() {
        let keys = OrganizationKeys::generate();
        assert_eq!(format!("{keys:?}"), "OrganizationKeys(VersionedKeys(versions [1], redacted))");
        let stored = keys.wrap(&wrapper(&[(3, 7)]), ORGANIZATION).await.unwrap();
        assert_eq!(format!("{:?}", stored[0].wrapped), "WrappedKey(system version 3, 61 bytes)");
        assert_eq!(
            format!("{:?}", wrapper(&[(3, 7)])),
            "SystemKeyWrapper { keys: VersionedKeys(versions [3], redacted) }"
        );
    }
}
