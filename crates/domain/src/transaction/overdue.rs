//! What has been open for so long that a person must look at it.

use std::{fmt, time::Duration};

use super::{Operation, RefundState, Transaction, TransactionStatus};
use crate::{Money, Timestamp};

/// For how long after it was decided a refund is sent again. Stripe forgets idempotency keys after 24 hours; what is sent
/// after that is a second refund.
pub const REFUND_SENT_AGAIN_FOR: Duration = Duration::from_hours(20);

/// How long a capture or cancel may stay unknown.
const OPERATION_UNKNOWN_FOR: Duration = Duration::from_hours(24);

/// How long money may be on its way. Bank debits take up to two weeks.
const PENDING_FOR: Duration = Duration::from_hours(14 * 24);

/// How long after its end a payment may stay without an answer.
const INITIATED_AFTER_END: Duration = Duration::from_hours(48);

/// How long before an authorization ends somebody is told. Such payments are looked at once a day.
const NOTICE: Duration = Duration::from_hours(48);

/// Why a person must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Nobody knows whether the provider has made a refund, and it is too late to send it again.
    RefundUnknown,
    /// The provider has not said how it ended.
    OutcomeUnknown,
    /// A bank transfer that did not come in full.
    Underpaid {
        /// What came.
        received: Money,
        /// What is due.
        amount: Money,
    },
    /// Authorized money that nobody has taken yet.
    AuthorizationEnds {
        /// How long such an authorization lasts.
        days: u64,
    },
}

impl Overdue {
    /// A stable word for `needsReview`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::RefundUnknown => "refund_unknown",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Underpaid { .. } => "underpaid",
            Self::AuthorizationEnds { .. } => "authorization_ends",
        }
    }
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefundUnknown => f.write_str(
                "the provider has not said whether it made a refund, and it is not sent again: look there, then cancel \
                 the refund here if it was not made",
            ),
            Self::OutcomeUnknown => f.write_str("the provider has not said how it ended"),
            Self::Underpaid { received, amount } => {
                write!(f, "{received} of {amount} came in time")
            }
            Self::AuthorizationEnds { days } => {
                write!(f, "the provider keeps an authorization for about {days} days: capture it, or cancel it")
            }
        }
    }
}

impl Transaction {
    /// What is overdue at this moment. `authorization_lasts` is how long the provider keeps authorized money.
    pub fn overdue(&self, authorization_lasts: Option<Duration>, now: Timestamp) -> Vec<Overdue> {
        use TransactionStatus as S;
        let mut found = Vec::new();
        let is_lost = |since| now.since(since) > REFUND_SENT_AGAIN_FOR;
        if self.refunds.iter().any(|refund| refund.is_in_doubt() && is_lost(refund.created_at)) {
            found.push(Overdue::RefundUnknown);
        }
        let unknown = |one: &Operation| one.is_running() && now.since(one.created_at) > OPERATION_UNKNOWN_FOR;
        let is_unknown = self.operations.iter().any(unknown)
            || match self.status {
                S::Pending if self.is_confirmed_by_hand() => now > self.expires_at,
                S::Pending => now.since(self.created_at) > PENDING_FOR,
                S::Initiated => now.since(self.expires_at) > INITIATED_AFTER_END,
                _ => false,
            };
        if is_unknown && self.awaits_transfer() {
            found.push(Overdue::Underpaid {
                received: self.in_its_currency(self.received()),
                amount: self.in_its_currency(self.amount),
            });
        } else if is_unknown {
            found.push(Overdue::OutcomeUnknown);
        }
        let became = self.history.iter().rev().find(|change| change.status == self.status);
        let authorized = became.filter(|_| self.status == S::Authorized);
        if let (Some(authorized), Some(lasts)) = (authorized, authorization_lasts)
            && now.since(authorized.at) > lasts.saturating_sub(NOTICE)
        {
            found.push(Overdue::AuthorizationEnds { days: lasts.as_secs() / (24 * 3600) });
        }
        found
    }

    /// Takes back what a person was asked to look at because of time, where it has come to an end.
    pub(super) fn unflag_overdue(&mut self, now: Timestamp) {
        let is_running = |state| matches!(state, RefundState::NotSent | RefundState::Unknown);
        if !self.refunds.iter().any(|refund| is_running(refund.state)) {
            self.unflag(Overdue::RefundUnknown.reason(), now);
        }
        if self.status != TransactionStatus::Authorized {
            self.unflag(Overdue::AuthorizationEnds { days: 0 }.reason(), now);
        }
        let is_open = self.status.is_open() || self.operations.iter().any(Operation::is_running);
        if !is_open {
            self.unflag(Overdue::OutcomeUnknown.reason(), now);
        }
    }
}
