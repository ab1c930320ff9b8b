//! `GET /v1/webhook-endpoints/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::endpoints, domain::EndpointId};
use web_kit::{ApiError, Path};

use super::{EndpointBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, EndpointRead},
    state::AppState,
};

/// Read a webhook endpoint.
#[utoipa::path(
    get, path = "/webhook-endpoints/{id}", tag = "webhook-endpoints", operation_id = "getWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint.")),
    responses((status = 200, description = "The endpoint.", body = EndpointBody)),
    extensions(("x-required-scope" = json!("webhook-endpoint:read"))),
)]
pub async fn get_endpoint(
    State(state): State<AppState>,
    caller: Caller<EndpointRead>,
    Path(id): Path<EndpointId>,
) -> Result<Tagged<EndpointBody>, ApiError> {
    let endpoint = endpoints::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(endpoint.version, caller.shown(body(&state.app, &endpoint).await?)))
}
