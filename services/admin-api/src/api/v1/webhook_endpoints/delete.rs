//! `DELETE /v1/webhook-endpoints/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::endpoints, domain::EndpointId};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    authority::{Caller, EndpointWrite},
    state::AppState,
};

/// Delete a webhook endpoint. What still waits for it is given up.
#[utoipa::path(
    delete, path = "/webhook-endpoints/{id}", tag = "webhook-endpoints", operation_id = "deleteWebhookEndpoint",
    params(("id" = String, Path, description = "The endpoint.")),
    responses((status = 204, description = "Deleted.")),
    extensions(("x-required-scope" = json!("webhook-endpoint:write"))),
)]
pub async fn delete_endpoint(
    State(state): State<AppState>,
    caller: Caller<EndpointWrite>,
    Path(id): Path<EndpointId>,
) -> Result<StatusCode, ApiError> {
    endpoints::delete(&state.app, caller.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
