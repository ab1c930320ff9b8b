//! `DELETE /v1/discounts/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::discounts, domain::DiscountId};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    authority::{Caller, DiscountWrite},
    state::AppState,
};

/// Archive a discount.
///
/// Its code is not accepted any more, and may be given to another. No payment with it starts from now on;
/// those that run are not touched.
#[utoipa::path(
    delete, path = "/discounts/{id}", tag = "discounts", operation_id = "deleteDiscount",
    params(("id" = String, Path, description = "The discount.")),
    responses((status = 204, description = "Archived.")),
    extensions(("x-required-scope" = json!("discount:write"))),
)]
pub async fn delete_discount(
    State(state): State<AppState>,
    caller: Caller<DiscountWrite>,
    Path(id): Path<DiscountId>,
) -> Result<StatusCode, ApiError> {
    discounts::archive(&state.app, caller.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
