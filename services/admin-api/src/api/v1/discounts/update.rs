//! `PATCH /v1/discounts/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::discounts, domain::DiscountId};
use web_kit::{ApiError, Json, Path};

use super::{DiscountBody, body, create::DiscountInput};
use crate::{
    api::etag::{IfMatch, Tagged},
    authority::{Caller, DiscountWrite},
    state::AppState,
};

/// Change a discount.
///
/// Checkouts that exist keep what was taken off when they were made. Limits, and whether it is active, count
/// for payments that start from now on.
#[utoipa::path(
    patch, path = "/discounts/{id}", tag = "discounts", operation_id = "updateDiscount",
    params(("id" = String, Path, description = "The discount.")),
    request_body = DiscountInput,
    responses((status = 200, description = "The discount.", body = DiscountBody)),
    extensions(("x-required-scope" = json!("discount:write"))),
)]
pub async fn update_discount(
    State(state): State<AppState>,
    caller: Caller<DiscountWrite>,
    Path(id): Path<DiscountId>,
    if_match: IfMatch,
    Json(input): Json<DiscountInput>,
) -> Result<Tagged<DiscountBody>, ApiError> {
    let settings =
        discounts::DiscountSettings { expected_version: if_match.number(), ..input.into_settings() };
    let discount = discounts::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(discount.version, body(&state.app, &discount).await?))
}
