//! `GET /v1/transactions/{id}`.

use axum::extract::State;
use gateway_core::{
    app::AppError,
    domain::{TransactionId, transaction::Transaction},
};
use web_kit::{ApiError, Json, Path};

use super::body::TransactionBody;
use crate::{
    authority::{Caller, TransactionRead},
    state::AppState,
};

/// Read a transaction.
#[utoipa::path(
    get, path = "/transactions/{id}", tag = "transactions", operation_id = "getTransaction",
    params(("id" = String, Path, description = "The transaction.")),
    responses((status = 200, description = "The transaction.", body = TransactionBody)),
    extensions(("x-required-scope" = json!("transaction:read"))),
)]
pub async fn get_transaction(
    State(state): State<AppState>,
    caller: Caller<TransactionRead>,
    Path(id): Path<TransactionId>,
) -> Result<Json<TransactionBody>, ApiError> {
    let found =
        state.app.store.for_org(caller.tenant()).get::<Transaction>(id).await.map_err(AppError::from)?;
    let transaction = found.ok_or(AppError::NotFound("transaction"))?;
    Ok(Json(caller.shown(TransactionBody::from(&transaction))))
}
