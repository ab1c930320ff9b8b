//! `GET …/sites`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list,
    domain::{scope::Scope, site::Site},
};
use web_kit::ApiError;

use super::{PATH, look::Look};
use crate::panel::{
    list::{Asked, Pager},
    shell::{self, Ctx, Html, Shell, moment},
};

#[derive(Template)]
#[template(path = "panel/sites.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    name: String,
    look: Look,
    ipn_version: u8,
    origins: usize,
    created: Html,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let found = list::all::<Site>(ctx.app(), ctx.tenant(), &asked.page()?).await?;
    let row = |site: &Site| Row {
        url: ctx.url(&format!("{PATH}/{}", site.id)),
        name: site.name.clone(),
        look: Look::of(site.brand_color.as_deref()),
        ipn_version: site.ipn_version.into(),
        origins: site.origins.len(),
        created: moment(site.created_at),
    };
    Ok(shell::page(&ListPage {
        shell: ctx.shell(PATH, "Sites"),
        rows: found.rows.iter().map(row).collect(),
        pager: asked.pager(&ctx, PATH, &found),
    }))
}
