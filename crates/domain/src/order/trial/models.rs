//! Receivers that exist, as `docs/orders.md` describes them, reduced to what they make of an order.

use super::super::{
    DisputeStage, Notification,
    status::{CHARGED_BACK, ENDED, FAILED, INITIATED, PENDING, REFUNDED, SUCCEEDED},
};
use crate::{CheckoutId, TransactionId};

/// A receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The `WooCommerce` plugin 1.1.1: no memory, the last word counts.
    W1,
    /// The aMember plugin 1.1.1: books a payment once.
    A1,
    /// A `WooCommerce` plugin that knows version 2: follows the first payment that it booked.
    W2,
    /// An aMember plugin that knows version 2: refuses a 2 or 3 of an unpaid invoice.
    A2,
    /// What people write: the last word of the order.
    Keyed,
    /// What people write: the last word of each payment.
    ById,
}

/// A receiver and the version of the bodies that it is sent.
pub const RECEIVERS: &[(Kind, u8)] = &[
    (Kind::W1, 1),
    (Kind::W1, 2),
    (Kind::A1, 1),
    (Kind::A1, 2),
    (Kind::W2, 2),
    (Kind::A2, 2),
    (Kind::Keyed, 1),
    (Kind::Keyed, 2),
    (Kind::ById, 1),
    (Kind::ById, 2),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Pending,
    OnHold,
    Paid,
    Failed,
    Cancelled,
    Refunded,
}

/// What a shop has made of its order so far.
#[derive(Debug, Clone)]
pub struct Shop {
    kind: Kind,
    status: Status,
    /// Payments that were booked, or whose last word was 1.
    booked: Vec<TransactionId>,
    charged_back: Vec<TransactionId>,
    first: Option<TransactionId>,
    versions: Vec<(TransactionId, i64)>,
    /// How often it was called.
    pub deliveries: usize,
}

impl Shop {
    /// A shop of a kind with an unpaid order.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            status: Status::Pending,
            booked: Vec::new(),
            charged_back: Vec::new(),
            first: None,
            versions: Vec::new(),
            deliveries: 0,
        }
    }

    /// Which receiver it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether its order is paid.
    pub fn is_paid(&self) -> bool {
        match self.kind {
            Kind::ById => !self.booked.is_empty(),
            _ => self.status == Status::Paid,
        }
    }

    /// Takes a notification; whether it is answered with 200. `session` is that of the last checkout that the shop
    /// made of the order.
    pub fn receive(&mut self, word: &Notification, session: CheckoutId) -> bool {
        self.deliveries += 1;
        match self.kind {
            Kind::W1 => {
                self.follow(word);
                true
            }
            Kind::A1 => self.book(word),
            Kind::W2 => {
                let is_foreign = self.first.is_some_and(|first| first != word.payment);
                if word.checkout == session && !is_foreign && self.is_newer(word) {
                    if word.status == SUCCEEDED {
                        self.first.get_or_insert(word.payment);
                    }
                    self.follow(word);
                }
                true
            }
            Kind::A2 => {
                if word.checkout != session || !self.is_newer(word) {
                    return true;
                }
                let answered = self.book(word);
                if !answered {
                    self.versions.retain(|(id, _)| *id != word.payment);
                }
                answered
            }
            Kind::Keyed => {
                self.status = if word.status == SUCCEEDED { Status::Paid } else { Status::Pending };
                true
            }
            Kind::ById => {
                self.booked.retain(|id| *id != word.payment);
                if word.status == SUCCEEDED {
                    self.booked.push(word.payment);
                }
                true
            }
        }
    }

    fn is_newer(&mut self, word: &Notification) -> bool {
        match self.versions.iter_mut().find(|(id, _)| *id == word.payment) {
            Some((_, known)) if *known >= word.number => false,
            Some((_, known)) => {
                *known = word.number;
                true
            }
            None => {
                self.versions.push((word.payment, word.number));
                true
            }
        }
    }

    /// As `WooCommerce` does.
    fn follow(&mut self, word: &Notification) {
        if word.dispute.as_ref().is_some_and(|dispute| dispute.stage != DisputeStage::Won) {
            self.status = Status::Refunded;
            return;
        }
        self.status = match word.status {
            SUCCEEDED if self.status == Status::Refunded => Status::Refunded,
            SUCCEEDED => Status::Paid,
            PENDING => Status::OnHold,
            INITIATED => Status::Pending,
            FAILED => Status::Failed,
            ENDED => Status::Cancelled,
            _ => Status::Refunded,
        };
    }

    /// As aMember does.
    fn book(&mut self, word: &Notification) -> bool {
        let is_paid = self.status == Status::Paid;
        match word.status {
            SUCCEEDED if is_paid => {}
            SUCCEEDED => {
                // A payment whose receipt is there cannot be booked again.
                if self.kind == Kind::A1 && self.booked.contains(&word.payment) {
                    return false;
                }
                self.booked.push(word.payment);
                self.status = Status::Paid;
            }
            FAILED | REFUNDED if is_paid => self.status = Status::Refunded,
            FAILED | REFUNDED => return self.kind == Kind::A1,
            CHARGED_BACK if !self.charged_back.contains(&word.payment) => {
                self.charged_back.push(word.payment);
                self.booked.retain(|id| *id != word.payment);
                self.status = Status::Refunded;
            }
            ENDED if !is_paid => self.status = Status::Cancelled,
            _ => {}
        }
        true
    }
}
