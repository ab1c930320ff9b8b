//! `GET /v1/sites`.

use axum::extract::State;
use gateway_core::{app::list, domain::site::Site};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{SiteBody, body};
use crate::{
    api::query::{page_of, page_request},
    authority::{Caller, SiteRead},
    state::AppState,
};

/// List sites, newest first.
#[utoipa::path(
    get, path = "/sites", tag = "sites", operation_id = "listSites",
    params(PageQuery),
    responses((status = 200, description = "A page of sites.", body = Page<SiteBody>)),
    extensions(("x-required-scope" = json!("site:read"))),
)]
pub async fn list_sites(
    State(state): State<AppState>,
    caller: Caller<SiteRead>,
    query: PageQuery,
) -> Result<Json<Page<SiteBody>>, ApiError> {
    let found = list::all::<Site>(&state.app, caller.tenant(), &page_request(&query)?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for site in &found.rows {
        rows.push(caller.shown(body(&state.app, site).await?));
    }
    Ok(Json(page_of(&query, &found, rows)))
}
