//! `GET /v1/credit-notes/{id}`.

use axum::extract::State;
use gateway_core::{
    app::{AppError, invoices},
    domain::{InvoiceId, invoice::PaperKind},
};
use web_kit::{ApiError, Json, Path};

use crate::{
    api::v1::invoices::{InvoiceBody, body},
    authority::{Caller, InvoiceRead},
    state::AppState,
};

/// Read a credit note. Its files are read as those of invoices are.
#[utoipa::path(
    get, path = "/credit-notes/{id}", tag = "credit-notes", operation_id = "getCreditNote",
    params(("id" = String, Path, description = "The credit note.")),
    responses((status = 200, description = "The credit note.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:read"))),
)]
pub async fn get_credit_note(
    State(state): State<AppState>,
    caller: Caller<InvoiceRead>,
    Path(id): Path<InvoiceId>,
) -> Result<Json<InvoiceBody>, ApiError> {
    let note = invoices::get(&state.app, caller.tenant(), id).await?;
    if note.kind != PaperKind::CreditNote {
        return Err(AppError::NotFound("credit note").into());
    }
    Ok(Json(body(&state.app, &note).await?))
}
