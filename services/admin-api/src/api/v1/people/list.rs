//! `GET /v1/organizations/{id}/people`.

use axum::extract::State;
use gateway_core::{app::people::members, domain::OrganizationId};
use web_kit::{ApiError, Json, Page, PageQuery, Path};

use super::MemberBody;
use crate::{
    api::{
        query::{page_of, page_request},
        v1::organizations::own,
    },
    authority::{Caller, PersonRead},
    state::AppState,
};

/// List the members of your organization, the newest person first.
#[utoipa::path(
    get, path = "/organizations/{id}/people", tag = "people", operation_id = "listPeople",
    params(("id" = String, Path, description = "The organization."), PageQuery),
    responses((status = 200, description = "A page of members.", body = Page<MemberBody>)),
    extensions(("x-required-scope" = json!("person:read"))),
)]
pub async fn list_people(
    State(state): State<AppState>,
    caller: Caller<PersonRead>,
    Path(id): Path<OrganizationId>,
    query: PageQuery,
) -> Result<Json<Page<MemberBody>>, ApiError> {
    own(caller.tenant(), id)?;
    let found = members::list(&state.app, id, &page_request(&query)?).await?;
    let data = found.rows.iter().map(|person| MemberBody::of(person, id)).collect();
    Ok(Json(page_of(&query, &found, data)))
}
