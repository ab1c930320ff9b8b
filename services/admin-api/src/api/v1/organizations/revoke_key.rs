//! `POST /v1/organizations/{id}/api-keys/{keyId}/revoke`.

use axum::extract::State;
use gateway_core::{
    app::settings::api_keys,
    domain::{ApiKeyId, OrganizationId},
};
use web_kit::{ApiError, Json, Path};

use super::{ApiKeyBody, own};
use crate::{
    authority::{ApiKeyWrite, Caller},
    state::AppState,
};

/// Revoke an API key, on every node within 5 s. Harmless to repeat.
#[utoipa::path(
    post, path = "/organizations/{id}/api-keys/{keyId}/revoke", tag = "api-keys", operation_id = "revokeApiKey",
    params(
        ("id" = String, Path, description = "The organization."),
        ("keyId" = String, Path, description = "The key."),
    ),
    responses((status = 200, description = "The key, revoked.", body = ApiKeyBody)),
    extensions(("x-required-scope" = json!("api-key:write"))),
)]
pub async fn revoke_api_key(
    State(state): State<AppState>,
    caller: Caller<ApiKeyWrite>,
    Path((id, key_id)): Path<(OrganizationId, ApiKeyId)>,
) -> Result<Json<ApiKeyBody>, ApiError> {
    let revoked = api_keys::revoke(&state.app, own(caller.tenant(), id)?, key_id).await?;
    Ok(Json(ApiKeyBody::from(&revoked)))
}
