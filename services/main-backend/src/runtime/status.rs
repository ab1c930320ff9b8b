//! `GET /api/v1/transactions/{id}/status?session=…`.

use axum::extract::State;
use axum::response::Response;
use gateway_core::domain::transaction::Transaction;
use http::HeaderMap;
use serde::Serialize;
use web_kit::{ApiError, Json, Path, Query};

use super::proof::{self, SessionQuery};
use crate::gateway::Shared;

/// How a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionState {
    transaction_id: String,
    status: &'static str,
    /// Whether the customer has nothing left to wait for. Refunds and disputes may still follow.
    #[serde(rename = "final")]
    is_final: bool,
}

impl TransactionState {
    pub(super) fn of(transaction: &Transaction) -> Self {
        Self {
            transaction_id: transaction.id.to_string(),
            status: transaction.status.as_str(),
            is_final: !transaction.status.is_open(),
        }
    }
}

/// Answers how a transaction stands here; the provider is not asked.
pub(super) async fn status(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<SessionQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (transaction, reader) = proof::transaction(&gateway, &headers, &id, &query.session).await?;
    Ok(reader.answer(Ok(Json(TransactionState::of(&transaction)))))
}
