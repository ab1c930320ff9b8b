//! `GET …/audit-log`.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::{
        App, audit,
        people::{self, members},
    },
    domain::{
        Mode, Timestamp,
        actor::Actor,
        audit::{AuditEntry, Channel, Ending},
    },
    store::list::PageRequest,
};
use web_kit::ApiError;

use super::{PATH, words::sentence};
use crate::{
    api::v1::audit_log::list::filter,
    panel::{
        form::FormData,
        list::{Asked, Pager},
        shell::{self, Ctx, Html, Pill, Shell, Tone, words},
    },
};

/// Most people in the choice.
const CHOICES_MAX: u64 = 100;

#[derive(Template)]
#[template(path = "panel/audit_log.html")]
struct ListPage {
    shell: Shell,
    filters: FormData,
    is_filtered: bool,
    problem: Option<String>,
    actors: Vec<(String, String)>,
    channels: Vec<(&'static str, String)>,
    outcomes: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    at: Html,
    who: String,
    what: String,
    /// On what: its kind, its id, and its screen where there is one.
    on: Vec<(String, String, Option<String>)>,
    fields: String,
    from: String,
    outcome: Pill,
    mode: Option<&'static str>,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, ApiError> {
    let asked = Asked::of(&ctx)?;
    let all = PageRequest { page: 1, limit: CHOICES_MAX, after: None };
    let members = members::list(ctx.app(), ctx.tenant().organization, &all).await?;
    let mut names: HashMap<Actor, String> =
        members.rows.iter().map(|person| (Actor::Person(person.id), person.name.clone())).collect();
    let mut actors: Vec<(String, String)> =
        names.iter().map(|(actor, name)| (actor.to_string(), name.clone())).collect();
    actors.sort_by(|one, other| one.1.cmp(&other.1));
    actors.push((Actor::System.to_string(), "The operator".to_owned()));
    let mut page = ListPage {
        shell: ctx.shell(PATH, "Audit log"),
        is_filtered: asked.is_filtered(),
        problem: None,
        actors,
        channels: Channel::ALL.iter().map(|one| (one.as_str(), channel(*one).to_owned())).collect(),
        outcomes: Ending::ALL.iter().map(|one| (one.as_str(), words(one.as_str()))).collect(),
        rows: Vec::new(),
        pager: Pager::default(),
        filters: asked.filters.clone(),
    };
    match filter(Some(ctx.query())) {
        Ok(mut wanted) => {
            // The last day is meant whole.
            wanted.span.to = match (wanted.span.to, asked.filters.text("to")) {
                (Some(to), Some(text)) if !text.contains('T') => {
                    Some(Timestamp::from_seconds(to.seconds() + 24 * 3600))
                }
                (to, _) => to,
            };
            let found = audit::list(ctx.app(), ctx.tenant(), &wanted, &asked.page()?).await?;
            for entry in &found.rows {
                page.rows.push(row(&ctx, &mut names, entry).await?);
            }
            page.pager = asked.pager(&ctx, PATH, &found);
        }
        // A filter that cannot be read: the page stays, and says so.
        Err(error) => page.problem = Some(Asked::problem(&error)),
    }
    Ok(shell::page(&page))
}

const fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Api => "API",
        Channel::Panel => "Panel",
        Channel::Command => "Command line",
    }
}

async fn row(ctx: &Ctx, names: &mut HashMap<Actor, String>, entry: &AuditEntry) -> Result<Row, ApiError> {
    let act = &entry.act;
    let who = match act.actor {
        Some(actor) => name_of(ctx.app(), names, actor).await?,
        None => "Somebody".to_owned(),
    };
    let tone = match entry.outcome.ending {
        Ending::Done => Tone::Good,
        Ending::Refused => Tone::Warn,
        Ending::Failed | Ending::Unknown => Tone::Bad,
    };
    let ending = words(entry.outcome.ending.as_str());
    let outcome = match &entry.outcome.code {
        Some(code) => format!("{ending}: {}", words(&code.to_lowercase()).to_lowercase()),
        None => ending,
    };
    let mut on = Vec::new();
    for target in &act.on {
        let name = match (target.kind.as_str(), target.id.parse()) {
            ("people", Ok(id)) => name_of(ctx.app(), names, Actor::Person(id)).await?,
            _ => target.id.clone(),
        };
        on.push((words(&target.kind), name, screen(ctx, act.mode, &target.kind, &target.id)));
    }
    let from: Vec<&str> =
        [Some(channel(act.channel)), act.address.as_deref()].into_iter().flatten().collect();
    Ok(Row {
        at: shell::moment(entry.created_at),
        who,
        what: sentence(entry),
        on,
        fields: act.fields.join(", "),
        from: from.join(", "),
        outcome: Pill::new(tone, outcome),
        mode: act.mode.filter(|mode| *mode != ctx.tenant().mode).map(Mode::as_str),
    })
}

/// What somebody is called. Who has left keeps their name here; a key has one of its own.
async fn name_of(app: &App, names: &mut HashMap<Actor, String>, actor: Actor) -> Result<String, ApiError> {
    if let Some(name) = names.get(&actor) {
        return Ok(name.clone());
    }
    let name = match actor {
        Actor::System => "The operator".to_owned(),
        Actor::Person(id) => people::get(app, id).await.map_or_else(|_| id.to_string(), |person| person.name),
        Actor::Key(id) => match app.api_key(id).await? {
            Some(key) => format!("API key {}", key.name),
            None => format!("API key {id}"),
        },
    };
    names.insert(actor, name.clone());
    Ok(name)
}

/// Where a thing is shown, if it has a screen in this mode.
fn screen(ctx: &Ctx, mode: Option<Mode>, kind: &str, id: &str) -> Option<String> {
    const KINDS: &[&str] = &[
        "transactions",
        "checkouts",
        "invoices",
        "sites",
        "providers",
        "products",
        "discounts",
        "api-keys",
        "webhooks",
        "deliveries",
        "events",
    ];
    let is_here = mode == Some(ctx.tenant().mode) && KINDS.contains(&kind);
    is_here.then(|| ctx.url(&format!("/{kind}/{id}")))
}
