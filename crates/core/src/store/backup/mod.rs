//! Backup and restore of the whole database: one consistent moment, in one file that proves itself.
//!
//! A file is a head, the documents and an end (see [`frame`]). All documents are read in one snapshot session,
//! so they are as a majority had them at one moment, however long the reading takes and whatever is written
//! meanwhile. Sealed fields stay sealed: the file is of no use without the keys, and the head holds a check value
//! of each key, so that a restore under wrong keys is refused before anything is written.

mod frame;
mod read;
mod write;

use std::collections::BTreeMap;

use mongodb::bson::Document;
use serde::{Deserialize, Serialize};

pub use read::{RestoreError, restore};
pub use write::backup;

use super::keys::KeyConfig;
use crate::{crypto::VersionedKeys, domain::Timestamp};

/// The version of the format that this code writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The first frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    format: u32,
    created_at: Timestamp,
    /// Check values of every key, by what it is for.
    keys: BTreeMap<String, Vec<String>>,
    collections: Vec<CollectionHead>,
}

/// A collection without its documents.
#[derive(Debug, Serialize, Deserialize)]
struct CollectionHead {
    name: String,
    /// As `create` takes them: validators.
    options: Document,
    /// As `createIndexes` takes them, `_id` left out.
    indexes: Vec<Document>,
}

/// The frame after the documents.
#[derive(Debug, Serialize, Deserialize)]
struct Tail {
    /// Documents by collection, in the order of the head.
    counts: Vec<i64>,
}

/// What was written or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// When the backup was made.
    pub created_at: Timestamp,
    /// Documents by collection.
    pub counts: Vec<(String, u64)>,
}

impl Summary {
    fn of(head: &Head, counts: &[u64]) -> Self {
        let names = head.collections.iter().map(|collection| collection.name.clone());
        Self { created_at: head.created_at, counts: names.zip(counts.iter().copied()).collect() }
    }

    /// All documents.
    pub fn documents(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

/// Check values: who has the key can make them, and nothing else follows from them.
fn checks(keys: &KeyConfig) -> BTreeMap<String, Vec<String>> {
    let values = |keys: &VersionedKeys| {
        let derived = keys.derive("backup key check");
        let values: Vec<String> = derived.iter().map(|(_, key)| hex::encode(&key.as_bytes()[..8])).collect();
        values
    };
    let all = [
        ("SYSTEM_ENCRYPTION_KEY", &keys.system),
        ("SYSTEM_SEARCH_HASH_KEY", &keys.search),
        ("API_KEY_PEPPER", &keys.pepper),
    ];
    all.into_iter().map(|(name, keys)| (name.to_owned(), values(keys))).collect()
}
