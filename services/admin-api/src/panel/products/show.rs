//! `GET …/products/{id}`, its picture, and its end.

use askama::Template;
use axum::response::{IntoResponse, Response};
use gateway_core::{
    app::{AppError, images, settings::products},
    domain::{checkout::AmountType, product::Product, scope::Scope},
};
use http::header;
use web_kit::{ApiError, Path};

use super::{One, PATH, active_pill};
use crate::panel::shell::{self, Ctx, Html, Pill, Shell, Tone, moment, words};

#[derive(Template)]
#[template(path = "panel/product.html")]
struct ShowPage {
    shell: Shell,
    id: String,
    path: String,
    name: String,
    active: Pill,
    description: String,
    price: String,
    sku: Option<String>,
    vat_rate: Option<String>,
    is_net: bool,
    item_type: Option<String>,
    metadata: Vec<(String, String)>,
    picture: Option<Picture>,
    created: Html,
    changed: Html,
}

/// A picture, or how far its fetching has come.
struct Picture {
    url: String,
    state: Pill,
    problem: Option<String>,
    is_there: bool,
    is_given_up: bool,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let product = products::get(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(shell::page(&ShowPage {
        shell: ctx.shell(PATH, product.name.clone()),
        id: product.id.to_string(),
        path: format!("{PATH}/{}", product.id),
        active: active_pill(&product),
        price: ctx.money(product.unit_price, product.currency),
        vat_rate: product.vat_rate.map(|rate| rate.normalize().to_string()),
        is_net: product.amount_type == AmountType::Net,
        item_type: Some(words(&product.item_type)).filter(|text| !text.is_empty()),
        metadata: product.metadata.0.iter().map(|pair| (pair.k.clone(), pair.v.clone())).collect(),
        picture: state(&ctx, &product).await?,
        created: moment(product.created_at),
        changed: moment(product.updated_at),
        name: product.name,
        description: product.description,
        sku: product.sku,
    }))
}

async fn state(ctx: &Ctx, product: &Product) -> Result<Option<Picture>, ApiError> {
    let (Some(url), Some(id)) = (&product.image_url, product.image_id) else { return Ok(None) };
    let image = images::get(ctx.app(), ctx.tenant(), id).await?;
    let is_there = image.as_ref().is_some_and(|image| image.jpeg.is_some());
    let is_given_up = !is_there && image.as_ref().is_some_and(|image| image.due.is_none());
    let state = match (is_there, is_given_up) {
        (true, _) => Pill::new(Tone::Good, "Fetched"),
        (false, false) => Pill::new(Tone::Warn, "Being fetched"),
        (false, true) => Pill::new(Tone::Bad, "Given up"),
    };
    let problem = image.and_then(|image| image.problem).filter(|_| !is_there);
    Ok(Some(Picture { url: url.clone(), state, problem, is_there, is_given_up }))
}

/// The picture as customers see it: the bytes that we made, never the merchant's own.
pub(super) async fn picture(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let product = products::get(ctx.app(), ctx.tenant(), one.id).await?;
    let image = match product.image_id {
        Some(id) => images::get(ctx.app(), ctx.tenant(), id).await?,
        None => None,
    };
    let jpeg = image.and_then(|image| image.jpeg).ok_or(AppError::NotFound("picture"))?;
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, jpeg.0).into_response())
}

pub(super) async fn archive(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    products::archive(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(ctx.see(PATH, "archived"))
}
