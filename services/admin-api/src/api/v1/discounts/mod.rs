//! Discounts: what codes take off.

mod create;
mod delete;
mod get;
mod list;
mod update;

use gateway_core::{
    app::{App, AppError, discount_claims},
    domain::discount::{Discount, DiscountValue},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list::list_discounts, create::create_discount)).routes(routes!(
        get::get_discount,
        update::update_discount,
        delete::delete_discount
    ))
}

/// A discount.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscountBody {
    /// Its id.
    pub id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// What customers type; case does not count.
    pub code: String,
    /// For your own eyes.
    pub name: String,
    /// `percent` or `amount`.
    pub kind: &'static str,
    /// Of a percentage: how much, as decimal text.
    pub percent: Option<String>,
    /// Of an amount: how much, in minor units.
    pub amount: Option<i64>,
    /// ISO 4217, of `amount` and `minimumAmount`; the only one that the code is accepted with.
    pub currency: Option<String>,
    /// What an order must come to before the discount, in minor units.
    pub minimum_amount: Option<i64>,
    /// How often it may be used in all.
    pub max_redemptions: Option<i64>,
    /// How often one customer may use it.
    pub max_redemptions_per_customer: Option<i64>,
    /// How often it was paid with, or is held by a payment that runs; counted up to 100,000.
    pub redemptions: u64,
    /// From when on it is accepted.
    pub starts_at: Option<String>,
    /// From when on it is no longer accepted.
    pub ends_at: Option<String>,
    /// The products that it reduces; the whole order when empty.
    pub product_ids: Vec<String>,
    /// Whether it is accepted at all.
    pub active: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A discount as the API shows it, its uses counted.
async fn body(app: &App, discount: &Discount) -> Result<DiscountBody, AppError> {
    let (kind, percent, amount) = match discount.value {
        DiscountValue::Percent { percent } => ("percent", Some(percent.to_string()), None),
        DiscountValue::Amount { amount } => ("amount", None, Some(amount)),
    };
    Ok(DiscountBody {
        id: discount.id.to_string(),
        mode: discount.mode.as_str(),
        code: discount.code.clone(),
        name: discount.name.clone(),
        kind,
        percent,
        amount,
        currency: discount.currency.map(|currency| currency.to_string()),
        minimum_amount: discount.minimum_amount,
        max_redemptions: discount.max_redemptions,
        max_redemptions_per_customer: discount.max_redemptions_per_customer,
        redemptions: discount_claims::count(app, discount).await?,
        starts_at: discount.starts_at.map(|at| at.to_string()),
        ends_at: discount.ends_at.map(|at| at.to_string()),
        product_ids: discount.product_ids.iter().map(ToString::to_string).collect(),
        active: discount.active,
        created_at: discount.created_at.to_string(),
        updated_at: discount.updated_at.to_string(),
    })
}
