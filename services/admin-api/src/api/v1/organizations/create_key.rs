//! `POST /v1/organizations/{id}/api-keys`.

use axum::extract::State;
use gateway_core::{
    app::settings::api_keys::{self, NewKey},
    domain::{OrganizationId, Timestamp, api_key::ALLOWED_NETWORKS_MAX, scope::Scope},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{ApiKeyBody, ApiKeyWithSecret, own};
use crate::{
    api::body::{at_most, words},
    authority::{ApiKeyWrite, Caller},
    state::AppState,
};

/// Each scope once, or twice.
const SCOPES_MAX: usize = 2 * Scope::ALL.len();

/// A key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateApiKey {
    /// What people call it.
    name: String,
    /// What it may do: none that your own key may not.
    #[serde(deserialize_with = "at_most::<SCOPES_MAX, _, _>")]
    scopes: Vec<String>,
    /// Addresses and networks that it may be used from; everywhere when empty.
    #[serde(default, deserialize_with = "at_most::<ALLOWED_NETWORKS_MAX, _, _>")]
    allowed_networks: Vec<String>,
    /// When it ends by itself.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

/// Create an API key of the same mode. The secret is shown this one time.
#[utoipa::path(
    post, path = "/organizations/{id}/api-keys", tag = "api-keys", operation_id = "createApiKey",
    params(("id" = String, Path, description = "The organization.")),
    request_body = CreateApiKey,
    responses((status = 201, description = "The key with its secret.", body = ApiKeyWithSecret)),
    extensions(("x-required-scope" = json!("api-key:write"))),
)]
pub async fn create_api_key(
    State(state): State<AppState>,
    caller: Caller<ApiKeyWrite>,
    Path(id): Path<OrganizationId>,
    Json(input): Json<CreateApiKey>,
) -> Result<(StatusCode, Json<ApiKeyWithSecret>), ApiError> {
    let tenant = own(caller.tenant(), id)?;
    let new = NewKey {
        name: input.name,
        scopes: words::<Scope>("scopes", &input.scopes)?,
        allowed_networks: input.allowed_networks,
        expires_at: input.expires_at,
        ..NewKey::default()
    };
    let (made, token) = api_keys::create(&state.app, tenant, new, Some(caller.authority())).await?;
    let body = ApiKeyWithSecret { key: ApiKeyBody::from(&made), api_key: token.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(body)))
}
