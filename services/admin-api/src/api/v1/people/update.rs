//! `PATCH /v1/organizations/{id}/people/{personId}`.

use axum::extract::State;
use gateway_core::{
    app::{AppError, people::members},
    domain::{OrganizationId, PersonId, role::Role},
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::MemberBody;
use crate::{
    api::{
        etag::{IfMatch, Tagged},
        v1::organizations::own,
    },
    authority::{Caller, PersonWrite},
    state::AppState,
};

/// What to change of a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePerson {
    /// `viewer`, `editor` or `admin`: none that may do more than you.
    #[schema(value_type = String)]
    role: Role,
}

/// Give a member another role, with effect on every node within 5 s. The last Admin stays one.
#[utoipa::path(
    patch, path = "/organizations/{id}/people/{personId}", tag = "people", operation_id = "updatePerson",
    params(
        ("id" = String, Path, description = "The organization."),
        ("personId" = String, Path, description = "The person."),
    ),
    request_body = UpdatePerson,
    responses((status = 200, description = "The member.", body = MemberBody)),
    extensions(("x-required-scope" = json!("person:write"))),
)]
pub async fn update_person(
    State(state): State<AppState>,
    caller: Caller<PersonWrite>,
    Path((id, person)): Path<(OrganizationId, PersonId)>,
    if_match: IfMatch,
    Json(input): Json<UpdatePerson>,
) -> Result<Tagged<MemberBody>, ApiError> {
    own(caller.tenant(), id)?;
    let by = caller.authority();
    let expected = match if_match {
        IfMatch::Any => None,
        // A tag that is no role is the tag of nobody.
        IfMatch::Version(text) => Some(text.parse().map_err(|_| AppError::Stale)?),
    };
    let changed = members::set_role_over(&state.app, id, person, input.role, expected, by).await?;
    let body = MemberBody::of(&changed, id);
    Ok(Tagged::new(body.tag(), body))
}
