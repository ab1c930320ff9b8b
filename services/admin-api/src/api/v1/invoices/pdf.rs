//! `GET /v1/invoices/{id}/pdf`.

use axum::{extract::State, response::Response};
use gateway_core::{app::invoices::render::FileKind, domain::InvoiceId};
use web_kit::{ApiError, Path};

use super::file::stored;
use crate::{
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// Read a document's PDF; of a draft as it would be issued now.
///
/// Made once, after it was issued. 409 `FILE_NOT_READY` with `Retry-After` until then.
#[utoipa::path(
    get, path = "/invoices/{id}/pdf", tag = "invoices", operation_id = "getInvoicePdf",
    params(("id" = String, Path, description = "The document.")),
    responses((status = 200, description = "The file.", content_type = "application/pdf")),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn get_invoice_pdf(
    State(state): State<AppState>,
    caller: Caller<InvoiceRead>,
    Path(id): Path<InvoiceId>,
) -> Result<Response, ApiError> {
    stored(&state, caller.tenant(), id, FileKind::Pdf).await
}
