//! `PATCH /v1/webhook-endpoints/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::endpoints, domain::EndpointId};
use web_kit::{ApiError, Json, Path};

use super::{EndpointBody, body, create::EndpointInput};
use crate::{
    api::etag::{IfMatch, Tagged},
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
    if_match: IfMatch,
    Json(input): Json<EndpointInput>,
) -> Result<Tagged<EndpointBody>, ApiError> {
    let settings =
        endpoints::EndpointSettings { expected_version: if_match.number(), ..input.into_settings()? };
    let endpoint = endpoints::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(endpoint.version, body(&state.app, &endpoint).await?))
}
