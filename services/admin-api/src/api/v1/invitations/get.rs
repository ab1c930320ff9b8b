//! `GET /v1/organizations/{id}/invitations/{invitationId}`.

use axum::extract::State;
use gateway_core::{
    app::people::invitations,
    domain::{InvitationId, OrganizationId},
};
use web_kit::{ApiError, Json, Path};

use super::InvitationBody;
use crate::{
    api::v1::organizations::own,
    authority::{Caller, PersonRead},
    state::AppState,
};

/// Read an invitation.
#[utoipa::path(
    get, path = "/organizations/{id}/invitations/{invitationId}", tag = "people", operation_id = "getInvitation",
    params(
        ("id" = String, Path, description = "The organization."),
        ("invitationId" = String, Path, description = "The invitation."),
    ),
    responses((status = 200, description = "The invitation.", body = InvitationBody)),
    extensions(("x-required-scope" = json!("person:read"))),
)]
pub async fn get_invitation(
    State(state): State<AppState>,
    caller: Caller<PersonRead>,
    Path((id, invitation)): Path<(OrganizationId, InvitationId)>,
) -> Result<Json<InvitationBody>, ApiError> {
    own(caller.tenant(), id)?;
    Ok(Json(InvitationBody::from(&invitations::get(&state.app, id, invitation).await?)))
}
