//! `DELETE /v1/organizations/{id}/people/{personId}`.

use axum::extract::State;
use gateway_core::{
    app::people::members,
    domain::{OrganizationId, PersonId},
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    api::v1::organizations::own,
    authority::{Caller, PersonWrite},
    state::AppState,
};

/// Take a member out, with effect on every node within 5 s. The last Admin stays.
#[utoipa::path(
    delete, path = "/organizations/{id}/people/{personId}", tag = "people", operation_id = "removePerson",
    params(
        ("id" = String, Path, description = "The organization."),
        ("personId" = String, Path, description = "The person."),
    ),
    responses((status = 204, description = "No member any more.")),
    extensions(("x-required-scope" = json!("person:write"))),
)]
pub async fn remove_person(
    State(state): State<AppState>,
    caller: Caller<PersonWrite>,
    Path((id, person)): Path<(OrganizationId, PersonId)>,
) -> Result<StatusCode, ApiError> {
    own(caller.tenant(), id)?;
    members::remove(&state.app, id, person, caller.authority()).await?;
    Ok(StatusCode::NO_CONTENT)
}
