//! `GET /v1/checkouts/{id}`.

use axum::extract::State;
use gateway_core::{
    app::AppError,
    domain::{CheckoutId, checkout::Checkout},
};
use web_kit::{ApiError, Path};

use super::{CheckoutBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, CheckoutRead},
    state::AppState,
};

/// Read a checkout.
#[utoipa::path(
    get, path = "/checkouts/{id}", tag = "checkouts", operation_id = "getCheckout",
    params(("id" = String, Path, description = "The checkout.")),
    responses((status = 200, description = "The checkout.", body = CheckoutBody)),
    extensions(("x-required-scope" = json!("checkout:read"))),
)]
pub async fn get_checkout(
    State(state): State<AppState>,
    caller: Caller<CheckoutRead>,
    Path(id): Path<CheckoutId>,
) -> Result<Tagged<CheckoutBody>, ApiError> {
    let found = state.app.store.for_org(caller.tenant()).get::<Checkout>(id).await.map_err(AppError::from)?;
    let checkout = found.ok_or(AppError::NotFound("checkout"))?;
    Ok(Tagged::new(checkout.version, caller.shown(body(&state.app, &checkout).await?)))
}
