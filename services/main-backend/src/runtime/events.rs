//! `GET /api/v1/transactions/{id}/events?session=…`: server-sent events named `status`, with the same data as
//! the status route. The first is sent at once; the stream ends after a final one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use gateway_core::app::AppError;
use gateway_core::domain::TransactionId;
use http::HeaderMap;
use web_kit::{ApiError, ClientIp, Path, Query};

use super::proof::{self, SessionQuery};
use super::status::TransactionState;
use crate::gateway::{Gateway, Shared};
use crate::live::{self, Look};

/// Streams how a transaction stands.
pub(super) async fn events(
    State(gateway): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<SessionQuery>,
    ip: ClientIp,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (transaction, reader) = proof::transaction(&gateway, &headers, &id, &query.session).await?;
    let seat = match gateway.seats.take(ip) {
        Ok(seat) => seat,
        Err(error) => return Ok(reader.answer(Err::<Response, _>(error))),
    };
    let (id, watched) = (transaction.id, Arc::clone(&gateway));
    let stream = live::stream(gateway, seat, move || look(Arc::clone(&watched), id));
    Ok(reader.answer(Ok(stream)))
}

async fn look(gateway: Arc<Gateway>, id: TransactionId) -> Result<Look, AppError> {
    let found = gateway.app.store.lookup_transaction(id).await?;
    let transaction = found.ok_or(AppError::NotFound("transaction"))?;
    let data = serde_json::to_string(&TransactionState::of(&transaction))
        .map_err(|error| AppError::internal(error.to_string()))?;
    Ok(Look { data, is_final: !transaction.status.is_open() })
}
