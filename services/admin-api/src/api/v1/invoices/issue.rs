//! `POST /v1/invoices/{id}/issue`.

use axum::extract::State;
use gateway_core::{app::invoices, domain::InvoiceId};
use http::StatusCode;
use web_kit::{ApiError, Json, Path};

use super::{InvoiceBody, body};
use crate::{
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// Issue a draft: it gets its number and date, and never changes again.
///
/// Numbers are given by the worker, one after the other. Answers 200 with the issued document, or 202 with the
/// draft where that takes longer than two seconds. Harmless to repeat.
#[utoipa::path(
    post, path = "/invoices/{id}/issue", tag = "invoices", operation_id = "issueInvoice",
    params(("id" = String, Path, description = "The draft.")),
    responses(
        (status = 200, description = "Issued.", body = InvoiceBody),
        (status = 202, description = "It waits for its number.", body = InvoiceBody),
    ),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn issue_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
) -> Result<(StatusCode, Json<InvoiceBody>), ApiError> {
    let invoice = invoices::issue::issue(&state.app, caller.tenant(), id).await?;
    let status = if invoice.is_waiting() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(body(&state.app, &invoice).await?)))
}
