//! Products: a merchant's library. Checkouts copy what they name.

mod create;
mod delete;
mod get;
mod list;
mod update;

use gateway_core::domain::{checkout::AmountType, product::Product};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_products, create::create_product)).routes(routes!(
        get::get_product,
        update::update_product,
        delete::delete_product
    ))
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductBody {
    /// Its id.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// What it is called.
    pub name: String,
    /// More about it.
    pub description: String,
    /// Your own number of it.
    pub sku: Option<String>,
    /// Where its picture was fetched from.
    pub image_url: Option<String>,
    /// Minor units for one.
    pub unit_price: i64,
    /// ISO 4217.
    pub currency: String,
    /// Percent, as decimal text.
    pub vat_rate: Option<String>,
    /// `gross` or `net`.
    pub amount_type: &'static str,
    /// What kind of thing it is.
    pub item_type: String,
    /// Your own pairs.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Whether new checkouts may name it.
    pub active: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Product> for ProductBody {
    fn from(product: &Product) -> Self {
        Self {
            id: product.id.to_string(),
            mode: product.mode.as_str(),
            name: product.name.clone(),
            description: product.description.clone(),
            sku: product.sku.clone(),
            image_url: product.image_url.clone(),
            unit_price: product.unit_price,
            currency: product.currency.to_string(),
            vat_rate: product.vat_rate.map(|rate| rate.to_string()),
            amount_type: match product.amount_type {
                AmountType::Gross => "gross",
                AmountType::Net => "net",
            },
            item_type: product.item_type.clone(),
            metadata: product.metadata.to_json(),
            active: product.active,
            created_at: product.created_at.to_string(),
            updated_at: product.updated_at.to_string(),
        }
    }
}
