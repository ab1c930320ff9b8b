//! `POST /api/v1/transactions/{id}/cancel`: the customer gives a payment up before they made it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use gateway_core::app::start_payment::end_at_provider;
use gateway_core::domain::transaction::{PaymentState, Transaction, TransactionStatus};
use http::HeaderMap;
use serde::Deserialize;
use web_kit::{ApiError, Json, Path};

use super::proof;
use super::status::TransactionState;
use crate::gateway::{Gateway, Shared};

/// The body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cancel {
    session_public_id: String,
}

/// Ends a payment at its provider and here. Money that came meanwhile wins: the answer tells how it stands.
pub(super) async fn cancel(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Cancel>,
) -> Result<Response, ApiError> {
    let (transaction, reader) = proof::transaction(&gateway, &headers, &id, &body.session_public_id).await?;
    let ended = end(&gateway, transaction).await;
    Ok(reader.answer(ended.map(|transaction| Json(TransactionState::of(&transaction)))))
}

/// A payment that is on its way or authorized is the merchant's: a customer cannot take it back here. A transfer
/// of which nothing has come is not on its way, as far as anybody knows.
async fn end(gateway: &Arc<Gateway>, transaction: Transaction) -> Result<Transaction, ApiError> {
    match transaction.status {
        TransactionStatus::Cancelled => Ok(transaction),
        _ if transaction.may_be_given_up() => {
            let app = gateway.app.clone();
            let ending =
                async move { end_at_provider(&app, &transaction, PaymentState::Cancelled, "customer").await };
            gateway.background.finish(ending).await
        }
        other => Err(ApiError::conflict(
            "TRANSACTION_NOT_CANCELLABLE",
            format!("A payment that is {} cannot be cancelled.", other.as_str()),
            None,
        )),
    }
}
