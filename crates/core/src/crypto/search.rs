//! Blind indexes: encrypted values that can still be found by equality.

use gateway_domain::opaque::SearchHash;

use super::mac;
use super::versioned::VersionedKeys;

/// The versioned `SYSTEM_SEARCH_HASH_KEY`.
#[derive(Debug, Clone)]
pub struct SearchKeys(VersionedKeys);

impl SearchKeys {
    /// Uses these keys, the first of them for new values.
    pub fn new(keys: VersionedKeys) -> Self {
        Self(keys)
    }

    /// The version that new values are hashed with.
    pub fn current_version(&self) -> u32 {
        self.0.current().0
    }

    /// The hash to store. `value` must be normalized already; equal values of two organizations (the id in
    /// hex) or of two fields hash differently.
    pub fn hash(&self, organization: &str, field: &str, value: &str) -> SearchHash {
        let (version, key) = self.0.current();
        search_hash(version, key.as_bytes(), organization, field, value)
    }

    /// The hashes under every loaded key, the current one first: during a rotation a look-up asks for any of
    /// them.
    pub fn hash_all_versions(&self, organization: &str, field: &str, value: &str) -> Vec<SearchHash> {
        self.0
            .iter()
            .map(|(version, key)| search_hash(version, key.as_bytes(), organization, field, value))
            .collect()
    }
}

fn search_hash(version: u32, key: &[u8], organization: &str, field: &str, value: &str) -> SearchHash {
    let parts = [organization.as_bytes(), field.as_bytes(), value.as_bytes()];
    let full = mac::keyed_hash(key, "tollgate search", &parts);
    let (digest, _) = full.split_first_chunk().expect("a SHA-256 digest has 32 bytes");
    SearchHash::new(version, *digest)
}

/// An e-mail address as it is searched: without surrounding white space, in lower case. Nothing provider
/// specific is folded (dots, plus parts): two mailboxes must never become one.
pub fn normalize_email(address: &str) -> String {
    address.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key32;
    use mongodb::bson;

    const ORGANIZATION: &str = "650000000000000000000001";

    fn keys(list: &[(u32, u8)]) -> SearchKeys {
        let keys = list.iter().map(|(version, byte)| (*version, Key32::from_bytes([*byte; 32]))).collect();
        SearchKeys::new(VersionedKeys::from_entries(keys).unwrap())
    }

    #[test]
    fn equal_values_hash_alike_only_in_one_place() {
        let keys = keys(&[(1, 7)]);
        let hash = keys.hash(ORGANIZATION, "email", "a@example.com");
        assert_eq!(hash, keys.hash(ORGANIZATION, "email", "a@example.com"));
        assert_ne!(hash, keys.hash(ORGANIZATION, "email", "b@example.com"));
        assert_ne!(hash, keys.hash(ORGANIZATION, "phone", "a@example.com"));
        assert_ne!(hash, keys.hash("650000000000000000000009", "email", "a@example.com"));
    }

    #[test]
    fn a_look_up_during_rotation_finds_old_and_new() {
        let old = keys(&[(1, 7)]).hash(ORGANIZATION, "email", "a@example.com");
        let rotated = keys(&[(2, 9), (1, 7)]);
        let all = rotated.hash_all_versions(ORGANIZATION, "email", "a@example.com");
        assert_eq!(all, [rotated.hash(ORGANIZATION, "email", "a@example.com"), old]);
        assert_eq!((all[0].version(), rotated.current_version()), (2, 2));
    }

    #[test]
    fn stored_as_one_binary() {
        let hash = keys(&[(1, 7)]).hash(ORGANIZATION, "email", "a@example.com");
        assert_eq!(hash.to_bytes().len(), SearchHash::STORED_LENGTH);
        let value = bson::serialize_to_bson(&hash).unwrap();
        assert!(matches!(&value, bson::Bson::Binary(binary) if binary.bytes == hash.to_bytes()));
        assert_eq!(bson::deserialize_from_bson::<SearchHash>(value).unwrap(), hash);
        assert!(SearchHash::from_bytes(&[0; 19]).is_err());
        assert!(SearchHash::from_bytes(&[0; 3]).is_err());
        assert_eq!(format!("{hash:?}"), "SearchHash(version 1, redacted)");
    }

    #[test]
    fn addresses_are_trimmed_and_lower_cased() {
        assert_eq!(normalize_email(" Buyer+Tag@Example.COM\n"), "buyer+tag@example.com");
    }
}
