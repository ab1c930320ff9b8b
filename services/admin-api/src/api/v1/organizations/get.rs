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
    /// How long it keeps what is not kept for ever.
    pub retention: RetentionBody,
    /// When it was made.
    pub created_at: String,
}

/// How long an organization keeps what is not kept for ever.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the unit belongs to the names of the wire")]
pub struct RetentionBody {
    /// The bodies of providers' events; the events themselves stay.
    pub provider_events_days: i64,
    /// The bodies of notifications, and what was answered to them; the notifications themselves stay.
    pub deliveries_days: i64,
    /// Mails to buyers.
    pub mails_days: i64,
}

impl From<&Organization> for OrganizationBody {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name.clone(),
            retention: RetentionBody {
                provider_events_days: organization.retention.provider_events,
                deliveries_days: organization.retention.deliveries,
                mails_days: organization.retention.mails,
            },
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
