//! `…/webhooks/new`.

use askama::Template;
use axum::response::Response;
use gateway_core::app::{
    AppError,
    settings::endpoints::{self, EndpointSettings},
};
use http::StatusCode;
use web_kit::ApiError;

use super::{PATH, event_groups, read, show};
use crate::panel::{
    act,
    form::FormData,
    group::Group,
    shell::{self, Ctx, Shell},
};

#[derive(Template)]
#[template(path = "panel/webhook_new.html")]
struct NewPage {
    shell: Shell,
    form: FormData,
    alert: Option<String>,
    events: Vec<Group>,
}

fn page(ctx: &Ctx, form: FormData, alert: Option<String>) -> NewPage {
    NewPage { shell: ctx.shell(PATH, "New endpoint"), form, alert, events: event_groups() }
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, FormData::default(), None)))
}

pub(super) async fn create(ctx: Ctx, mut form: FormData) -> Result<Response, ApiError> {
    let settings = EndpointSettings { id: form.new_id(), ..read(&mut form) };
    form.also(endpoints::problems(ctx.app(), &settings, true));
    let id = settings.id;
    let alert = if form.is_good() {
        match endpoints::create(ctx.app(), ctx.tenant(), settings).await {
            Ok((endpoint, secret)) => return show::with_secret(&ctx, &endpoint, &secret).await,
            Err(AppError::Conflict { code: "CREATED_BEFORE", .. }) if id.is_some() => {
                let id = id.map(|id| id.to_string()).unwrap_or_default();
                return Ok(ctx.see(&format!("{PATH}/{id}"), "shown-before"));
            }
            Err(error) => act::refused(&mut form, error)?,
        }
    } else {
        None
    };
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&ctx, form, alert)))
}
