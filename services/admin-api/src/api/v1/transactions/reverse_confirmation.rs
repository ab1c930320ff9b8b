//! `POST /v1/transactions/{id}/confirmations/{confirmationId}/reverse`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::confirm_manual::{Confirmed, reverse},
    domain::{ConfirmationId, TransactionId},
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::{
    body::{ConfirmedBody, confirmed},
    reply,
};
use crate::{
    api::{
        body::{OptionalJson, Text},
        idempotency::IdempotencyHeader,
    },
    authority::{Caller, TransactionConfirm},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/transactions/{id}/confirmations/{confirmationId}/reverse";

/// Why a confirmation is taken back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReverseConfirmation {
    /// For your colleagues, at most 500 characters.
    note: Option<Text>,
}

/// Take back a confirmation that was a mistake.
///
/// The entry stays, and a counter-entry with the negative amount follows it. A payment that no longer reaches its
/// amount becomes `failed`, and the shop is told (IPN 2); one that was still `pending` goes on waiting; one that has its
/// amount without it stays as it is. The money can be confirmed again. 409: `CONFIRMATION_REVERSED`,
/// `CONFIRMATION_NOT_REVERSIBLE` (a correction, or money of the payment was sent back since).
#[utoipa::path(
    post, path = "/transactions/{id}/confirmations/{confirmationId}/reverse", tag = "transactions",
    operation_id = "reverseConfirmation",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("confirmationId" = String, Path, description = "The confirmation."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = Option<ReverseConfirmation>,
    responses((status = 200, description = "The transaction and the counter-entry.", body = ConfirmedBody)),
    extensions(("x-required-scope" = json!("transaction:confirm"))),
)]
pub async fn reverse_confirmation(
    State(state): State<AppState>,
    caller: Caller<TransactionConfirm>,
    Path((id, confirmation)): Path<(TransactionId, ConfirmationId)>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<ReverseConfirmation>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let note = Text::given(body.value.note);
    let (app, tenant) = (&state.app, caller.tenant());
    let done = reverse(app, tenant, id, confirmation, note, idempotency.as_ref(), &confirmed).await?;
    Ok(reply(match done {
        Confirmed::Done(transaction, entry) => confirmed(&transaction, entry),
        Confirmed::Replay(text) => text,
    }))
}
