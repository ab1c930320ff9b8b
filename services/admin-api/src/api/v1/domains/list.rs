//! `GET /v1/domains`.

use axum::extract::State;
use gateway_core::{app::list, domain::custom_domain::CustomDomain};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::DomainBody;
use crate::{
    api::query::{page_of, page_request},
    authority::{Caller, DomainRead},
    state::AppState,
};

/// List custom checkout domains, newest first.
#[utoipa::path(
    get, path = "/domains", tag = "domains", operation_id = "listDomains",
    params(PageQuery),
    responses((status = 200, description = "A page of domains.", body = Page<DomainBody>)),
    extensions(("x-required-scope" = json!("domain:read"))),
)]
pub async fn list_domains(
    State(state): State<AppState>,
    caller: Caller<DomainRead>,
    query: PageQuery,
) -> Result<Json<Page<DomainBody>>, ApiError> {
    let found = list::all::<CustomDomain>(&state.app, caller.tenant(), &page_request(&query)?).await?;
    let data = found.rows.iter().map(|domain| DomainBody::of(&state.app, domain)).collect();
    Ok(Json(page_of(&query, &found, data)))
}
