//! `GET /v1/credit-notes`.

use axum::extract::{RawQuery, State};
use gateway_core::{
    app::invoices::list::InvoiceFilter,
    domain::invoice::{InvoiceStatus, PaperKind},
};
use web_kit::{ApiError, Json, Page, PageQuery};

use crate::{
    api::{
        query::Filters,
        v1::invoices::{InvoiceBody, page},
    },
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// List credit notes, newest first.
#[utoipa::path(
    get, path = "/credit-notes", tag = "credit-notes", operation_id = "listCreditNotes",
    params(
        PageQuery,
        ("status" = Option<String>, Query, description = "`draft` or `issued`."),
        ("invoiceId" = Option<String>, Query, description = "On this invoice."),
        ("number" = Option<String>, Query, description = "With this number."),
        ("currency" = Option<String>, Query, description = "ISO 4217."),
        ("siteId" = Option<String>, Query, description = "Of this site."),
        ("transactionId" = Option<String>, Query, description = "About this payment."),
        ("from" = Option<String>, Query, description = "Made at or after (ISO 8601)."),
        ("to" = Option<String>, Query, description = "Made before (ISO 8601)."),
    ),
    responses((status = 200, description = "A page of credit notes.", body = Page<InvoiceBody>)),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn list_credit_notes(
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
    let filter = InvoiceFilter {
        kinds: vec![PaperKind::CreditNote],
        statuses: filters.words("status", InvoiceStatus::ALL, InvoiceStatus::as_str),
        number: filters.text("number"),
        currency: filters.parsed("currency"),
        site: filters.parsed("siteId"),
        transaction: filters.parsed("transactionId"),
        corrects: filters.parsed("invoiceId"),
        span: filters.span(),
        ..InvoiceFilter::default()
    };
    filters.finish(filter)
}
