//! `PATCH /v1/products/{id}`.

use axum::extract::State;
use gateway_core::{app::settings::products, domain::ProductId};
use web_kit::{ApiError, Json, Path};

use super::{ProductBody, create::ProductInput};
use crate::{
    api::etag::{IfMatch, Tagged},
    authority::{Caller, ProductWrite},
    state::AppState,
};

/// Change a product.
///
/// Checkouts keep the copies that they took: a new price counts for new checkouts only.
#[utoipa::path(
    patch, path = "/products/{id}", tag = "products", operation_id = "updateProduct",
    params(("id" = String, Path, description = "The product.")),
    request_body = ProductInput,
    responses((status = 200, description = "The product.", body = ProductBody)),
    extensions(("x-required-scope" = json!("product:write"))),
)]
pub async fn update_product(
    State(state): State<AppState>,
    caller: Caller<ProductWrite>,
    Path(id): Path<ProductId>,
    if_match: IfMatch,
    Json(input): Json<ProductInput>,
) -> Result<Tagged<ProductBody>, ApiError> {
    let settings = products::ProductSettings { expected_version: if_match.number(), ..input.into_settings() };
    let product = products::update(&state.app, caller.tenant(), id, settings).await?;
    Ok(Tagged::new(product.version, ProductBody::from(&product)))
}
