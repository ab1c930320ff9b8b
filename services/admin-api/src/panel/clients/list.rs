//! `GET …/clients`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::settings::clients::{self, ClientFilter},
    domain::{client::Client, scope::Scope},
};
use web_kit::ApiError;

use super::{PATH, title};
use crate::{
    api::query::Filters,
    panel::{
        form::FormData,
        list::{Asked, Pager},
        shell::{self, Ctx, Html, Shell, moment},
    },
};

#[derive(Template)]
#[template(path = "panel/clients.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    name: String,
    company: String,
    email: String,
    reference: String,
    made: Html,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let found = clients::list(ctx.app(), ctx.tenant(), &filter(ctx.query()), &asked.page()?).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for client in &found.rows {
        rows.push(row(&ctx, client).await?);
    }
    Ok(shell::page(&ListPage {
        shell: ctx.shell(PATH, "Clients"),
        is_filtered: asked.is_filtered(),
        rows,
        pager: asked.pager(&ctx, PATH, &found),
        filters: asked.filters,
    }))
}

/// The filters of the API.
fn filter(query: &str) -> ClientFilter {
    let filters = Filters::of(Some(query));
    let text = |name| filters.text(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    ClientFilter { email: text("email"), name: text("name"), reference: text("reference"), any: text("q") }
}

async fn row(ctx: &Ctx, client: &Client) -> Result<Row, ApiError> {
    let profile = clients::profile(ctx.app(), client).await?;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    Ok(Row {
        url: ctx.url(&format!("{PATH}/{}", client.id)),
        name: title(&profile, client.id),
        company: or_dash(profile.company),
        email: or_dash(profile.email),
        reference: or_dash(client.reference.clone()),
        made: moment(client.created_at),
    })
}
