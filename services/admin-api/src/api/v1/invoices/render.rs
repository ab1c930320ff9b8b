//! `POST /v1/invoices/{id}/render`.

use axum::extract::State;
use gateway_core::{app::invoices, domain::InvoiceId};
use web_kit::{ApiError, Json, Path};

use super::{InvoiceBody, body};
use crate::{
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// Try to make the files of a document again whose rendering was given up. Files that are there stay.
#[utoipa::path(
    post, path = "/invoices/{id}/render", tag = "invoices", operation_id = "renderInvoice",
    params(("id" = String, Path, description = "The document.")),
    responses((status = 200, description = "The document.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn render_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
) -> Result<Json<InvoiceBody>, ApiError> {
    let invoice = invoices::render::render_again(&state.app, caller.tenant(), id).await?;
    Ok(Json(body(&state.app, &invoice).await?))
}
