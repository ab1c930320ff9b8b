//! `PATCH /v1/webhook-endpoints/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::endpoints, domain::EndpointId};
use web_kit::{ApiError, Json, Path};

use super::{EndpointBody, body, create::EndpointInput};
use crate::{
    authority::{Caller, EndpointWrite},
    state::AppState,
};

/// Change a webhook endpoint.
#[utoipa::path(
    patch, path = "/webhook-endpoints/{id}", tag = "webhook-endpoints", operation_id = "updateWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint.")),
    request_body = EndpointInput,
    responses((status = 200, description = "The endpoint.", body = EndpointBody)),
    extensions(("x-required-scope" = json!("webhook-endpoint:write"))),
)]
pub async fn update_endpoint(
    State(state): State<AppState>,
    caller: Caller<EndpointWrite>,
    Path(id): Path<EndpointId>,
    Json(input): Json<EndpointInput>,
) -> Result<Json<EndpointBody>, ApiError> {
    let endpoint = endpoints::update(&state.app, caller.tenant(), id, input.into_settings()).await?;
    Ok(Json(body(&state.app, &endpoint).await?))
}
