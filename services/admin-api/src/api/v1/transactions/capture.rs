//! `POST /v1/transactions/{id}/capture`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::{
        operate::{NewOperation, Operated, operate},
        orders::gate::SecondPayment,
    },
    domain::TransactionId,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Path};

use super::{
    body::{OperatedBody, operated},
    reply,
};
use crate::{
    api::{body::OptionalJson, idempotency::IdempotencyHeader, number::Whole},
    authority::{Caller, TransactionCapture},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/transactions/{id}/capture";

/// What to capture.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaptureTransaction {
    /// Minor units; all that was authorized when absent.
    amount: Option<Whole>,
    /// Capture also where another payment of the same order holds money: else that is 409 `ORDER_ALREADY_PAID` or
    /// `ORDER_PAYMENT_RUNNING`.
    #[serde(default)]
    accept_second_payment: bool,
}

/// Capture an authorized transaction.
#[utoipa::path(
    post, path = "/transactions/{id}/capture", tag = "transactions", operation_id = "captureTransaction",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = Option<CaptureTransaction>,
    responses((status = 200, description = "The transaction and the capture.", body = OperatedBody)),
    extensions(("x-required-scope" = json!("transaction:capture"))),
)]
pub async fn capture_transaction(
    State(state): State<AppState>,
    caller: Caller<TransactionCapture>,
    Path(id): Path<TransactionId>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<CaptureTransaction>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = NewOperation::Capture {
        amount: body.value.amount.map(|amount| amount.0),
        second: SecondPayment::accepted_if(body.value.accept_second_payment),
    };
    let done = operate(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &operated).await?;
    Ok(reply(match done {
        Operated::Done(transaction, operation) => operated(&transaction, operation),
        Operated::Replay(text) => text,
    }))
}
