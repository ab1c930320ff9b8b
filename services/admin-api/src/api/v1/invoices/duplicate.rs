//! `POST /v1/invoices/{id}/duplicate`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::invoices::{create::Created, duplicate::duplicate},
    domain::{
        InvoiceId,
        invoice::{Invoice, Paper},
    },
};
use http::StatusCode;
use web_kit::{ApiError, Path};

use super::{InvoiceBody, body, reply};
use crate::{
    api::idempotency::IdempotencyHeader,
    authority::{Caller, InvoiceCreate},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/invoices/{id}/duplicate";

/// Copy an invoice or a draft into a new draft.
///
/// Buyer, lines, notes and language are taken along; dates, references to an order and the payment are not.
#[utoipa::path(
    post, path = "/invoices/{id}/duplicate", tag = "invoices", operation_id = "duplicateInvoice",
    params(
        ("id" = String, Path, description = "The invoice."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    responses((status = 201, description = "The draft.", body = InvoiceBody)),
    extensions(("x-required-scope" = json!("invoice:create"))),
)]
pub async fn duplicate_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceCreate>,
    Path(id): Path<InvoiceId>,
    idempotency: IdempotencyHeader,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, b"");
    let done = duplicate(&state.app, caller.tenant(), id, idempotency.as_ref(), &written).await?;
    let text = match done {
        Created::Replay(text) => text,
        Created::Done(invoice) => {
            serde_json::to_string(&body(&state.app, &invoice).await?).map_err(ApiError::internal)?
        }
    };
    Ok(reply(StatusCode::CREATED, text))
}

fn written(invoice: &Invoice, paper: &Paper) -> String {
    // Text, numbers and lists.
    serde_json::to_string(&InvoiceBody::of(invoice, paper)).unwrap_or_default()
}
