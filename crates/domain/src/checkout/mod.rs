//! A checkout: what a merchant asks a customer to pay.

pub mod address;
pub mod items;

use serde::{Deserialize, Serialize};

pub use items::{AmountType, Item};

use super::{
    CheckoutId, Currency, DiscountId, Metadata, Mode, Money, OrganizationId, SiteId, Tenant, Timestamp,
    TransactionId,
    outbox::{Changed, EventType, Outbox},
    site::IpnVersion,
};
use crate::opaque::{Fingerprint, PrivateText, Sealed, SearchHash};

/// Shortest life of a checkout, in seconds.
pub const LIFETIME_SECONDS_MIN: i64 = 30 * 60;
/// Longest life of a checkout, in seconds.
pub const LIFETIME_SECONDS_MAX: i64 = 130 * 24 * 3600;
/// Life of a checkout that names none, in seconds.
pub const LIFETIME_SECONDS_DEFAULT: i64 = 24 * 3600;

/// Where a checkout stands. A projection of its transactions, of time and of the merchant's will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutStatus {
    /// May be paid.
    Open,
    /// Money confirmed.
    Paid,
    /// Paid, and everything that follows is done.
    Completed,
    /// Its time ran out.
    Expired,
    /// The merchant ended it.
    Cancelled,
}

impl CheckoutStatus {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Every status.
    pub const ALL: &[Self] = &[Self::Open, Self::Paid, Self::Completed, Self::Expired, Self::Cancelled];

    /// Whether a change is in the lifecycle. Money that comes after expiry or cancellation is real money:
    /// the checkout becomes paid all the same.
    pub const fn may_become(self, next: Self) -> bool {
        use CheckoutStatus as S;
        matches!(
            (self, next),
            (S::Open, S::Paid | S::Expired | S::Cancelled)
                | (S::Expired | S::Cancelled, S::Paid)
                | (S::Paid, S::Completed)
        )
    }
}

/// Whether the money is taken at once or only authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMethod {
    /// Taken at once.
    #[default]
    Automatic,
    /// Authorized, and captured by the merchant later.
    Manual,
}

/// The idempotency record that rides in the document it made, so that both are one commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Idempotency {
    /// Hash of organization, mode, route and key. Unique.
    #[serde(with = "crate::codec::fixed_bytes")]
    pub slot: [u8; 16],
    /// Keyed hash of method, path and raw body.
    pub fingerprint: Fingerprint,
    /// The bytes that were, or will be, answered. A payment's may repeat what its provider said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<PrivateText>,
    /// When the record is swept.
    pub expires_at: Timestamp,
}

/// Where IPNs of a checkout go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpnTarget {
    /// The address, sealed under the checkout's id: its query may hold a token.
    pub url: Sealed,
    /// Host and port; names the lane.
    pub host: String,
    /// The schema, fixed when the checkout is created.
    pub version: IpnVersion,
}

/// A customer's personal data, in memory only; sealed whole at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Customer {
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Billing address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Address>,
    /// Shipping address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
}

impl Customer {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A postal address. Every field is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
}

/// A discount as it was applied to a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedDiscount {
    /// The discount.
    pub id: DiscountId,
    /// Its code, as the merchant writes it.
    pub code: String,
    /// What it takes off, in minor units.
    pub amount: i64,
    /// How many lines at the end came with it; only of a code that the customer entered, and may take out
    /// again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entered: Option<usize>,
}

/// Whether the price may be changed by its customer (ADR 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// Nobody is at it.
    #[default]
    Settled,
    /// A change has begun. Whoever stores a payment takes the mark away, and with it the change.
    Changing,
    /// Nothing is left to pay, and that is being written down: it changes no more.
    Final,
}

impl Price {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    fn is_settled(&self) -> bool {
        *self == Self::Settled
    }
}

/// A checkout as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkout {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: CheckoutId,
    /// Whose checkout it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The shop.
    pub site_id: SiteId,
    /// The customer's proof in the runtime API: 128 random bits.
    pub public_id: String,
    /// The code in `paymentUrl`: at least 80 random bits.
    pub short_code: String,
    /// Where it stands.
    pub status: CheckoutStatus,
    /// What is charged, in minor units.
    pub amount: i64,
    /// Of what currency.
    pub currency: Currency,
    /// The lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// The discount code that was sent; what it takes off are lines among `items`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub discount: Option<AppliedDiscount>,
    /// Whether the customer may change the price.
    #[serde(skip_serializing_if = "Price::is_settled", default)]
    pub price: Price,
    /// The shop's order number; repeated when a customer pays again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_reference: String,
    /// It is an order of its own, whatever its reference: its site's references are no order numbers, or the gateway
    /// made it itself.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub stands_alone: bool,
    /// The shop's invoice number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub invoice_number: String,
    /// The shop's own pairs; never shown to the payer.
    #[serde(rename = "m", default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// [`Customer`] as JSON.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<Sealed>,
    /// Finds checkouts by e-mail without reading it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email_hash: Option<SearchHash>,
    /// The shop's id of the customer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// Where a customer who paid goes, sealed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub return_url: Option<Sealed>,
    /// Where a customer who gave up goes, sealed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancel_url: Option<Sealed>,
    /// Where IPNs go.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ipn: Option<IpnTarget>,
    /// Taken at once, or authorized.
    #[serde(default)]
    pub capture_method: CaptureMethod,
    /// The customer's language (BCP 47).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub locale: Option<String>,
    /// When it can no longer be paid.
    pub expires_at: Timestamp,
    /// When the expiry job should look: `expires_at` while open. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiry_due: Option<Timestamp>,
    /// The transaction that paid it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_by: Option<TransactionId>,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_at: Option<Timestamp>,
    /// When everything that follows was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub completed_at: Option<Timestamp>,
    /// The record of the request that made it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idem: Option<Idempotency>,
    /// What must be announced.
    #[serde(default)]
    pub outbox: Outbox,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A change that the lifecycle does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checkout that is {} cannot become {}", from.as_str(), to.as_str())]
pub struct InvalidTransition {
    /// The status it has.
    pub from: CheckoutStatus,
    /// The status asked for.
    pub to: CheckoutStatus,
}

impl Checkout {
    /// Field name of [`Self::customer`] for encryption.
    pub const CUSTOMER_FIELD: &'static str = "customer";
    /// Field name of [`Self::return_url`] for encryption.
    pub const RETURN_URL_FIELD: &'static str = "returnUrl";
    /// Field name of [`Self::cancel_url`] for encryption.
    pub const CANCEL_URL_FIELD: &'static str = "cancelUrl";
    /// Field name of the IPN address for encryption.
    pub const IPN_URL_FIELD: &'static str = "ipn.url";

    /// The tenant that the checkout belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// What is charged.
    pub const fn money(&self) -> Money {
        Money::new(self.amount, self.currency)
    }

    /// Whether its time has run out.
    pub fn is_past_expiry(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// Whether the customer entered the discount code on the page.
    pub fn has_entered_code(&self) -> bool {
        self.discount.as_ref().is_some_and(|discount| discount.entered.is_some())
    }

    /// Whether a transaction that is about to pay it agrees with it.
    pub fn costs(&self, amount: i64, discount: Option<DiscountId>) -> bool {
        self.amount == amount && self.discount.as_ref().map(|discount| discount.id) == discount
    }

    /// The customer entered a code: its lines go below the others.
    pub fn take_off(&mut self, discount: AppliedDiscount, lines: Vec<Item>) {
        self.amount -= discount.amount;
        self.discount = Some(AppliedDiscount { entered: Some(lines.len()), ..discount });
        self.items.extend(lines);
    }

    /// The customer took their code out again: everything is as before. Answers whether there was one.
    pub fn put_back(&mut self) -> bool {
        let Some(lines) = self.discount.as_ref().and_then(|discount| discount.entered) else { return false };
        if let Some(discount) = self.discount.take() {
            self.amount += discount.amount;
            self.items.truncate(self.items.len().saturating_sub(lines));
        }
        true
    }

    /// Money has been confirmed. Answers false when the checkout was paid already.
    pub fn mark_paid(&mut self, by: TransactionId, now: Timestamp) -> bool {
        if matches!(self.status, CheckoutStatus::Paid | CheckoutStatus::Completed) {
            return false;
        }
        self.paid_by = Some(by);
        self.paid_at = Some(now);
        self.set(CheckoutStatus::Paid, EventType::SessionPaid, now);
        true
    }

    /// Everything that follows the payment is done.
    pub fn complete(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.check(CheckoutStatus::Completed)?;
        self.completed_at = Some(now);
        self.set(CheckoutStatus::Completed, EventType::SessionCompleted, now);
        let changed = vec![Changed::text("status", CheckoutStatus::Completed.as_str())];
        self.outbox.push(EventType::OrderCompleted, now, changed);
        Ok(())
    }

    /// The merchant ends it.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.check(CheckoutStatus::Cancelled)?;
        self.set(CheckoutStatus::Cancelled, EventType::SessionCancelled, now);
        Ok(())
    }

    /// Its time ran out.
    pub fn expire(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.check(CheckoutStatus::Expired)?;
        self.set(CheckoutStatus::Expired, EventType::SessionExpired, now);
        Ok(())
    }

    const fn check(&self, to: CheckoutStatus) -> Result<(), InvalidTransition> {
        if self.status.may_become(to) { Ok(()) } else { Err(InvalidTransition { from: self.status, to }) }
    }

    fn set(&mut self, status: CheckoutStatus, event: EventType, now: Timestamp) {
        self.status = status;
        self.expiry_due = None;
        self.updated_at = now;
        self.outbox.push(event, now, vec![Changed::text("status", status.as_str())]);
    }
}
