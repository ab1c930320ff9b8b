//! `GET …/discounts`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        discount_claims,
        settings::discounts::{self, DiscountFilter},
    },
    domain::{discount::Discount, scope::Scope},
};
use web_kit::ApiError;

use super::{PATH, off, state_pill, used};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager},
        shell::{self, Ctx, Html, Pill, Shell, moment},
    },
};

#[derive(Template)]
#[template(path = "panel/discounts.html")]
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
    code: String,
    name: String,
    off: String,
    used: String,
    state: Pill,
    starts: Option<Html>,
    ends: Option<Html>,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Discounts"),
        is_filtered: asked.is_filtered(),
        states: vec![("true", "Active"), ("false", "Off")],
        problem: None,
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = discounts::list(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            for discount in &found.rows {
                page.rows.push(row(&ctx, discount).await?);
            }
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

/// The filters of the API; white space around a code does not count.
fn filter(query: &str) -> Result<DiscountFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let code = filters.text("code").filter(|code| !code.trim().is_empty());
    let filter = DiscountFilter { active: filters.flag("active"), code };
    filters.finish(filter)
}

async fn row(ctx: &Ctx, discount: &Discount) -> Result<Row, ApiError> {
    let times = discount_claims::count(ctx.app(), discount).await?;
    Ok(Row {
        url: ctx.url(&format!("{PATH}/{}", discount.id)),
        code: discount.code.clone(),
        name: discount.name.clone(),
        off: off(ctx, discount),
        used: used(discount, times),
        state: state_pill(discount, times, ctx.app().now()),
        starts: discount.starts_at.map(moment),
        ends: discount.ends_at.map(moment),
    })
}
