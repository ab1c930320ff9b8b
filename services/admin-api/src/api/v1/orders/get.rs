//! `GET /v1/orders/{id}`.

use axum::extract::State;
use gateway_core::{app::orders::view, domain::OrderId};
use web_kit::{ApiError, Json, Path};

use super::body::OrderBody;
use crate::{
    authority::{Caller, TransactionRead},
    state::AppState,
};

/// Read an order whole.
///
/// Its checkouts and payments, what the shop was told and has answered, its documents, where these differ, and the action
/// that mends each difference.
#[utoipa::path(
    get, path = "/orders/{id}", tag = "orders", operation_id = "getOrder",
    params(("id" = String, Path, description = "The order.")),
    responses((status = 200, description = "The order.", body = OrderBody)),
    extensions(("x-required-scope" = json!("transaction:read"))),
)]
pub async fn get_order(
    State(state): State<AppState>,
    caller: Caller<TransactionRead>,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderBody>, ApiError> {
    let view = view::get(&state.app, caller.tenant(), id).await?;
    Ok(Json(OrderBody::from(&view)))
}
