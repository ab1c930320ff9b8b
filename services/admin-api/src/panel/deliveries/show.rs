//! `GET …/deliveries/{id}`: exactly what was sent, and exactly what was answered.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::deliveries,
    domain::{
        DeliveryId,
        delivery::{AttemptOutcome, Delivery, DeliveryAttempt, DeliveryKind, DeliveryState},
        scope::Scope,
    },
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, event};
use crate::{
    api::v1::deliveries::outcome,
    panel::{
        pretty::pretty,
        shell::{self, Ctx, Html, Pill, Shell, Tone, moment, words},
        transactions::show::delivery_pill,
    },
    proofs,
};

#[derive(Deserialize)]
pub(super) struct One {
    pub(super) id: DeliveryId,
}

#[derive(Template)]
#[template(path = "panel/delivery.html")]
struct ShowPage {
    shell: Shell,
    alert: Option<String>,
    path: String,
    event: String,
    state: Pill,
    /// Why it ended without being delivered.
    reason: Option<String>,
    may_resend: bool,
    facts: Vec<(&'static str, Fact)>,
    times: Vec<(&'static str, Html)>,
    /// What was sent; nothing for people who only look.
    body: Option<Body>,
    attempts: Vec<Attempt>,
}

/// A body for people, and its bytes.
struct Body {
    pretty: String,
    exact: String,
}

/// A line of what is known.
struct Fact {
    text: String,
    url: Option<String>,
}

/// A request on the wire.
struct Attempt {
    number: i64,
    at: Html,
    outcome: Pill,
    status: String,
    duration: String,
    error: String,
    answer: String,
}

pub(super) async fn show(ctx: Ctx, Path(one): Path<One>) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx, one.id, None).await?))
}

/// The page again, after a form that could not be done.
pub(super) async fn again(ctx: &Ctx, id: DeliveryId, alert: Option<String>) -> Result<Response, ApiError> {
    let page = page(ctx, id, alert).await?;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn page(ctx: &Ctx, id: DeliveryId, alert: Option<String>) -> Result<ShowPage, ApiError> {
    let app = ctx.app();
    let delivery = deliveries::get(app, ctx.tenant(), id).await?;
    let may_see = proofs::may_see(&ctx.member.authority(), Scope::DeliveryWrite);
    let mut attempts = Vec::with_capacity(delivery.attempts.len());
    for attempt in delivery.attempts.iter().rev() {
        let answer = deliveries::response(app, &delivery, attempt).await?;
        attempts.push(shown(attempt, if may_see { answer } else { String::new() }));
    }
    let body = deliveries::body(app, &delivery).await?.unwrap_or_default();
    let address = deliveries::address(app, &delivery).await?;
    let address = proofs::address(&ctx.member.authority(), Scope::DeliveryWrite, address);
    let mut times = vec![("Made", moment(delivery.created_at))];
    times.extend(delivery.due.map(|due| ("Sent next", moment(due))));
    let is_open = !matches!(delivery.state, DeliveryState::Superseded | DeliveryState::Sending);
    Ok(ShowPage {
        shell: ctx.shell(PATH, event(&delivery)),
        alert,
        path: format!("{PATH}/{id}"),
        event: event(&delivery),
        state: delivery_pill(delivery.state),
        reason: delivery.reason.clone(),
        may_resend: is_open && ctx.member.role.grants(Scope::DeliveryWrite),
        facts: facts(ctx, &delivery, address),
        times,
        body: may_see.then(|| Body { pretty: pretty(&body), exact: body }),
        attempts,
    })
}

fn facts(ctx: &Ctx, delivery: &Delivery, address: String) -> Vec<(&'static str, Fact)> {
    let text = |text: String| Fact { text, url: None };
    let kind = match delivery.kind {
        DeliveryKind::Ipn => delivery.ipn_version.map_or("IPN".to_owned(), |v| format!("IPN, version {v}")),
        DeliveryKind::Webhook => "Webhook".to_owned(),
    };
    let mut facts =
        vec![("Delivery", text(delivery.id.to_string())), ("Kind", text(kind)), ("Address", text(address))];
    let links = [
        ("Endpoint", "webhooks", delivery.endpoint_id.map(|id| id.to_string())),
        ("Site", "sites", delivery.site_id.map(|id| id.to_string())),
        ("Transaction", "transactions", delivery.transaction_id.map(|id| id.to_string())),
        ("Checkout", "checkouts", delivery.checkout_id.map(|id| id.to_string())),
    ];
    for (name, screen, id) in links {
        let Some(id) = id else { continue };
        facts.push((name, Fact { url: Some(ctx.url(&format!("/{screen}/{id}"))), text: id }));
    }
    if let Some(version) = delivery.event_version {
        facts.push(("Event version", text(version.to_string())));
    }
    facts
}

fn shown(attempt: &DeliveryAttempt, answer: String) -> Attempt {
    let tone = match attempt.outcome {
        AttemptOutcome::Succeeded => Tone::Good,
        AttemptOutcome::Started => Tone::Calm,
        AttemptOutcome::Unknown => Tone::Warn,
        AttemptOutcome::Rejected | AttemptOutcome::Failed | AttemptOutcome::Refused => Tone::Bad,
    };
    Attempt {
        number: attempt.number,
        at: moment(attempt.started_at),
        outcome: Pill::new(tone, words(outcome(attempt.outcome))),
        status: attempt.status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
        duration: attempt.duration_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")),
        error: attempt.error.clone().unwrap_or_default(),
        answer,
    }
}
