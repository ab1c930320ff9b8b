//! The statuses of a transaction and the changes between them.

use crate::outbox::EventType;

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum TransactionStatus {
    Initiated,
    Pending,
    Authorized,
    Succeeded,
    PartiallyRefunded,
    Refunded,
    Failed,
    Cancelled,
    Expired,
    Disputed,
    Lost,
}

use TransactionStatus as S;

impl TransactionStatus {
    /// Every status.
    pub const ALL: &[Self] = &[
        S::Initiated,
        S::Pending,
        S::Authorized,
        S::Succeeded,
        S::PartiallyRefunded,
        S::Refunded,
        S::Failed,
        S::Cancelled,
        S::Expired,
        S::Disputed,
        S::Lost,
    ];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            S::Initiated => "initiated",
            S::Pending => "pending",
            S::Authorized => "authorized",
            S::Succeeded => "succeeded",
            S::PartiallyRefunded => "partially_refunded",
            S::Refunded => "refunded",
            S::Failed => "failed",
            S::Cancelled => "cancelled",
            S::Expired => "expired",
            S::Disputed => "disputed",
            S::Lost => "lost",
        }
    }

    /// Whether the customer may still pay, or the merchant still capture.
    pub const fn is_open(self) -> bool {
        matches!(self, S::Initiated | S::Pending | S::Authorized)
    }

    /// Whether it was ended, by a person or by time, before money was taken.
    pub const fn ended_unpaid(self) -> bool {
        matches!(self, S::Cancelled | S::Expired)
    }

    /// Whether money was taken, whatever became of it later.
    pub const fn is_paid(self) -> bool {
        matches!(self, S::Succeeded | S::PartiallyRefunded | S::Refunded | S::Disputed | S::Lost)
    }

    /// The announcement of taking this status.
    pub const fn event(self) -> EventType {
        match self {
            S::Initiated => EventType::TransactionInitiated,
            S::Pending => EventType::TransactionPending,
            S::Authorized => EventType::TransactionAuthorized,
            S::Succeeded => EventType::TransactionSucceeded,
            S::PartiallyRefunded => EventType::TransactionPartiallyRefunded,
            S::Refunded => EventType::TransactionRefunded,
            S::Failed => EventType::TransactionFailed,
            S::Cancelled => EventType::TransactionCancelled,
            S::Expired => EventType::TransactionExpired,
            S::Disputed => EventType::TransactionDisputed,
            S::Lost => EventType::TransactionLost,
        }
    }

    /// The lifecycle: whether one status may directly follow another.
    ///
    /// Beside the contract's table: an authorization may expire; money may come after failure,
    /// cancellation and expiry ("late success"); a failed debit may be tried again by the bank's own
    /// rules (`GoCardless`: failed → pending); a refunded payment may still be disputed.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            S::Initiated => matches!(
                next,
                S::Pending | S::Authorized | S::Succeeded | S::Failed | S::Cancelled | S::Expired
            ),
            S::Pending => {
                matches!(next, S::Authorized | S::Succeeded | S::Failed | S::Cancelled | S::Expired)
            }
            S::Authorized => matches!(next, S::Succeeded | S::Cancelled | S::Failed | S::Expired),
            S::Succeeded => matches!(next, S::PartiallyRefunded | S::Refunded | S::Disputed | S::Failed),
            S::PartiallyRefunded => matches!(next, S::Succeeded | S::Refunded | S::Disputed | S::Failed),
            S::Refunded => matches!(next, S::Succeeded | S::PartiallyRefunded | S::Disputed),
            S::Failed => matches!(next, S::Pending | S::Succeeded | S::Cancelled),
            S::Cancelled | S::Expired => matches!(next, S::Succeeded),
            S::Disputed => {
                matches!(next, S::Succeeded | S::PartiallyRefunded | S::Refunded | S::Lost | S::Failed)
            }
            S::Lost => false,
        }
    }

    /// The statuses passed on the way to another, the last one included: events may be lost or late, so
    /// that a refund can be the first thing heard of a payment. Empty where no way leads there, or none
    /// is needed.
    pub fn path_to(self, to: Self) -> &'static [Self] {
        if self == to {
            return &[];
        }
        if self.may_become(to) {
            return match to {
                S::Initiated => &[],
                S::Pending => &[S::Pending],
                S::Authorized => &[S::Authorized],
                S::Succeeded => &[S::Succeeded],
                S::PartiallyRefunded => &[S::PartiallyRefunded],
                S::Refunded => &[S::Refunded],
                S::Failed => &[S::Failed],
                S::Cancelled => &[S::Cancelled],
                S::Expired => &[S::Expired],
                S::Disputed => &[S::Disputed],
                S::Lost => &[S::Lost],
            };
        }
        match to {
            S::PartiallyRefunded if self.may_become(S::Succeeded) => &[S::Succeeded, S::PartiallyRefunded],
            S::Refunded if self.may_become(S::Succeeded) => &[S::Succeeded, S::Refunded],
            S::Disputed if self.may_become(S::Succeeded) => &[S::Succeeded, S::Disputed],
            S::Lost if self.may_become(S::Disputed) => &[S::Disputed, S::Lost],
            S::Lost if self.may_become(S::Succeeded) => &[S::Succeeded, S::Disputed, S::Lost],
            _ => &[],
        }
    }
}

crate::text_words!(TransactionStatus, "a transaction status");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_every_path_is_in_the_lifecycle() {
        for &from in S::ALL {
            for &to in S::ALL {
                let mut at = from;
                for &step in from.path_to(to) {
                    assert!(at.may_become(step), "{from} → {to}: {at} → {step}");
                    at = step;
                }
                if !from.path_to(to).is_empty() {
                    assert_eq!(at, to);
                }
            }
        }
    }

    #[test]
    fn nothing_follows_a_lost_dispute_and_nothing_returns_to_initiated() {
        for &status in S::ALL {
            assert!(!S::Lost.may_become(status));
            assert!(!status.may_become(S::Initiated));
        }
    }
}
