//! A transaction: one provider's try at paying a checkout.
//!
//! Providers' statements arrive late, twice, in any order or never. Each is kept as the newest fact about
//! one object (the payment, a refund, a dispute); the status is a pure function of those facts, so that
//! every order ends in the same place. See `reduce.rs`.

mod corrections;
#[cfg(test)]
mod corrections_tests;
mod facts;
mod held;
mod lifecycle;
mod operation;
mod overdue;
mod reduce;
#[cfg(test)]
pub(crate) mod reduce_tests;
mod refund;
mod review;
mod schedule;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod texts;
mod transfer;
#[cfg(test)]
mod transfer_tests;

use serde::{Deserialize, Serialize};

pub use corrections::{CorrectionError, SentBack, SentBackEntries};
pub use facts::{
    DisputeFact, DisputeState, Failure, PaymentFact, PaymentState, ProviderRef, ProviderUpdate, RefundFact,
    RefundState, Source, Unread,
};
pub use lifecycle::TransactionStatus;
pub use operation::{Operation, OperationError, OperationKind};
pub use overdue::{Overdue, REFUND_SENT_AGAIN_FOR};
pub use reduce::{Applied, UpdateMismatch};
pub use refund::{REFUNDS_MAX, Refund, RefundError, RefundRequest};
pub use review::Review;
pub use texts::PROVIDER_REJECTED;
pub use transfer::{CONFIRMATIONS_MAX, Confirmation, ConfirmationError, Overpayment};

use super::{
    CheckoutId, Currency, DiscountId, Metadata, Mode, Money, OrganizationId, ProviderId, SiteId, Tenant,
    Timestamp, TransactionId, bank::TransferInstructions, checkout::CaptureMethod, outbox::Outbox,
    provider_account::ProviderKind,
};
use crate::opaque::Sealed;

/// How many status changes are kept for people to read.
pub const HISTORY_MAX: usize = 100;

/// How many tries are kept for people to read.
pub const ATTEMPTS_MAX: usize = 100;

/// A status change, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// The status it took.
    pub status: TransactionStatus,
    /// When it was committed here.
    pub at: Timestamp,
    /// Who said so: an event's id, `fetch`, `person`, `api`, `customer`, `expiry`.
    pub source: String,
}

/// What the provider last said about the payment itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// Its state.
    pub state: PaymentState,
    /// When the provider says it came about.
    pub at: Timestamp,
    /// Whether only another final statement may change it.
    pub sticky: bool,
    /// Why it failed, where it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
}

/// One try at moving the money within a transaction, such as a card that was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The provider's id of it (a charge, a payment).
    pub reference: String,
    /// What became of it.
    pub state: PaymentState,
    /// When the provider says so.
    pub at: Timestamp,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
}

/// A dispute (chargeback).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispute {
    /// The provider's id of it.
    pub reference: String,
    /// Where it stands.
    pub state: DisputeState,
    /// What is disputed, in minor units of [`Self::currency`], where the provider says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<i64>,
    /// The currency that is disputed; absent where it is the payment's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<Currency>,
    /// Whether the bank only asks (an inquiry): no money has moved.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub inquiry: bool,
    /// The provider's reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When the provider says so.
    pub at: Timestamp,
}

impl Dispute {
    /// `inquiry` or `dispute`, as it stands in the API.
    pub const fn kind(&self) -> &'static str {
        if self.inquiry { "inquiry" } else { "dispute" }
    }

    /// The currency of [`Self::amount`], where the payment is in `payment`.
    pub fn currency_of(&self, payment: Currency) -> Currency {
        self.currency.unwrap_or(payment)
    }
}

/// A total that a provider states for the whole charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedTotal {
    /// Minor units.
    pub amount: i64,
    /// When the provider says so.
    pub at: Timestamp,
}

/// When the reconciler should ask the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// When. Indexed.
    pub due: Timestamp,
    /// How often it has asked since the last change.
    pub step: i64,
}

/// What the customer does next, as the provider told when the payment was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NextStep {
    /// Go to the provider's page.
    Redirect {
        /// Its address.
        url: String,
    },
    /// Transfer the money, from the customer's own bank.
    TransferInstructions(TransferInstructions),
    /// Nothing: the payment needs no customer.
    Done,
}

/// How a payment is started: what went wrong before changes it. Stored before it is used, so that a repetition is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StartPlan {
    /// Whether what is known of the customer is left out: the provider refused it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_customer: bool,
    /// How often the idempotency key was given up.
    pub round: u32,
}

impl StartPlan {
    /// What either of two has learned.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            without_customer: self.without_customer || other.without_customer,
            round: self.round.max(other.round),
        }
    }
}

/// A transaction as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// Its id; also the provider's idempotency key and our id in its metadata.
    #[serde(rename = "_id")]
    pub id: TransactionId,
    /// Whose transaction it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The shop.
    pub site_id: SiteId,
    /// The checkout that it pays.
    pub checkout_id: CheckoutId,
    /// The checkout's public id, repeated in IPNs and in the provider's metadata.
    pub session_public_id: String,
    /// The account that takes the money; absent where nothing is to be taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider_id: Option<ProviderId>,
    /// Which adapter.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub provider_kind: Option<ProviderKind>,
    /// Minor units to be paid.
    pub amount: i64,
    /// Of what currency.
    pub currency: Currency,
    /// The shop's order number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_reference: String,
    /// The shop's invoice number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub invoice_number: String,
    /// The shop's own pairs.
    #[serde(rename = "m", default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The shop's id of the customer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// The discount that its checkout used, a use of which it holds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub discount_id: Option<DiscountId>,
    /// Taken at once, or authorized.
    #[serde(default)]
    pub capture_method: CaptureMethod,
    /// Its checkout is an order of its own, whatever its reference.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub stands_alone: bool,
    /// Whoever began it knew that another payment of its order holds money or is on its way.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub second_accepted: bool,

    /// Where it stands: computed from the facts below.
    pub status: TransactionStatus,
    /// Rises with every change of status.
    pub status_version: i64,
    /// Present and true while it may still be paid: unique per checkout. Absent otherwise, so that the
    /// partial index stays small.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open: Option<bool>,
    /// When it first succeeded. Never removed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub succeeded_at: Option<Timestamp>,
    /// What the provider last said of the payment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment: Option<Payment>,
    /// Tries at moving the money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Minor units taken.
    pub captured: i64,
    /// Minor units given back for certain.
    pub refunded: i64,
    /// Refunds, ours and the dashboard's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
    /// The charge's own total of refunds, where the provider states one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stated_refunded: Option<StatedTotal>,
    /// Disputes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<Dispute>,
    /// Money that people have seen arrive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmations: Vec<Confirmation>,
    /// Captures and cancels asked for through the API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// Its names at the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<ProviderRef>,
    /// [`NextStep`] as JSON, sealed: a hosted page's address lets its holder pay.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Sealed>,
    /// Until when [`Self::next`] works, where the provider says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_until: Option<Timestamp>,
    /// How it is started, where a first try went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start_plan: Option<StartPlan>,
    /// Why the provider would not start it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// What a person must look at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub needs_review: Option<Review>,
    /// Further reasons, shown when the first one is resolved.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub more_reviews: Vec<Review>,
    /// Status changes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<StatusChange>,
    /// When to ask the provider.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reconcile: Option<Reconcile>,
    /// What must be announced.
    #[serde(default)]
    pub outbox: Outbox,
    /// When the provider's session ends.
    pub expires_at: Timestamp,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Transaction {
    /// Field name of [`Self::next`] for encryption.
    pub const NEXT_FIELD: &'static str = "next";

    /// A payment of a checkout that was just begun: nothing has been heard of it, and it is the open one.
    /// Version 1, so its status is the first that was announced.
    pub fn initiated(
        id: TransactionId,
        tenant: Tenant,
        site_id: SiteId,
        checkout_id: CheckoutId,
        money: Money,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            org: tenant.organization,
            mode: tenant.mode,
            site_id,
            checkout_id,
            session_public_id: String::new(),
            provider_id: None,
            provider_kind: None,
            amount: money.minor,
            currency: money.currency,
            external_reference: String::new(),
            invoice_number: String::new(),
            metadata: Metadata::default(),
            client_id: None,
            discount_id: None,
            capture_method: CaptureMethod::Automatic,
            stands_alone: false,
            second_accepted: false,
            status: TransactionStatus::Initiated,
            status_version: 1,
            open: Some(true),
            succeeded_at: None,
            payment: None,
            attempts: Vec::new(),
            captured: 0,
            refunded: 0,
            refunds: Vec::new(),
            stated_refunded: None,
            disputes: Vec::new(),
            confirmations: Vec::new(),
            operations: Vec::new(),
            refs: Vec::new(),
            next: None,
            next_until: None,
            start_plan: None,
            failure: None,
            needs_review: None,
            more_reviews: Vec::new(),
            history: Vec::new(),
            reconcile: None,
            outbox: Outbox::default(),
            expires_at: now,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The tenant that the transaction belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// What is to be paid.
    pub const fn money(&self) -> Money {
        Money::new(self.amount, self.currency)
    }

    /// The first of its names at the provider of a kind, such as `payment_intent`.
    pub fn reference(&self, kind: &str) -> Option<&str> {
        self.refs.iter().find(|r| r.kind() == kind).map(ProviderRef::id)
    }

    /// Whether the last try was declined and the provider's page is open for another: no money is on its way.
    /// Only of Stripe's page that can be said; a bank's refused debit may be tried again without the customer.
    pub fn was_declined(&self) -> bool {
        self.status == TransactionStatus::Pending
            && self.provider_kind == Some(ProviderKind::Stripe)
            && self.payment.as_ref().is_some_and(|payment| payment.failure.is_some())
    }

    /// Whether the customer may still turn to another method: as far as anybody knows, no money is on its way.
    pub fn may_be_given_up(&self) -> bool {
        self.status == TransactionStatus::Initiated
            || self.was_declined()
            || (self.awaits_transfer() && self.received() == 0)
    }
}
