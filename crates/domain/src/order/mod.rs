//! An order, and what its shop is told of it.
//!
//! Shops think in orders, providers in payments. An order is what a site sells under one reference (or by one
//! checkout, where it has none): it may have several checkouts, and each of them several payments. A shop's
//! notifications (IPNs) are a function of the order's payments and of what it has been told before: the rules R1 to
//! R12 of `docs/orders.md`, which the code names where it keeps them.
//!
//! This module is the rule alone. It knows neither addresses nor databases: whoever stores an order takes in what
//! payments, checkouts and deliveries have come to, calls [`OrderState::evaluate`], and sends what waits.

mod attention;
mod history;
mod notification;
mod payment;
mod queue;
mod rules;
mod stored;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "trial"))]
pub mod trial;

use serde::{Deserialize, Serialize};

pub use attention::{Attention, Effect, Flag};
pub use notification::{Notification, NotificationState};
pub use payment::{DisputeStage, DisputeWord, Payment, PaymentFacts, Standing};
pub use queue::Progress;
pub use stored::*;

use crate::{CheckoutId, Timestamp, TransactionId};

/// Payments that are kept; older ones that came to nothing are forgotten.
const PAYMENTS_MAX: usize = 100;

/// Notifications that are kept beside those that wait; the deliveries remember all of them.
const NOTIFICATIONS_KEPT: usize = 40;

/// The integers that a notification says.
pub mod status {
    /// The order can no longer be paid.
    pub const ENDED: i8 = -2;
    /// A payment was begun.
    pub const INITIATED: i8 = -1;
    /// Money is on its way.
    pub const PENDING: i8 = 0;
    /// Paid.
    pub const SUCCEEDED: i8 = 1;
    /// Failed.
    pub const FAILED: i8 = 2;
    /// Given back in full.
    pub const REFUNDED: i8 = 3;
    /// A chargeback is open or lost.
    pub const CHARGED_BACK: i8 = 4;
}

/// The newest checkout of an order: the greatest by time, then id, whatever became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Newest {
    /// The checkout.
    pub id: CheckoutId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether nothing can be begun in it any more and nothing in it is waited for.
    pub over: bool,
}

/// Where notifications of an order go: the newest of its checkouts that has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The checkout whose address and session are used.
    pub checkout: CheckoutId,
    /// The version of the body, 1 or 2.
    pub version: u8,
}

/// The notification that was made last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Last {
    /// What it is about.
    pub payment: TransactionId,
    /// What it says.
    pub status: i8,
    /// The newest checkout of that moment.
    pub under: CheckoutId,
}

/// Where an order stands, for lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Nothing is paid yet, and it can be.
    Open,
    /// Money is on its way.
    Pending,
    /// A payment holds money.
    Paid,
    /// What was paid went back.
    Refunded,
    /// What was paid was charged back.
    ChargedBack,
    /// What was paid failed later.
    Failed,
    /// It was never paid and can no longer be.
    Cancelled,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: &[Self] = &[
        Self::Open,
        Self::Pending,
        Self::Paid,
        Self::Refunded,
        Self::ChargedBack,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Refunded => "refunded",
            Self::ChargedBack => "charged_back",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is known of an order and of what its shop was told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderState {
    /// Its payments, oldest first.
    pub payments: Vec<Payment>,
    /// What the shop was told or is to be told, oldest first.
    pub notifications: Vec<Notification>,
    /// Number of the last notification; the `eventVersion` of version 2.
    pub counter: i64,
    /// The payment whose last word to the shop was 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booked: Option<TransactionId>,
    /// Booked again without a word (R5): the shop does not know.
    pub booked_untold: bool,
    /// The notification made last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Last>,
    /// Number of the last 3 or 4, until a word that reopens the shop's order after it is answered: receivers take no 1
    /// from "refunded" (R4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<i64>,
    /// The newest checkout, as of the last look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Newest>,
    /// Where notifications go, as of the last look; none where no checkout has an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What needs attention.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The newest checkout of an order that was taken over from a release before orders, whose end is not told any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_not_told: Option<CheckoutId>,
    /// Changes of flags that the transactions have not been given yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
}

impl OrderState {
    /// Takes in where a payment stands. Answers whether that is news: an older version of it is none, nor is a newer one
    /// that says the same.
    pub fn take_payment(&mut self, facts: PaymentFacts) -> bool {
        if let Some(known) = self.payments.iter_mut().find(|known| known.facts.id == facts.id) {
            if facts.version <= known.facts.version {
                return false;
            }
            let is_same = PaymentFacts { version: known.facts.version, ..facts.clone() } == known.facts;
            // Also where they say the same: what is between the two and comes late is older than both.
            known.facts = facts;
            return !is_same;
        }
        let place = self.payments.partition_point(|known| known.facts.begun() < facts.begun());
        self.payments.insert(place, Payment::new(facts));
        self.forget_payments();
        true
    }

    /// Takes in which checkout is the newest and where notifications go. The version never goes back within an order
    /// (R10): receivers that have taken version 2 read nothing else of it.
    pub fn take_checkouts(&mut self, newest: Newest, target: Option<Target>) -> bool {
        let target = match (target, self.target) {
            (Some(fresh), Some(known)) => Some(Target { version: fresh.version.max(known.version), ..fresh }),
            (fresh, known) => fresh.or(known),
        };
        let is_news = self.newest != Some(newest) || self.target != target;
        self.newest = Some(newest);
        self.target = target;
        is_news
    }

    /// A payment by its id.
    pub fn payment(&self, id: TransactionId) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.facts.id == id)
    }

    fn payment_mut(&mut self, id: TransactionId) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|payment| payment.facts.id == id)
    }

    /// Payments that hold money, the one that succeeded first first (tie: the lower id).
    pub fn holding(&self) -> Vec<&Payment> {
        let mut holding: Vec<&Payment> = self.payments.iter().filter(|p| p.facts.holds()).collect();
        if holding.len() > 1 {
            holding.sort_by_key(|payment| payment.facts.succeeded());
        }
        holding
    }

    /// Whether any payment holds money.
    pub fn is_paid(&self) -> bool {
        self.payments.iter().any(|payment| payment.facts.holds())
    }

    /// Whether any payment's money is on its way.
    pub fn is_pending(&self) -> bool {
        self.payments.iter().any(|payment| payment.facts.standing == Standing::OnItsWay)
    }

    /// Where it stands.
    pub fn status(&self) -> OrderStatus {
        if self.is_paid() {
            return OrderStatus::Paid;
        }
        if self.is_pending() {
            return OrderStatus::Pending;
        }
        if self.newest.is_some_and(|newest| !newest.over) {
            return OrderStatus::Open;
        }
        let paid_last = self.payments.iter().filter(|p| p.facts.succeeded_at.is_some());
        match paid_last.max_by_key(|p| p.facts.succeeded()).map(|p| p.facts.standing) {
            Some(Standing::Refunded) => OrderStatus::Refunded,
            Some(Standing::ChargedBack) => OrderStatus::ChargedBack,
            Some(_) => OrderStatus::Failed,
            None => OrderStatus::Cancelled,
        }
    }

    /// Forgets the oldest payments that came to nothing and of which nothing can come any more that matters here.
    fn forget_payments(&mut self) {
        while self.payments.len() > PAYMENTS_MAX {
            let last = self.last.map(|last| last.payment);
            let came_to_nothing = |payment: &Payment| {
                matches!(payment.facts.standing, Standing::Failed | Standing::Ended)
                    && payment.facts.succeeded_at.is_none()
                    && !payment.success_sent
                    && last != Some(payment.facts.id)
            };
            let Some(index) = self.payments.iter().position(came_to_nothing) else { return };
            self.payments.remove(index);
        }
    }
}
