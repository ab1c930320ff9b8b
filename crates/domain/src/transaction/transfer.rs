//! Bank transfers: nobody but a person sees the money come, sometimes in parts.
//!
//! Confirmations are the payment's account book: money that came in, and below zero what corrects it ([`corrections`]).
//! Together they say whether the payment has succeeded. Once it has, it takes no further one: what comes after that is
//! the merchant's to send back.
//!
//! [`corrections`]: super::corrections

use serde::{Deserialize, Serialize};

use super::{
    Payment, PaymentFact, PaymentState, ProviderUpdate, Source, Transaction, TransactionStatus,
    UpdateMismatch,
};
use crate::{ConfirmationId, Money, Timestamp, checkout::Idempotency, provider_account::ProviderKind};

/// At most this many in a transaction.
pub const CONFIRMATIONS_MAX: usize = 100;

/// An entry of a transfer's account book: money that a person has seen arrive, or a correction.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// Its id.
    pub id: ConfirmationId,
    /// Minor units, in the transaction's currency; below zero for a counter-entry and for what was sent back of money
    /// that came too much.
    pub amount: i64,
    /// The entry that this one takes back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reverses: Option<ConfirmationId>,
    /// When it came, as the bank's statement says.
    pub received_at: Timestamp,
    /// The bank's own name of it: the same one counts once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bank_reference: Option<String>,
    /// Words of whoever confirmed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// The record of the request that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idem: Option<Idempotency>,
    /// When it was confirmed.
    pub created_at: Timestamp,
}

/// Whether more money may be confirmed than is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overpayment {
    /// Refused: it may be a slip of the pen.
    Refused,
    /// Whoever confirms it has been asked.
    Allowed,
}

/// Why money cannot be confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmationError {
    /// Its provider says so itself.
    #[error("only bank transfers are confirmed by a person: this payment's provider tells by itself")]
    NotByHand,
    /// All of it has come.
    #[error(
        "this payment has been paid in full: money that came after that is to be sent back from your bank"
    )]
    AlreadyPaid,
    /// Zero or less.
    #[error("the amount must be more than zero")]
    NotPositive,
    /// More than is missing, and nobody said that this is meant.
    #[error("{amount} is {excess} more than is missing ({missing})")]
    ExceedsMissing {
        /// What was to be confirmed.
        amount: Money,
        /// What is missing.
        missing: Money,
        /// What would be too much.
        excess: Money,
    },
    /// More than an amount may be.
    #[error("the amount is too large")]
    TooLarge,
    /// The bank's name of it is known.
    #[error("money with the bank's reference `{0}` has been confirmed already")]
    Known(String),
    /// Too many in one transaction.
    #[error("a transaction takes at most {CONFIRMATIONS_MAX} confirmations")]
    TooMany,
    /// It is not what was agreed; cannot happen, since the amount is our own.
    #[error(transparent)]
    Mismatch(#[from] UpdateMismatch),
}

impl Transaction {
    /// Whether a transfer is waited for.
    pub fn awaits_transfer(&self) -> bool {
        self.status == TransactionStatus::Pending && self.is_confirmed_by_hand()
    }

    /// Whether a transfer is waited for whatever becomes of its checkout's own time: the customer was given until
    /// then, and money that has come in part is not given up by a clock.
    pub fn keeps_waiting(&self, now: Timestamp) -> bool {
        self.awaits_transfer() && (self.expires_at > now || self.received() > 0)
    }

    /// Whether a person says that the money has come.
    pub fn is_confirmed_by_hand(&self) -> bool {
        self.provider_kind.is_some_and(ProviderKind::is_confirmed_by_hand)
    }

    /// Minor units that people have seen arrive, less what was corrected.
    pub fn received(&self) -> i64 {
        self.confirmations.iter().map(|one| one.amount).sum()
    }

    /// Minor units that are still to come; never below zero.
    pub fn outstanding(&self) -> i64 {
        (self.amount - self.received()).max(0)
    }

    /// The customer knows where to transfer: from now on the money is waited for.
    pub fn await_transfer(&mut self, until: Timestamp, now: Timestamp) {
        if self.status != TransactionStatus::Initiated {
            return;
        }
        self.expires_at = until;
        self.payment = Some(Payment { state: PaymentState::Pending, at: now, sticky: false, failure: None });
        self.settle("customer", now);
        self.schedule_reconcile(true, now);
    }

    /// Takes in money that has come. Once all of it has, the payment has succeeded; what came too much, or to a
    /// payment that is over, is flagged.
    pub fn confirm(
        &mut self,
        confirmation: Confirmation,
        overpayment: Overpayment,
        now: Timestamp,
    ) -> Result<(), ConfirmationError> {
        self.may_confirm(&confirmation, overpayment)?;
        self.confirmations.push(confirmation);
        self.updated_at = now;
        let (received, amount, was) = (self.received(), self.amount, self.status);
        if received < amount {
            if !was.is_open() {
                let (came, due) = (self.in_its_currency(received), self.in_its_currency(amount));
                self.flag("underpaid", format!("{came} of {due} came after it was {was}"), now);
            }
            return Ok(());
        }
        let fact =
            PaymentFact { amount: Some(amount), sticky: true, ..PaymentFact::state(PaymentState::Succeeded) };
        let update = ProviderUpdate { payment: Some(fact), ..ProviderUpdate::new(Source::Person, now) };
        self.check(&update)?;
        self.apply(&update, now);
        if received > amount {
            let (came, due) = (self.in_its_currency(received), self.in_its_currency(amount));
            self.flag("overpaid", format!("{came} came, {due} was due"), now);
        }
        // One look more: whoever confirmed may be cut off before the checkout hears of it.
        self.look_once_more(now);
        Ok(())
    }

    pub(super) const fn in_its_currency(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    fn may_confirm(&self, new: &Confirmation, overpayment: Overpayment) -> Result<(), ConfirmationError> {
        if !self.is_confirmed_by_hand() {
            return Err(ConfirmationError::NotByHand);
        }
        if let Some(known) = new.bank_reference.as_ref()
            && self.confirmations.iter().any(|one| one.bank_reference.as_ref() == Some(known))
        {
            return Err(ConfirmationError::Known(known.clone()));
        }
        if self.status.is_paid() {
            return Err(ConfirmationError::AlreadyPaid);
        }
        if new.amount <= 0 {
            return Err(ConfirmationError::NotPositive);
        }
        if new.amount > crate::money::AMOUNT_MAX {
            return Err(ConfirmationError::TooLarge);
        }
        if self.confirmations.len() >= CONFIRMATIONS_MAX {
            return Err(ConfirmationError::TooMany);
        }
        let missing = self.outstanding();
        if overpayment == Overpayment::Refused && new.amount > missing {
            return Err(ConfirmationError::ExceedsMissing {
                amount: self.in_its_currency(new.amount),
                missing: self.in_its_currency(missing),
                excess: self.in_its_currency(new.amount - missing),
            });
        }
        Ok(())
    }
}
