//! `GET /v1/organizations/{id}/api-keys`.

use axum::extract::State;
use gateway_core::{
    app::list,
    domain::{OrganizationId, api_key},
};
use web_kit::{ApiError, Json, Page, PageQuery, Path};

use super::{ApiKeyBody, own};
use crate::{
    api::query::{page_request, plain_page},
    authority::{ApiKeyRead, Caller},
    state::AppState,
};

/// List API keys of the key's own mode, newest first.
#[utoipa::path(
    get, path = "/organizations/{id}/api-keys", tag = "api-keys", operation_id = "listApiKeys",
    params(("id" = String, Path, description = "The organization."), PageQuery),
    responses((status = 200, description = "A page of keys.", body = Page<ApiKeyBody>)),
    extensions(("x-required-scope" = json!("api-key:read"))),
)]
pub async fn list_api_keys(
    State(state): State<AppState>,
    caller: Caller<ApiKeyRead>,
    Path(id): Path<OrganizationId>,
    query: PageQuery,
) -> Result<Json<Page<ApiKeyBody>>, ApiError> {
    let tenant = own(caller.tenant(), id)?;
    let found = list::all::<api_key::ApiKey>(&state.app, tenant, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}
