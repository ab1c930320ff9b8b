//! The statuses of a document and the changes between them.

use crate::outbox::EventType;

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum InvoiceStatus {
    Draft,
    Issued,
    Open,
    PartiallySettled,
    Settled,
    PartiallyRefunded,
    Refunded,
    Credited,
    Voided,
}

use InvoiceStatus as S;

/// A change that the lifecycle does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an invoice that is {} cannot become {}", from.as_str(), to.as_str())]
pub struct InvalidTransition {
    /// The status it has.
    pub from: InvoiceStatus,
    /// The status asked for.
    pub to: InvoiceStatus,
}

impl InvoiceStatus {
    /// Every status.
    pub const ALL: &[Self] = &[
        S::Draft,
        S::Issued,
        S::Open,
        S::PartiallySettled,
        S::Settled,
        S::PartiallyRefunded,
        S::Refunded,
        S::Credited,
        S::Voided,
    ];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            S::Draft => "draft",
            S::Issued => "issued",
            S::Open => "open",
            S::PartiallySettled => "partially_settled",
            S::Settled => "settled",
            S::PartiallyRefunded => "partially_refunded",
            S::Refunded => "refunded",
            S::Credited => "credited",
            S::Voided => "voided",
        }
    }

    /// Whether it has its number and counts.
    pub const fn is_issued(self) -> bool {
        !matches!(self, S::Draft | S::Voided)
    }

    /// The lifecycle. A draft gets its number or is thrown away; afterwards payment, refund and credit move it
    /// in both directions, since payments fail late and refunds bounce. What is voided stays so.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            S::Draft => matches!(next, S::Issued | S::Voided),
            S::Voided => false,
            _ => !matches!(next, S::Draft | S::Issued),
        }
    }

    /// The announcement of taking this status by money or credit.
    pub const fn event(self) -> Option<EventType> {
        match self {
            S::Draft | S::Issued => None,
            S::Open => Some(EventType::InvoiceOpened),
            S::PartiallySettled => Some(EventType::InvoicePartiallySettled),
            S::Settled => Some(EventType::InvoiceSettled),
            S::PartiallyRefunded => Some(EventType::InvoicePartiallyRefunded),
            S::Refunded => Some(EventType::InvoiceRefunded),
            // The credit itself has been announced.
            S::Credited => Some(EventType::InvoiceFullyCredited),
            S::Voided => Some(EventType::InvoiceVoided),
        }
    }
}

crate::text_words!(InvoiceStatus, "an invoice status");
