//! `POST /v1/organizations/{id}/api-keys/{keyId}/rotate`.

use std::time::Duration;

use axum::extract::State;
use gateway_core::{
    app::settings::api_keys,
    domain::{ApiKeyId, OrganizationId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{ApiKeyBody, ApiKeyWithSecret, own};
use crate::{
    api::body::OptionalJson,
    authority::{ApiKeyWrite, Caller},
    state::AppState,
};

/// How to change over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateApiKey {
    /// How long the old secret is accepted beside the new one, at most 30 days; not at all when absent.
    overlap_seconds: Option<u64>,
}

/// Give an API key a new secret. It is shown this one time.
#[utoipa::path(
    post, path = "/organizations/{id}/api-keys/{keyId}/rotate", tag = "api-keys", operation_id = "rotateApiKey",
    params(
        ("id" = String, Path, description = "The organization."),
        ("keyId" = String, Path, description = "The key."),
    ),
    request_body = Option<RotateApiKey>,
    responses((status = 200, description = "The key with its new secret.", body = ApiKeyWithSecret)),
    extensions(("x-required-scope" = json!("api-key:write"))),
)]
pub async fn rotate_api_key(
    State(state): State<AppState>,
    caller: Caller<ApiKeyWrite>,
    Path((id, key_id)): Path<(OrganizationId, ApiKeyId)>,
    input: OptionalJson<RotateApiKey>,
) -> Result<Json<ApiKeyWithSecret>, ApiError> {
    let tenant = own(caller.tenant(), id)?;
    let overlap = Duration::from_secs(input.value.overlap_seconds.unwrap_or(0));
    let (made, token) =
        api_keys::rotate(&state.app, tenant, key_id, overlap, Some(caller.authority())).await?;
    Ok(Json(ApiKeyWithSecret { key: ApiKeyBody::from(&made), api_key: token.expose().to_owned() }))
}
