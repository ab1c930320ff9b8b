//! Stripe's objects, as far as they are read. Every field that Stripe may leave out is optional, every
//! enumeration is text: an unknown value is no reason to lose an event.

use std::collections::BTreeMap;

use gateway_core::domain::{Currency, RefundId, TransactionId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::amounts;

/// Names of our objects that ride in the metadata of Stripe's.
pub(super) const TRANSACTION_ID: &str = "transaction_id";
pub(super) const CHECKOUT_ID: &str = "checkout_id";
pub(super) const SESSION_PUBLIC_ID: &str = "session_public_id";
pub(super) const REFUND_ID: &str = "refund_id";

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) object: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) created: i64,
    pub(super) livemode: Option<bool>,
    pub(super) account: Option<String>,
    pub(super) data: Option<EventData>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EventData {
    pub(super) object: Box<RawValue>,
}

/// An object, or only its id.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expandable<T> {
    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// An object of which only the id matters.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// The id of an object that may be expanded.
pub(super) trait Identified {
    fn id(&self) -> &str;
}

macro_rules! identified {
    ($($name:ty),*) => {$(
        impl Identified for $name {
            fn id(&self) -> &str {
                &self.id
            }
        }
    )*};
}
identified!(Named, Intent, Charge, Session);

impl<T: Identified> Expandable<T> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => object.id(),
        }
    }
}

/// Metadata, which Stripe may state as null.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Metadata(Option<BTreeMap<String, String>>);

impl Metadata {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name).map(String::as_str)
    }

    pub(super) fn transaction_id(&self) -> Option<TransactionId> {
        self.get(TRANSACTION_ID)?.parse().ok()
    }

    pub(super) fn refund_id(&self) -> Option<RefundId> {
        self.get(REFUND_ID)?.parse().ok()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) mode: Option<String>,
    pub(super) status: Option<String>,
    pub(super) payment_status: Option<String>,
    pub(super) amount_total: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) client_reference_id: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) payment_intent: Option<Expandable<Intent>>,
    pub(super) url: Option<String>,
    pub(super) expires_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_received: i64,
    #[serde(default)]
    pub(super) amount_capturable: i64,
    #[serde(default)]
    pub(super) currency: String,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) latest_charge: Option<Expandable<Charge>>,
    pub(super) last_payment_error: Option<PaymentError>,
    pub(super) cancellation_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentError {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) param: Option<String>,
    pub(super) charge: Option<String>,
    pub(super) payment_method: Option<Expandable<Named>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    #[serde(default)]
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_captured: i64,
    #[serde(default)]
    pub(super) amount_refunded: i64,
    #[serde(default)]
    pub(super) captured: bool,
    #[serde(default)]
    pub(super) currency: String,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) payment_intent: Option<Expandable<Named>>,
}

impl Charge {
    /// What went back of the money that was taken. After a partial capture Stripe may count the released
    /// rest of the authorization as refunded too; that was never ours to give back. Where it does not, the
    /// figure is too small rather than too large, and the refunds themselves tell.
    pub(super) fn refunded_of_captured(&self) -> i64 {
        (self.amount_refunded - self.released()).max(0)
    }

    /// The part of the authorization that was not captured.
    pub(super) fn released(&self) -> i64 {
        (self.amount - self.amount_captured).max(0)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: Option<String>,
    pub(super) failure_reason: Option<String>,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) charge: Option<Expandable<Named>>,
    pub(super) payment_intent: Option<Expandable<Named>>,
    /// The movement of the balance. Money that was only authorized moves nothing.
    pub(super) balance_transaction: Option<Expandable<Named>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) charge: Option<Expandable<Named>>,
    pub(super) payment_intent: Option<Expandable<Named>>,
}

/// A page of a list. Each object is read by itself: one that is odd must not take its neighbours with it.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct AccountObject {
    pub(super) id: String,
    pub(super) email: Option<String>,
    pub(super) business_profile: Option<BusinessProfile>,
    pub(super) settings: Option<Settings>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BusinessProfile {
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) dashboard: Option<Dashboard>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dashboard {
    pub(super) display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: PaymentError,
}

/// Reads a currency of Stripe's (lower case).
pub(super) fn currency(code: &str) -> Result<Currency, String> {
    Currency::known(code)
        .ok_or_else(|| format!("Stripe names the currency `{code}`, which is not known here"))
}

/// Stripe's units of a currency of Stripe's, in our minor units.
pub(super) fn minor(amount: i64, currency: Currency) -> Result<i64, String> {
    amounts::from_stripe(amount, currency).map_err(|problem| format!("{amount} {currency}: {problem}"))
}
