//! What must be announced, kept inside the document that changed until it has been relayed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EndpointId, Timestamp, Trail};

/// A document whose outbox holds this many entries takes no further change until some are relayed.
pub const OUTBOX_MAX: usize = 64;

macro_rules! event_types {
    ($($variant:ident => $text:literal,)*) => {
        /// The type of a webhook.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the name of each is its text")]
        pub enum EventType { $($variant,)* }

        impl EventType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it stands in an envelope.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

event_types! {
    SessionCreated => "session.created",
    SessionPaid => "session.paid",
    SessionCompleted => "session.completed",
    SessionExpired => "session.expired",
    SessionCancelled => "session.cancelled",
    OrderCompleted => "order.completed",
    TransactionInitiated => "transaction.initiated",
    TransactionPending => "transaction.pending",
    TransactionAuthorized => "transaction.authorized",
    TransactionSucceeded => "transaction.succeeded",
    TransactionPartiallyRefunded => "transaction.partially_refunded",
    TransactionRefunded => "transaction.refunded",
    TransactionFailed => "transaction.failed",
    TransactionCancelled => "transaction.cancelled",
    TransactionExpired => "transaction.expired",
    TransactionDisputed => "transaction.disputed",
    TransactionLost => "transaction.lost",
    TransactionNeedsReview => "transaction.needs_review",
    RefundPending => "refund.pending",
    RefundSucceeded => "refund.succeeded",
    RefundFailed => "refund.failed",
    RefundUnknown => "refund.unknown",
    DisputeOpened => "dispute.opened",
    DisputeUpdated => "dispute.updated",
    DisputeWon => "dispute.won",
    DisputeLost => "dispute.lost",
    InvoiceIssued => "invoice.issued",
    InvoiceOpened => "invoice.opened",
    InvoicePartiallySettled => "invoice.partially_settled",
    InvoiceSettled => "invoice.settled",
    InvoicePartiallyRefunded => "invoice.partially_refunded",
    InvoiceRefunded => "invoice.refunded",
    InvoiceCredited => "invoice.credited",
    InvoiceFullyCredited => "invoice.fully_credited",
    InvoiceVoided => "invoice.voided",
    InvoiceNeedsReview => "invoice.needs_review",
    CreditNoteIssued => "credit_note.issued",
    ProviderEventReceived => "provider_event.received",
    EndpointDisabled => "webhook_endpoint.disabled",
}

super::text_words!(EventType, "an event type");

/// An announcement that waits to be relayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Rises within the document; with the document's id it names the announcement for ever.
    pub seq: i64,
    /// What happened.
    #[serde(rename = "type")]
    pub event: EventType,
    /// When it was committed.
    pub at: Timestamp,
    /// The endpoints that get it, fixed when it was committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointId>,
    /// Fields as they were at this change, laid over the document when the message is written, so that a
    /// late relay does not tell a newer state under an older name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Changed>,
    /// The request that made the change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trail: Option<Trail>,
}

/// One field as it was at a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Name of a top-level field in the message's data.
    pub field: String,
    /// Its value.
    pub value: ChangedValue,
}

/// A value that an announcement fixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChangedValue {
    /// An amount or a version.
    Number(i64),
    /// A status, an id or a time.
    Text(String),
}

/// The entries of one document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outbox {
    /// Unrelayed entries, oldest first.
    pub entries: Vec<Entry>,
    /// Number of the last entry made.
    pub seq: i64,
    /// When the relay should look, absent when there is nothing to relay. Indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

impl Outbox {
    /// Whether there is room for another change (a change adds at most a handful of entries).
    pub fn has_room(&self) -> bool {
        self.entries.len() < OUTBOX_MAX
    }

    /// Adds an entry.
    pub fn push(&mut self, event: EventType, at: Timestamp, changed: Vec<Changed>) {
        self.seq += 1;
        self.entries.push(Entry { seq: self.seq, event, at, endpoints: Vec::new(), changed, trail: None });
        self.due = Some(at);
    }
}

impl Changed {
    /// A text field.
    pub fn text(field: &str, value: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), value: ChangedValue::Text(value.to_string()) }
    }

    /// A number field.
    pub fn number(field: &str, value: i64) -> Self {
        Self { field: field.to_owned(), value: ChangedValue::Number(value) }
    }
}
