//! `GET /v1/organizations`.

use axum::extract::State;
use gateway_core::{
    app::{AppError, people::Authority},
    domain::OrganizationId,
};
use web_kit::{ApiError, Json, Page};

use super::get::OrganizationBody;
use crate::{
    authority::{Caller, OrganizationRead},
    state::AppState,
};

/// List your organizations: a person's are those that they are a member of, a key has one. At most 100, on one page.
#[utoipa::path(
    get, path = "/organizations", tag = "organizations", operation_id = "listOrganizations",
    responses((status = 200, description = "The organizations.", body = Page<OrganizationBody>)),
    extensions(("x-required-scope" = json!("organization:read"))),
)]
pub async fn list_organizations(
    State(state): State<AppState>,
    caller: Caller<OrganizationRead>,
) -> Result<Json<Page<OrganizationBody>>, ApiError> {
    let ids: Vec<OrganizationId> = match caller.authority() {
        Authority::Key(key) => vec![key.org],
        Authority::Person { person, .. } => person.memberships.iter().map(|m| m.org).collect(),
    };
    let mut data = Vec::with_capacity(ids.len());
    for id in ids {
        let found = state.app.store.lookup_organization(id).await.map_err(AppError::from)?;
        data.extend(found.as_ref().map(OrganizationBody::from));
    }
    let total = data.len() as u64;
    let (page, limit) = (1, 100);
    Ok(Json(Page { data, page, limit, total, total_is_capped: false, has_more: false, next_cursor: None }))
}
