//! One message to one receiver, with a row for every request that went over the wire.

use serde::{Deserialize, Serialize};

use super::{
    CheckoutId, DeliveryId, EndpointId, InvoiceId, Mode, OrderId, OrganizationId, ProviderEventId, SiteId,
    Tenant, Timestamp, Trail, TransactionId, lane::LaneId,
};
use crate::opaque::Sealed;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its (next) attempt.
    Pending,
    /// On the wire.
    Sending,
    /// Answered as the receiver's protocol asks.
    Delivered,
    /// A newer message about the same order took its place.
    Superseded,
    /// Out of attempts.
    Failed,
}

/// What one request on the wire came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Begun; becomes `unknown` when its worker dies.
    Started,
    /// Answered as asked for.
    Succeeded,
    /// Answered otherwise.
    Rejected,
    /// No answer: name, connection, TLS, deadline.
    Failed,
    /// Refused before dialling by the address filter.
    Refused,
    /// Cut off by a crash: nobody knows.
    Unknown,
}

/// A request on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAttempt {
    /// Counts from 1.
    pub number: i64,
    /// When it began.
    pub started_at: Timestamp,
    /// What it came to.
    pub outcome: AttemptOutcome,
    /// The HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<i64>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ms: Option<i64>,
    /// Why it failed, in a few words and without secrets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The first bytes of the answer, sealed: receivers echo all kinds of things.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<Sealed>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// To a site's `ipnUrl`.
    Ipn,
    /// To a webhook endpoint.
    Webhook,
}

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Derived from the announcement and the receiver, so that relaying twice makes one delivery.
    #[serde(rename = "_id")]
    pub id: DeliveryId,
    /// Whose message it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// IPN or webhook.
    pub kind: DeliveryKind,
    /// The lane that it is sent in.
    pub lane: LaneId,
    /// Event type of a webhook, `ipn` or `ipn.test` for an IPN.
    pub event: String,
    /// The address.
    pub url: Sealed,
    /// The exact bytes, until the organization keeps them no longer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Sealed>,
    /// Where it stands.
    pub state: DeliveryState,
    /// When to send (again); absent when there is nothing more to do. Indexed with the lane.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Attempts of the current schedule; a manual resend starts it anew.
    #[serde(default)]
    pub tries: i64,
    /// Every request on the wire.
    #[serde(default)]
    pub attempts: Vec<DeliveryAttempt>,
    /// The site whose secret signs an IPN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub site_id: Option<SiteId>,
    /// The endpoint of a webhook.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint_id: Option<EndpointId>,
    /// The order whose shop is told. Absent from IPNs that a release before orders made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order_id: Option<OrderId>,
    /// The transaction spoken of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<TransactionId>,
    /// The checkout spoken of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout_id: Option<CheckoutId>,
    /// The document spoken of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice_id: Option<InvoiceId>,
    /// The provider's event that is sent on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider_event_id: Option<ProviderEventId>,
    /// IPN: the site's reference.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub external_reference: String,
    /// IPN: schema version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ipn_version: Option<i64>,
    /// IPN: the integer sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ipn_status: Option<i64>,
    /// IPN: its number within its order.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_version: Option<i64>,
    /// Why it ended without being delivered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The request that caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trail: Option<Trail>,
    /// When it was made; retries end a fixed time after it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Delivery {
    /// Field name of [`Self::url`] for encryption.
    pub const URL_FIELD: &'static str = "url";
    /// Field name of [`Self::body`] for encryption.
    pub const BODY_FIELD: &'static str = "body";
    /// Field name of an attempt's response for encryption.
    pub const RESPONSE_FIELD: &'static str = "response";

    /// The tenant that the delivery belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}
