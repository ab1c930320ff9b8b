//! `POST /v1/transactions/{id}/refunds/record`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::record_refund::{NewRecordedRefund, Recorded, record_refund},
    domain::TransactionId,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::{
    body::{RecordedRefundBody, recorded},
    confirm_manual::moment,
    reply,
};
use crate::{
    api::{
        body::{OptionalJson, Text},
        idempotency::IdempotencyHeader,
        number::Whole,
    },
    authority::{Caller, RefundCreate},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/transactions/{id}/refunds/record";

/// Money that was sent back at the bank.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordRefund {
    /// Minor units; all that is left when absent.
    amount: Option<Whole>,
    /// ISO 4217; must be the transaction's.
    currency: Option<String>,
    /// When it was sent: a day, or a time (ISO 8601). Now when absent.
    refunded_at: Option<String>,
    /// The bank's own name of it, at most 140 characters: the same one counts once.
    bank_reference: Option<Text>,
    /// Your reason, at most 500 characters.
    reason: Option<Text>,
}

/// Record a refund of a bank transfer that was made at the bank.
///
/// The gateway moves no money of bank transfers; this says that you did. The refund is made as `succeeded` and
/// `imported`, and the payment becomes `partially_refunded` or `refunded` as after any other refund: IPN 3, credit note.
/// Money that had come too much goes first: it is an entry of the account book and leaves the payment as it is, and with
/// all of it gone `overpaid` is closed. Others than bank transfers: 409 `TRANSACTION_NOT_CONFIRMABLE`.
#[utoipa::path(
    post, path = "/transactions/{id}/refunds/record", tag = "transactions", operation_id = "recordRefund",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = Option<RecordRefund>,
    responses((status = 200, description = "The transaction, and what was recorded.", body = RecordedRefundBody)),
    extensions(("x-required-scope" = json!("refund:create"))),
)]
pub async fn record_bank_refund(
    State(state): State<AppState>,
    caller: Caller<RefundCreate>,
    Path(id): Path<TransactionId>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<RecordRefund>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = new(body.value)?;
    let done = record_refund(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &recorded).await?;
    Ok(reply(match done {
        Recorded::Done(transaction, made) => recorded(&transaction, made),
        Recorded::Replay(text) => text,
    }))
}

fn new(body: RecordRefund) -> Result<NewRecordedRefund, ApiError> {
    let currency = body.currency.map(|text| text.parse()).transpose();
    let refunded_at = body.refunded_at.as_deref().map(|text| moment("refundedAt", text)).transpose()?;
    Ok(NewRecordedRefund {
        amount: body.amount.map(|amount| amount.0),
        currency: currency.map_err(|_| ApiError::bad_field("currency", "is not a known ISO 4217 code"))?,
        refunded_at,
        bank_reference: Text::given(body.bank_reference),
        reason: Text::given(body.reason),
    })
}
