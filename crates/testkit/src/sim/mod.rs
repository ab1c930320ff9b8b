//! What all provider simulators share: the loopback server, the journal, the faults, webhook delivery.
//!
//! A simulator's state stands under one mutex and every request is applied as a whole while it is held, so a
//! journal's order is the order of effects. The lock is never held across an await.

mod clock;
mod engine;
mod faults;
mod journal;
mod server;
mod webhook;

pub(crate) use clock::{date, iso_ms};
pub(crate) use engine::{ApiRequest, Page, Provider, Reply};
pub use engine::{Sim, SimError};
pub use faults::Fault;
pub use journal::{HEADERS_OF_INTEREST, JournalEntry};
pub(crate) use server::{Connection, Server};
pub use webhook::{DeliveryPolicy, DeliveryRecord, Dialect};

use rand::Rng;
use rand::distr::Alphanumeric;

/// An id that sorts by creation: prefix, counter, random letters.
pub(crate) fn new_id(prefix: &str, counter: u64, random_length: usize) -> String {
    let random: String = rand::rng().sample_iter(Alphanumeric).take(random_length).map(char::from).collect();
    format!("{prefix}{counter:06}{random}")
}

/// Escapes text for use in HTML, attributes included.
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Installs the process-wide TLS provider; a second call changes nothing.
pub(crate) fn install_tls_provider() {
    // An error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
