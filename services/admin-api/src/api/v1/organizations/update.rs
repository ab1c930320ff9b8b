//! `PATCH /v1/organizations/{id}`.

use axum::extract::State;
use gateway_core::{app::organizations, domain::OrganizationId};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{get::OrganizationBody, own};
use crate::{
    api::etag::{IfMatch, Tagged},
    authority::{Caller, OrganizationWrite},
    state::AppState,
};

/// What to change of an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateOrganization {
    /// What people call it, at most 100 characters.
    name: String,
}

/// Give your organization another name. Papers are issued in the seller's name of the invoice settings, not in this.
#[utoipa::path(
    patch, path = "/organizations/{id}", tag = "organizations", operation_id = "updateOrganization",
    params(("id" = String, Path, description = "The organization.")),
    request_body = UpdateOrganization,
    responses((status = 200, description = "The organization.", body = OrganizationBody)),
    extensions(("x-required-scope" = json!("organization:write"))),
)]
pub async fn update_organization(
    State(state): State<AppState>,
    caller: Caller<OrganizationWrite>,
    Path(id): Path<OrganizationId>,
    if_match: IfMatch,
    Json(input): Json<UpdateOrganization>,
) -> Result<Tagged<OrganizationBody>, ApiError> {
    own(caller.tenant(), id)?;
    let (by, version) = (caller.authority(), if_match.number());
    let changed = organizations::rename_over(&state.app, by, &input.name, version).await?;
    Ok(Tagged::new(changed.version, OrganizationBody::from(&changed)))
}
