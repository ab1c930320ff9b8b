//! Versioned lists of 32-byte keys, as they stand in the environment.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{mac, random};

/// More versions than any rotation needs at once.
const VERSIONS_MAX: usize = 16;

/// A 32-byte key: wiped when dropped, hidden from `Debug`.
#[derive(Clone)]
pub struct Key32(Zeroizing<[u8; 32]>);

impl Key32 {
    /// Takes over key material.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key from the operating system's entropy.
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes())
    }

    /// The key material.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose, derived with HMAC-SHA256, so that one configured key can serve several uses
    /// without one use revealing anything about another.
    pub fn derive(&self, purpose: &str) -> Self {
        Self::from_bytes(mac::keyed_hash(self.as_bytes(), "tollgate derived key", &[purpose.as_bytes()]))
    }
}

impl fmt::Debug for Key32 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key32(redacted)")
    }
}

impl PartialEq for Key32 {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for Key32 {}

/// Keys with version numbers; the first is the current one, the others only open what they once made.
#[derive(Clone)]
pub struct VersionedKeys(Vec<(u32, Key32)>);

/// Why a list of keys was refused. Says which entry is wrong, never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyListError {
    /// Nothing there.
    #[error("is empty: expected 64 hexadecimal digits, or a list such as 2:<64 digits>,1:<64 digits>")]
    Empty,
    /// More entries than a rotation needs.
    #[error("has too many entries (at most {VERSIONS_MAX})")]
    TooMany,
    /// Several entries, and one of them has no version.
    #[error("entry {entry} has no version: in a list each entry is <version>:<64 hexadecimal digits>")]
    MissingVersion {
        /// Position in the list, from 1.
        entry: usize,
    },
    /// The version is not a whole number above 0.
    #[error("entry {entry}: the version must be a whole number from 1 to 4294967295")]
    InvalidVersion {
        /// Position in the list, from 1.
        entry: usize,
    },
    /// Two entries have one version.
    #[error("version {version} stands in the list twice")]
    DuplicateVersion {
        /// The version in question.
        version: u32,
    },
    /// Two versions have one key: that would be a rotation in name only.
    #[error("entry {entry} repeats the key of an earlier entry")]
    RepeatedKey {
        /// Position in the list, from 1.
        entry: usize,
    },
    /// The key has the wrong length.
    #[error("entry {entry}: the key has {characters} characters, expected 64 hexadecimal digits (32 bytes)")]
    InvalidLength {
        /// Position in the list, from 1.
        entry: usize,
        /// How many characters there are.
        characters: usize,
    },
    /// The key has a character that is no hexadecimal digit.
    #[error("entry {entry}: the key has a character that is not a hexadecimal digit")]
    NotHexadecimal {
        /// Position in the list, from 1.
        entry: usize,
    },
    /// The key is a placeholder.
    #[error("entry {entry}: the key is all zeros")]
    AllZeros {
        /// Position in the list, from 1.
        entry: usize,
    },
}

impl VersionedKeys {
    /// Parses `<hex64>` (version 1) or `2:<hex64>,1:<hex64>` (the first is current). White space around
    /// entries is ignored.
    pub fn parse(text: &str) -> Result<Self, KeyListError> {
        if text.trim().is_empty() {
            return Err(KeyListError::Empty);
        }
        let entries: Vec<&str> = text.split(',').map(str::trim).collect();
        if entries.len() > VERSIONS_MAX {
            return Err(KeyListError::TooMany);
        }
        let mut keys: Vec<(u32, Key32)> = Vec::with_capacity(entries.len());
        for (index, text) in entries.iter().enumerate() {
            let entry = index + 1;
            let (version, key) = match text.split_once(':') {
                Some((version, key)) => (parse_version(version.trim(), entry)?, key.trim()),
                None if entries.len() == 1 => (1, *text),
                None => return Err(KeyListError::MissingVersion { entry }),
            };
            let key = parse_key(key, entry)?;
            if keys.iter().any(|(known, _)| *known == version) {
                return Err(KeyListError::DuplicateVersion { version });
            }
            if keys.iter().any(|(_, known)| *known == key) {
                return Err(KeyListError::RepeatedKey { entry });
            }
            keys.push((version, key));
        }
        Ok(Self(keys))
    }

    /// One key as version 1.
    pub fn single(key: Key32) -> Self {
        Self(vec![(1, key)])
    }

    /// From entries, the first of them current; `None` unless there is one, versions are above 0 and unique.
    pub(super) fn from_entries(entries: Vec<(u32, Key32)>) -> Option<Self> {
        let mut versions: Vec<u32> = entries.iter().map(|(version, _)| *version).collect();
        versions.sort_unstable();
        versions.dedup();
        let consistent =
            versions.first().is_some_and(|lowest| *lowest > 0) && versions.len() == entries.len();
        consistent.then_some(Self(entries))
    }

    /// The version that new values are made with, and its key.
    pub fn current(&self) -> (u32, &Key32) {
        let (version, key) = self.0.first().expect("every constructor puts at least one key in");
        (*version, key)
    }

    /// The key of `version`, if it is loaded.
    pub fn get(&self, version: u32) -> Option<&Key32> {
        self.0.iter().find(|(known, _)| *known == version).map(|(_, key)| key)
    }

    /// All versions, the current one first.
    pub fn versions(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().map(|(version, _)| *version)
    }

    /// All versions with their keys, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Key32)> {
        self.0.iter().map(|(version, key)| (*version, key))
    }

    /// The same versions with keys derived for one purpose (see [`Key32::derive`]).
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.0.iter().map(|(version, key)| (*version, key.derive(purpose))).collect())
    }
}

impl FromStr for VersionedKeys {
    type Err = KeyListError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for VersionedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VersionedKeys(versions ")?;
        formatter.debug_list().entries(self.versions()).finish()?;
        formatter.write_str(", redacted)")
    }
}

fn parse_version(text: &str, entry: usize) -> Result<u32, KeyListError> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(version) if digits_only && version > 0 => Ok(version),
        _ => Err(KeyListError::InvalidVersion { entry }),
    }
}

fn parse_key(text: &str, entry: usize) -> Result<Key32, KeyListError> {
    let characters = text.chars().count();
    if characters != 64 {
        return Err(KeyListError::InvalidLength { entry, characters });
    }
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| KeyListError::NotHexadecimal { entry })?;
    if *bytes == [0; 32] {
        return Err(KeyListError::AllZeros { entry });
    }
    Ok(Key32(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex_of(byte: u8) -> String {
        hex::encode([byte; 32])
    }

    #[test]
    fn a_bare_key_is_version_1() {
        let keys = VersionedKeys::parse(&format!(" {}\n", hex_of(7))).unwrap();
        assert_eq!(keys.current(), (1, &Key32::from_bytes([7; 32])));
        assert_eq!(keys.versions().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn the_first_of_a_list_is_current() {
        let keys =
            VersionedKeys::parse(&format!("2:{}, 1:{}", hex_of(0xab).to_uppercase(), hex_of(7))).unwrap();
        assert_eq!(keys.current(), (2, &Key32::from_bytes([0xab; 32])));
        assert_eq!(keys.get(1), Some(&Key32::from_bytes([7; 32])));
        assert_eq!(keys.get(3), None);
        assert_eq!(keys.versions().collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn errors_name_the_entry() {
        let good = hex_of(7);
        let other = hex_of(8);
        let refused = |text: String| VersionedKeys::parse(&text).unwrap_err();
        assert_eq!(refused(String::new()), KeyListError::Empty);
        assert_eq!(refused("ab".into()), KeyListError::InvalidLength { entry: 1, characters: 2 });
        assert_eq!(refused("zz".repeat(32)), KeyListError::NotHexadecimal { entry: 1 });
        assert_eq!(refused("00".repeat(32)), KeyListError::AllZeros { entry: 1 });
        assert_eq!(refused(format!("2:{good},{other}")), KeyListError::MissingVersion { entry: 2 });
        assert_eq!(refused(format!("0:{good}")), KeyListError::InvalidVersion { entry: 1 });
        assert_eq!(refused(format!("+1:{good}")), KeyListError::InvalidVersion { entry: 1 });
        assert_eq!(refused(format!("4294967296:{good}")), KeyListError::InvalidVersion { entry: 1 });
        assert_eq!(refused(format!("1:{good},1:{other}")), KeyListError::DuplicateVersion { version: 1 });
        assert_eq!(refused(format!("2:{good},1:{good}")), KeyListError::RepeatedKey { entry: 2 });
        assert_eq!(refused(format!("2:{good},")), KeyListError::MissingVersion { entry: 2 });
        assert_eq!(refused(vec![good.as_str(); 17].join(",")), KeyListError::TooMany);
    }

    #[test]
    fn neither_debug_nor_errors_show_the_key() {
        let keys = VersionedKeys::parse(&format!("2:{},1:{}", hex_of(0xab), hex_of(7))).unwrap();
        assert_eq!(format!("{keys:?}"), "VersionedKeys(versions [2, 1], redacted)");
        assert_eq!(format!("{:?}", keys.current().1), "Key32(redacted)");
        let error = VersionedKeys::parse(&format!("1:{}x", hex_of(0xab))).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("abab"));
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_version() {
        let keys = VersionedKeys::parse(&format!("2:{},1:{}", hex_of(9), hex_of(7))).unwrap();
        let one = keys.derive("one");
        assert_ne!(one.current().1, keys.derive("two").current().1);
        assert_ne!(one.get(1), one.get(2));
        assert_ne!(one.get(1), keys.get(1));
        assert_eq!(one.current().0, 2);
    }

    proptest! {
        #[test]
        fn parse_never_panics(text in ".{0,200}") {
            let _ = VersionedKeys::parse(&text);
        }

        #[test]
        fn lists_round_trip(keys in prop::collection::btree_map(1u32.., any::<[u8; 32]>(), 1..5)) {
            prop_assume!(keys.values().all(|key| *key != [0; 32]));
            let text = keys.iter().map(|(version, key)| format!("{version}:{}", hex::encode(key)));
            let parsed = VersionedKeys::parse(&text.collect::<Vec<_>>().join(",")).unwrap();
            prop_assert_eq!(parsed.versions().collect::<Vec<_>>(), keys.keys().copied().collect::<Vec<_>>());
            for (version, key) in &keys {
                prop_assert_eq!(parsed.get(*version).unwrap().as_bytes(), key);
            }
        }
    }
}
