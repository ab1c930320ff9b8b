//! Invitations into the caller's organization. The link goes to the invited address alone.

mod create;
mod get;
mod list;
mod revoke;

use gateway_core::domain::invitation::Invitation;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_invitations, create::create_invitation))
        .routes(routes!(get::get_invitation))
        .routes(routes!(revoke::revoke_invitation))
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBody {
    /// Its id.
    pub id: String,
    /// Whom.
    pub email: String,
    /// As what: `viewer`, `editor` or `admin`.
    pub role: &'static str,
    /// `open`, `accepted` or `revoked`.
    pub state: &'static str,
    /// Where its mail stands: `waiting`, `sending`, `sent` or `failed`. None where the operator handed the link over.
    pub mail: Option<&'static str>,
    /// Who invited, where a person did.
    pub invited_by: Option<String>,
    /// When it was made, or last sent anew.
    pub created_at: String,
    /// Until when it can be accepted.
    pub expires_at: String,
}

impl From<&Invitation> for InvitationBody {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.clone(),
            role: invitation.role.as_str(),
            state: invitation.state.as_str(),
            mail: invitation.mail.as_ref().map(|mail| mail.state.as_str()),
            invited_by: invitation.invited_by.map(|person| person.to_string()),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
        }
    }
}
