//! `POST /v1/invoices/{id}/send`.

use axum::extract::State;
use gateway_core::{app::invoices::mail, domain::InvoiceId};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::mails::MailBody;
use crate::{
    api::{
        body::{OptionalJson, Text},
        idempotency::IdempotencyHeader,
    },
    authority::{Caller, InvoiceWrite},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/invoices/{id}/send";

/// Where to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendInvoice {
    /// Another address than the buyer's.
    email: Option<Text>,
}

/// Send an issued document by e-mail, to its buyer or to another address.
///
/// The worker sends it as soon as its files are there. The same `Idempotency-Key` is the same mail.
#[utoipa::path(
    post, path = "/invoices/{id}/send", tag = "invoices", operation_id = "sendInvoice",
    params(
        ("id" = String, Path, description = "The document."),
        ("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters."),
    ),
    request_body = Option<SendInvoice>,
    responses((status = 202, description = "The mail; it is on its way.", body = MailBody)),
    extensions(("x-required-scope" = json!("invoice:write"))),
)]
pub async fn send_invoice(
    State(state): State<AppState>,
    caller: Caller<InvoiceWrite>,
    Path(id): Path<InvoiceId>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<SendInvoice>,
) -> Result<(StatusCode, Json<MailBody>), ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let to = Text::given(body.value.email);
    let mail = mail::send(&state.app, caller.tenant(), id, to, idempotency.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(MailBody::from(&mail))))
}
