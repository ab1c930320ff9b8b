//! What is to be said next: R2 to R9 and R12.

use super::{
    DisputeStage, Last, Notification, NotificationState, OrderState, Payment, Standing,
    status::{CHARGED_BACK, ENDED, FAILED, INITIATED, PENDING, REFUNDED, SUCCEEDED},
};
use crate::{Timestamp, TransactionId};

/// One evaluation says a handful of words at most; more would be a circle in the rules.
const STEPS_MAX: usize = 8;

/// What one look at the order asks for.
enum Step {
    /// A word about a payment.
    Say(TransactionId, i8),
    /// R4: 1, and before it 0 where the shop would not follow otherwise.
    Book { payment: TransactionId, opens: bool },
    /// R5: booked again without a word, or with version 1's `won`.
    BookUntold { payment: TransactionId, won: bool },
}

impl OrderState {
    /// Makes the notifications that follow from what is known, and raises and takes back flags. Calling it again
    /// without news changes nothing.
    ///
    /// `tell_initiated`: whether the site asks for −1 (R9).
    pub fn evaluate(&mut self, tell_initiated: bool, now: Timestamp) {
        if self.target.is_some() {
            self.retract_ended();
            self.renew(now);
            for _ in 0..STEPS_MAX {
                let Some(step) = self.next_step(tell_initiated) else { break };
                self.take(&step, now);
            }
        }
        self.update_flags();
    }

    fn next_step(&self, tell_initiated: bool) -> Option<Step> {
        let holding = self.holding();
        if let Some(booked) = self.booked {
            // R2: a shop that counts the order as paid hears nothing while it is.
            if !holding.is_empty() {
                return None;
            }
            return Some(Step::Say(booked, self.undoing(booked)));
        }
        if !holding.is_empty() {
            return Some(self.book(&holding));
        }
        if self.is_pending() {
            return self.pending_word();
        }
        self.failed_word()
            .or_else(|| self.dispute_word())
            .or_else(|| self.ended_word())
            .or_else(|| self.initiated_word().filter(|_| tell_initiated))
    }

    /// R3: how a booked payment says that it holds no money any more.
    fn undoing(&self, booked: TransactionId) -> i8 {
        match self.payment(booked).map(|payment| payment.facts.standing) {
            Some(Standing::Refunded) => REFUNDED,
            Some(Standing::ChargedBack) => CHARGED_BACK,
            _ => FAILED,
        }
    }

    /// R4 and R5.
    fn book(&self, holding: &[&Payment]) -> Step {
        let was_given_back = |payment: &&&Payment| matches!(payment.told, Some(REFUNDED | CHARGED_BACK));
        if let Some(payment) = holding.iter().find(|payment| !was_given_back(payment)) {
            return Step::Book { payment: payment.facts.id, opens: self.closed_by.is_some() };
        }
        let payment = holding[0];
        let stage = payment.facts.dispute.as_ref().map(|dispute| dispute.stage);
        let won = payment.told == Some(CHARGED_BACK)
            && payment.dispute_told.is_some()
            && stage == Some(DisputeStage::Won)
            && self.speaks_version_1();
        Step::BookUntold { payment: payment.facts.id, won }
    }

    /// R6.
    fn pending_word(&self) -> Option<Step> {
        let on_its_way = |payment: &&Payment| payment.facts.standing == Standing::OnItsWay;
        if let Some(last) = self.last
            && last.status == PENDING
            && self.payment(last.payment).as_ref().is_some_and(on_its_way)
        {
            return None;
        }
        let newest = self.payments.iter().rfind(on_its_way)?;
        Some(Step::Say(newest.facts.id, PENDING))
    }

    /// R7.
    fn failed_word(&self) -> Option<Step> {
        let last = self.last.filter(|last| last.status == PENDING)?;
        let payment = self.payment(last.payment)?;
        (payment.facts.standing == Standing::Failed).then_some(Step::Say(last.payment, FAILED))
    }

    /// R12: a dispute that goes on after its 4.
    fn dispute_word(&self) -> Option<Step> {
        let last = self.last.filter(|last| last.status == CHARGED_BACK && self.speaks_version_1())?;
        let payment = self.payment(last.payment)?;
        let stage = payment.facts.dispute.as_ref()?.stage;
        let is_news = payment.facts.standing == Standing::ChargedBack
            && stage != DisputeStage::Won
            && payment.dispute_told != Some(stage);
        is_news.then_some(Step::Say(last.payment, CHARGED_BACK))
    }

    /// R8.
    fn ended_word(&self) -> Option<Step> {
        let newest = self.newest.filter(|newest| newest.over && self.end_not_told != Some(newest.id))?;
        let is_asked = self
            .last
            .is_none_or(|last| matches!(last.status, INITIATED | PENDING) || last.under != newest.id);
        if !is_asked {
            return None;
        }
        let tried = self.payments.iter().rfind(|payment| !payment.end_told)?;
        Some(Step::Say(tried.facts.id, ENDED))
    }

    /// R9.
    fn initiated_word(&self) -> Option<Step> {
        if self.newest.is_some_and(|newest| newest.over) {
            return None;
        }
        let newest = self.payments.last()?;
        let is_fresh = newest.facts.standing == Standing::Begun && newest.told.is_none();
        is_fresh.then_some(Step::Say(newest.facts.id, INITIATED))
    }

    fn speaks_version_1(&self) -> bool {
        self.target.is_some_and(|target| target.version == 1)
    }

    fn take(&mut self, step: &Step, now: Timestamp) {
        match *step {
            Step::Say(payment, status) => {
                self.say(payment, status, false, now);
                if self.booked == Some(payment) {
                    self.booked = None;
                    self.booked_untold = false;
                }
            }
            Step::Book { payment, opens } => {
                if opens {
                    self.say(payment, PENDING, true, now);
                }
                self.say(payment, SUCCEEDED, false, now);
                self.booked = Some(payment);
                self.booked_untold = false;
            }
            Step::BookUntold { payment, won } => {
                if won {
                    self.say(payment, SUCCEEDED, false, now);
                }
                self.booked = Some(payment);
                self.booked_untold = true;
            }
        }
    }

    fn say(&mut self, id: TransactionId, status: i8, opens: bool, now: Timestamp) {
        let (Some(target), Some(newest)) = (self.target, self.newest) else { return };
        let is_other_booked_before = target.version == 2
            && self.payments.iter().any(|other| other.facts.id != id && other.success_sent);
        let Some(payment) = self.payment_mut(id) else { return };
        let dispute = payment.facts.dispute.clone();
        let dispute = dispute.filter(|dispute| {
            let fits = match status {
                CHARGED_BACK => dispute.stage != DisputeStage::Won,
                SUCCEEDED => payment.told == Some(CHARGED_BACK) && dispute.stage == DisputeStage::Won,
                _ => false,
            };
            target.version == 1 && fits
        });
        payment.may_not_be_followed = match status {
            // A receiver of version 2 follows the first payment that it booked, and no other (rows 18 and 20).
            SUCCEEDED => is_other_booked_before,
            // A second chargeback of the same payment.
            CHARGED_BACK if payment.told == Some(CHARGED_BACK) => payment.may_not_be_followed,
            CHARGED_BACK => payment.charged_back_told,
            _ => false,
        };
        payment.success_again = status == SUCCEEDED && payment.success_sent;
        payment.refused = false;
        payment.told = Some(status);
        payment.charged_back_told |= status == CHARGED_BACK;
        payment.end_told |= matches!(status, ENDED | FAILED | REFUNDED | CHARGED_BACK);
        payment.dispute_told = dispute.as_ref().map(|dispute| dispute.stage);
        self.counter += 1;
        self.last = Some(Last { payment: id, status, under: newest.id });
        if matches!(status, REFUNDED | CHARGED_BACK) {
            self.closed_by = Some(self.counter);
        }
        self.push(Notification {
            number: self.counter,
            payment: id,
            status,
            dispute,
            opens,
            checkout: target.checkout,
            version: target.version,
            delivery: None,
            at: now,
            state: NotificationState::Waiting,
            sent: false,
            refusals: 0,
        });
    }

    /// A newer checkout opens the question again (R8): a −2 that has not been answered yet is not true any more.
    fn retract_ended(&mut self) {
        if self.newest.is_none_or(|newest| newest.over) {
            return;
        }
        for index in 0..self.notifications.len() {
            let waiting = &mut self.notifications[index];
            if waiting.waits() && waiting.status == ENDED {
                waiting.state = NotificationState::Replaced;
                let id = waiting.payment;
                if let Some(payment) = self.payment_mut(id) {
                    payment.end_told = false;
                }
            }
        }
    }
}
