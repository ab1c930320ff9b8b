//! `POST /v1/transactions/{id}/cancel`.

use axum::{extract::State, response::Response};
use gateway_core::{
    app::operate::{NewOperation, Operated, operate},
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
    api::{body::OptionalJson, idempotency::IdempotencyHeader},
    authority::{Caller, TransactionCancel},
    state::AppState,
};

/// The route's template, which names the slot of an idempotency key.
const ROUTE: &str = "POST /api/v1/transactions/{id}/cancel";

/// Nothing to say: the body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelTransaction {}

/// Cancel a transaction that has not been taken.
#[utoipa::path(
    post, path = "/transactions/{id}/cancel", tag = "transactions", operation_id = "cancelTransaction",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("Idempotency-Key" = Option<String>, Header,
         description = "At most 255 characters, kept for 30 days: the same key and body get the stored reply."),
    ),
    request_body = Option<CancelTransaction>,
    responses((status = 200, description = "The transaction and the cancel.", body = OperatedBody)),
    extensions(("x-required-scope" = json!("transaction:cancel"))),
)]
pub async fn cancel_transaction(
    State(state): State<AppState>,
    caller: Caller<TransactionCancel>,
    Path(id): Path<TransactionId>,
    idempotency: IdempotencyHeader,
    body: OptionalJson<CancelTransaction>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency.with(ROUTE, &body.bytes);
    let new = NewOperation::Cancel;
    let done = operate(&state.app, caller.tenant(), id, new, idempotency.as_ref(), &operated).await?;
    Ok(reply(match done {
        Operated::Done(transaction, operation) => operated(&transaction, operation),
        Operated::Replay(text) => text,
    }))
}
