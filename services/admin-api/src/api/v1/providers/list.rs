//! `GET /v1/providers`.

use axum::extract::State;
use gateway_core::{app::list, domain::provider_account::ProviderAccount};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{ProviderBody, body};
use crate::{
    api::query::{page_of, page_request},
    authority::{Caller, ProviderRead},
    state::AppState,
};

/// List providers, newest first.
#[utoipa::path(
    get, path = "/providers", tag = "providers", operation_id = "listProviders",
    params(PageQuery),
    responses((status = 200, description = "A page of providers.", body = Page<ProviderBody>)),
    extensions(("x-required-scope" = json!("provider:read"))),
)]
pub async fn list_providers(
    State(state): State<AppState>,
    caller: Caller<ProviderRead>,
    query: PageQuery,
) -> Result<Json<Page<ProviderBody>>, ApiError> {
    let found = list::all::<ProviderAccount>(&state.app, caller.tenant(), &page_request(&query)?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for account in &found.rows {
        rows.push(body(&state.app, account).await?);
    }
    Ok(Json(page_of(&query, &found, rows)))
}
