//! `GET /v1/discounts/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::discounts, domain::DiscountId};
use web_kit::{ApiError, Path};

use super::{DiscountBody, body};
use crate::{
    api::etag::Tagged,
    authority::{Caller, DiscountRead},
    state::AppState,
};

/// Read a discount.
#[utoipa::path(
    get, path = "/discounts/{id}", tag = "discounts", operation_id = "getDiscount",
    params(("id" = String, Path, description = "The discount.")),
    responses((status = 200, description = "The discount.", body = DiscountBody)),
    extensions(("x-required-scope" = json!("discount:read"))),
)]
pub async fn get_discount(
    State(state): State<AppState>,
    caller: Caller<DiscountRead>,
    Path(id): Path<DiscountId>,
) -> Result<Tagged<DiscountBody>, ApiError> {
    let discount = discounts::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(discount.version, body(&state.app, &discount).await?))
}
