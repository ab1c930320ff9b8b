//! `GoCardless`'s resources, as far as they are read. Whatever may be absent is optional, every enumeration
//! is text: an unknown value is no reason to lose an event.

use std::collections::BTreeMap;

use gateway_core::domain::{Currency, RefundId, Timestamp, TransactionId};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Names of our objects that ride in the metadata of theirs: at most three, says `GoCardless`.
pub(super) const TRANSACTION_ID: &str = "transaction_id";
pub(super) const CHECKOUT_ID: &str = "checkout_id";
pub(super) const SESSION_PUBLIC_ID: &str = "session_public_id";
pub(super) const REFUND_ID: &str = "refund_id";

/// The longest part of an event's name.
const NAME_CHARS_MAX: usize = 60;

/// Metadata, and links: names to texts. Whatever else stands there (lists, numbers, null) is left out: it is nothing
/// that is looked for, and no reason to lose what it stands in.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Object(fields) = Value::deserialize(deserializer)? else { return Ok(Self::default()) };
        let text = |(name, value): (String, Value)| match value {
            Value::String(text) => Some((name, text)),
            _ => None,
        };
        Ok(Self(fields.into_iter().filter_map(text).collect()))
    }
}

impl Texts {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
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
    pub(super) expires_at: Option<String>,
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
    #[serde(default)]
    pub(super) metadata: Texts,
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
    pub(super) can_create_refunds: Option<bool>,
}

/// What is read of an event at the door: anything else may be odd, and is looked at when it is applied.
#[derive(Debug, Deserialize)]
pub(super) struct EventHead {
    pub(super) id: String,
    #[serde(default)]
    pub(super) resource_type: Value,
    #[serde(default)]
    pub(super) action: Value,
}

impl EventHead {
    /// `payments.confirmed` and the like; no more of it than a name needs.
    pub(super) fn name(&self) -> String {
        let word = |value: &Value| {
            let word = value.as_str().unwrap_or_default();
            word.chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
                .take(NAME_CHARS_MAX)
                .collect::<String>()
        };
        format!("{}.{}", word(&self.resource_type), word(&self.action))
    }
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
    /// Absent where `GoCardless` does not tell it, which says nothing about what it is.
    #[serde(default)]
    pub(super) resource_metadata: Option<Texts>,
    #[serde(default)]
    pub(super) details: Details,
}

impl Event {
    /// The resource's metadata; where the event was caused by a call of ours, also that call's.
    pub(super) fn metadata(&self, name: &str) -> Option<&str> {
        let of_resource = self.resource_metadata.as_ref().and_then(|metadata| metadata.get(name));
        of_resource.or_else(|| self.metadata.get(name))
    }

    pub(super) fn at(&self) -> Result<Timestamp, String> {
        time(&self.created_at)
    }
}

/// Why something happened. As lenient as [`Texts`].
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) cause: Option<String>,
    pub(super) description: Option<String>,
    pub(super) will_attempt_retry: Option<bool>,
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Value::deserialize(deserializer)?;
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        let retry = &fields["will_attempt_retry"];
        Ok(Self {
            cause: text("cause"),
            description: text("description"),
            will_attempt_retry: retry.as_bool().or_else(|| retry.as_str()?.parse().ok()),
        })
    }
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
    pub(super) request_pointer: Option<String>,
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) links: Texts,
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not a time"))
}

pub(super) fn currency(code: &str) -> Result<Currency, String> {
    Currency::known(code)
        .ok_or_else(|| format!("GoCardless names the currency `{code}`, which is not known here"))
}
