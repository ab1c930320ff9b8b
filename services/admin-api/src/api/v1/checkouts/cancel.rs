//! `POST /v1/checkouts/{id}/cancel`.

use axum::extract::State;
use gateway_core::{app::checkouts, domain::CheckoutId};
use web_kit::{ApiError, Json, Path};

use super::{CheckoutBody, body};
use crate::{
    authority::{Caller, CheckoutUpdate},
    state::AppState,
};

/// Cancel an open checkout.
///
/// A payment that is open is ended at its provider first; money that came meanwhile wins. Harmless to repeat.
#[utoipa::path(
    post, path = "/checkouts/{id}/cancel", tag = "checkouts", operation_id = "cancelCheckout",
    params(("id" = String, Path, description = "The checkout.")),
    responses((status = 200, description = "The checkout, cancelled.", body = CheckoutBody)),
    extensions(("x-required-scope" = json!("checkout:update"))),
)]
pub async fn cancel_checkout(
    State(state): State<AppState>,
    caller: Caller<CheckoutUpdate>,
    Path(id): Path<CheckoutId>,
) -> Result<Json<CheckoutBody>, ApiError> {
    let checkout = checkouts::cancel(&state.app, caller.tenant(), id).await?;
    Ok(Json(body(&state.app, &checkout).await?))
}
