//! The queue of an order (R1): one notification at a time, newer ones take the place of older ones (R11).

use super::{
    NOTIFICATIONS_KEPT, Notification, NotificationState, OrderState,
    status::{CHARGED_BACK, ENDED, FAILED, INITIATED, PENDING, REFUNDED, SUCCEEDED},
};
use crate::{Timestamp, TransactionId};

/// How often a receiver may refuse a notification while another waits behind it.
const REFUSALS_MAX: i64 = 3;

/// What became of a notification on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// It has left at least once.
    pub sent: bool,
    /// How often the receiver answered with anything but success.
    pub refusals: i64,
    /// How it ended: answered, or given up.
    pub ended: Option<NotificationState>,
}

impl OrderState {
    /// The notification that is to be sent now.
    pub fn head(&self) -> Option<&Notification> {
        self.notifications.iter().find(|notification| notification.waits())
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.notifications.iter().filter(|notification| notification.waits()).count()
    }

    /// Takes in what became of a notification. One that was replaced while it was on its way may have been answered:
    /// that is taken in as well. Answers whether anything is different.
    pub fn take_progress(&mut self, number: i64, progress: Progress) -> bool {
        let Some(index) = self.notifications.iter().position(|n| n.number == number) else { return false };
        let before = self.notifications[index].clone();
        let notification = &mut self.notifications[index];
        notification.sent |= progress.sent;
        notification.refusals = notification.refusals.max(progress.refusals);
        if let Some(ended) = progress.ended
            && (notification.waits() || ended == NotificationState::Answered)
        {
            notification.state = ended;
        }
        let changed = *notification != before;
        let now = notification.clone();
        if now.status == SUCCEEDED {
            self.success_progress(&now);
        }
        let reopens = matches!(now.status, ENDED | INITIATED | PENDING | FAILED);
        if reopens && now.state == NotificationState::Answered && self.closed_by.is_some_and(|by| by < number)
        {
            self.closed_by = None;
        }
        self.give_up_refused() || changed
    }

    fn success_progress(&mut self, success: &Notification) {
        let is_refused = success.waits() && success.refusals >= REFUSALS_MAX;
        let Some(payment) = self.payment_mut(success.payment) else { return };
        // Said to a shop that had booked this very payment before, and refused: it will not follow (row 19).
        payment.refused |= is_refused && payment.success_again;
        payment.success_sent |= success.sent;
    }

    /// What is refused again and again does not hold up what waits behind it.
    fn give_up_refused(&mut self) -> bool {
        let mut changed = false;
        while self.waiting() > 1 {
            let Some(head) = self.notifications.iter_mut().find(|n| n.waits()) else { break };
            if head.refusals < REFUSALS_MAX {
                break;
            }
            head.state = NotificationState::GivenUp;
            changed = true;
        }
        changed
    }

    /// Makes a notification, which takes the place of what it makes needless.
    pub(super) fn push(&mut self, notification: Notification) {
        let (payment, status) = (notification.payment, notification.status);
        for index in 0..self.notifications.len() {
            if self.notifications[index].waits() && self.is_replaced(index, payment, status) {
                self.notifications[index].state = NotificationState::Replaced;
            }
        }
        self.notifications.push(notification);
        self.forget_notifications();
    }

    /// R11: whether what waits at `index` gives way to a word about `payment`.
    fn is_replaced(&self, index: usize, payment: TransactionId, status: i8) -> bool {
        let waiting = &self.notifications[index];
        let is_own = waiting.payment == payment;
        match waiting.status {
            PENDING if waiting.opens => is_own && status != SUCCEEDED,
            ENDED | INITIATED | PENDING => true,
            // What undoes a 1 that has left must arrive, unless the same payment says how it stands now. Its 0 does not:
            // there are receivers that ignore it.
            FAILED | REFUNDED | CHARGED_BACK => {
                let is_needed = self.payment(waiting.payment).is_some_and(|payment| payment.success_sent);
                let decides = matches!(status, SUCCEEDED | FAILED | REFUNDED | CHARGED_BACK);
                !is_needed || (is_own && decides)
            }
            _ => is_own,
        }
    }

    /// R10: what waits is said anew where a newer checkout has taken over the order's address or session.
    pub(super) fn renew(&mut self, now: Timestamp) {
        let Some(target) = self.target else { return };
        let is_old =
            |n: &Notification| n.waits() && (n.checkout, n.version) != (target.checkout, target.version);
        if !self.notifications.iter().any(is_old) {
            return;
        }
        // All of them, so that numbers keep rising along the queue.
        for index in 0..self.notifications.len() {
            if !self.notifications[index].waits() {
                continue;
            }
            self.notifications[index].state = NotificationState::Replaced;
            self.counter += 1;
            let old = &self.notifications[index];
            let renewed = Notification {
                number: self.counter,
                checkout: target.checkout,
                version: target.version,
                delivery: None,
                at: now,
                state: NotificationState::Waiting,
                sent: false,
                refusals: 0,
                dispute: old.dispute.clone().filter(|_| target.version == 1),
                ..old.clone()
            };
            self.notifications.push(renewed);
        }
        self.forget_notifications();
    }

    fn forget_notifications(&mut self) {
        let mut surplus = (self.notifications.len() - self.waiting()).saturating_sub(NOTIFICATIONS_KEPT);
        self.notifications.retain(|notification| {
            let goes = surplus > 0 && !notification.waits();
            surplus -= usize::from(goes);
            !goes
        });
    }
}
