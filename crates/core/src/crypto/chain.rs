//! Links of a chain: each is the hash of what it says and of the link before it, and is vouched for under the
//! system key.
//!
//! Two values with two purposes. The hash needs no key, so it ties an entry to all before it for ever, whatever
//! becomes of keys. The MAC is what somebody cannot make who can write to the database and nothing else; the newest
//! one vouches for the whole chain below it, so that an old system key can be taken out once something was written
//! under the new one.

use gateway_domain::opaque::{ChainMac, Vouch};

use super::{mac, versioned::VersionedKeys};

/// Vouches for links.
#[derive(Debug, Clone)]
pub struct ChainKeys(VersionedKeys);

impl ChainKeys {
    /// From the system key.
    pub fn new(system: &VersionedKeys) -> Self {
        Self(system.derive("audit chain"))
    }
}

impl Vouch for ChainKeys {
    fn vouch(&self, purpose: &str, parts: &[&[u8]]) -> ChainMac {
        let (version, key) = self.0.current();
        ChainMac::new(version, mac::keyed_hash(key.as_bytes(), purpose, parts))
    }

    fn check(&self, purpose: &str, parts: &[&[u8]], given: &ChainMac) -> Option<bool> {
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
}
