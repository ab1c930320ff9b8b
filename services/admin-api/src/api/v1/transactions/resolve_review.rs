//! `POST /v1/transactions/{id}/resolve-review`.

use axum::extract::State;
use gateway_core::{app::edit, domain::TransactionId};
use web_kit::{ApiError, Json, Path};

use super::body::TransactionBody;
use crate::{
    authority::{Caller, TransactionUpdate},
    state::AppState,
};

/// Say that a person has looked at what a transaction was flagged for.
///
/// Takes the flag away and changes nothing else. Harmless to repeat.
#[utoipa::path(
    post, path = "/transactions/{id}/resolve-review", tag = "transactions", operation_id = "resolveReview",
    params(("id" = String, Path, description = "The transaction.")),
    responses((status = 200, description = "The transaction.", body = TransactionBody)),
    extensions(("x-required-scope" = json!("transaction:update"))),
)]
pub async fn resolve_review(
    State(state): State<AppState>,
    caller: Caller<TransactionUpdate>,
    Path(id): Path<TransactionId>,
) -> Result<Json<TransactionBody>, ApiError> {
    let transaction = edit::resolve_review(&state.app, caller.tenant(), id).await?;
    Ok(Json(TransactionBody::from(&transaction)))
}
