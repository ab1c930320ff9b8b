//! `POST /v1/invoices/{id}/void`.

use axum::extract::State;
use gateway_core::{app::invoices, domain::InvoiceId};
use web_kit::{ApiError, Json, Path};

use super::{InvoiceBody, body};
use crate::{
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// Void an invoice.
///
/// A draft is thrown away. What has been issued stays, with its number, and is taken back by a credit note over
/// the whole of it; that is possible until money comes in (409 `INVOICE_PAID`). Harmless to repeat.
#[utoipa::path(
    post, path = "/invoices/{id}/void", tag = "invoices", operation_id = "voidInvoice",
    params(("id" = String, Path, description = "The invoice.")),
    responses((status = 200, description = "Voided.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn void_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
) -> Result<Json<InvoiceBody>, ApiError> {
    let invoice = invoices::issue::void(&state.app, caller.tenant(), id).await?;
    Ok(Json(body(&state.app, &invoice).await?))
}
