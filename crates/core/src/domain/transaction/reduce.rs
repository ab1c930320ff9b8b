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
use crate::domain::{
    Timestamp,
    checkout::CaptureMethod,
    ipn,
    outbox::{Changed, DisputeNotice, EventType, IpnNotice},
    site::IpnVersion,
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
    #[error("the provider says {stated} minor units, the transaction is of {stored}")]
    Amount {
        /// As stated.
        stated: i64,
        /// As stored.
        stored: i64,
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
        let amount_mismatch = |stated| Err(UpdateMismatch::Amount { stated, stored: self.amount });
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
        let mut dispute_notice = None;
        for fact in &update.disputes {
            if self.take_dispute(fact, update, now) {
                changed = true;
                dispute_notice = Some(DisputeNotice {
                    status: fact.state.as_str().to_owned(),
                    id: fact.reference.clone(),
                });
            }
        }
        if changed {
            self.updated_at = now;
            self.settle(update.source.label(), dispute_notice, now);
        }
        Applied { changed: changed || self.outbox.seq != before.1, status_changed: self.status != before.0 }
    }

    /// Brings amounts and status in line with the facts, and announces each change of status.
    pub(super) fn settle(&mut self, source: &str, dispute: Option<DisputeNotice>, now: Timestamp) {
        self.refunded = self.certain_refunds();
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
        for (index, &status) in path.iter().enumerate() {
            let is_last = index + 1 == path.len();
            self.take_status(status, source, if is_last { dispute.as_ref() } else { None }, now);
        }
        if path.is_empty() {
            self.announce_dispute_alone(dispute, now);
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
        self.settle(source, None, now);
        self.schedule_reconcile(true, now);
    }

    /// Ends an open payment without an IPN: the shop hears of a newer checkout of the same order only.
    pub fn end_silently(&mut self, state: PaymentState, source: &str, now: Timestamp) {
        // What the shop is believed to know already is not told again.
        self.ipn_status = Some(-2);
        self.end(state, source, None, now);
    }

    /// Brings a transaction that was just built in line with its facts.
    pub fn settle_now(&mut self, source: &str, now: Timestamp) {
        self.settle(source, None, now);
    }

    /// Announces that the transaction was begun.
    pub fn announce_initiated(&mut self, now: Timestamp) {
        let ipn = self.ipn.as_ref().filter(|_| self.send_initiated).map(|_| IpnNotice {
            status: -1,
            event_version: self.status_version,
            dispute: None,
        });
        if ipn.is_some() {
            self.ipn_status = Some(-1);
        }
        let changed = vec![Changed::text("status", self.status)];
        self.outbox.push(EventType::TransactionInitiated, now, ipn, changed);
    }

    fn take_status(
        &mut self,
        status: TransactionStatus,
        source: &str,
        dispute: Option<&DisputeNotice>,
        now: Timestamp,
    ) {
        let from = self.status;
        self.status = status;
        self.status_version += 1;
        self.open = status.is_open().then_some(true);
        if status.is_paid() && self.succeeded_at.is_none() {
            self.succeeded_at = Some(now);
        }
        if self.history.len() < HISTORY_MAX {
            self.history.push(StatusChange { status, at: now, source: source.to_owned() });
        }
        let ipn = self.ipn_notice(from, dispute);
        let changed = vec![
            Changed::text("status", status),
            Changed::number("statusVersion", self.status_version),
            Changed::number("amountCaptured", self.captured),
            Changed::number("amountRefunded", self.refunded),
        ];
        self.outbox.push(status.event(), now, ipn, changed);
    }

    /// What the shop is told of the status just taken; nothing where the integer would say nothing new.
    ///
    /// After a dispute that was won and a refund that bounced version 2 says nothing: a second 1 would
    /// book a second payment. Version 1 tells of the dispute.
    fn ipn_notice(&mut self, from: TransactionStatus, dispute: Option<&DisputeNotice>) -> Option<IpnNotice> {
        let target = self.ipn.as_ref()?;
        let status = ipn::status_code(self.status);
        let version_1_dispute = dispute.filter(|_| target.version == IpnVersion::V1).cloned();
        let restored = status == 1
            && matches!(
                from,
                TransactionStatus::Disputed | TransactionStatus::Refunded | TransactionStatus::Lost
            );
        let same = self.ipn_status == Some(i64::from(status));
        if (restored || same) && version_1_dispute.is_none() {
            if restored {
                self.ipn_status = Some(i64::from(status));
            }
            return None;
        }
        if self.status == TransactionStatus::Initiated && !self.send_initiated {
            return None;
        }
        self.ipn_status = Some(i64::from(status));
        Some(IpnNotice { status, event_version: self.status_version, dispute: version_1_dispute })
    }

    /// A dispute moved on without changing the status: only version 1 has words for it.
    fn announce_dispute_alone(&mut self, dispute: Option<DisputeNotice>, now: Timestamp) {
        let (Some(dispute), Some(target)) = (dispute, &self.ipn) else { return };
        if target.version != IpnVersion::V1 || !matches!(ipn::status_code(self.status), 1 | 4) {
            return;
        }
        self.status_version += 1;
        let status = ipn::status_code(self.status);
        self.ipn_status = Some(i64::from(status));
        let notice = IpnNotice { status, event_version: self.status_version, dispute: Some(dispute) };
        if let Some(entry) = self.outbox.entries.last_mut()
            && entry.ipn.is_none()
            && entry.at == now
        {
            entry.ipn = Some(notice);
        }
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
            PaymentState::Succeeded => {
                if self.disputes.iter().any(|d| d.state.is_lost()) {
                    S::Lost
                } else if self.disputes.iter().any(|d| d.state.is_against_merchant()) {
                    S::Disputed
                } else if self.captured > 0 && self.refunded >= self.captured {
                    S::Refunded
                } else if self.refunded > 0 {
                    S::PartiallyRefunded
                } else {
                    S::Succeeded
                }
            }
        }
    }

    /// Refunds that are certain: those known one by one, or the charge's own total less what is known to
    /// have come back since it was stated, whichever is more. Never above what was captured.
    fn certain_refunds(&self) -> i64 {
        let known: i64 =
            self.refunds.iter().filter(|r| r.state == RefundState::Succeeded).map(|r| r.amount).sum();
        let stated = self.stated_refunded.map_or(0, |total| {
            let came_back: i64 = self
                .refunds
                .iter()
                .filter(|r| r.state == RefundState::Failed && r.at >= total.at)
                .map(|r| r.amount)
                .sum();
            total.amount - came_back
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
        if let Some(index) = position {
            let stored = &self.disputes[index];
            let newer = match (stored.state.is_lost(), fact.state.is_lost()) {
                // Lost is final, whichever was heard first.
                (true, false) => false,
                (false, true) => true,
                _ => {
                    update.source == Source::Fetch
                        || (update.at, fact.state.rank()) > (stored.at, stored.state.rank())
                }
            };
            if !newer {
                return false;
            }
        } else if self.disputes.len() >= super::REFUNDS_MAX {
            return false;
        }
        let old_state = position.map(|index| self.disputes[index].state);
        let old_amount = position.and_then(|index| self.disputes[index].amount);
        let old_currency = position.and_then(|index| self.disputes[index].currency);
        let fresh = Dispute {
            reference: fact.reference.clone(),
            state: fact.state,
            amount: fact.amount.or(old_amount),
            currency: fact.currency.or(old_currency),
            inquiry: fact.inquiry,
            reason: fact.reason.clone(),
            at: position.map_or(update.at, |index| self.disputes[index].at.max(update.at)),
        };
        match position {
            Some(index) => self.disputes[index] = fresh,
            None => self.disputes.push(fresh),
        }
        if old_state == Some(fact.state) {
            return false;
        }
        let event = match fact.state {
            DisputeState::Won => EventType::DisputeWon,
            DisputeState::Lost | DisputeState::Accepted => EventType::DisputeLost,
            DisputeState::Open if old_state.is_none() => EventType::DisputeOpened,
            DisputeState::Open | DisputeState::UnderReview => EventType::DisputeUpdated,
        };
        let changed = vec![
            Changed::text("disputeId", &fact.reference),
            Changed::text("disputeStatus", fact.state.as_str()),
        ];
        self.outbox.push(event, now, None, changed);
        true
    }
}
