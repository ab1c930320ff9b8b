//! `POST /v1/transactions/{id}/refund`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::refund::{NewRefund, Refunded, refund},
    domain::TransactionId,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::{
    body::{RefundedBody, refunded},
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
const ROUTE: &str = "POST /api/v1/transactions/{id}/refund";

/// What to refund.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefundTransaction {
    /// Minor units; all that is left when absent.
    amount: Option<Whole>,
    /// Your reason, at most 500 characters.
    reason: Option<Text>,
}

/// Refund a transaction, in full or in part.
///
/// The refund is stored before the provider is called. Its `status` says how far it came; one whose fate is not known
/// yet is `unknown` and followed up. Where the provider refuses it, the payment is looked at again at once, and the
/// answer is 409 `PROVIDER_REJECTED` with the provider's words. Two refunds never exceed what was taken: 422 `REFUND_EXCEEDS_BALANCE`.
#[utoipa::path(
    post, path = "/transactions/{id}/refund", tag = "transactions", operation_id = "refundTransaction",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = Option<RefundTransaction>,
    responses((status = 200, description = "The transaction and the refund.", body = RefundedBody)),
    extensions(("x-required-scope" = json!("refund:create"))),
)]
pub async fn refund_transaction(
    State(state): State<AppState>,
    caller: Caller<RefundCreate>,
    Path(id): Path<TransactionId>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<RefundTransaction>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = NewRefund {
        amount: body.value.amount.map(|amount| amount.0),
        reason: Text::given(body.value.reason),
    };
    let done = refund(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &refunded).await?;
    Ok(reply(match done {
        Refunded::Done(transaction, refund) => refunded(&transaction, refund),
        Refunded::Replay(text) => text,
    }))
}
