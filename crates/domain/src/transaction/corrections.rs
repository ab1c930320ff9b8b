//! Corrections of a bank transfer's account book: a confirmation that was a mistake, and money that was sent back at
//! the bank. Nothing is taken out: each is an entry of its own, and the payment's facts are worked out anew.

use super::{
    CONFIRMATIONS_MAX, Confirmation, Failure, Payment, PaymentState, REFUNDS_MAX, Refund, RefundState,
    Transaction,
};
use crate::{
    ConfirmationId, Money, RefundId, Timestamp,
    checkout::Idempotency,
    outbox::{Changed, EventType},
};

/// Entries of a book, counter-entries included: every confirmation can be taken back.
const ENTRIES_MAX: usize = 2 * CONFIRMATIONS_MAX;

/// Why a correction is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorrectionError {
    /// Its provider moves the money itself.
    #[error("only of bank transfers money is recorded by hand: this payment's provider moves it itself")]
    NotByHand,
    /// There is no such entry.
    #[error("there is no such confirmation")]
    Unknown,
    /// A counter-entry, or what was sent back.
    #[error("this entry is a correction itself: confirm the money again instead")]
    IsCorrection,
    /// It was taken back before.
    #[error("this confirmation is taken back already")]
    Reversed,
    /// The money went back to the customer: then it did come.
    #[error("money of this payment was sent back, so it did come: this confirmation cannot be taken back")]
    SentBack,
    /// Nothing was paid, or nothing is left.
    #[error("nothing of this payment is left to send back")]
    NothingLeft,
    /// More than is left.
    #[error("at most {available} can have been sent back, not {requested}")]
    ExceedsBalance {
        /// What was named.
        requested: Money,
        /// What is left: all that came, less what was sent back.
        available: Money,
    },
    /// Zero or less.
    #[error("the amount must be more than zero")]
    NotPositive,
    /// The bank's name of it is known.
    #[error("an entry with the bank's reference `{0}` is recorded already")]
    Known(String),
    /// Too many in one transaction.
    #[error("a transaction takes at most {ENTRIES_MAX} entries and {REFUNDS_MAX} refunds")]
    TooMany,
}

/// Money that was sent back at the bank.
#[derive(Debug, Clone)]
pub struct SentBack {
    /// The id of the refund that it makes.
    pub refund_id: RefundId,
    /// The id of the entry that it makes.
    pub entry_id: ConfirmationId,
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    /// When, as the bank's statement says.
    pub at: Timestamp,
    /// The bank's own name of it.
    pub bank_reference: Option<String>,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// The record of the request.
    pub idem: Option<Idempotency>,
}

/// What money that was sent back came to: what came too much goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentBackEntries {
    /// The entry of what had come too much.
    pub entry: Option<ConfirmationId>,
    /// The refund of the payment itself.
    pub refund: Option<RefundId>,
}

impl Transaction {
    /// Minor units that can have been sent back: what came too much, and what is left of the payment.
    pub fn returnable(&self) -> i64 {
        if !self.is_confirmed_by_hand() || !self.status.is_paid() {
            return 0;
        }
        self.refundable().max(0) + self.excess()
    }

    /// Minor units that came beyond what was due and are still here.
    pub fn excess(&self) -> i64 {
        (self.received() - self.amount).max(0)
    }

    /// Whether an entry can still be taken back.
    pub fn is_reversible(&self, entry: &Confirmation) -> bool {
        self.may_reverse(entry).is_ok()
    }

    /// Takes a confirmation back by a counter-entry. A payment that no longer reaches its amount has failed: whoever
    /// was told that it was paid is told so.
    pub fn reverse_confirmation(
        &mut self,
        of: ConfirmationId,
        entry: Confirmation,
        now: Timestamp,
    ) -> Result<(), CorrectionError> {
        if !self.is_confirmed_by_hand() {
            return Err(CorrectionError::NotByHand);
        }
        let original = self.confirmations.iter().find(|one| one.id == of).ok_or(CorrectionError::Unknown)?;
        let amount = original.amount;
        self.may_reverse(original)?;
        self.confirmations.push(Confirmation { amount: -amount, reverses: Some(of), ..entry });
        self.updated_at = now;
        let received = self.received();
        if received <= self.amount {
            self.unflag("overpaid", now);
        }
        if self.status.is_paid() && received < self.amount {
            self.fail_for_want_of_money(now);
            if received > 0 {
                let (came, due) = (self.in_its_currency(received), self.in_its_currency(self.amount));
                self.flag(
                    "underpaid",
                    format!("{came} of {due} is left after a confirmation was taken back"),
                    now,
                );
            }
        }
        self.schedule_reconcile(true, now);
        Ok(())
    }

    fn may_reverse(&self, original: &Confirmation) -> Result<(), CorrectionError> {
        if original.amount <= 0 || original.reverses.is_some() {
            return Err(CorrectionError::IsCorrection);
        }
        if self.confirmations.iter().any(|one| one.reverses == Some(original.id)) {
            return Err(CorrectionError::Reversed);
        }
        let left = self.received() - original.amount;
        let gives_back = self.refunds.iter().any(|refund| refund.state != RefundState::Failed);
        if left < 0 || (left < self.amount && gives_back) {
            return Err(CorrectionError::SentBack);
        }
        if self.confirmations.len() >= ENTRIES_MAX {
            return Err(CorrectionError::TooMany);
        }
        Ok(())
    }

    fn fail_for_want_of_money(&mut self, now: Timestamp) {
        let at = self.payment.as_ref().map_or(now, |payment| payment.at.max(now));
        let message = "the confirmation that the money had come was taken back".to_owned();
        let failure = Some(Failure { code: "confirmation_reversed".to_owned(), message: message.into() });
        self.payment = Some(Payment { state: PaymentState::Failed, at, sticky: true, failure });
        self.captured = 0;
        self.settle("person", now);
    }

    /// Records money that was sent back at the bank. What had come too much goes first and leaves the payment as it
    /// is; the rest is a refund, which has succeeded.
    pub fn record_sent_back(
        &mut self,
        sent: SentBack,
        now: Timestamp,
    ) -> Result<SentBackEntries, CorrectionError> {
        let amount = self.may_send_back(&sent)?;
        let of_excess = amount.min(self.excess());
        let of_payment = amount - of_excess;
        let entry = (of_excess > 0).then_some(sent.entry_id);
        if let Some(id) = entry {
            self.confirmations.push(Confirmation {
                id,
                amount: -of_excess,
                reverses: None,
                received_at: sent.at,
                bank_reference: sent.bank_reference.clone(),
                note: sent.reason.clone(),
                idem: sent.idem.clone(),
                created_at: now,
            });
            if self.excess() == 0 {
                self.unflag("overpaid", now);
            }
        }
        let refund = (of_payment > 0).then_some(sent.refund_id);
        if let Some(id) = refund {
            self.refunds.push(Refund {
                id,
                reference: sent.bank_reference,
                amount: of_payment,
                state: RefundState::Succeeded,
                reason: sent.reason,
                failure: None,
                imported: true,
                idem: if entry.is_some() { None } else { sent.idem },
                at: sent.at,
                created_at: now,
                updated_at: now,
            });
            let changed = vec![Changed::text("refundId", id), Changed::text("refundStatus", "succeeded")];
            self.outbox.push(EventType::RefundSucceeded, now, changed);
            self.settle("person", now);
        }
        self.updated_at = now;
        Ok(SentBackEntries { entry, refund })
    }

    /// The amount, where it may be recorded.
    fn may_send_back(&self, sent: &SentBack) -> Result<i64, CorrectionError> {
        if !self.is_confirmed_by_hand() {
            return Err(CorrectionError::NotByHand);
        }
        if let Some(known) = &sent.bank_reference {
            let of_refund = self.refunds.iter().filter_map(|refund| refund.reference.as_ref());
            let of_entry = self.confirmations.iter().filter_map(|one| one.bank_reference.as_ref());
            if of_refund.chain(of_entry).any(|one| one == known) {
                return Err(CorrectionError::Known(known.clone()));
            }
        }
        let available = self.returnable();
        if available == 0 {
            return Err(CorrectionError::NothingLeft);
        }
        let amount = sent.amount.unwrap_or(available);
        if amount <= 0 {
            return Err(CorrectionError::NotPositive);
        }
        if amount > available {
            let (requested, available) = (self.in_its_currency(amount), self.in_its_currency(available));
            return Err(CorrectionError::ExceedsBalance { requested, available });
        }
        if self.confirmations.len() >= ENTRIES_MAX || self.refunds.len() >= REFUNDS_MAX {
            return Err(CorrectionError::TooMany);
        }
        Ok(amount)
    }
}
