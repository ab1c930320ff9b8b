//! `PATCH /v1/organizations/{id}`.

use axum::extract::State;
use gateway_core::{
    app::organizations::{self, OrganizationChange},
    domain::OrganizationId,
};
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
    name: Option<String>,
    /// How long it keeps what is not kept for ever; what is left out stays as it is.
    retention: Option<RetentionUpdate>,
}

/// How long to keep what is not kept for ever: 7 to 3,650 days each.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the unit belongs to the names of the wire")]
pub struct RetentionUpdate {
    /// The bodies of providers' events; the events themselves stay.
    provider_events_days: Option<i64>,
    /// The bodies of notifications, and what was answered to them; the notifications themselves stay.
    deliveries_days: Option<i64>,
    /// Mails to buyers.
    mails_days: Option<i64>,
}

/// Change the name of your organization, or how long it keeps what is not kept for ever. Papers are issued in the
/// seller's name of the invoice settings, not in this.
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
    let keep = input.retention.unwrap_or_default();
    let change = OrganizationChange {
        name: input.name,
        keep_provider_events: keep.provider_events_days,
        keep_deliveries: keep.deliveries_days,
        keep_mails: keep.mails_days,
    };
    let changed = organizations::change_over(&state.app, by, &change, version).await?;
    Ok(Tagged::new(changed.version, OrganizationBody::from(&changed)))
}
