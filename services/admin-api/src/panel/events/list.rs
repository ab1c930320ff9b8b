//! `GET …/events`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list::{self, EventFilter},
    domain::provider_event::ProviderEvent,
};
use web_kit::ApiError;

use super::{PATH, state_pill};
use crate::{
    api::{
        query::Filters,
        v1::events::{STATES, state},
    },
    panel::{
        form::FormData,
        list::{Asked, Pager},
        shell::{self, Ctx, Html, Pill, Shell, moment, words},
        transactions::list::Names,
    },
};

#[derive(Template)]
#[template(path = "panel/events.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    states: Vec<(&'static str, String)>,
    providers: Vec<(String, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    at: Html,
    name: String,
    provider: String,
    state: Pill,
    reason: String,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let names = Names::of(&ctx).await?;
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Events"),
        is_filtered: asked.is_filtered(),
        problem: None,
        states: STATES.iter().map(|one| (state(*one), words(state(*one)))).collect(),
        providers: names.providers.iter().map(|(id, name)| (id.to_string(), name.clone())).collect(),
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(ctx.query()) {
        Ok(filter) => {
            let found = list::events(ctx.app(), ctx.tenant(), &filter, &asked.page()?).await?;
            page.rows = found.rows.iter().map(|event| row(&ctx, &names, event)).collect();
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

fn filter(query: &str) -> Result<EventFilter, ApiError> {
    let mut filters = Filters::of(Some(query));
    let filter = EventFilter {
        state: filters.word("state", STATES, state),
        provider: filters.parsed("providerId"),
        transaction: filters.parsed("transactionId"),
    };
    filters.finish(filter)
}

fn row(ctx: &Ctx, names: &Names, event: &ProviderEvent) -> Row {
    Row {
        url: ctx.url(&format!("{PATH}/{}", event.id)),
        at: moment(event.received_at),
        name: event.name.clone(),
        provider: names.provider(Some(event.provider_id)),
        state: state_pill(event.state),
        reason: event.reason.clone().unwrap_or_default(),
    }
}
