//! `GET …/orders`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::orders::view::{self, OrderFilter},
    domain::order::{Order, OrderStatus},
};
use web_kit::ApiError;

use super::{PATH, status_pill};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager, days},
        shell::{self, Ctx, Html, Pill, Shell, words},
        transactions::Names,
    },
};

#[derive(Template)]
#[template(path = "panel/orders.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    statuses: Vec<(&'static str, String)>,
    sites: Vec<(String, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    at: Html,
    reference: String,
    site: String,
    status: Pill,
    needs_attention: bool,
    payments: usize,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let names = Names::of(&ctx).await?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Orders"),
        is_filtered: asked.is_filtered(),
        problem: None,
        statuses: OrderStatus::ALL.iter().map(|s| (s.as_str(), words(s.as_str()))).collect(),
        sites: names.sites.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = view::list(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            page.rows = found.rows.iter().map(|one| row(&ctx, &names, one)).collect();
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        // A filter that cannot be read: the page stays, and says so.
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

fn row(ctx: &Ctx, names: &Names, one: &Order) -> Row {
    Row {
        url: ctx.url(&format!("{PATH}/{}", one.id)),
        at: shell::moment(one.created_at),
        reference: title(one),
        site: names.site(one.site_id),
        status: status_pill(one.status),
        needs_attention: !one.state.flags.is_empty(),
        payments: one.state.payments.len(),
    }
}

/// What people call an order: its reference, or the checkout that is all of it.
pub(super) fn title(one: &Order) -> String {
    match one.checkout_id {
        Some(checkout) => format!("Checkout {checkout}"),
        None => one.external_reference.clone(),
    }
}

/// The list's filters: those of the API.
fn filter(query: &str) -> Result<OrderFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let trimmed = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = OrderFilter {
        statuses: filters.words("status", OrderStatus::ALL, OrderStatus::as_str),
        site: filters.parsed("siteId"),
        external_reference: filters.text("externalReference").and_then(trimmed),
        span: days(&mut filters),
        metadata: filters.metadata(),
    };
    filters.finish(filter)
}
