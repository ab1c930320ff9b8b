//! Keyed hashes, each with the version of the key that it was made with, and the links of the audit log's chain.

use super::{
    MalformedBytes,
    bytes::{serde_as_bytes, versioned_digest},
};
use crate::hash::framed_hash;

versioned_digest!(
    /// What is stored of an API key's secret: HMAC-SHA256 under one version of the pepper. When
    /// [`KeyHash::version`] is not the pepper's current one, a successful request is the moment to hash anew.
    KeyHash,
    32
);

versioned_digest!(
    /// What is stored beside an encrypted value so that it can be looked up: 128 bits of a keyed hash.
    SearchHash,
    16
);

versioned_digest!(
    /// The stored fingerprint of a request: a keyed hash, so that the database alone does not let anybody test
    /// guesses of what was in the body.
    Fingerprint,
    32
);

versioned_digest!(
    /// What is stored of a token: HMAC-SHA256 under one version of the key.
    TokenHash,
    32
);

versioned_digest!(
    /// HMAC-SHA256 under a key derived from one version of the system key.
    ChainMac,
    32
);

/// SHA-256 of a link of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What the first link follows.
    pub const START: Self = Self([0; 32]);

    /// The hash over parts in their order, each with its length.
    pub fn of(purpose: &str, parts: &[Vec<u8>]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Self(framed_hash(purpose, &parts))
    }

    /// The 32 bytes.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedBytes> {
        bytes.try_into().map(Self).map_err(|_| MalformedBytes::Length)
    }
}

impl std::fmt::Display for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for ChainHash {
    type Err = MalformedBytes;
    fn from_str(text: &str) -> Result<Self, MalformedBytes> {
        Self::from_bytes(&hex::decode(text).map_err(|_| MalformedBytes::Length)?)
    }
}

serde_as_bytes!(ChainHash);

/// Whoever holds the key of the audit log's chain.
pub trait Vouch {
    /// Vouches for parts, under the current key.
    fn vouch(&self, purpose: &str, parts: &[&[u8]]) -> ChainMac;

    /// Whether a MAC is right; `None` where its key is not loaded any more.
    fn check(&self, purpose: &str, parts: &[&[u8]], given: &ChainMac) -> Option<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_in_hex() {
        let hash = ChainHash::of("test", &[vec![1], vec![]]);
        assert_eq!(hash.to_string().parse::<ChainHash>().unwrap(), hash);
        assert_ne!(hash, ChainHash::of("test", &[vec![1]]));
        assert!("00".parse::<ChainHash>().is_err() && "x".parse::<ChainHash>().is_err());
    }
}
