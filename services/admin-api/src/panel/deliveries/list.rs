//! `GET …/deliveries`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::deliveries::{self, DeliveryFilter},
    domain::{delivery::Delivery, scope::Scope},
};
use http::StatusCode;
use web_kit::ApiError;

use super::{PATH, Receivers, event};
use crate::{
    api::{
        query::Filters,
        v1::deliveries::{KINDS, STATES, kind, state},
    },
    panel::{
        form::FormData,
        list::{Asked, Pager},
        shell::{self, Ctx, Html, Pill, Shell, moment},
        transactions::show::delivery_pill,
    },
};

#[derive(Template)]
#[template(path = "panel/deliveries.html")]
struct ListPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    kinds: Vec<(&'static str, String)>,
    states: Vec<(&'static str, String)>,
    endpoints: Vec<(String, String)>,
    sites: Vec<(String, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    at: Html,
    event: String,
    receiver: String,
    state: Pill,
    last: String,
    attempts: usize,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, FormData::default(), None).await?))
}

/// The page again, after a form that could not be done.
pub(super) async fn again(ctx: &Ctx, form: FormData, alert: Option<String>) -> Result<Response, ApiError> {
    let page = page(ctx, form, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn page(ctx: &Ctx, form: FormData, alert: Option<String>) -> Result<ListPage, ApiError> {
    let asked = Asked::of(ctx)?;
    let receivers = Receivers::of(ctx).await?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Deliveries"),
        form,
        alert,
        is_filtered: asked.is_filtered(),
        problem: None,
        kinds: vec![("ipn", "IPN".to_owned()), ("webhook", "Webhook".to_owned())],
        states: STATES.iter().map(|one| (state(*one), delivery_pill(*one).text)).collect(),
        endpoints: receivers.endpoint_choices(),
        sites: receivers.site_choices(),
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = deliveries::list(ctx.app(), ctx.tenant(), filter, &asked.page()?).await?;
            page.rows = found.rows.iter().map(|one| row(ctx, &receivers, one)).collect();
            page.pager = asked.pager(ctx, PATH, &found);
        }
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(page)
}

fn filter(query: &str) -> Result<DeliveryFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let filter = DeliveryFilter {
        kind: filters.word("kind", KINDS, kind),
        state: filters.word("state", STATES, state),
        endpoint: filters.parsed("endpointId"),
        site: filters.parsed("siteId"),
        transaction: filters.parsed("transactionId"),
        checkout: filters.parsed("checkoutId"),
    };
    filters.finish(filter)
}

fn row(ctx: &Ctx, receivers: &Receivers, one: &Delivery) -> Row {
    let last = one.attempts.last().map(|attempt| match attempt.status {
        Some(status) => status.to_string(),
        None => attempt.error.clone().unwrap_or_else(|| "No answer yet".to_owned()),
    });
    Row {
        url: ctx.url(&format!("{PATH}/{}", one.id)),
        at: moment(one.created_at),
        event: event(one),
        receiver: receivers.of_delivery(one),
        state: delivery_pill(one.state),
        last: last.unwrap_or_else(|| "Not sent yet".to_owned()),
        attempts: one.attempts.len(),
    }
}
