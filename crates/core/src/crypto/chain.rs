//! Links of a chain: each is the hash of what it says and of the link before it, and is vouched for under the
//! system key.
//!
//! Two values with two purposes. The hash needs no key, so it ties an entry to all before it for ever, whatever
//! becomes of keys. The MAC is what somebody cannot make who can write to the database and nothing else; the newest
//! one vouches for the whole chain below it, so that an old system key can be taken out once something was written
//! under the new one.

use super::{
    CryptoError,
    binary::{serde_as_bytes, versioned_digest},
    mac,
    versioned::VersionedKeys,
};

/// SHA-256 of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What the first link follows.
    pub const START: Self = Self([0; 32]);

    /// The hash over parts in their order, each with its length.
    pub fn of(purpose: &str, parts: &[Vec<u8>]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Self(mac::plain_hash(purpose, &parts))
    }

    /// The 32 bytes.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        bytes.try_into().map(Self).map_err(|_| CryptoError::Malformed)
    }
}

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for ChainHash {
    type Err = CryptoError;
    fn from_str(text: &str) -> Result<Self, CryptoError> {
        Self::from_bytes(&hex::decode(text).map_err(|_| CryptoError::Malformed)?)
    }
}

serde_as_bytes!(ChainHash);

versioned_digest!(
    /// HMAC-SHA256 under a key derived from one version of the system key.
    ChainMac,
    32
);

/// Vouches for links.
#[derive(Debug, Clone)]
pub struct ChainKeys(VersionedKeys);

impl ChainKeys {
    /// From the system key.
    pub fn new(system: &VersionedKeys) -> Self {
        Self(system.derive("audit chain"))
    }

    /// Vouches for a link, under the current key.
    pub fn vouch(&self, purpose: &str, parts: &[&[u8]]) -> ChainMac {
        let (version, key) = self.0.current();
        ChainMac::new(version, mac::keyed_hash(key.as_bytes(), purpose, parts))
    }

    /// Whether a MAC is right; `None` where its key is not loaded any more.
    pub fn check(&self, purpose: &str, parts: &[&[u8]], given: &ChainMac) -> Option<bool> {
        let key = self.0.get(given.version())?;
        let right = ChainMac::new(given.version(), mac::keyed_hash(key.as_bytes(), purpose, parts));
        Some(right == *given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key32;

    #[test]
    fn a_mac_is_good_for_its_purpose_and_its_key() {
        let keys = ChainKeys::new(&VersionedKeys::single(Key32::from_bytes([7; 32])));
        let other = ChainKeys::new(&VersionedKeys::single(Key32::from_bytes([8; 32])));
        let mac = keys.vouch("entry", &[b"a", b"bc"]);
        assert_eq!(keys.check("entry", &[b"a", b"bc"], &mac), Some(true));
        assert_eq!(keys.check("entry", &[b"ab", b"c"], &mac), Some(false));
        assert_eq!(keys.check("head", &[b"a", b"bc"], &mac), Some(false));
        assert_eq!(other.check("entry", &[b"a", b"bc"], &mac), Some(false));
        let gone = ChainMac::new(2, *mac.digest());
        assert_eq!(keys.check("entry", &[b"a", b"bc"], &gone), None);
    }

    #[test]
    fn a_hash_is_written_in_hex() {
        let hash = ChainHash::of("test", &[vec![1], vec![]]);
        assert_eq!(hash.to_string().parse::<ChainHash>().unwrap(), hash);
        assert_ne!(hash, ChainHash::of("test", &[vec![1]]));
        assert!("00".parse::<ChainHash>().is_err() && "x".parse::<ChainHash>().is_err());
    }
}
