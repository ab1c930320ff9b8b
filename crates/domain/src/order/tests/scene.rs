//! An order, and what happens to it, in a few words.

use super::super::{
    DisputeStage, DisputeWord, Newest, Notification, NotificationState, OrderState, PaymentFacts, Progress,
    Standing, Target,
};
use crate::{CheckoutId, Timestamp, TransactionId};

/// A payment's letter.
pub(super) fn payment_id(letter: char) -> TransactionId {
    let mut bytes = [0; 12];
    bytes[11] = u8::try_from(letter).unwrap();
    TransactionId::from_bytes(bytes)
}

/// A checkout's letter.
pub(super) fn checkout_id(letter: char) -> CheckoutId {
    let mut bytes = [0; 12];
    bytes[11] = u8::try_from(letter).unwrap();
    CheckoutId::from_bytes(bytes)
}

fn letter(id: TransactionId) -> char {
    char::from(id.bytes()[11])
}

/// An order with a receiver that answers 200 unless told otherwise.
pub(super) struct Scene {
    pub(super) order: OrderState,
    version: u8,
    now: i64,
    /// Notifications as they left, such as `0(a)`.
    pub(super) said: Vec<String>,
    up: bool,
}

impl Scene {
    pub(super) fn new(version: u8) -> Self {
        Self { order: OrderState::default(), version, now: 1_000, said: Vec::new(), up: true }
    }

    fn tick(&mut self) -> Timestamp {
        self.now += 1_000;
        Timestamp::from_millis(self.now)
    }

    /// A new checkout, which is the newest.
    pub(super) fn checkout(&mut self, checkout: char) -> &mut Self {
        let created_at = self.tick();
        let newest = Newest { id: checkout_id(checkout), created_at, over: false };
        self.look_at(newest)
    }

    /// The newest checkout ends unpaid.
    pub(super) fn ends(&mut self) -> &mut Self {
        let newest = self.order.newest.unwrap();
        self.look_at(Newest { over: true, ..newest })
    }

    fn look_at(&mut self, newest: Newest) -> &mut Self {
        let target = Target { checkout: newest.id, version: self.version };
        self.order.take_checkouts(newest, Some(target));
        self.settle()
    }

    /// A payment is begun in a checkout.
    pub(super) fn begin(&mut self, payment: char, checkout: char) -> &mut Self {
        let begun_at = self.tick();
        let id = payment_id(payment);
        self.order.take_payment(PaymentFacts {
            id,
            checkout: checkout_id(checkout),
            begun_at,
            version: 1,
            standing: Standing::Begun,
            succeeded_at: None,
            dispute: None,
            disputed_in_part: false,
        });
        self.settle()
    }

    /// A payment takes another standing.
    pub(super) fn becomes(&mut self, payment: char, standing: Standing) -> &mut Self {
        let now = self.tick();
        let mut facts = self.order.payment(payment_id(payment)).unwrap().facts.clone();
        facts.version += 1;
        facts.standing = standing;
        if standing == Standing::Holding {
            facts.succeeded_at.get_or_insert(now);
        }
        self.order.take_payment(facts);
        self.settle()
    }

    pub(super) fn pending(&mut self, payment: char) -> &mut Self {
        self.becomes(payment, Standing::OnItsWay)
    }
    pub(super) fn paid(&mut self, payment: char) -> &mut Self {
        self.becomes(payment, Standing::Holding)
    }
    pub(super) fn fails(&mut self, payment: char) -> &mut Self {
        self.becomes(payment, Standing::Failed)
    }
    pub(super) fn is_ended(&mut self, payment: char) -> &mut Self {
        self.becomes(payment, Standing::Ended)
    }
    pub(super) fn refunded(&mut self, payment: char) -> &mut Self {
        self.becomes(payment, Standing::Refunded)
    }

    /// A dispute over everything takes a stage.
    pub(super) fn dispute(&mut self, payment: char, stage: DisputeStage) -> &mut Self {
        let standing = if stage == DisputeStage::Won { Standing::Holding } else { Standing::ChargedBack };
        let mut facts = self.order.payment(payment_id(payment)).unwrap().facts.clone();
        facts.version += 1;
        facts.dispute = Some(DisputeWord { stage, id: "d".to_owned() });
        self.order.take_payment(facts);
        self.becomes(payment, standing)
    }

    /// The receiver is down from now on.
    pub(super) fn down(&mut self) -> &mut Self {
        self.up = false;
        self
    }

    /// The receiver is up again.
    pub(super) fn up(&mut self) -> &mut Self {
        self.up = true;
        self.settle()
    }

    /// The receiver refuses what waits, so often.
    pub(super) fn refuses(&mut self, times: i64) -> &mut Self {
        let head = self.order.head().unwrap().number;
        self.order.take_progress(head, Progress { sent: true, refusals: times, ended: None });
        self.settle()
    }

    fn settle(&mut self) -> &mut Self {
        let now = Timestamp::from_millis(self.now);
        self.order.evaluate(false, now);
        let again = self.order.clone();
        self.order.evaluate(false, now);
        assert_eq!(self.order, again, "evaluating again changes nothing");
        while let Some(head) = self.order.head().filter(|_| self.up).cloned() {
            self.said.push(word(&head));
            let answered = Progress { sent: true, refusals: 0, ended: Some(NotificationState::Answered) };
            self.order.take_progress(head.number, answered);
        }
        self
    }

    /// What was said since the last question.
    pub(super) fn hears(&mut self, words: &str) -> &mut Self {
        let said = std::mem::take(&mut self.said).join(" ");
        assert_eq!(said, words);
        self
    }

    /// The flags, such as `second_payment(b)`.
    pub(super) fn flagged(&mut self, flags: &str) -> &mut Self {
        let flag = |flag: &super::super::Flag| format!("{}({})", flag.reason.as_str(), letter(flag.payment));
        let raised: Vec<String> = self.order.flags.iter().map(flag).collect();
        assert_eq!(raised.join(" "), flags);
        self
    }

    /// The session that the last notification named.
    pub(super) fn by_session(&mut self, checkout: char) -> &mut Self {
        assert_eq!(self.order.notifications.last().unwrap().checkout, checkout_id(checkout));
        self
    }
}

fn word(notification: &Notification) -> String {
    let about = letter(notification.payment);
    match &notification.dispute {
        Some(dispute) => format!("{}({about})+{}", notification.status, dispute.stage.as_str()),
        None => format!("{}({about})", notification.status),
    }
}
