//! `GET …/products`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::settings::products::{self, ProductFilter},
    domain::{product::Product, scope::Scope},
};
use web_kit::ApiError;

use super::{PATH, active_pill};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager},
        shell::{self, Ctx, Pill, Shell},
    },
};

#[derive(Template)]
#[template(path = "panel/products.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    states: Vec<(&'static str, &'static str)>,
    problem: Option<String>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    name: String,
    sku: String,
    price: String,
    vat_rate: String,
    active: Pill,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Products"),
        is_filtered: asked.is_filtered(),
        states: vec![("true", "Active"), ("false", "Not active")],
        problem: None,
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = products::list(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            page.rows = found.rows.iter().map(|product| row(&ctx, product)).collect();
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

/// The filters of the API.
fn filter(query: &str) -> Result<ProductFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let trimmed =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = ProductFilter {
        active: filters.flag("active"),
        name: trimmed(filters.text("q")),
        sku: trimmed(filters.text("sku")),
    };
    filters.finish(filter)
}

fn row(ctx: &Ctx, product: &Product) -> Row {
    Row {
        url: ctx.url(&format!("{PATH}/{}", product.id)),
        name: product.name.clone(),
        sku: product.sku.clone().unwrap_or_else(|| "–".to_owned()),
        price: ctx.money(product.unit_price, product.currency),
        vat_rate: product.vat_rate.map_or_else(|| "–".to_owned(), |rate| format!("{} %", rate.normalize())),
        active: active_pill(product),
    }
}
