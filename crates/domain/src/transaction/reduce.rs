//! From statements to a status.
//!
//! Every object (the payment, each refund, each dispute, the stated total) keeps the newest statement
//! about itself: by the provider's time, and at the same time by rank. That is commutative, associative
//! and idempotent, so any order and any number of deliveries ends in the same facts. A fetched snapshot
//! stands above them, because its writer proves (by compare-and-set on the version read before the
//! fetch) that it is as new as all of them. The status is then a pure function of the facts.

use super::{
    Attempt, Dispute, DisputeFact, DisputeState, Payment, PaymentFact, PaymentState, ProviderUpdate,
    RefundState, Source, StatedTotal, StatusChange, Transaction, TransactionStatus,
};
use crate::{
    Money, Timestamp,
    checkout::CaptureMethod,
    outbox::{Changed, EventType},
    transaction::{ATTEMPTS_MAX, HISTORY_MAX},
};

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Something is different from before and must be stored.
    pub changed: bool,
    /// The status is another.
    pub status_changed: bool,
}

/// A statement that does not fit the transaction: nothing of it is applied, a person looks at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateMismatch {
    /// Another currency than stored.
    #[error("the provider says {stated}, the transaction is in {stored}")]
    Currency {
        /// As stated.
        stated: String,
        /// As stored.
        stored: String,
    },
    /// Another amount than stored.
    #[error("the provider says {stated}, the transaction is of {stored}")]
    Amount {
        /// As stated.
        stated: Money,
        /// As stored.
        stored: Money,
    },
    /// Another reference than stored.
    #[error("the provider's reference is not this transaction's")]
    Reference,
}

impl UpdateMismatch {
    /// A stable word for `needsReview`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Currency { .. } => "currency_mismatch",
            Self::Amount { .. } => "amount_mismatch",
            Self::Reference => "reference_mismatch",
        }
    }
}

impl Transaction {
    /// Checks a statement against what was stored when the payment was started.
    pub fn check(&self, update: &ProviderUpdate) -> Result<(), UpdateMismatch> {
        if let Some(stated) = update.currency
            && stated != self.currency
        {
            let (stated, stored) = (stated.to_string(), self.currency.to_string());
            return Err(UpdateMismatch::Currency { stated, stored });
        }
        if update.transaction_id.is_some_and(|id| id != self.id)
            || update.session_public_id.as_ref().is_some_and(|id| *id != self.session_public_id)
        {
            return Err(UpdateMismatch::Reference);
        }
        let amount_mismatch = |stated| {
            let (stated, stored) = (self.in_its_currency(stated), self.in_its_currency(self.amount));
            Err(UpdateMismatch::Amount { stated, stored })
        };
        if let Some(stated) = update.expected_amount
            && stated != self.amount
        {
            return amount_mismatch(stated);
        }
        match &update.payment {
            Some(PaymentFact { state: PaymentState::Succeeded, amount: Some(stated), .. }) => {
                let partial_is_fine = self.capture_method == CaptureMethod::Manual;
                let fits = *stated == self.amount || (partial_is_fine && (1..self.amount).contains(stated));
                if fits { Ok(()) } else { amount_mismatch(*stated) }
            }
            Some(PaymentFact { state: PaymentState::Authorized, amount: Some(stated), .. })
                if *stated != self.amount =>
            {
                amount_mismatch(*stated)
            }
            _ => Ok(()),
        }
    }

    /// Takes in a statement that [`Self::check`] has passed.
    pub fn apply(&mut self, update: &ProviderUpdate, now: Timestamp) -> Applied {
        let before = (self.status, self.outbox.seq);
        let mut changed = false;
        for reference in &update.refs {
            if !self.refs.contains(reference) {
                self.refs.push(reference.clone());
                changed = true;
            }
        }
        if let Some(fact) = &update.payment {
            changed |= self.take_payment(fact, update);
        }
        if let Some(total) = update.refunded_total {
            changed |= self.take_refunded_total(total, update);
        }
        for fact in &update.refunds {
            changed |= self.take_refund(fact, update, now);
        }
        for fact in &update.disputes {
            changed |= self.take_dispute(fact, update, now);
        }
        if changed {
            self.updated_at = now;
            self.settle(update.source.label(), now);
        }
        Applied { changed: changed || self.outbox.seq != before.1, status_changed: self.status != before.0 }
    }

    /// Brings amounts and status in line with the facts, and announces each change of status.
    pub(super) fn settle(&mut self, source: &str, now: Timestamp) {
        self.refunded = self.certain_refunds();
        self.take_statuses(source, now);
        self.unflag_overdue(now);
    }

    fn take_statuses(&mut self, source: &str, now: Timestamp) {
        let wanted = self.computed_status();
        let from = self.status;
        if from.ended_unpaid() && wanted.ended_unpaid() {
            // Ended here and then told so by the provider, in its own word: no news.
            return;
        }
        let path = from.path_to(wanted);
        if wanted != from && path.is_empty() {
            let detail = format!("the provider's statements lead from {from} to {wanted}");
            self.flag("illegal_transition", detail, now);
            return;
        }
        let was_over = matches!(
            from,
            TransactionStatus::Failed | TransactionStatus::Cancelled | TransactionStatus::Expired
        );
        let first_success = self.succeeded_at.is_none() && path.iter().any(|s| s.is_paid());
        for &status in path {
            self.take_status(status, source, now);
        }
        if was_over && first_success {
            self.flag("late_success", format!("money arrived after the payment was {from}"), now);
        }
    }

    /// Ends an open payment by our own decision.
    pub fn end(
        &mut self,
        state: PaymentState,
        source: &str,
        failure: Option<super::Failure>,
        now: Timestamp,
    ) {
        self.payment = Some(Payment { state, at: now, sticky: false, failure });
        self.updated_at = now;
        self.settle(source, now);
        self.schedule_reconcile(true, now);
    }

    /// Brings a transaction that was just built in line with its facts.
    pub fn settle_now(&mut self, source: &str, now: Timestamp) {
        self.settle(source, now);
    }

    /// Announces that the transaction was begun.
    pub fn announce_initiated(&mut self, now: Timestamp) {
        let changed = vec![Changed::text("status", self.status)];
        self.outbox.push(EventType::TransactionInitiated, now, changed);
    }

    fn take_status(&mut self, status: TransactionStatus, source: &str, now: Timestamp) {
        self.status = status;
        self.status_version += 1;
        self.open = status.is_open().then_some(true);
        if status.is_paid() && self.succeeded_at.is_none() {
            self.succeeded_at = Some(now);
        }
        if self.history.len() < HISTORY_MAX {
            self.history.push(StatusChange { status, at: now, source: source.to_owned() });
        }
        let changed = vec![
            Changed::text("status", status),
            Changed::number("statusVersion", self.status_version),
            Changed::number("amountCaptured", self.captured),
            Changed::number("amountRefunded", self.refunded),
        ];
        self.outbox.push(status.event(), now, changed);
    }

    /// The status that the facts amount to.
    pub fn computed_status(&self) -> TransactionStatus {
        use TransactionStatus as S;
        let state = self.payment.as_ref().map_or(PaymentState::Initiated, |p| p.state);
        match state {
            PaymentState::Initiated => S::Initiated,
            PaymentState::Pending => S::Pending,
            PaymentState::Authorized => S::Authorized,
            PaymentState::Failed => S::Failed,
            PaymentState::Cancelled => S::Cancelled,
            PaymentState::Expired => S::Expired,
            PaymentState::Succeeded => self.status_of_money(),
        }
    }

    /// Where a payment stands that has succeeded. A part that is lost in a dispute is money that went back, like a
    /// refund; only a dispute over everything makes the payment a lost one.
    fn status_of_money(&self) -> TransactionStatus {
        use TransactionStatus as S;
        let lost = self.disputed(|dispute| dispute.state.is_lost());
        let went_back = self.refunded.saturating_add(lost);
        if self.captured > 0 && lost >= self.captured {
            S::Lost
        } else if self.disputes.iter().any(|d| d.is_against_merchant() && !d.state.is_lost()) {
            S::Disputed
        } else if self.captured > 0 && went_back >= self.captured {
            S::Refunded
        } else if went_back > 0 {
            S::PartiallyRefunded
        } else {
            S::Succeeded
        }
    }

    /// Refunds that are certain: those known one by one, or the charge's own total less what is known not to have
    /// gone back, whichever is more. Never above what was captured.
    ///
    /// Stripe counts a refund in that total as soon as it is made, so one that is on its way, or of which nobody knows,
    /// is taken off again; so is one that has come back since the total was stated.
    fn certain_refunds(&self) -> i64 {
        let sum = |filter: &dyn Fn(&super::Refund) -> bool| -> i64 {
            self.refunds.iter().filter(|refund| filter(refund)).map(|refund| refund.amount).sum()
        };
        let known = sum(&|refund| refund.state == RefundState::Succeeded);
        let stated = self.stated_refunded.map_or(0, |total| {
            let not_gone_back = sum(&|refund| match refund.state {
                RefundState::NotSent | RefundState::Unknown | RefundState::Pending => true,
                RefundState::Failed => refund.at >= total.at,
                RefundState::Succeeded => false,
            });
            total.amount - not_gone_back
        });
        known.max(stated).min(self.captured)
    }

    fn take_payment(&mut self, fact: &PaymentFact, update: &ProviderUpdate) -> bool {
        let mut changed = self.take_attempt(fact, update);
        let newer = self.payment.as_ref().is_none_or(|stored| {
            if stored.sticky != fact.sticky {
                return fact.sticky;
            }
            update.source == Source::Fetch
                || (update.at, fact.state.rank()) > (stored.at, stored.state.rank())
        });
        if newer {
            let at = self.payment.as_ref().map_or(update.at, |stored| stored.at.max(update.at));
            let payment =
                Payment { state: fact.state, at, sticky: fact.sticky, failure: fact.failure.clone() };
            if self.payment.as_ref() != Some(&payment) {
                self.payment = Some(payment);
                changed = true;
            }
        }
        if fact.state == PaymentState::Succeeded {
            let captured = fact.amount.unwrap_or(self.amount);
            if newer && self.captured != captured || self.captured == 0 {
                self.captured = captured;
                changed = true;
            }
        }
        changed
    }

    fn take_attempt(&mut self, fact: &PaymentFact, update: &ProviderUpdate) -> bool {
        let Some(reference) = &fact.attempt else { return false };
        let state = fact.attempt_state.unwrap_or(fact.state);
        let fresh =
            Attempt { reference: reference.clone(), state, at: update.at, failure: fact.failure.clone() };
        if let Some(stored) = self.attempts.iter_mut().find(|a| a.reference == *reference) {
            let newer = (fresh.at, fresh.state.rank()) > (stored.at, stored.state.rank());
            if newer {
                *stored = fresh;
            }
            return newer;
        }
        let has_room = self.attempts.len() < ATTEMPTS_MAX;
        if has_room {
            self.attempts.push(fresh);
        }
        has_room
    }

    fn take_refunded_total(&mut self, total: i64, update: &ProviderUpdate) -> bool {
        let newer = self.stated_refunded.is_none_or(|stored| {
            update.source == Source::Fetch || (update.at, total) > (stored.at, stored.amount)
        });
        let at = self.stated_refunded.map_or(update.at, |stored| stored.at.max(update.at));
        let fresh = StatedTotal { amount: total, at };
        if newer && self.stated_refunded != Some(fresh) {
            self.stated_refunded = Some(fresh);
            return true;
        }
        false
    }

    fn take_dispute(&mut self, fact: &DisputeFact, update: &ProviderUpdate, now: Timestamp) -> bool {
        let position = self.disputes.iter().position(|d| d.reference == fact.reference);
        let old = position.map(|index| self.disputes[index].clone());
        match &old {
            Some(stored) if !is_newer(fact, stored, update) => return false,
            None if self.disputes.len() >= super::REFUNDS_MAX => return false,
            _ => {}
        }
        let fresh = Dispute {
            reference: fact.reference.clone(),
            state: fact.state,
            amount: fact.amount.or_else(|| old.as_ref().and_then(|old| old.amount)),
            currency: fact.currency.filter(|currency| *currency != self.currency),
            inquiry: fact.inquiry,
            reason: fact.reason.clone(),
            at: old.as_ref().map_or(update.at, |old| old.at.max(update.at)),
        };
        if old.as_ref() == Some(&fresh) {
            return false;
        }
        match position {
            Some(index) => self.disputes[index] = fresh.clone(),
            None => self.disputes.push(fresh.clone()),
        }
        if let Some(currency) = fresh.currency.filter(|_| fresh.is_against_merchant()) {
            let detail =
                format!("{} is disputed in {currency}: no amount follows from it by itself", fresh.reference);
            self.flag("dispute_currency", detail, now);
        }
        if old.as_ref().is_some_and(|old| (old.state, old.inquiry) == (fresh.state, fresh.inquiry)) {
            return true;
        }
        let is_first = old.is_none_or(|old| old.inquiry && !fresh.inquiry);
        let event = match fresh.state {
            DisputeState::Won => EventType::DisputeWon,
            DisputeState::Lost | DisputeState::Accepted => EventType::DisputeLost,
            DisputeState::Open | DisputeState::UnderReview if is_first => EventType::DisputeOpened,
            DisputeState::Open | DisputeState::UnderReview => EventType::DisputeUpdated,
        };
        let changed = vec![
            Changed::text("disputeId", &fresh.reference),
            Changed::text("disputeStatus", fresh.state.as_str()),
        ];
        self.outbox.push(event, now, changed);
        true
    }
}

/// Whether a statement about a dispute replaces what is stored. Lost is final, whichever was heard first.
fn is_newer(fact: &DisputeFact, stored: &Dispute, update: &ProviderUpdate) -> bool {
    match (stored.state.is_lost(), fact.state.is_lost()) {
        (true, false) => false,
        (false, true) => true,
        _ => {
            let place = |at, inquiry: bool, state: DisputeState| (at, !inquiry, state.rank());
            update.source == Source::Fetch
                || place(update.at, fact.inquiry, fact.state) > place(stored.at, stored.inquiry, stored.state)
        }
    }
}
