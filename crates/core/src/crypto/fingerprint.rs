//! What makes two requests with one idempotency key the same request.

use std::fmt;

use gateway_domain::{hash::framed_hash, opaque::Fingerprint};
use subtle::ConstantTimeEq;

use super::api_key::KeyMode;
use super::mac;
use super::versioned::VersionedKeys;

/// A request reduced to what its fingerprint depends on, taken once from the raw bytes; keep it and forget the
/// body. It stays in memory: what is stored is the [`Fingerprint`].
#[derive(Clone, Copy)]
pub struct RequestDigest([u8; 32]);

impl RequestDigest {
    /// From the method, the full path (with query, as received) and the raw body.
    pub fn of(method: &str, path: &str, body: &[u8]) -> Self {
        Self(framed_hash("tollgate request", &[method.as_bytes(), path.as_bytes(), body]))
    }

    /// The fingerprint to store, under the current key.
    pub fn fingerprint(&self, keys: &VersionedKeys) -> Fingerprint {
        let (version, key) = keys.current();
        self.keyed(version, key.as_bytes())
    }

    /// Whether `stored` was made from an equal request, under whichever loaded key it names, so that a key
    /// rotation does not turn a retry into a conflict. False when its key is no longer loaded.
    pub fn matches(&self, keys: &VersionedKeys, stored: &Fingerprint) -> bool {
        keys.get(stored.version()).is_some_and(|key| {
            self.keyed(stored.version(), key.as_bytes()).digest().ct_eq(stored.digest()).into()
        })
    }

    fn keyed(&self, version: u32, key: &[u8]) -> Fingerprint {
        Fingerprint::new(version, mac::keyed_hash(key, "tollgate fingerprint", &[&self.0]))
    }
}

impl fmt::Debug for RequestDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RequestDigest(redacted)")
    }
}

/// The slot that an idempotency key occupies: one value in place of four, for unique indexes and for lanes in
/// memory. `organization` is the id in hex, `route` the route's template, not the concrete path.
pub fn idempotency_slot(organization: &str, mode: KeyMode, route: &str, key: &str) -> [u8; 16] {
    let parts = [organization, mode.as_str(), route, key].map(str::as_bytes);
    let full = framed_hash("tollgate idempotency slot", &parts);
    let (slot, _) = full.split_first_chunk().expect("a SHA-256 digest has 32 bytes");
    *slot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key32;
    use proptest::prelude::*;

    fn keys(list: &[(u32, u8)]) -> VersionedKeys {
        let keys = list.iter().map(|(version, byte)| (*version, Key32::from_bytes([*byte; 32]))).collect();
        VersionedKeys::from_entries(keys).unwrap()
    }

    #[test]
    fn any_difference_shows() {
        let keys = keys(&[(1, 7)]);
        let stored = RequestDigest::of("POST", "/v1/a", b"{}").fingerprint(&keys);
        let same = |method, path, body| RequestDigest::of(method, path, body).matches(&keys, &stored);
        assert!(same("POST", "/v1/a", b"{}"));
        assert!(!same("PUT", "/v1/a", b"{}"));
        assert!(!same("POST", "/v1/a?x", b"{}"));
        assert!(!same("POST", "/v1/a", b"{} "));
        assert!(!same("POST", "/v1/a{", b"}"));
    }

    #[test]
    fn a_rotation_keeps_retries_recognizable() {
        let digest = RequestDigest::of("POST", "/v1/a", b"{}");
        let stored = digest.fingerprint(&keys(&[(1, 7)]));
        assert!(digest.matches(&keys(&[(2, 9), (1, 7)]), &stored));
        assert!(!digest.matches(&keys(&[(2, 9)]), &stored));
        assert!(!digest.matches(&keys(&[(1, 9)]), &stored));
        assert_eq!(Fingerprint::from_bytes(&stored.to_bytes()), Ok(stored));
        assert_eq!(
            format!("{digest:?} {stored:?}"),
            "RequestDigest(redacted) Fingerprint(version 1, redacted)"
        );
    }

    #[test]
    fn slots_keep_their_parts_apart() {
        let slot = idempotency_slot("ab", KeyMode::Live, "r", "k");
        assert_eq!(slot, idempotency_slot("ab", KeyMode::Live, "r", "k"));
        assert_ne!(slot, idempotency_slot("ab", KeyMode::Test, "r", "k"));
        assert_ne!(slot, idempotency_slot("a", KeyMode::Live, "r", "k"));
        assert_ne!(slot, idempotency_slot("ab", KeyMode::Live, "rk", ""));
    }

    proptest! {
        #[test]
        fn equal_requests_match_and_others_do_not(
            path in ".{0,30}", body in prop::collection::vec(any::<u8>(), 0..60), other in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let keys = keys(&[(1, 7)]);
            let stored = RequestDigest::of("POST", &path, &body).fingerprint(&keys);
            prop_assert!(RequestDigest::of("POST", &path, &body).matches(&keys, &stored));
            prop_assert_eq!(RequestDigest::of("POST", &path, &other).matches(&keys, &stored), body == other);
        }
    }
}
