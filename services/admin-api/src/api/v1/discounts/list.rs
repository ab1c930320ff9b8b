//! `GET /v1/discounts`.

use axum::extract::{RawQuery, State};
use gateway_core::app::settings::discounts::{self, DiscountFilter};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{DiscountBody, body};
use crate::{
    api::query::{Filters, page_of, page_request},
    authority::{Caller, DiscountRead},
    state::AppState,
};

/// List discounts, newest first.
#[utoipa::path(
    get, path = "/discounts", tag = "discounts", operation_id = "listDiscounts",
    params(
        PageQuery,
        ("active" = Option<bool>, Query, description = "Active ones, or the others."),
        ("code" = Option<String>, Query, description = "With this code; case does not count."),
    ),
    responses((status = 200, description = "A page of discounts.", body = Page<DiscountBody>)),
    extensions(("x-required-scope" = json!("discount:read"))),
)]
pub async fn list_discounts(
    State(state): State<AppState>,
    caller: Caller<DiscountRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<DiscountBody>>, ApiError> {
    let mut filters = Filters::of(raw.as_deref());
    let filter = DiscountFilter { active: filters.flag("active"), code: filters.text("code") };
    let filter = filters.finish(filter)?;
    let found = discounts::list(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for discount in &found.rows {
        rows.push(body(&state.app, discount).await?);
    }
    Ok(Json(page_of(&query, &found, rows)))
}
