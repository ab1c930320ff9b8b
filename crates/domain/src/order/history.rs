//! Orders that began before there were orders: each payment told the shop by itself.

use super::{
    Last, Notification, NotificationState, OrderState,
    status::{CHARGED_BACK, ENDED, FAILED, INITIATED, PENDING, REFUNDED, SUCCEEDED},
};

impl OrderState {
    /// Takes over what was told, oldest first, of payments that are known already. `counter` is above every number that
    /// was used.
    pub fn take_history(&mut self, told: Vec<Notification>, counter: i64) {
        for notification in told {
            if notification.state == NotificationState::Replaced {
                continue;
            }
            self.note(&notification);
            self.push(notification);
        }
        self.counter = self.counter.max(counter);
        let booked = self.payments.iter().filter(|payment| payment.told == Some(SUCCEEDED));
        let booked = booked
            .max_by_key(|payment| (payment.facts.holds(), std::cmp::Reverse(payment.facts.succeeded())));
        self.booked = booked.map(|payment| payment.facts.id);
    }

    fn note(&mut self, notification: &Notification) {
        let (id, status) = (notification.payment, notification.status);
        let Some(payment) = self.payment_mut(id) else { return };
        payment.told = Some(status);
        payment.end_told |= matches!(status, ENDED | FAILED | REFUNDED | CHARGED_BACK);
        payment.charged_back_told |= status == CHARGED_BACK;
        payment.success_sent |= status == SUCCEEDED && notification.sent;
        self.last = Some(Last { payment: id, status, under: notification.checkout });
        match status {
            REFUNDED | CHARGED_BACK => self.closed_by = Some(notification.number),
            ENDED | INITIATED | PENDING | FAILED if notification.state == NotificationState::Answered => {
                self.closed_by = None;
            }
            _ => {}
        }
    }

    /// Accepts an order that nothing has happened to: nobody is told now how it ended long ago, and nobody is asked to
    /// look at what was there before.
    pub fn accept_as_it_is(&mut self) {
        self.end_not_told = self.newest.filter(|newest| newest.over).map(|newest| newest.id);
        self.flags = self.wanted_flags();
        self.effects.clear();
    }

    /// Whether a notification may be sent once more by a person's wish: only the last one that was made.
    pub fn may_be_sent_again(&self, number: i64) -> bool {
        let last = self.notifications.iter().rfind(|n| n.state != NotificationState::Replaced);
        last.is_some_and(|last| last.number == number)
    }
}
