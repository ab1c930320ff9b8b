//! `GoCardless`'s resources, as far as they are read. Whatever may be absent is optional, every enumeration
//! is text: an unknown value is no reason to lose an event.

use std::collections::BTreeMap;

use gateway_core::domain::{Currency, RefundId, Timestamp, TransactionId};
use serde::Deserialize;

/// Names of our objects that ride in the metadata of theirs: at most three, says `GoCardless`.
pub(super) const TRANSACTION_ID: &str = "transaction_id";
pub(super) const CHECKOUT_ID: &str = "checkout_id";
pub(super) const SESSION_PUBLIC_ID: &str = "session_public_id";
pub(super) const REFUND_ID: &str = "refund_id";

/// Metadata, and links: names to texts.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Texts(Option<BTreeMap<String, Option<String>>>);

impl Texts {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name)?.as_deref()
    }

    pub(super) fn transaction_id(&self) -> Option<TransactionId> {
        self.get(TRANSACTION_ID)?.parse().ok()
    }

    pub(super) fn refund_id(&self) -> Option<RefundId> {
        self.get(REFUND_ID)?.parse().ok()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct BillingRequest {
    pub(super) id: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) links: Texts,
    #[serde(default)]
    pub(super) metadata: Texts,
    pub(super) payment_request: Option<PaymentRequest>,
}

impl BillingRequest {
    pub(super) fn payment(&self) -> Option<&str> {
        self.links.get("payment_request_payment")
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentRequest {
    pub(super) amount: i64,
    pub(super) currency: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Flow {
    pub(super) authorisation_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_refunded: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) links: Texts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) metadata: Texts,
    #[serde(default)]
    pub(super) links: Texts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Creditor {
    pub(super) id: String,
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(default)]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) resource_type: String,
    #[serde(default)]
    pub(super) action: String,
    #[serde(default)]
    pub(super) links: Texts,
    #[serde(default)]
    pub(super) metadata: Texts,
    #[serde(default)]
    pub(super) resource_metadata: Texts,
    #[serde(default)]
    pub(super) details: Details,
}

impl Event {
    /// The resource's metadata; where the event was caused by a call of ours, also that call's.
    pub(super) fn metadata(&self, name: &str) -> Option<&str> {
        self.resource_metadata.get(name).or_else(|| self.metadata.get(name))
    }

    pub(super) fn at(&self) -> Result<Timestamp, String> {
        time(&self.created_at)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) cause: Option<String>,
    pub(super) description: Option<String>,
    pub(super) will_attempt_retry: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ApiError,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) message: String,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) errors: Vec<ErrorDetail>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorDetail {
    pub(super) reason: Option<String>,
    pub(super) field: Option<String>,
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) links: Texts,
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not a time"))
}

pub(super) fn currency(code: &str) -> Result<Currency, String> {
    code.parse().map_err(|_| format!("GoCardless names the currency `{code}`, which is not known here"))
}
