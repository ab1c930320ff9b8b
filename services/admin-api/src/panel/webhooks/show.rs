//! `GET …/webhooks/{id}`, and the page that shows a secret.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::settings::endpoints,
    crypto::Secret,
    domain::{EndpointId, endpoint::WebhookEndpoint, scope::Scope},
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, address, event_groups, state_pill};
use crate::panel::{
    form::FormData,
    group::Group,
    once,
    shell::{self, Ctx, Html, Pill, Shell, moment},
};

#[derive(Deserialize)]
pub(super) struct One {
    pub(super) id: EndpointId,
}

#[derive(Template)]
#[template(path = "panel/webhook.html")]
struct ShowPage {
    shell: Shell,
    /// The settings.
    form: FormData,
    /// The form for a new secret.
    rotate: FormData,
    alert: Option<String>,
    /// Shown this one time.
    secret: Option<String>,
    path: String,
    id: String,
    url: String,
    description: String,
    state: Pill,
    enabled: bool,
    reason: Option<String>,
    wanted: Vec<&'static str>,
    facts: Vec<(&'static str, Html)>,
    events: Vec<Group>,
    overlaps: [(&'static str, &'static str); 5],
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    let endpoint = endpoints::get(ctx.app(), ctx.tenant(), one.id).await?;
    Ok(shell::page(&page(&ctx, &endpoint, None, None).await?))
}

/// The page again, after a form that could not be done.
pub(super) async fn again(
    ctx: &Ctx,
    id: EndpointId,
    form: FormData,
    alert: Option<String>,
) -> Result<Response, ApiError> {
    let endpoint = endpoints::get(ctx.app(), ctx.tenant(), id).await?;
    let page = page(ctx, &endpoint, Some(form), alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The answer to the form that made a secret: no redirect, so that it stands in no address and is kept nowhere.
pub(super) async fn with_secret(
    ctx: &Ctx,
    endpoint: &WebhookEndpoint,
    secret: &Secret,
) -> Result<Response, ApiError> {
    let mut page = page(ctx, endpoint, None, None).await?;
    page.secret = Some(secret.expose().to_owned());
    Ok(once::with_secret(shell::page(&page), ctx.url(&page.path)))
}

/// What is stored of an endpoint, as its form shows it.
pub(super) fn stored(endpoint: &WebhookEndpoint, url: &str) -> FormData {
    let wanted = endpoint.event_types.iter().map(|event| ("eventTypes", event.to_string()));
    let texts = [("url", url.to_owned()), ("description", endpoint.description.clone())];
    FormData::of_stored(texts.into_iter().chain(wanted))
}

async fn page(
    ctx: &Ctx,
    endpoint: &WebhookEndpoint,
    form: Option<FormData>,
    alert: Option<String>,
) -> Result<ShowPage, ApiError> {
    let url = address(ctx, endpoint).await?;
    let now = ctx.app().now();
    let mut facts = vec![("Made", moment(endpoint.created_at)), ("Changed", moment(endpoint.updated_at))];
    if let Some(until) = endpoint.previous_secret.as_ref().map(|p| p.until).filter(|until| *until > now) {
        facts.push(("The secret before signs until", moment(until)));
    }
    let id = endpoint.id.to_string();
    let sent = form.unwrap_or_default();
    let rotate = sent.of_act("rotate");
    let form = if sent.is_act(&id) { sent } else { stored(endpoint, &url) };
    Ok(ShowPage {
        shell: ctx.shell(PATH, url.clone()),
        form,
        rotate,
        alert,
        secret: None,
        path: format!("{PATH}/{}", endpoint.id),
        id,
        description: endpoint.description.clone(),
        state: state_pill(endpoint),
        enabled: endpoint.enabled,
        reason: endpoint.disabled_reason.clone(),
        wanted: endpoint.event_types.iter().map(|event| event.as_str()).collect(),
        facts,
        events: event_groups(),
        overlaps: [
            ("86400", "A day"),
            ("3600", "An hour"),
            ("604800", "A week"),
            ("2592000", "30 days"),
            ("0", "Not at all"),
        ],
        url,
    })
}
