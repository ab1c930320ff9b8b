//! `GET /v1/organizations/{id}`.

use axum::extract::State;
use gateway_core::{
    app::AppError,
    domain::{OrganizationId, organization::Organization},
};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::own;
use crate::{
    api::etag::Tagged,
    authority::{Caller, OrganizationRead},
    state::AppState,
};

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationBody {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: String,
}

impl From<&Organization> for OrganizationBody {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.clone(),
            created_at: organization.created_at.to_string(),
        }
    }
}

/// Read your own organization.
#[utoipa::path(
    get, path = "/organizations/{id}", tag = "organizations", operation_id = "getOrganization",
    params(("id" = String, Path, description = "The organization.")),
    responses((status = 200, description = "The organization.", body = OrganizationBody)),
    extensions(("x-required-scope" = json!("organization:read"))),
)]
pub async fn get_organization(
    State(state): State<AppState>,
    caller: Caller<OrganizationRead>,
    Path(id): Path<OrganizationId>,
) -> Result<Tagged<OrganizationBody>, ApiError> {
    own(caller.tenant(), id)?;
    let found = state.app.store.lookup_organization(id).await.map_err(AppError::from)?;
    let organization = found.ok_or(AppError::NotFound("organization"))?;
    Ok(Tagged::new(organization.version, OrganizationBody::from(&organization)))
}
