//! `POST /v1/providers/{id}/catch-up`.

use axum::extract::State;
use gateway_core::{app::catch_up, domain::ProviderId};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use crate::{
    authority::{Caller, ProviderWrite},
    state::AppState,
};

/// What the provider's own list of events held.
#[derive(Debug, Serialize, ToSchema)]
pub struct CaughtUpBody {
    /// Events in the list.
    pub listed: usize,
    /// Events that no webhook had brought. They are applied now.
    pub found: usize,
    /// Whether everything up to now has been read. Where not, the worker goes on.
    pub complete: bool,
}

/// Read the provider's own list of events now.
///
/// The worker does it every hour. What no webhook brought since the last reading is taken into the inbox and applied
/// like any other event.
#[utoipa::path(
    post, path = "/providers/{id}/catch-up", tag = "providers", operation_id = "catchUpProvider",
    params(("id" = String, Path, description = "The provider.")),
    responses((status = 200, description = "What was found.", body = CaughtUpBody)),
    extensions(("x-required-scope" = json!("provider:write"))),
)]
pub async fn catch_up_provider(
    State(state): State<AppState>,
    caller: Caller<ProviderWrite>,
    Path(id): Path<ProviderId>,
) -> Result<Json<CaughtUpBody>, ApiError> {
    let done = catch_up::catch_up(&state.app, caller.tenant(), id).await?;
    Ok(Json(CaughtUpBody { listed: done.listed, found: done.found, complete: done.complete }))
}
