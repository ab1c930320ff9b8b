//! `GET /v1/orders`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::orders::view::{self, OrderFilter},
    domain::order::OrderStatus,
};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::body::OrderRow;
use crate::{
    api::query::{Filters, page_request, plain_page},
    authority::{Caller, TransactionRead},
    state::AppState,
};

/// List orders, newest first.
///
/// An order begins with its first payment: before that, its checkouts are in the list of checkouts.
#[utoipa::path(
    get, path = "/orders", tag = "orders", operation_id = "listOrders",
    params(
        PageQuery,
        ("status" = Option<String>, Query, description = "One or several of open, pending, paid, refunded, \
         charged_back, failed and cancelled, separated by commas."),
        ("siteId" = Option<String>, Query, description = "Of this site."),
        ("externalReference" = Option<String>, Query, description = "With this reference."),
        ("from" = Option<String>, Query, description = "Begun at or after (ISO 8601)."),
        ("to" = Option<String>, Query, description = "Begun before (ISO 8601)."),
        ("metadata" = Option<std::collections::HashMap<String, String>>, Query, style = DeepObject, explode,
         description = "With these pairs of the newest checkout: `metadata[key]=value`."),
    ),
    responses((status = 200, description = "A page of orders.", body = Page<OrderRow>)),
    extensions(("x-required-scope" = json!("transaction:read"))),
)]
pub async fn list_orders(
    State(state): State<AppState>,
    caller: Caller<TransactionRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<OrderRow>>, ApiError> {
    let filter = filter(raw.as_deref())?;
    let found = view::list(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}

pub(crate) fn filter(raw: Option<&str>) -> Result<OrderFilter, ApiError> {
    let mut filters = Filters::of(raw);
    let filter = OrderFilter {
        statuses: filters.words("status", OrderStatus::ALL, OrderStatus::as_str),
        site: filters.parsed("siteId"),
        external_reference: filters.text("externalReference"),
        span: filters.span(),
        metadata: filters.metadata(),
    };
    filters.finish(filter)
}
