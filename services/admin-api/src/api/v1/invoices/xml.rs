//! `GET /v1/invoices/{id}/xml`.

use axum::{extract::State, response::Response};
use gateway_core::{app::invoices::render::FileKind, domain::InvoiceId};
use web_kit::{ApiError, Path};

use super::file::stored;
use crate::{
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// Read a document's e-invoice.
///
/// Made once, after it was issued. 409 `FILE_NOT_READY` with `Retry-After` until then; 409 `FILE_NONE` for kinds
/// that have none.
#[utoipa::path(
    get, path = "/invoices/{id}/xml", tag = "invoices", operation_id = "getInvoiceXml",
    params(("id" = String, Path, description = "The document.")),
    responses((status = 200, description = "The file.", content_type = "application/xml")),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn get_invoice_xml(
    State(state): State<AppState>,
    caller: Caller<InvoiceRead>,
    Path(id): Path<InvoiceId>,
) -> Result<Response, ApiError> {
    stored(&state, caller.tenant(), id, FileKind::Xml).await
}
