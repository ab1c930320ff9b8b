//! `GET /v1/invoices`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::invoices::list::InvoiceFilter,
    domain::invoice::{InvoiceStatus, PaperKind},
};
use web_kit::{ApiError, Json, Page, PageQuery};

use super::{InvoiceBody, page};
use crate::{
    api::query::Filters,
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// List invoices and payment receipts, newest first.
///
/// Credit notes are listed by `GET /credit-notes`, unless `kind=credit_note` asks for them.
#[utoipa::path(
    get, path = "/invoices", tag = "invoices", operation_id = "listInvoices",
    params(
        PageQuery,
        ("status" = Option<String>, Query, description = "One or several states, separated by commas."),
        ("kind" = Option<String>, Query, description = "`invoice`, `payment_receipt`, `credit_note`."),
        ("number" = Option<String>, Query, description = "With this number."),
        ("seriesId" = Option<String>, Query, description = "Of this series."),
        ("currency" = Option<String>, Query, description = "ISO 4217."),
        ("siteId" = Option<String>, Query, description = "Of this site."),
        ("transactionId" = Option<String>, Query, description = "About this payment."),
        ("checkoutId" = Option<String>, Query, description = "Of this checkout."),
        ("externalReference" = Option<String>, Query, description = "With this reference."),
        ("email" = Option<String>, Query, description = "Of this buyer."),
        ("needsReview" = Option<bool>, Query, description = "Whether a person must look at it."),
        ("from" = Option<String>, Query, description = "Made at or after (ISO 8601)."),
        ("to" = Option<String>, Query, description = "Made before (ISO 8601)."),
    ),
    responses((status = 200, description = "A page of documents.", body = Page<InvoiceBody>)),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn list_invoices(
    State(state): State<AppState>,
    caller: Caller<InvoiceRead>,
    query: PageQuery,
    RawQuery(raw): RawQuery,
) -> Result<Json<Page<InvoiceBody>>, ApiError> {
    let filter = filter(raw.as_deref())?;
    Ok(Json(page(&state.app, caller.tenant(), &filter, &query).await?))
}

fn filter(raw: Option<&str>) -> Result<InvoiceFilter, ApiError> {
    let mut filters = Filters::of(raw);
    let mut kinds = filters.words("kind", PaperKind::ALL, PaperKind::as_str);
    if kinds.is_empty() {
        kinds = vec![PaperKind::Invoice, PaperKind::PaymentReceipt];
    }
    let filter = InvoiceFilter {
        kinds,
        statuses: filters.words("status", InvoiceStatus::ALL, InvoiceStatus::as_str),
        number: filters.text("number"),
        series: filters.parsed("seriesId"),
        currency: filters.parsed("currency"),
        site: filters.parsed("siteId"),
        transaction: filters.parsed("transactionId"),
        checkout: filters.parsed("checkoutId"),
        corrects: None,
        external_reference: filters.text("externalReference"),
        email: filters.text("email"),
        needs_review: filters.parsed("needsReview"),
        span: filters.span(),
    };
    filters.finish(filter)
}
