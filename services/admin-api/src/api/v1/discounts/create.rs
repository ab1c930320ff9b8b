//! `POST /v1/discounts`.

use axum::extract::State;
use gateway_core::{
    app::settings::discounts::{self, DiscountSettings, Kind},
    domain::{ProductId, Timestamp, discount::PRODUCTS_MAX},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use web_kit::{ApiError, Json};

use super::{DiscountBody, body};
use crate::{
    api::{
        body::{nullable, some_at_most},
        number::{Percent, Whole},
    },
    authority::{Caller, DiscountWrite},
    state::AppState,
};

/// How a discount is reckoned.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DiscountKind {
    /// A part of what is reduced.
    Percent,
    /// An amount, or all that is reduced where that is less.
    Amount,
}

/// A discount. In a change, what is absent stays as it is and `null` takes a value out.
#[expect(clippy::option_option, reason = "absent, null and a value are three different wishes")]
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscountInput {
    /// What customers type: 1 to 64 characters without white space; case does not count. Unique among your
    /// discounts, and required for a new one.
    code: Option<String>,
    /// For your own eyes.
    name: Option<String>,
    /// `percent` or `amount`; required for a new discount.
    kind: Option<DiscountKind>,
    /// Of a percentage: above 0, at most 100, as a number or text with at most 4 decimals.
    percent: Option<Percent>,
    /// Of an amount: minor units, from 1.
    amount: Option<Whole>,
    /// ISO 4217; required with `amount` or `minimumAmount`. The code is accepted with this currency only.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    currency: Option<Option<String>>,
    /// What an order must come to before the discount, in minor units.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    minimum_amount: Option<Option<Whole>>,
    /// How often it may be used in all, at most 100,000; without limit when absent.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    max_redemptions: Option<Option<Whole>>,
    /// How often one customer may use it, at most 1,000. Customers are told apart by `email`, else by
    /// `clientId`; a checkout with neither is refused.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    max_redemptions_per_customer: Option<Option<Whole>>,
    /// From when on new checkouts may name it (ISO 8601).
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    starts_at: Option<Option<Timestamp>>,
    /// From when on they may not any more.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    ends_at: Option<Option<Timestamp>>,
    /// The products that it reduces, at most 1,000; the whole order when empty.
    #[serde(default, deserialize_with = "some_at_most::<PRODUCTS_MAX, _, _>")]
    #[schema(value_type = Option<Vec<String>>)]
    product_ids: Option<Vec<ProductId>>,
    /// Whether it is accepted at all. Off, no payment with it starts either.
    active: Option<bool>,
}

impl DiscountInput {
    /// What the use case takes.
    pub fn into_settings(self) -> DiscountSettings {
        let whole = |number: Option<Option<Whole>>| number.map(|number| number.map(|number| number.0));
        DiscountSettings {
            code: self.code,
            name: self.name,
            kind: self.kind.map(|kind| match kind {
                DiscountKind::Percent => Kind::Percent,
                DiscountKind::Amount => Kind::Amount,
            }),
            percent: self.percent.map(|percent| percent.0),
            amount: self.amount.map(|amount| amount.0),
            currency: self.currency,
            minimum_amount: whole(self.minimum_amount),
            max_redemptions: whole(self.max_redemptions),
            max_redemptions_per_customer: whole(self.max_redemptions_per_customer),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            product_ids: self.product_ids,
            active: self.active,
            ..DiscountSettings::default()
        }
    }
}

/// Create a discount.
#[utoipa::path(
    post, path = "/discounts", tag = "discounts", operation_id = "createDiscount",
    request_body = DiscountInput,
    responses((status = 201, description = "The discount.", body = DiscountBody)),
    extensions(("x-required-scope" = json!("discount:write"))),
)]
pub async fn create_discount(
    State(state): State<AppState>,
    caller: Caller<DiscountWrite>,
    Json(input): Json<DiscountInput>,
) -> Result<(StatusCode, Json<DiscountBody>), ApiError> {
    let discount = discounts::create(&state.app, caller.tenant(), input.into_settings()).await?;
    Ok((StatusCode::CREATED, Json(body(&state.app, &discount).await?)))
}
