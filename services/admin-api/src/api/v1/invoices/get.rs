//! `GET /v1/invoices/{id}`.

use axum::extract::State;
use gateway_core::{app::invoices, domain::InvoiceId};
use web_kit::{ApiError, Path};

use super::{InvoiceBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// Read an invoice, payment receipt or credit note.
#[utoipa::path(
    get, path = "/invoices/{id}", tag = "invoices", operation_id = "getInvoice",
    params(("id" = String, Path, description = "The document.")),
    responses((status = 200, description = "The document.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn get_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceRead>,
    Path(id): Path<InvoiceId>,
) -> Result<Tagged<InvoiceBody>, ApiError> {
    let invoice = invoices::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(invoice.version, body(&state.app, &invoice).await?))
}
