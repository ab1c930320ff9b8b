//! Refunds: objects of their own inside a transaction, with a state of their own.

use serde::{Deserialize, Serialize};

use super::{Failure, ProviderUpdate, RefundFact, RefundState, Source, Transaction, TransactionStatus};
use crate::{
    Money, RefundId, Timestamp,
    checkout::Idempotency,
    derived_id,
    outbox::{Changed, EventType},
};

/// At most this many refunds in a transaction.
pub const REFUNDS_MAX: usize = 100;

/// A refund.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// Its id; also the provider's idempotency key.
    pub id: RefundId,
    /// The provider's id, once it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    /// Minor units.
    pub amount: i64,
    /// Where it stands.
    pub state: RefundState,
    /// The merchant's reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// Made in the provider's dashboard, not through this gateway.
    #[serde(default)]
    pub imported: bool,
    /// The record of the request that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idem: Option<Idempotency>,
    /// The provider's time of the newest statement about it; ours until it speaks.
    pub at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Refund {
    /// Whether nobody knows that the provider has it: it may be sent again, or called off.
    pub const fn is_in_doubt(&self) -> bool {
        matches!(self.state, RefundState::NotSent | RefundState::Unknown) && self.reference.is_none()
    }
}

/// A refund that is asked for.
#[derive(Debug, Clone)]
pub struct RefundRequest {
    /// Its id.
    pub id: RefundId,
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// The record of the request.
    pub idem: Option<Idempotency>,
}

/// Why a refund is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// No money was taken, or it is disputed.
    #[error("a transaction that is {0} cannot be refunded")]
    Status(TransactionStatus),
    /// More than is left.
    #[error("at most {available} can be refunded, not {requested}")]
    ExceedsBalance {
        /// Asked for.
        requested: Money,
        /// Left: captured less refunds that succeeded, run or are unknown.
        available: Money,
    },
    /// Zero or less.
    #[error("the amount to refund must be more than zero")]
    NotPositive,
    /// Too many refunds in one transaction.
    #[error("a transaction takes at most {REFUNDS_MAX} refunds")]
    TooMany,
}

impl Transaction {
    /// What can still be refunded. Everything that may have left counts: also a refund that was decided
    /// but not sent, or two of them could exceed the balance together, and what is disputed or lost.
    pub fn refundable(&self) -> i64 {
        if !Self::may_be_refunded(self.status) {
            return 0;
        }
        (self.captured - self.reserved() - self.in_dispute()).max(0)
    }

    /// Minor units of refunds that have succeeded, run, or may have.
    pub fn reserved(&self) -> i64 {
        let refunds = self.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
        refunds.map(|refund| refund.amount).sum::<i64>().max(self.refunded)
    }

    /// Whether a refund can be asked for at all. Of a payment that is disputed in part the rest can be refunded; while
    /// the bank only asks, everything can, which is how a chargeback is avoided.
    const fn may_be_refunded(status: TransactionStatus) -> bool {
        use TransactionStatus as S;
        matches!(status, S::Succeeded | S::PartiallyRefunded | S::Disputed)
    }

    /// Decides a refund: not sent yet, but its money is reserved.
    pub fn request_refund(&mut self, request: RefundRequest, now: Timestamp) -> Result<(), RefundError> {
        let available = self.refundable();
        let is_disputed = self.status == TransactionStatus::Disputed && available == 0;
        if !Self::may_be_refunded(self.status) || is_disputed {
            return Err(RefundError::Status(self.status));
        }
        let amount = request.amount.unwrap_or(available);
        if request.amount.is_some_and(|amount| amount <= 0) {
            return Err(RefundError::NotPositive);
        }
        if amount > available || available <= 0 {
            let (requested, available) =
                (self.in_its_currency(amount), self.in_its_currency(available.max(0)));
            return Err(RefundError::ExceedsBalance { requested, available });
        }
        if self.refunds.len() >= REFUNDS_MAX {
            return Err(RefundError::TooMany);
        }
        self.refunds.push(Refund {
            id: request.id,
            reference: None,
            amount,
            state: RefundState::NotSent,
            reason: request.reason,
            failure: None,
            imported: false,
            idem: request.idem,
            at: Timestamp::default(),
            created_at: now,
            updated_at: now,
        });
        self.updated_at = now;
        Ok(())
    }

    /// A refund of ours by its id.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|r| r.id == id)
    }

    /// Records that nobody knows whether the provider has a refund. Answers whether that is news.
    pub fn mark_refund_unknown(&mut self, id: RefundId, now: Timestamp) -> bool {
        let Some(refund) = self.refunds.iter_mut().find(|r| r.id == id) else { return false };
        if refund.state != RefundState::NotSent {
            return false;
        }
        refund.state = RefundState::Unknown;
        refund.updated_at = now;
        self.updated_at = now;
        let changed = vec![Changed::text("refundId", id), Changed::text("refundStatus", "unknown")];
        self.outbox.push(EventType::RefundUnknown, now, changed);
        true
    }

    /// Records that a refund was not made: the provider refused it before taking it, or a person calls it off.
    pub fn reject_refund(&mut self, id: RefundId, failure: Failure, now: Timestamp) {
        let Some(refund) = self.refunds.iter_mut().find(|r| r.id == id) else { return };
        if !matches!(refund.state, RefundState::NotSent | RefundState::Unknown) {
            return;
        }
        refund.state = RefundState::Failed;
        refund.failure = Some(failure);
        refund.updated_at = now;
        self.updated_at = now;
        let changed = vec![Changed::text("refundId", id), Changed::text("refundStatus", "failed")];
        self.outbox.push(EventType::RefundFailed, now, changed);
        self.settle("api", now);
    }

    /// Takes in what a provider says of one refund; unknown ones were made in its dashboard.
    pub(super) fn take_refund(&mut self, fact: &RefundFact, update: &ProviderUpdate, now: Timestamp) -> bool {
        let at = fact.at.unwrap_or(update.at);
        let position = self.refunds.iter().position(|r| {
            r.reference.as_ref() == Some(&fact.reference) || fact.refund_id.is_some_and(|id| r.id == id)
        });
        let Some(index) = position else {
            return self.import_refund(fact, at, now);
        };
        let refund = &mut self.refunds[index];
        let mut changed = false;
        if refund.reference.is_none() {
            refund.reference = Some(fact.reference.clone());
            changed = true;
        }
        let ours_only = matches!(refund.state, RefundState::NotSent | RefundState::Unknown);
        let newer = ours_only
            || update.source == Source::Fetch
            || (at, fact.state.rank()) > (refund.at, refund.state.rank());
        if !newer {
            return changed;
        }
        let new_time = refund.at.max(at);
        changed |= new_time != refund.at;
        refund.at = new_time;
        if refund.state == fact.state {
            return changed;
        }
        refund.state = fact.state;
        refund.failure.clone_from(&fact.failure);
        refund.updated_at = now;
        let id = refund.id;
        self.announce_refund(id, fact.state, now);
        true
    }

    fn import_refund(&mut self, fact: &RefundFact, at: Timestamp, now: Timestamp) -> bool {
        let Some(amount) = fact.amount.filter(|amount| *amount > 0) else { return false };
        if self.refunds.len() >= REFUNDS_MAX {
            self.flag("too_many_refunds", "the provider reports more refunds than are kept", now);
            return false;
        }
        let id = fact.refund_id.unwrap_or_else(|| imported_refund_id(self, &fact.reference));
        self.refunds.push(Refund {
            id,
            reference: Some(fact.reference.clone()),
            amount,
            state: fact.state,
            reason: None,
            failure: fact.failure.clone(),
            imported: true,
            idem: None,
            at,
            created_at: now,
            updated_at: now,
        });
        self.announce_refund(id, fact.state, now);
        true
    }

    fn announce_refund(&mut self, id: RefundId, state: RefundState, now: Timestamp) {
        let event = match state {
            RefundState::Pending => EventType::RefundPending,
            RefundState::Succeeded => EventType::RefundSucceeded,
            RefundState::Failed => EventType::RefundFailed,
            RefundState::NotSent | RefundState::Unknown => return,
        };
        let changed = vec![Changed::text("refundId", id), Changed::text("refundStatus", state.as_str())];
        self.outbox.push(event, now, changed);
    }
}

/// The same for every delivery of the same news: derived from transaction and reference.
fn imported_refund_id(transaction: &Transaction, reference: &str) -> RefundId {
    RefundId::from_bytes(derived_id(&[b"imported-refund", &transaction.id.bytes(), reference.as_bytes()]))
}
