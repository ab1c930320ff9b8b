//! A payment as the order sees it.

use serde::{Deserialize, Serialize};

use crate::{CheckoutId, Timestamp, TransactionId};

/// Where a payment stands, as far as the order is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Begun; no money is on its way as far as anybody knows.
    Begun,
    /// Pending or authorized.
    OnItsWay,
    /// Captured, less refunds that succeeded and disputes that are open or lost, is more than zero.
    Holding,
    /// Failed, also after it had succeeded.
    Failed,
    /// Cancelled or expired.
    Ended,
    /// Nothing is held any more, since it went back.
    Refunded,
    /// Nothing is held any more, since it was charged back.
    ChargedBack,
}

/// Where a dispute stands. Inquiries are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStage {
    /// Opened; the merchant may answer.
    Open,
    /// The merchant answered.
    UnderReview,
    /// Decided for the merchant, or withdrawn.
    Won,
    /// The merchant accepted it.
    Accepted,
    /// Decided for the customer.
    Lost,
}

impl DisputeStage {
    /// As it stands in version 1.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Accepted => "accepted",
            Self::Lost => "lost",
        }
    }
}

/// A dispute as version 1 speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeWord {
    /// Where it stands.
    pub stage: DisputeStage,
    /// Its id at the provider.
    pub id: String,
}

/// What a transaction says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentFacts {
    /// The transaction.
    pub id: TransactionId,
    /// The checkout that it pays.
    pub checkout: CheckoutId,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// The number of the transaction's last announcement: what was said later replaces what is known.
    pub version: i64,
    /// Where it stands.
    pub standing: Standing,
    /// When it first succeeded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub succeeded_at: Option<Timestamp>,
    /// The dispute that was heard of last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dispute: Option<DisputeWord>,
    /// Money is held, and a part of it is in an open or lost dispute.
    #[serde(skip_serializing_if = "is_false", default)]
    pub disputed_in_part: bool,
}

impl PaymentFacts {
    /// Whether it holds money.
    pub fn holds(&self) -> bool {
        self.standing == Standing::Holding
    }

    /// Orders payments by when they were begun.
    pub(super) const fn begun(&self) -> (Timestamp, TransactionId) {
        (self.begun_at, self.id)
    }

    /// Orders payments by when they succeeded.
    pub(super) fn succeeded(&self) -> (Timestamp, TransactionId) {
        (self.succeeded_at.unwrap_or(self.begun_at), self.id)
    }
}

/// A payment, and what the shop was told of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about what was said")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// What the transaction says.
    pub facts: PaymentFacts,
    /// The last integer that was said about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub told: Option<i8>,
    /// Whether −2, 2, 3 or 4 was said about it (R8).
    #[serde(skip_serializing_if = "is_false", default)]
    pub end_told: bool,
    /// Whether a 1 about it has left: the shop may have acted on it.
    #[serde(skip_serializing_if = "is_false", default)]
    pub success_sent: bool,
    /// The stage of its dispute that was said last (version 1).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dispute_told: Option<DisputeStage>,
    /// Whether a 4 was said about it.
    #[serde(skip_serializing_if = "is_false", default)]
    pub charged_back_told: bool,
    /// A receiver is known that does not act on what was said about it last.
    #[serde(skip_serializing_if = "is_false", default)]
    pub may_not_be_followed: bool,
    /// A 1 was said about it again, after one that has left.
    #[serde(skip_serializing_if = "is_false", default)]
    pub success_again: bool,
    /// The receiver refuses that second 1.
    #[serde(skip_serializing_if = "is_false", default)]
    pub refused: bool,
}

impl Payment {
    pub(super) const fn new(facts: PaymentFacts) -> Self {
        Self {
            facts,
            told: None,
            end_told: false,
            success_sent: false,
            success_again: false,
            dispute_told: None,
            charged_back_told: false,
            may_not_be_followed: false,
            refused: false,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}
