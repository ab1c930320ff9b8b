//! `POST /v1/invoices/{id}/resolve-review`.

use axum::extract::State;
use gateway_core::{app::invoices, domain::InvoiceId};
use web_kit::{ApiError, Json, Path};

use super::{InvoiceBody, body};
use crate::{
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// Say that a person has looked at what a document was flagged for. Harmless to repeat.
#[utoipa::path(
    post, path = "/invoices/{id}/resolve-review", tag = "invoices", operation_id = "resolveInvoiceReview",
    params(("id" = String, Path, description = "The document.")),
    responses((status = 200, description = "The document.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn resolve_invoice_review(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
) -> Result<Json<InvoiceBody>, ApiError> {
    let invoice = invoices::issue::resolve_review(&state.app, caller.tenant(), id).await?;
    Ok(Json(body(&state.app, &invoice).await?))
}
