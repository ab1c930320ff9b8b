//! A merchant's own key-value pairs. Kept as a list of `{k, v}`, since keys may hold dots and dollars
//! and one index can then serve look-ups by any key.

use serde::{Deserialize, Serialize};

/// At most this many pairs.
pub const KEYS_MAX: usize = 50;
/// Longest key, in characters.
pub const KEY_CHARS_MAX: usize = 40;
/// Longest value, in characters.
pub const VALUE_CHARS_MAX: usize = 500;

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Key.
    pub k: String,
    /// Value.
    pub v: String,
}

/// The pairs, in the merchant's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub Vec<Pair>);

impl Metadata {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs as a JSON object, as the merchant sent them.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.0.iter().map(|p| (p.k.clone(), serde_json::Value::String(p.v.clone()))).collect()
    }
}
