//! Invoices and payment receipts.

pub(super) mod body;
mod create;
mod credit;
mod duplicate;
mod file;
mod get;
mod issue;
mod list;
mod mails;
mod pdf;
mod record_payment;
mod render;
mod resolve_review;
mod send;
mod update;
mod void;
mod xml;

use axum::response::{IntoResponse, Response};
use gateway_core::{
    app::{
        App, AppError,
        invoices::{self, list::InvoiceFilter},
    },
    domain::{Tenant, invoice::Invoice},
};
use http::{StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use web_kit::{ApiError, Page, PageQuery};

use crate::{
    api::query::{page_of, page_request},
    state::AppState,
};

pub(super) use body::InvoiceBody;
pub(crate) use file::stored;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_invoices, create::create_invoice))
        .routes(routes!(get::get_invoice, update::update_invoice))
        .routes(routes!(duplicate::duplicate_invoice))
        .routes(routes!(issue::issue_invoice))
        .routes(routes!(void::void_invoice))
        .routes(routes!(credit::credit_invoice))
        .routes(routes!(record_payment::record_invoice_payment))
        .routes(routes!(resolve_review::resolve_invoice_review))
        .routes(routes!(render::render_invoice))
        .routes(routes!(send::send_invoice))
        .routes(routes!(mails::list_invoice_mails))
        .routes(routes!(pdf::get_invoice_pdf))
        .routes(routes!(xml::get_invoice_xml))
}

/// A document as the API shows it, its paper opened.
pub(super) async fn body(app: &App, invoice: &Invoice) -> Result<InvoiceBody, AppError> {
    let paper = invoices::bare_paper(&app.store.for_org(invoice.tenant()), invoice).await?;
    Ok(InvoiceBody::of(invoice, &paper))
}

/// A page of documents that fit.
pub(super) async fn page(
    app: &App,
    tenant: Tenant,
    filter: &InvoiceFilter,
    query: &PageQuery,
) -> Result<Page<InvoiceBody>, ApiError> {
    let found = invoices::list::invoices(app, tenant, filter, &page_request(query)?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for invoice in &found.rows {
        rows.push(body(app, invoice).await?);
    }
    Ok(page_of(query, &found, rows))
}

/// A stored or rendered reply, as the exact bytes that a repetition gets again.
fn reply(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
