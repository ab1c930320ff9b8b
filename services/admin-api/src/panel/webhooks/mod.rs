//! Webhook endpoints: where events are sent.

mod acts;
mod list;
mod new;
mod show;

use gateway_core::{
    app::settings::endpoints::{self, EndpointSettings},
    domain::{endpoint::WebhookEndpoint, outbox::EventType, scope::Scope},
};

use web_kit::ApiError;

use super::{
    form::FormData,
    group::{Group, groups},
    screens::Screens,
    shell::{Ctx, Pill, Tone},
};
use crate::proofs;

pub(super) const PATH: &str = "/webhooks";

/// An endpoint's address, as the member sees it.
pub(super) async fn address(ctx: &Ctx, endpoint: &WebhookEndpoint) -> Result<String, ApiError> {
    let url = endpoints::url(ctx.app(), endpoint).await?;
    Ok(proofs::address(&ctx.member.authority(), Scope::EndpointWrite, url))
}

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::EndpointRead, "/webhooks", list::list)
        .get(Scope::EndpointRead, "/webhooks/{id}", show::show)
        .proven(|screens| {
            screens
                .get(Scope::EndpointWrite, "/webhooks/new", new::show)
                .post(Scope::EndpointWrite, "/webhooks/new", new::create)
                .post(Scope::EndpointWrite, "/webhooks/{id}", acts::save)
                .post(Scope::EndpointWrite, "/webhooks/{id}/rotate", acts::rotate)
                .post(Scope::EndpointWrite, "/webhooks/{id}/enable", acts::enable)
                .post(Scope::EndpointWrite, "/webhooks/{id}/disable", acts::disable)
                .post(Scope::EndpointWrite, "/webhooks/{id}/delete", acts::delete)
        })
}

fn state_pill(endpoint: &WebhookEndpoint) -> Pill {
    if endpoint.enabled { Pill::new(Tone::Good, "On") } else { Pill::new(Tone::Bad, "Off") }
}

/// Every event type, by what it is about.
fn event_groups() -> Vec<Group> {
    groups(EventType::ALL.iter().map(|event| event.as_str()), '.', str::to_owned)
}

/// The settings that a form asks for.
fn read(form: &mut FormData) -> EndpointSettings {
    let mut event_types = Vec::new();
    let words: Vec<String> = form.values("eventTypes").map(str::to_owned).collect();
    for word in words {
        match word.parse() {
            Ok(event) => event_types.push(event),
            Err(error) => form.problem("eventTypes", error),
        }
    }
    EndpointSettings {
        id: None,
        expected_version: None,
        url: form.text("url"),
        description: Some(form.text("description").unwrap_or_default()),
        event_types: Some(event_types),
    }
}
