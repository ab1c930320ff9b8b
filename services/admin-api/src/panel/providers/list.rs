//! `GET …/providers`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::list,
    domain::{provider_account::ProviderAccount, scope::Scope},
};
use web_kit::ApiError;

use super::{PATH, enabled_pill, kind_name, test_pill};
use crate::panel::{
    list::{Asked, Pager},
    shell::{self, Ctx, Html, Pill, Shell, moment},
};

#[derive(Template)]
#[template(path = "panel/providers.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    url: String,
    name: String,
    kind: &'static str,
    enabled: Pill,
    last_event: Option<Html>,
    test: Pill,
    tested: Option<Html>,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let found = list::all::<ProviderAccount>(ctx.app(), ctx.tenant(), &asked.page()?).await?;
    let row = |account: &ProviderAccount| Row {
        url: ctx.url(&format!("{PATH}/{}", account.id)),
        name: account.name.clone(),
        kind: kind_name(account.kind),
        enabled: enabled_pill(account),
        last_event: account.last_event_at.map(moment),
        test: test_pill(account),
        tested: account.last_test.as_ref().map(|test| moment(test.at)),
    };
    Ok(shell::page(&ListPage {
        shell: ctx.shell(PATH, "Providers"),
        rows: found.rows.iter().map(row).collect(),
        pager: asked.pager(&ctx, PATH, &found),
    }))
}
