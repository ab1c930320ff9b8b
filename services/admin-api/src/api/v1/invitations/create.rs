//! `POST /v1/organizations/{id}/invitations`.

use axum::extract::State;
use gateway_core::{
    app::people::invitations::{self, NewInvitation},
    domain::{OrganizationId, role::Role},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::InvitationBody;
use crate::{
    api::v1::organizations::own,
    authority::{Caller, PersonWrite},
    state::AppState,
};

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInvitation {
    /// The address.
    email: String,
    /// `viewer`, `editor` or `admin`: none that may do more than you.
    #[schema(value_type = String)]
    role: Role,
    /// The language of the mail: `en`, `pt`, `de`, `fr` or `es`; English otherwise.
    language: Option<String>,
}

/// Invite somebody by mail, for a week. An open invitation of the same address is sent anew with a new link.
#[utoipa::path(
    post, path = "/organizations/{id}/invitations", tag = "people", operation_id = "createInvitation",
    params(("id" = String, Path, description = "The organization.")),
    request_body = CreateInvitation,
    responses((status = 201, description = "The invitation.", body = InvitationBody)),
    extensions(("x-required-scope" = json!("person:write"))),
)]
pub async fn create_invitation(
    State(state): State<AppState>,
    caller: Caller<PersonWrite>,
    Path(id): Path<OrganizationId>,
    Json(input): Json<CreateInvitation>,
) -> Result<(StatusCode, Json<InvitationBody>), ApiError> {
    own(caller.tenant(), id)?;
    let language = input.language.unwrap_or_else(|| "en".to_owned());
    let new = NewInvitation { email: input.email, role: input.role, language };
    let made = invitations::invite(&state.app, id, &new, caller.authority()).await?;
    Ok((StatusCode::CREATED, Json(InvitationBody::from(&made))))
}
