//! `POST /v1/webhook-endpoints/{id}/enable`.

use axum::extract::State;
use gateway_core::{app::settings::endpoints, domain::EndpointId};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{EndpointBody, body};
use crate::{
    api::body::OptionalJson,
    authority::{Caller, EndpointWrite},
    state::AppState,
};

/// On or off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnableEndpoint {
    /// The state to have; on when absent.
    enabled: Option<bool>,
}

/// Switch a webhook endpoint on (or off).
#[utoipa::path(
    post, path = "/webhook-endpoints/{id}/enable", tag = "webhook-endpoints",
    operation_id = "enableWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint.")),
    request_body = Option<EnableEndpoint>,
    responses((status = 200, description = "The endpoint.", body = EndpointBody)),
    extensions(("x-required-scope" = json!("webhook-endpoint:write"))),
)]
pub async fn enable_endpoint(
    State(state): State<AppState>,
    caller: Caller<EndpointWrite>,
    Path(id): Path<EndpointId>,
    input: OptionalJson<EnableEndpoint>,
) -> Result<Json<EndpointBody>, ApiError> {
    let enabled = input.value.enabled.unwrap_or(true);
    let endpoint = endpoints::set_enabled(&state.app, caller.tenant(), id, enabled).await?;
    Ok(Json(body(&state.app, &endpoint).await?))
}
