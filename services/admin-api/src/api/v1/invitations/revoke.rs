//! `POST /v1/organizations/{id}/invitations/{invitationId}/revoke`.

use axum::extract::State;
use gateway_core::{
    app::people::invitations,
    domain::{InvitationId, OrganizationId},
};
use web_kit::{ApiError, Json, Path};

use super::InvitationBody;
use crate::{
    api::v1::organizations::own,
    authority::{Caller, PersonWrite},
    state::AppState,
};

/// Take an invitation back. Harmless to repeat; an accepted one stays what it is.
#[utoipa::path(
    post, path = "/organizations/{id}/invitations/{invitationId}/revoke", tag = "people",
    operation_id = "revokeInvitation",
    params(
        ("id" = String, Path, description = "The organization."),
        ("invitationId" = String, Path, description = "The invitation."),
    ),
    responses((status = 200, description = "The invitation, revoked.", body = InvitationBody)),
    extensions(("x-required-scope" = json!("person:write"))),
)]
pub async fn revoke_invitation(
    State(state): State<AppState>,
    caller: Caller<PersonWrite>,
    Path((id, invitation)): Path<(OrganizationId, InvitationId)>,
) -> Result<Json<InvitationBody>, ApiError> {
    own(caller.tenant(), id)?;
    let revoked = invitations::revoke(&state.app, id, invitation, caller.authority()).await?;
    Ok(Json(InvitationBody::from(&revoked)))
}
