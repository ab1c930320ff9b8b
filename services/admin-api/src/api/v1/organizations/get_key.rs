//! `GET /v1/organizations/{id}/api-keys/{keyId}`.

use axum::extract::State;
use gateway_core::{
    app::settings::api_keys,
    domain::{ApiKeyId, OrganizationId},
};
use web_kit::{ApiError, Json, Path};

use super::{ApiKeyBody, own};
use crate::{
    authority::{ApiKeyRead, Caller},
    state::AppState,
};

/// Read an API key. Its secret is not shown.
#[utoipa::path(
    get, path = "/organizations/{id}/api-keys/{keyId}", tag = "api-keys", operation_id = "getApiKey",
    params(
        ("id" = String, Path, description = "The organization."),
        ("keyId" = String, Path, description = "The key."),
    ),
    responses((status = 200, description = "The key.", body = ApiKeyBody)),
    extensions(("x-required-scope" = json!("api-key:read"))),
)]
pub async fn get_api_key(
    State(state): State<AppState>,
    caller: Caller<ApiKeyRead>,
    Path((id, key_id)): Path<(OrganizationId, ApiKeyId)>,
) -> Result<Json<ApiKeyBody>, ApiError> {
    let found = api_keys::get(&state.app, own(caller.tenant(), id)?, key_id).await?;
    Ok(Json(ApiKeyBody::from(&found)))
}
