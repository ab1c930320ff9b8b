//! Invoices and payment receipts.

pub(super) mod body;
mod create;
mod credit;
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
mod void;
mod xml;

use axum::response::{IntoResponse, Response};
use gateway_core::{
    app::{App, AppError, invoices},
    domain::invoice::Invoice,
};
use http::{StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) use body::InvoiceBody;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list_invoices, create::create_invoice))
        .routes(routes!(get::get_invoice))
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

/// A stored or rendered reply, as the exact bytes that a repetition gets again.
fn reply(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
