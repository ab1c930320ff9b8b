//! `GET /v1/events/{id}`.

use axum::extract::State;
use gateway_core::{
    app::{AppError, list},
    domain::{ProviderEventId, provider_event::ProviderEvent, scope::Scope},
};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::EventBody;
use crate::{
    authority::{Caller, EventRead},
    proofs::{HIDDEN, HoldsProofs},
    state::AppState,
};

/// A provider's event with what the provider sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventDetailBody {
    /// The event.
    #[serde(flatten)]
    pub event: EventBody,
    /// Its exact bytes, as text.
    pub raw: String,
}

impl HoldsProofs for EventDetailBody {
    const SCOPE: Scope = Scope::EventWrite;

    fn hide(&mut self) {
        HIDDEN.clone_into(&mut self.raw);
    }
}

/// Read a provider's event with its exact bytes.
///
/// To people who only look they are `hidden`.
#[utoipa::path(
    get, path = "/events/{id}", tag = "events", operation_id = "getEvent",
    params(("id" = String, Path, description = "The event.")),
    responses((status = 200, description = "The event.", body = EventDetailBody)),
    extensions(("x-required-scope" = json!("event:read"))),
)]
pub async fn get_event(
    State(state): State<AppState>,
    caller: Caller<EventRead>,
    Path(id): Path<ProviderEventId>,
) -> Result<Json<EventDetailBody>, ApiError> {
    let found =
        state.app.store.for_org(caller.tenant()).get::<ProviderEvent>(id).await.map_err(AppError::from)?;
    let event = found.ok_or(AppError::NotFound("event"))?;
    let raw = list::raw_event(&state.app, &event).await?.unwrap_or_default();
    Ok(Json(caller.shown(EventDetailBody { event: EventBody::from(&event), raw })))
}
