//! `GET /v1/webhook-endpoints`.

use axum::extract::State;
use gateway_core::{app::list, domain::endpoint::WebhookEndpoint};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{EndpointBody, body};
use crate::{
    api::query::{page_of, page_request},
    authority::{Caller, EndpointRead},
    state::AppState,
};

/// List webhook endpoints, newest first.
#[utoipa::path(
    get, path = "/webhook-endpoints", tag = "webhook-endpoints", operation_id = "listWebhookEndpoints",
    params(PageQuery),
    responses((status = 200, description = "A page of endpoints.", body = Page<EndpointBody>)),
    extensions(("x-required-scope" = json!("webhook-endpoint:read"))),
)]
pub async fn list_endpoints(
    State(state): State<AppState>,
    caller: Caller<EndpointRead>,
    query: PageQuery,
) -> Result<Json<Page<EndpointBody>>, ApiError> {
    let found = list::all::<WebhookEndpoint>(&state.app, caller.tenant(), &page_request(&query)?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for endpoint in &found.rows {
        rows.push(caller.shown(body(&state.app, endpoint).await?));
    }
    Ok(Json(page_of(&query, &found, rows)))
}
