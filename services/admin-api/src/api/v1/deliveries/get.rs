//! `GET /v1/deliveries/{id}`.

use axum::extract::State;
use gateway_core::{
    app::deliveries,
    domain::{DeliveryId, scope::Scope},
};
use serde::Serialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json, Path};

use super::{DeliveryAttemptBody, DeliveryBody};
use crate::{
    authority::{Caller, DeliveryRead},
    proofs::{self, HIDDEN, HoldsProofs},
    state::AppState,
};

/// A message with all that was sent and answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetailBody {
    /// The message.
    #[serde(flatten)]
    pub delivery: DeliveryBody,
    /// The address.
    pub url: String,
    /// The exact bytes that are signed and sent.
    pub body: String,
    /// Every request on the wire, oldest first.
    pub log: Vec<DeliveryAttemptBody>,
}

impl HoldsProofs for DeliveryDetailBody {
    const SCOPE: Scope = Scope::DeliveryWrite;

    fn hide(&mut self) {
        self.url = proofs::origin(&self.url);
        HIDDEN.clone_into(&mut self.body);
        for response in self.log.iter_mut().filter_map(|attempt| attempt.response.as_mut()) {
            HIDDEN.clone_into(response);
        }
    }
}

/// Read a delivery with its attempts.
///
/// To people who only look, the address is its origin, and what was sent and answered is `hidden`.
#[utoipa::path(
    get, path = "/deliveries/{id}", tag = "deliveries", operation_id = "getDelivery",
    params(("id" = String, Path, description = "The delivery.")),
    responses((status = 200, description = "The delivery.", body = DeliveryDetailBody)),
    extensions(("x-required-scope" = json!("delivery:read"))),
)]
pub async fn get_delivery(
    State(state): State<AppState>,
    caller: Caller<DeliveryRead>,
    Path(id): Path<DeliveryId>,
) -> Result<Json<DeliveryDetailBody>, ApiError> {
    let delivery = deliveries::get(&state.app, caller.tenant(), id).await?;
    let mut log = Vec::with_capacity(delivery.attempts.len());
    for attempt in &delivery.attempts {
        let response = match attempt.response {
            Some(_) => Some(deliveries::response(&state.app, &delivery, attempt).await?),
            None => None,
        };
        log.push(DeliveryAttemptBody { response, ..DeliveryAttemptBody::from(attempt) });
    }
    Ok(Json(caller.shown(DeliveryDetailBody {
        delivery: DeliveryBody::from(&delivery),
        url: deliveries::address(&state.app, &delivery).await?,
        body: deliveries::body(&state.app, &delivery).await?.unwrap_or_default(),
        log,
    })))
}
