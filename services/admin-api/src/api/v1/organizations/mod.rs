//! The caller's own organizations and their API keys.

mod create;
mod create_key;
mod get;
mod get_key;
mod list;
mod list_keys;
mod revoke_key;
mod rotate_key;
mod update;

use gateway_core::{
    app::AppError,
    domain::{OrganizationId, Tenant, api_key},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_organizations, create::create_organization))
        .routes(routes!(get::get_organization, update::update_organization))
        .routes(routes!(list_keys::list_api_keys, create_key::create_api_key))
        .routes(routes!(get_key::get_api_key))
        .routes(routes!(rotate_key::rotate_api_key))
        .routes(routes!(revoke_key::revoke_api_key))
}

/// A foreign organization is not there.
pub(super) fn own(tenant: Tenant, id: OrganizationId) -> Result<Tenant, AppError> {
    if tenant.organization == id { Ok(tenant) } else { Err(AppError::NotFound("organization")) }
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    /// Its id, the part of the key before the full stop.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<&'static str>,
    /// Where it may be used from; everywhere when empty.
    pub allowed_networks: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// Until when the secret before the last rotation is accepted.
    pub previous_secret_until: Option<String>,
    /// When it was made.
    pub created_at: String,
}

impl From<&api_key::ApiKey> for ApiKeyBody {
    fn from(key: &api_key::ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            mode: key.mode.as_str(),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            allowed_networks: key.allowed_networks.iter().map(ToString::to_string).collect(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            previous_secret_until: key.previous.as_ref().map(|previous| previous.until.to_string()),
            created_at: key.created_at.to_string(),
        }
    }
}

/// An API key with its secret, which is shown this one time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyWithSecret {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKeyBody,
    /// The whole key, to be sent as Bearer token. Keep it: it is not shown again.
    pub api_key: String,
}
