//! `GET …/events/{id}`: exactly what the provider sent, and what became of it.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{AppError, intake, list},
    domain::{
        ProviderEventId,
        provider_event::{EventState, ProviderEvent},
        scope::Scope,
    },
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, state_pill};
use crate::{
    panel::{
        act,
        form::FormData,
        pretty::pretty,
        shell::{self, Ctx, Html, Pill, Shell, moment},
        transactions::list::Names,
    },
    proofs,
};

#[derive(Deserialize)]
pub(super) struct One {
    id: ProviderEventId,
}

#[derive(Template)]
#[template(path = "panel/event.html")]
struct ShowPage {
    shell: Shell,
    alert: Option<String>,
    path: String,
    name: String,
    state: Pill,
    reason: Option<String>,
    may_replay: bool,
    received: Html,
    facts: Vec<(&'static str, Fact)>,
    /// What came; nothing for people who only look.
    raw: Option<Raw>,
}

/// What came for people, and its bytes.
struct Raw {
    pretty: String,
    exact: String,
}

/// A line of what is known.
struct Fact {
    text: String,
    url: Option<String>,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, one.id, None).await?))
}

/// Applies it again, now that what stood against it is mended.
pub(super) async fn replay(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    match intake::replay_event(ctx.app(), ctx.tenant(), one.id).await {
        Ok(_) => Ok(ctx.see(&format!("{PATH}/{}", one.id), "replayed")),
        Err(error) => {
            let alert = act::refused(&mut form, error)?;
            let page = page(&ctx, one.id, alert).await?;
            Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

async fn page(ctx: &Ctx, id: ProviderEventId, alert: Option<String>) -> Result<ShowPage, ApiError> {
    let found =
        ctx.app().store.for_org(ctx.tenant()).get::<ProviderEvent>(id).await.map_err(AppError::from)?;
    let event = found.ok_or(AppError::NotFound("event"))?;
    let names = Names::of(ctx).await?;
    let raw = list::raw_event(ctx.app(), &event).await?.unwrap_or_default();
    let waits = matches!(event.state, EventState::Parked | EventState::Ignored);
    Ok(ShowPage {
        shell: ctx.shell(PATH, event.name.clone()),
        alert,
        path: format!("{PATH}/{id}"),
        name: event.name.clone(),
        state: state_pill(event.state),
        reason: event.reason.clone(),
        may_replay: waits && ctx.member.role.grants(Scope::EventWrite),
        received: moment(event.received_at),
        facts: facts(ctx, &names, &event),
        raw: proofs::may_see(&ctx.member.authority(), Scope::EventWrite)
            .then(|| Raw { pretty: pretty(&raw), exact: raw }),
    })
}

fn facts(ctx: &Ctx, names: &Names, event: &ProviderEvent) -> Vec<(&'static str, Fact)> {
    let text = |text: String| Fact { text, url: None };
    let provider = ctx.url(&format!("/providers/{}", event.provider_id));
    let name = names.provider(Some(event.provider_id));
    let mut facts = vec![
        ("Event", text(event.id.to_string())),
        ("The provider’s id", text(event.event_id.clone())),
        ("Provider", Fact { text: name, url: Some(provider) }),
        ("Failed tries", text(event.attempts.to_string())),
    ];
    if let Some(id) = event.transaction_id {
        let url = Some(ctx.url(&format!("/transactions/{id}")));
        facts.push(("Transaction", Fact { text: id.to_string(), url }));
    }
    facts
}
