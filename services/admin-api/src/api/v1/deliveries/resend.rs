//! `POST /v1/deliveries/{id}/resend`.

use axum::extract::State;
use gateway_core::{app::deliveries, domain::DeliveryId};
use web_kit::{ApiError, Json, Path};

use super::DeliveryBody;
use crate::{
    authority::{Caller, DeliveryWrite},
    state::AppState,
};

/// Send a message again, under its old id and on a new schedule.
#[utoipa::path(
    post, path = "/deliveries/{id}/resend", tag = "deliveries", operation_id = "resendDelivery",
    params(("id" = String, Path, description = "The delivery.")),
    responses((status = 200, description = "The delivery, pending again.", body = DeliveryBody)),
    extensions(("x-required-scope" = json!("delivery:write"))),
)]
pub async fn resend_delivery(
    State(state): State<AppState>,
    caller: Caller<DeliveryWrite>,
    Path(id): Path<DeliveryId>,
) -> Result<Json<DeliveryBody>, ApiError> {
    let delivery = deliveries::resend(&state.app, caller.tenant(), id).await?;
    Ok(Json(DeliveryBody::from(&delivery)))
}
