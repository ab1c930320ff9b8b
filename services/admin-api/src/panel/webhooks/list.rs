//! `GET …/webhooks`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list,
    domain::{endpoint::WebhookEndpoint, scope::Scope},
};
use web_kit::ApiError;

use super::{PATH, address, state_pill};
use crate::panel::{
    list::{Asked, Pager},
    shell::{self, Ctx, Pill, Shell},
};

#[derive(Template)]
#[template(path = "panel/webhooks.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    page: String,
    deliveries: String,
    url: String,
    description: String,
    events: String,
    state: Pill,
    reason: Option<String>,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let found = list::all::<WebhookEndpoint>(ctx.app(), ctx.tenant(), &asked.page()?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for endpoint in &found.rows {
        rows.push(Row {
            page: ctx.url(&format!("{PATH}/{}", endpoint.id)),
            deliveries: ctx.url(&format!("/deliveries?endpointId={}", endpoint.id)),
            url: address(&ctx, endpoint).await?,
            description: endpoint.description.clone(),
            events: events(endpoint),
            state: state_pill(endpoint),
            reason: endpoint.disabled_reason.clone(),
        });
    }
    let pager = asked.pager(&ctx, PATH, &found);
    Ok(shell::page(&ListPage { shell: ctx.shell(PATH, "Webhooks"), rows, pager }))
}

fn events(endpoint: &WebhookEndpoint) -> String {
    match endpoint.event_types.as_slice() {
        [] => "All".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
