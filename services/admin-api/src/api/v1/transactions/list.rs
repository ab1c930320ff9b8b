//! `GET /v1/transactions`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::list::{self, TransactionFilter},
    domain::{KnownCurrency, transaction::TransactionStatus},
};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::body::TransactionBody;
use crate::{
    api::query::{Filters, page_of, page_request},
    authority::{Caller, TransactionRead},
    state::AppState,
};

/// List transactions, newest first.
#[utoipa::path(
    get, path = "/transactions", tag = "transactions", operation_id = "listTransactions",
    params(
        PageQuery,
        ("status" = Option<String>, Query, description = "One or several states, separated by commas."),
        ("currency" = Option<String>, Query, description = "ISO 4217."),
        ("from" = Option<String>, Query, description = "Made at or after (ISO 8601)."),
        ("to" = Option<String>, Query, description = "Made before (ISO 8601)."),
        ("siteId" = Option<String>, Query, description = "Of this site."),
        ("providerId" = Option<String>, Query, description = "Through this provider."),
        ("clientId" = Option<String>, Query, description = "Of this customer."),
        ("externalReference" = Option<String>, Query, description = "With this reference."),
        ("transferReference" = Option<String>, Query, description = "Whose bank transfer bears this reference (RF…)."),
        ("email" = Option<String>, Query, description = "Of checkouts of this customer."),
        ("checkoutId" = Option<String>, Query, description = "Of this checkout."),
        ("needsReview" = Option<bool>, Query, description = "Whether a person must look at it."),
        ("metadata" = Option<std::collections::HashMap<String, String>>, Query, style = DeepObject, explode,
         description = "With these pairs: `metadata[key]=value`."),
    ),
    responses((status = 200, description = "A page of transactions.", body = Page<TransactionBody>)),
    extensions(("x-required-scope" = json!("transaction:read"))),
)]
pub async fn list_transactions(
    State(state): State<AppState>,
    caller: Caller<TransactionRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<TransactionBody>>, ApiError> {
    let filter = filter(raw.as_deref())?;
    let found = list::transactions(&state.app, caller.tenant(), &filter, &page_request(&query)?).await?;
    let rows = found.rows.iter().map(|one| caller.shown(TransactionBody::from(one))).collect();
    Ok(Json(page_of(&query, &found, rows)))
}

fn filter(raw: Option<&str>) -> Result<TransactionFilter, ApiError> {
    let mut filters = Filters::of(raw);
    let filter = TransactionFilter {
        statuses: filters.words("status", TransactionStatus::ALL, TransactionStatus::as_str),
        currency: filters.parsed("currency").map(|KnownCurrency(currency)| currency),
        site: filters.parsed("siteId"),
        provider: filters.parsed("providerId"),
        client_id: filters.text("clientId"),
        external_reference: filters.text("externalReference"),
        transfer_reference: filters.parsed("transferReference"),
        email: filters.text("email"),
        checkout: filters.parsed("checkoutId"),
        needs_review: filters.parsed("needsReview"),
        span: filters.span(),
        metadata: filters.metadata(),
    };
    filters.finish(filter)
}
