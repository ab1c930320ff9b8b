//! What reached the simulated provider, in the order in which it took effect.

use std::collections::BTreeMap;

use serde_json::Value;

use super::faults::Fault;

/// One request to the simulated API (the hosted pages, which belong to the customer's browser, are not here).
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// Position in the journal, from 0.
    pub seq: usize,
    /// When it was handled, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// HTTP method, in capitals.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query and form parameters, decoded, under the names they came with (`line_items[0][quantity]`).
    pub params: BTreeMap<String, String>,
    /// The JSON body, where there is one.
    pub json: Option<Value>,
    /// Headers of interest, names in lower case: see [`HEADERS_OF_INTEREST`].
    pub headers: BTreeMap<String, String>,
    /// The status that was sent; `None` if the client never got an answer.
    pub status: Option<u16>,
    /// Whether the request reached the provider's logic (a refused request did, one lost before did not).
    pub applied: bool,
    /// Whether the answer was a stored one, or a conflict that points at what the key made before.
    pub replayed: bool,
    /// The fault that was injected, if any.
    pub fault: Option<Fault>,
}

impl JournalEntry {
    /// The idempotency key, if the request had one.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.headers.get("idempotency-key").map(String::as_str)
    }

    /// `METHOD /path`, for counting and for messages.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The request headers that the journal keeps.
pub const HEADERS_OF_INTEREST: [&str; 7] = [
    "authorization",
    "content-type",
    "gocardless-version",
    "idempotency-key",
    "stripe-account",
    "stripe-version",
    "user-agent",
];
