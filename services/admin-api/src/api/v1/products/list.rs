//! `GET /v1/products`.

use axum::extract::{RawQuery, State};
use gateway_core::app::settings::products::{self, ProductFilter};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::ProductBody;
use crate::{
    api::query::{Filters, page_request, plain_page},
    authority::{Caller, ProductRead},
    state::AppState,
};

/// List products, newest first.
#[utoipa::path(
    get, path = "/products", tag = "products", operation_id = "listProducts",
    params(
        PageQuery,
        ("active" = Option<bool>, Query, description = "Active ones, or the others."),
        ("q" = Option<String>, Query, description = "Part of the name; case does not count."),
        ("sku" = Option<String>, Query, description = "With this number."),
    ),
    responses((status = 200, description = "A page of products.", body = Page<ProductBody>)),
    extensions(("x-required-scope" = json!("product:read"))),
)]
pub async fn list_products(
    State(state): State<AppState>,
    caller: Caller<ProductRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<ProductBody>>, ApiError> {
    let mut filters = Filters::of(raw.as_deref());
    let filter =
        ProductFilter { active: filters.flag("active"), name: filters.text("q"), sku: filters.text("sku") };
    let filter = filters.finish(filter)?;
    let found = products::list(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    Ok(Json(plain_page(&query, &found)))
}
