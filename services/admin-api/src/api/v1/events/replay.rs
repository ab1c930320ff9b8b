//! `POST /v1/events/{id}/replay`.

use axum::extract::State;
use gateway_core::{app::intake, domain::ProviderEventId};
use web_kit::{ApiError, Json, Path};

use super::EventBody;
use crate::{
    authority::{Caller, EventWrite},
    state::AppState,
};

/// Apply a parked or ignored event again.
#[utoipa::path(
    post, path = "/events/{id}/replay", tag = "events", operation_id = "replayEvent",
    params(("id" = String, Path, description = "The event.")),
    responses((status = 200, description = "The event, and what became of it.", body = EventBody)),
    extensions(("x-required-scope" = json!("event:write"))),
)]
pub async fn replay_event(
    State(state): State<AppState>,
    caller: Caller<EventWrite>,
    Path(id): Path<ProviderEventId>,
) -> Result<Json<EventBody>, ApiError> {
    let event = intake::replay_event(&state.app, caller.tenant(), id).await?;
    Ok(Json(EventBody::from(&event)))
}
