//! `GET /v1/organizations/{id}/people/{personId}`.

use axum::extract::State;
use gateway_core::{
    app::people::members,
    domain::{OrganizationId, PersonId},
};
use web_kit::{ApiError, Path};

use super::MemberBody;
use crate::{
    api::{etag::Tagged, v1::organizations::own},
    authority::{Caller, PersonRead},
    state::AppState,
};

/// Read a member of your organization.
#[utoipa::path(
    get, path = "/organizations/{id}/people/{personId}", tag = "people", operation_id = "getPerson",
    params(
        ("id" = String, Path, description = "The organization."),
        ("personId" = String, Path, description = "The person."),
    ),
    responses((status = 200, description = "The member.", body = MemberBody)),
    extensions(("x-required-scope" = json!("person:read"))),
)]
pub async fn get_person(
    State(state): State<AppState>,
    caller: Caller<PersonRead>,
    Path((id, person)): Path<(OrganizationId, PersonId)>,
) -> Result<Tagged<MemberBody>, ApiError> {
    own(caller.tenant(), id)?;
    let found = members::member(&state.app, id, person).await?;
    let body = MemberBody::of(&found, id);
    Ok(Tagged::new(body.tag(), body))
}
