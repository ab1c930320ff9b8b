//! `GET /v1/organizations/{id}/invitations`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::people::invitations,
    domain::{OrganizationId, invitation::InvitationState},
};
use web_kit::{ApiError, Json, Page, PageQuery, Path};

use super::InvitationBody;
use crate::{
    api::{
        query::{Filters, page_request, plain_page},
        v1::organizations::own,
    },
    authority::{Caller, PersonRead},
    state::AppState,
};

/// List invitations, newest first.
#[utoipa::path(
    get, path = "/organizations/{id}/invitations", tag = "people", operation_id = "listInvitations",
    params(
        ("id" = String, Path, description = "The organization."),
        ("state" = Option<String>, Query, description = "`open`, `accepted` or `revoked`."),
        PageQuery,
    ),
    responses((status = 200, description = "A page of invitations.", body = Page<InvitationBody>)),
    extensions(("x-required-scope" = json!("person:read"))),
)]
pub async fn list_invitations(
    State(state): State<AppState>,
    caller: Caller<PersonRead>,
    Path(id): Path<OrganizationId>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<InvitationBody>>, ApiError> {
    own(caller.tenant(), id)?;
    let mut filters = Filters::of(raw.as_deref());
    let wanted = filters.word("state", InvitationState::ALL, InvitationState::as_str);
    let wanted = filters.finish(wanted)?;
    let found = invitations::list(&state.app, id, wanted, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}
