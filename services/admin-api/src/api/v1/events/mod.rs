//! Events of providers, as they wait in the inbox or were applied.

mod get;
mod list;
mod replay;

use gateway_core::domain::provider_event::{EventState, ProviderEvent};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_events))
        .routes(routes!(get::get_event))
        .routes(routes!(replay::replay_event))
}

/// A provider's event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBody {
    /// Its id here.
    pub id: String,
    /// The account that sent it.
    pub provider_id: String,
    /// Which provider.
    pub provider_type: &'static str,
    /// The provider's own id of it.
    pub event_id: String,
    /// The provider's name for what happened.
    pub name: String,
    /// `webhook`, or `list`: read from the provider's own list of events.
    pub origin: &'static str,
    /// received, applied, ignored or parked.
    pub state: &'static str,
    /// Why it is parked, ignored or not yet applied.
    pub reason: Option<String>,
    /// Failed attempts at applying it.
    pub attempts: i64,
    /// The transaction that it speaks of.
    pub transaction_id: Option<String>,
    /// When it came.
    pub received_at: String,
}

impl From<&ProviderEvent> for EventBody {
    fn from(event: &ProviderEvent) -> Self {
        Self {
            id: event.id.to_string(),
            provider_id: event.provider_id.to_string(),
            provider_type: event.provider_kind.as_str(),
            event_id: event.event_id.clone(),
            name: event.name.clone(),
            origin: event.origin.as_str(),
            state: state(event.state),
            reason: event.reason.clone(),
            attempts: event.attempts,
            transaction_id: event.transaction_id.map(|id| id.to_string()),
            received_at: event.received_at.to_string(),
        }
    }
}

pub(crate) const STATES: &[EventState] =
    &[EventState::Received, EventState::Applied, EventState::Ignored, EventState::Parked];

pub(crate) const fn state(state: EventState) -> &'static str {
    match state {
        EventState::Received => "received",
        EventState::Applied => "applied",
        EventState::Ignored => "ignored",
        EventState::Parked => "parked",
    }
}
