//! Deliveries: messages to merchants, with every request that went over the wire.

mod get;
mod list;
mod recover;
mod resend;

use gateway_core::domain::delivery::{
    AttemptOutcome, Delivery, DeliveryAttempt, DeliveryKind, DeliveryState,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_deliveries))
        .routes(routes!(recover::recover_deliveries))
        .routes(routes!(get::get_delivery))
        .routes(routes!(resend::resend_delivery))
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryBody {
    /// Its id, also the receiver's `deliveryId` or `webhook-id`.
    pub id: String,
    /// `ipn` or `webhook`.
    pub kind: &'static str,
    /// The event type of a webhook, `ipn` or `ipn.test`.
    pub event: String,
    /// pending, sending, delivered, superseded or failed.
    pub state: &'static str,
    /// Why it ended without being delivered.
    pub reason: Option<String>,
    /// When it is sent (again).
    pub due: Option<String>,
    /// Requests that went over the wire, resends included.
    pub attempts: usize,
    /// The last request.
    pub last_attempt: Option<DeliveryAttemptBody>,
    /// The site of an IPN.
    pub site_id: Option<String>,
    /// The endpoint of a webhook.
    pub endpoint_id: Option<String>,
    /// The transaction spoken of.
    pub transaction_id: Option<String>,
    /// The checkout spoken of.
    pub checkout_id: Option<String>,
    /// IPN: the integer sent.
    pub ipn_status: Option<i64>,
    /// IPN: orders a transaction's messages.
    pub event_version: Option<i64>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A request on the wire.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAttemptBody {
    /// Counts from 1.
    pub number: i64,
    /// started, succeeded, rejected, failed, refused or unknown.
    pub outcome: &'static str,
    /// The HTTP status of the answer.
    pub status: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// When it began.
    pub started_at: String,
    /// The beginning of the answer; only where one delivery is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

impl From<&Delivery> for DeliveryBody {
    fn from(delivery: &Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            kind: kind(delivery.kind),
            event: delivery.event.clone(),
            state: state(delivery.state),
            reason: delivery.reason.clone(),
            due: delivery.due.map(|due| due.to_string()),
            attempts: delivery.attempts.len(),
            last_attempt: delivery.attempts.last().map(DeliveryAttemptBody::from),
            site_id: delivery.site_id.map(|id| id.to_string()),
            endpoint_id: delivery.endpoint_id.map(|id| id.to_string()),
            transaction_id: delivery.transaction_id.map(|id| id.to_string()),
            checkout_id: delivery.checkout_id.map(|id| id.to_string()),
            ipn_status: delivery.ipn_status,
            event_version: delivery.event_version,
            created_at: delivery.created_at.to_string(),
            updated_at: delivery.updated_at.to_string(),
        }
    }
}

impl From<&DeliveryAttempt> for DeliveryAttemptBody {
    fn from(attempt: &DeliveryAttempt) -> Self {
        Self {
            number: attempt.number,
            outcome: outcome(attempt.outcome),
            status: attempt.status,
            error: attempt.error.clone(),
            duration_ms: attempt.duration_ms,
            started_at: attempt.started_at.to_string(),
            response: None,
        }
    }
}

pub(crate) const KINDS: &[DeliveryKind] = &[DeliveryKind::Ipn, DeliveryKind::Webhook];

pub(crate) const fn kind(kind: DeliveryKind) -> &'static str {
    match kind {
        DeliveryKind::Ipn => "ipn",
        DeliveryKind::Webhook => "webhook",
    }
}

pub(crate) const STATES: &[DeliveryState] = &[
    DeliveryState::Pending,
    DeliveryState::Sending,
    DeliveryState::Delivered,
    DeliveryState::Superseded,
    DeliveryState::Failed,
];

pub(crate) const fn state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Sending => "sending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Superseded => "superseded",
        DeliveryState::Failed => "failed",
    }
}

pub(crate) const fn outcome(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Started => "started",
        AttemptOutcome::Succeeded => "succeeded",
        AttemptOutcome::Rejected => "rejected",
        AttemptOutcome::Failed => "failed",
        AttemptOutcome::Refused => "refused",
        AttemptOutcome::Unknown => "unknown",
    }
}
