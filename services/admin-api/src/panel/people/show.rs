//! `GET …/people`.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::people::{invitations, members},
    domain::{
        invitation::{Invitation, InvitationState},
        invoice::MailState,
        person::Person,
        role::Role,
        scope::Scope,
    },
    store::list::PageRequest,
};
use http::StatusCode;
use web_kit::ApiError;

use super::{PATH, ROLES};
use crate::panel::{
    list::{Asked, Pager},
    shell::{self, Ctx, Html, Pill, Shell, Tone, words},
};

/// Most invitations shown. There are rarely more than a few that wait.
const INVITATIONS_MAX: u64 = 100;

#[derive(Template)]
#[template(path = "panel/people.html")]
struct PeoplePage {
    shell: Shell,
    alert: Option<String>,
    members: Vec<MemberRow>,
    pager: Pager,
    invitations: Vec<InvitationRow>,
    roles: &'static [(&'static str, &'static str)],
}

struct MemberRow {
    id: String,
    name: String,
    email: String,
    /// The role's word, for the choice.
    role: &'static str,
    /// The same, as the form was loaded with it.
    seen: &'static str,
    pill: Pill,
    strong: bool,
    since: Option<Html>,
    is_self: bool,
}

struct InvitationRow {
    id: String,
    email: String,
    role: String,
    mail: Pill,
    until: Html,
}

pub(super) async fn show(ctx: Ctx) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&ctx).await?))
}

/// The page after something that was not done.
pub(super) async fn again(ctx: &Ctx, alert: String) -> Result<Response, ApiError> {
    let page = PeoplePage { alert: Some(alert), ..page(ctx).await? };
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn page(ctx: &Ctx) -> Result<PeoplePage, ApiError> {
    let asked = Asked::of(ctx)?;
    let (app, organization) = (ctx.app(), ctx.tenant().organization);
    let found = members::list(app, organization, &asked.page()?).await?;
    let newest = PageRequest { page: 1, limit: INVITATIONS_MAX, after: None };
    let open = invitations::list(app, organization, Some(InvitationState::Open), &newest).await?;
    let now = app.now();
    Ok(PeoplePage {
        shell: ctx.shell(PATH, "People"),
        alert: None,
        members: found.rows.iter().map(|person| member(ctx, person)).collect(),
        pager: asked.pager(ctx, PATH, &found),
        invitations: open.rows.iter().map(|one| invitation(one, one.is_open(now))).collect(),
        roles: ROLES,
    })
}

fn member(ctx: &Ctx, person: &Person) -> MemberRow {
    let organization = ctx.tenant().organization;
    let membership = person.memberships.iter().find(|membership| membership.org == organization);
    let role = person.role_in(organization);
    let tone = if role == Some(Role::Admin) { Tone::Warn } else { Tone::Calm };
    MemberRow {
        id: person.id.to_string(),
        name: person.name.clone(),
        email: person.email.clone(),
        role: membership.map_or("", |membership| membership.role.as_str()),
        seen: role.map_or("", Role::as_str),
        pill: match role {
            Some(role) => Pill::new(tone, words(role.as_str())),
            None => Pill::new(Tone::Bad, "Shut out"),
        },
        strong: person.has_second_factor() || !person.passkeys.is_empty(),
        since: membership.map(|membership| shell::moment(membership.since)),
        is_self: person.id == ctx.member.person.id,
    }
}

fn invitation(one: &Invitation, is_open: bool) -> InvitationRow {
    let mail = match one.mail.as_ref().map(|mail| mail.state) {
        _ if !is_open => Pill::new(Tone::Bad, "Expired"),
        None => Pill::new(Tone::Calm, "Handed over by the operator"),
        Some(MailState::Sent) => Pill::new(Tone::Good, "Mail sent"),
        Some(MailState::Failed) => Pill::new(Tone::Bad, "Mail could not be sent"),
        Some(_) => Pill::new(Tone::Calm, "Mail on its way"),
    };
    InvitationRow {
        id: one.id.to_string(),
        email: one.email.clone(),
        role: words(one.role.as_str()),
        mail,
        until: shell::moment(one.expires_at),
    }
}
