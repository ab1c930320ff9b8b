//! `POST /v1/webhook-endpoints/{id}/rotate-secret`.

use std::time::Duration;

use axum::extract::State;
use gateway_core::{app::settings::endpoints, domain::EndpointId};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{EndpointSecretBody, body};
use crate::{
    api::body::OptionalJson,
    authority::{Caller, EndpointWrite},
    state::AppState,
};

/// Overlap of a rotation that names none, in seconds.
const OVERLAP_SECONDS_DEFAULT: u64 = 24 * 3600;

/// How to change over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateEndpointSecret {
    /// How long the old secret signs beside the new one, at most 30 days; 24 hours when absent.
    overlap_seconds: Option<u64>,
}

/// Make a new secret for a webhook endpoint. It is shown this one time.
#[utoipa::path(
    post, path = "/webhook-endpoints/{id}/rotate-secret", tag = "webhook-endpoints",
    operation_id = "rotateWebhookEndpointSecret",
    params(("id" = String, Path, description = "The endpoint.")),
    request_body = Option<RotateEndpointSecret>,
    responses((status = 200, description = "The endpoint with its new secret.", body = EndpointSecretBody)),
    extensions(("x-required-scope" = json!("webhook-endpoint:write"))),
)]
pub async fn rotate_endpoint_secret(
    State(state): State<AppState>,
    caller: Caller<EndpointWrite>,
    Path(id): Path<EndpointId>,
    input: OptionalJson<RotateEndpointSecret>,
) -> Result<Json<EndpointSecretBody>, ApiError> {
    let overlap = Duration::from_secs(input.value.overlap_seconds.unwrap_or(OVERLAP_SECONDS_DEFAULT));
    let (endpoint, secret) = endpoints::rotate_secret(&state.app, caller.tenant(), id, overlap).await?;
    let endpoint = body(&state.app, &endpoint).await?;
    Ok(Json(EndpointSecretBody { endpoint, secret: secret.expose().to_owned() }))
}
