//! `POST /v1/transactions/{id}/notifications/{notificationId}/resend`.

use axum::extract::State;
use gateway_core::{
    app::{AppError, deliveries},
    domain::{DeliveryId, TransactionId},
};
use web_kit::{ApiError, Json, Path};

use crate::{
    api::v1::deliveries::DeliveryBody,
    authority::{Caller, DeliveryWrite},
    state::AppState,
};

/// Send a transaction's notification again.
///
/// Under its old id, on a new schedule. One that a newer notification has made void stays so: 409.
#[utoipa::path(
    post, path = "/transactions/{id}/notifications/{notificationId}/resend", tag = "transactions",
    operation_id = "resendNotification",
    params(
        ("id" = String, Path, description = "The transaction."),
        ("notificationId" = String, Path, description = "The delivery."),
    ),
    responses((status = 200, description = "The delivery, pending again.", body = DeliveryBody)),
    extensions(("x-required-scope" = json!("delivery:write"))),
)]
pub async fn resend_notification(
    State(state): State<AppState>,
    caller: Caller<DeliveryWrite>,
    Path((id, notification)): Path<(TransactionId, DeliveryId)>,
) -> Result<Json<DeliveryBody>, ApiError> {
    let found = deliveries::get(&state.app, caller.tenant(), notification).await?;
    if found.transaction_id != Some(id) {
        return Err(AppError::NotFound("notification").into());
    }
    let delivery = deliveries::resend(&state.app, caller.tenant(), notification).await?;
    Ok(Json(DeliveryBody::from(&delivery)))
}
