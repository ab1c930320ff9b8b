//! `DELETE /v1/products/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::products, domain::ProductId};
use http::StatusCode;
use web_kit::{ApiError, Path};

use crate::{
    authority::{Caller, ProductWrite},
    state::AppState,
};

/// Archive a product.
///
/// It is gone from the library, and its `sku` may be given to another. Checkouts keep the copies that they
/// took.
#[utoipa::path(
    delete, path = "/products/{id}", tag = "products", operation_id = "deleteProduct",
    params(("id" = String, Path, description = "The product.")),
    responses((status = 204, description = "Archived.")),
    extensions(("x-required-scope" = json!("product:write"))),
)]
pub async fn delete_product(
    State(state): State<AppState>,
    caller: Caller<ProductWrite>,
    Path(id): Path<ProductId>,
) -> Result<StatusCode, ApiError> {
    products::archive(&state.app, caller.tenant(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
