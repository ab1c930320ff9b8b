//! `POST /v1/products`.

use axum::extract::State;
use gateway_core::{
    app::settings::products::{self, ProductSettings},
    domain::checkout::AmountType,
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::ProductBody;
use crate::{
    api::{
        body::{nullable, object_or_nothing},
        number::{Percent, Whole},
        v1::checkouts::Pairs,
    },
    authority::{Caller, ProductWrite},
    state::AppState,
};

/// A product. In a change, what is absent stays as it is and `null` takes a value out.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductInput {
    /// What it is called, at most 500 characters; required for a new product.
    name: Option<String>,
    /// More about it, at most 500 characters.
    description: Option<String>,
    /// Your own number of it, unique among your products.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    sku: Option<Option<String>>,
    /// A picture (png, jpeg or webp over https, at most 5 MiB). It is fetched once, made small, and shown on
    /// the checkout page; naming it again has it tried again.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    image_url: Option<Option<String>>,
    /// Minor units for one, from 0; required for a new product.
    unit_price: Option<Whole>,
    /// ISO 4217; required for a new product.
    currency: Option<String>,
    /// Percent, as a number or text.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    vat_rate: Option<Option<Percent>>,
    /// `gross` (the default): the price holds the tax; `net`: tax comes on top.
    #[schema(value_type = Option<String>)]
    amount_type: Option<AmountType>,
    /// goods, `digital_service`, or a word of your own.
    item_type: Option<String>,
    /// Your own pairs: at most 50, keys of 40 and values of 500 characters. A change replaces all.
    #[serde(default, deserialize_with = "object_or_nothing")]
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    metadata: Option<Pairs>,
    /// Whether new checkouts may name it.
    active: Option<bool>,
}

impl ProductInput {
    /// What the use case takes.
    pub fn into_settings(self) -> ProductSettings {
        ProductSettings {
            name: self.name,
            description: self.description,
            sku: self.sku,
            image_url: self.image_url,
            unit_price: self.unit_price.map(|price| price.0),
            currency: self.currency,
            vat_rate: self.vat_rate.map(|rate| rate.map(|rate| rate.0)),
            amount_type: self.amount_type,
            item_type: self.item_type,
            metadata: self.metadata.map(|pairs| pairs.0),
            active: self.active,
            ..ProductSettings::default()
        }
    }
}

/// Create a product.
#[utoipa::path(
    post, path = "/products", tag = "products", operation_id = "createProduct",
    request_body = ProductInput,
    responses((status = 201, description = "The product.", body = ProductBody)),
    extensions(("x-required-scope" = json!("product:write"))),
)]
pub async fn create_product(
    State(state): State<AppState>,
    caller: Caller<ProductWrite>,
    Json(input): Json<ProductInput>,
) -> Result<(StatusCode, Json<ProductBody>), ApiError> {
    let product = products::create(&state.app, caller.tenant(), input.into_settings()).await?;
    Ok((StatusCode::CREATED, Json(ProductBody::from(&product))))
}
