//! `POST /v1/transactions/{id}/refunds/{refundId}/cancel`.

use axum::extract::State;
use gateway_core::{
    app::refund,
    domain::{RefundId, TransactionId},
};
use serde::Deserialize;
use web_kit::{ApiError, Json, Path};

use super::body::TransactionBody;
use crate::{
    authority::{Caller, RefundCreate},
    state::AppState,
};

/// Which refund.
#[derive(Debug, Deserialize)]
pub struct Of {
    id: TransactionId,
    #[serde(rename = "refundId")]
    refund: RefundId,
}

/// Cancel a refund that the provider is not known to have.
///
/// For a refund that is `not_sent` or stays `unknown`: its money is free again, and it is never sent. The provider is
/// asked once more before; what it has made is 409 `REFUND_NOT_CANCELLABLE`. Where it cannot be asked (the key was
/// revoked, say), look into its dashboard first. Should it turn out later that it was made after all, it counts.
#[utoipa::path(
    post, path = "/transactions/{id}/refunds/{refundId}/cancel", tag = "transactions", operation_id = "cancelRefund",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("refundId" = String, Path, description = "The refund."),
    ),
    responses((status = 200, description = "The transaction.", body = TransactionBody)),
    extensions(("x-required-scope" = json!("refund:create"))),
)]
pub async fn cancel_refund(
    State(state): State<AppState>,
    caller: Caller<RefundCreate>,
    Path(of): Path<Of>,
) -> Result<Json<TransactionBody>, ApiError> {
    let transaction = refund::cancel(&state.app, caller.tenant(), of.id, of.refund).await?;
    Ok(Json(TransactionBody::from(&transaction)))
}
