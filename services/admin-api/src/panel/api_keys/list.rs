//! `GET …/api-keys`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list,
    domain::{api_key::ApiKey, scope::Scope},
};
use web_kit::ApiError;

use super::{PATH, prefix, scopes, state_pill};
use crate::panel::{
    list::{Asked, Pager},
    shell::{self, Ctx, Html, Pill, Shell, moment},
};

#[derive(Template)]
#[template(path = "panel/api_keys.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    name: String,
    prefix: String,
    scopes: String,
    state: Pill,
    used: Option<Html>,
    ends: Option<Html>,
    networks: String,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let found = list::all::<ApiKey>(ctx.app(), ctx.tenant(), &asked.page()?).await?;
    let page = ListPage {
        shell: ctx.shell(PATH, "API keys"),
        rows: found.rows.iter().map(|key| row(&ctx, key)).collect(),
        pager: asked.pager(&ctx, PATH, &found),
    };
    Ok(shell::page(&page))
}

fn row(ctx: &Ctx, key: &ApiKey) -> Row {
    let networks = match key.allowed_networks.as_slice() {
        [] => "Everywhere".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    Row {
        url: ctx.url(&format!("{PATH}/{}", key.id)),
        name: key.name.clone(),
        prefix: prefix(ctx, key),
        scopes: scopes(key),
        state: state_pill(key, ctx.app().now()),
        used: key.last_used_at.map(moment),
        ends: key.expires_at.map(moment),
        networks,
    }
}
