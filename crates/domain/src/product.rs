//! A product of a merchant's library. Checkouts copy what they need of it when they are made, so that a later
//! change reprices nothing.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Currency, ImageId, Metadata, Mode, OrganizationId, ProductId, Tenant, Timestamp,
    checkout::{AmountType, Item},
};

/// Something that a merchant sells.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: ProductId,
    /// Whose product it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// What it is called.
    pub name: String,
    /// More about it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub description: String,
    /// The merchant's own number of it. Unique in the tenant; taken out when the product is archived.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sku: Option<String>,
    /// Where its picture is fetched from, once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image_url: Option<String>,
    /// Its picture here; follows from `image_url`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image_id: Option<ImageId>,
    /// Minor units for one.
    pub unit_price: i64,
    /// Of what currency.
    pub currency: Currency,
    /// Percent, as decimal text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vat_rate: Option<Decimal>,
    /// Whether `unit_price` holds the tax.
    #[serde(default)]
    pub amount_type: AmountType,
    /// goods, `digital_service` or a word of the merchant's own.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub item_type: String,
    /// The merchant's own pairs.
    #[serde(rename = "m", default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// Whether new checkouts may name it.
    pub active: bool,
    /// When it was taken out of the library.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub archived_at: Option<Timestamp>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Product {
    /// The tenant that the product belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// A line of a checkout: a copy of what the product is now.
    pub fn line(&self, quantity: i64) -> Item {
        Item {
            name: Some(self.name.clone()),
            description: self.description.clone(),
            quantity,
            unit_price: self.unit_price,
            vat_rate: self.vat_rate,
            item_type: self.item_type.clone(),
            amount_type: self.amount_type,
            product_id: Some(self.id),
            image_id: self.image_id,
        }
    }
}
