//! `GET /v1/deliveries`.

use axum::extract::{RawQuery, State};
use gateway_core::app::deliveries::{self, DeliveryFilter};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{DeliveryBody, KINDS, STATES, kind, state as state_text};
use crate::{
    api::query::{Filters, page_request, plain_page},
    authority::{Caller, DeliveryRead},
    state::AppState,
};

/// List deliveries, newest first.
#[utoipa::path(
    get, path = "/deliveries", tag = "deliveries", operation_id = "listDeliveries",
    params(
        PageQuery,
        ("kind" = Option<String>, Query, description = "ipn or webhook."),
        ("state" = Option<String>, Query, description = "pending, sending, delivered, superseded or failed."),
        ("endpointId" = Option<String>, Query, description = "To this webhook endpoint."),
        ("siteId" = Option<String>, Query, description = "IPNs of this site."),
        ("transactionId" = Option<String>, Query, description = "About this transaction."),
        ("checkoutId" = Option<String>, Query, description = "About this checkout."),
    ),
    responses((status = 200, description = "A page of deliveries.", body = Page<DeliveryBody>)),
    extensions(("x-required-scope" = json!("delivery:read"))),
)]
pub async fn list_deliveries(
    State(state): State<AppState>,
    caller: Caller<DeliveryRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<DeliveryBody>>, ApiError> {
    let mut filters = Filters::of(raw.as_deref());
    let filter = DeliveryFilter {
        kind: filters.word("kind", KINDS, kind),
        state: filters.word("state", STATES, state_text),
        endpoint: filters.parsed("endpointId"),
        site: filters.parsed("siteId"),
        transaction: filters.parsed("transactionId"),
        checkout: filters.parsed("checkoutId"),
    };
    let filter = filters.finish(filter)?;
    let found = deliveries::list(&state.app, caller.tenant(), filter, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}
