//! `GET /v1/checkouts`.

use axum::extract::{RawQuery, State};
use futures::{StreamExt, TryStreamExt, stream};
use gateway_core::{
    app::list::{self, CheckoutFilter},
    domain::checkout::CheckoutStatus,
};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{CheckoutBody, body};
use crate::{
    api::query::{Filters, page_of, page_request},
    authority::{Caller, CheckoutRead},
    state::AppState,
};

/// Rows of a page that are read at the same time.
const AT_ONCE: usize = 16;

/// List checkouts, newest first.
#[utoipa::path(
    get, path = "/checkouts", tag = "checkouts", operation_id = "listCheckouts",
    params(
        PageQuery,
        ("status" = Option<String>, Query, description = "One or several states, separated by commas."),
        ("siteId" = Option<String>, Query, description = "Of this site."),
        ("externalReference" = Option<String>, Query, description = "With this reference."),
        ("email" = Option<String>, Query, description = "Of this customer."),
        ("clientId" = Option<String>, Query, description = "Of this customer."),
        ("from" = Option<String>, Query, description = "Made at or after (ISO 8601)."),
        ("to" = Option<String>, Query, description = "Made before (ISO 8601)."),
        ("metadata" = Option<std::collections::HashMap<String, String>>, Query, style = DeepObject, explode,
         description = "With these pairs: `metadata[key]=value`."),
    ),
    responses((status = 200, description = "A page of checkouts.", body = Page<CheckoutBody>)),
    extensions(("x-required-scope" = json!("checkout:read"))),
)]
pub async fn list_checkouts(
    State(state): State<AppState>,
    caller: Caller<CheckoutRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<CheckoutBody>>, ApiError> {
    let filter = filter(raw.as_deref())?;
    let found = list::checkouts(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    let bodies: Vec<_> = found.rows.iter().map(|checkout| body(&state.app, checkout)).collect();
    let bodies = stream::iter(bodies).buffered(AT_ONCE).map_ok(|body| caller.shown(body));
    let rows = bodies.try_collect().await?;
    Ok(Json(page_of(&query, &found, rows)))
}

fn filter(raw: Option<&str>) -> Result<CheckoutFilter, ApiError> {
    let mut filters = Filters::of(raw);
    let filter = CheckoutFilter {
        statuses: filters.words("status", CheckoutStatus::ALL, CheckoutStatus::as_str),
        site: filters.parsed("siteId"),
        external_reference: filters.text("externalReference"),
        email: filters.text("email"),
        client_id: filters.text("clientId"),
        span: filters.span(),
        metadata: filters.metadata(),
    };
    filters.finish(filter)
}
