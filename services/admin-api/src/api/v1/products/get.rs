//! `GET /v1/products/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::products, domain::ProductId};
use web_kit::{ApiError, Path};

use super::ProductBody;
use crate::{
    api::etag::Tagged,
    authority::{Caller, ProductRead},
    state::AppState,
};

/// Read a product.
#[utoipa::path(
    get, path = "/products/{id}", tag = "products", operation_id = "getProduct",
    params(("id" = String, Path, description = "The product.")),
    responses((status = 200, description = "The product.", body = ProductBody)),
    extensions(("x-required-scope" = json!("product:read"))),
)]
pub async fn get_product(
    State(state): State<AppState>,
    caller: Caller<ProductRead>,
    Path(id): Path<ProductId>,
) -> Result<Tagged<ProductBody>, ApiError> {
    let product = products::get(&state.app, caller.tenant(), id).await?;
    Ok(Tagged::new(product.version, ProductBody::from(&product)))
}
