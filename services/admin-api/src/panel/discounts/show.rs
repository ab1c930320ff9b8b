//! `GET …/discounts/{id}`, and its end.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        AppError, discount_claims,
        settings::{discounts, products},
    },
    domain::{discount::Discount, scope::Scope},
};
use web_kit::{ApiError, Path};

use super::{One, PATH, off, state_pill, used};
use crate::panel::shell::{self, Ctx, Html, Pill, Shell, moment};

/// Products that the page names; the form has all of them.
const PRODUCTS_SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "panel/discount.html")]
struct ShowPage {
    shell: Shell,
    id: String,
    path: String,
    code: String,
    name: String,
    state: Pill,
    off: String,
    used: String,
    per_customer: Option<i64>,
    minimum: Option<String>,
    currency: Option<String>,
    starts: Option<Html>,
    ends: Option<Html>,
    /// Names and pages of the products.
    products: Vec<(String, String)>,
    more_products: usize,
    created: Html,
    changed: Html,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let discount = discounts::get(ctx.app(), ctx.tenant(), one.id).await?;
    let times = discount_claims::count(ctx.app(), &discount).await?;
    let minimum = discount.minimum_amount.zip(discount.currency);
    Ok(shell::page(&ShowPage {
        shell: ctx.shell(PATH, discount.code.clone()),
        id: discount.id.to_string(),
        path: format!("{PATH}/{}", discount.id),
        state: state_pill(&discount, times, ctx.app().now()),
        off: off(&ctx, &discount),
        used: used(&discount, times),
        per_customer: discount.max_redemptions_per_customer,
        minimum: minimum.map(|(amount, currency)| ctx.money(amount, currency)),
        currency: discount.currency.map(|currency| currency.code().to_owned()),
        starts: discount.starts_at.map(moment),
        ends: discount.ends_at.map(moment),
        products: named(&ctx, &discount).await?,
        more_products: discount.product_ids.len().saturating_sub(PRODUCTS_SHOWN),
        created: moment(discount.created_at),
        changed: moment(discount.updated_at),
        code: discount.code,
        name: discount.name,
    }))
}

/// The first of its products by name. One that was archived has no page any more.
async fn named(ctx: &Ctx, discount: &Discount) -> Result<Vec<(String, String)>, ApiError> {
    let mut names = Vec::new();
    for id in discount.product_ids.iter().take(PRODUCTS_SHOWN) {
        match products::get(ctx.app(), ctx.tenant(), *id).await {
            Ok(product) => names.push((product.name, ctx.url(&format!("/products/{id}")))),
            Err(AppError::NotFound(_)) => names.push((format!("{id} (archived)"), String::new())),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(names)
}

pub(super) async fn archive(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    discounts::archive(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(ctx.see(PATH, "archived"))
}
