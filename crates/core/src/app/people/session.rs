//! Sessions of browsers. The token is opaque, random and new at every log-in, so that nobody can be signed in
//! under a token that somebody else knows; only its keyed hash is stored.

use std::sync::Arc;

use mongodb::bson::doc;

use super::Authority;
use crate::{
    app::{App, AppError, audit},
    crypto::{Token, random},
    domain::{
        Mode, OrganizationId, PersonId, Tenant,
        person::Person,
        role::Role,
        scope::Scope,
        session::{SESSIONS_MAX, Session, USER_AGENT_CHARS_MAX},
    },
};

/// What a session's token is hashed for.
const PURPOSE: &str = "session";

/// Who is at the other end.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The browser, as it calls itself.
    pub user_agent: String,
    /// Its address.
    pub address: String,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub person: Arc<Person>,
    /// With which browser. Its organization is one that they are a member of right now.
    pub session: Session,
}

impl SignedIn {
    /// The organization and mode that are shown.
    pub fn tenant(&self) -> Option<Tenant> {
        self.session.org.map(|organization| Tenant::new(organization, self.session.mode))
    }

    /// What they may do in the organization that is shown, for use cases that ask who hands something out.
    pub fn authority(&self) -> Option<Authority> {
        Some(Authority::Person { person: Arc::clone(&self.person), tenant: self.tenant()? })
    }

    /// What they are in the organization that is shown.
    pub fn role(&self) -> Option<Role> {
        self.person.role_in(self.session.org?)
    }

    /// Whether they may do in the organization that is shown what asks for `scope`.
    pub fn grants(&self, scope: Scope) -> bool {
        self.role().is_some_and(|role| role.grants(scope))
    }
}

/// Signs somebody in who has just proven who they are: a new session, in an organization of theirs. It shows
/// test mode until they choose.
pub async fn open(app: &App, person: &Person, client: &Client) -> Result<(Token, Session), AppError> {
    let now = app.now();
    let token = Token::generate();
    let org = person.memberships.first().map(|membership| membership.org);
    let session = Session {
        id: app.store.keys().tokens().hash(PURPOSE, token.expose()),
        person: person.id,
        org,
        mode: Mode::Test,
        csrf: random::public_id(""),
        created_at: now,
        last_seen_at: now,
        expires_at: Session::end_if_seen(now, now),
        user_agent: short(&client.user_agent),
        address: client.address.clone(),
    };
    audit::by_person(app, person).await?;
    app.store.hold(&session).await?;
    for old in of(app, person.id).await?.iter().skip(SESSIONS_MAX) {
        end(app, old).await?;
    }
    Ok((token, session))
}

/// Who holds a token: one read of the session, one of the person. The use is written down at most once a minute.
pub async fn lookup(app: &App, token: &str) -> Result<Option<SignedIn>, AppError> {
    let Some(token) = Token::parse(token) else { return Ok(None) };
    let hashes = app.store.keys().tokens().hash_all_versions(PURPOSE, token.expose());
    let Some(mut session) = app.store.lookup_held::<Session>(&hashes).await? else { return Ok(None) };
    let now = app.now();
    if !session.is_alive(now) {
        return Ok(None);
    }
    let person = app.store.for_org(Person::TENANT).get::<Person>(session.person).await?;
    let Some(person) = person.filter(|person| person.disabled_at.is_none()) else { return Ok(None) };
    if session.wants_touch(now) {
        session.last_seen_at = now;
        session.expires_at = Session::end_if_seen(session.created_at, now);
        let seen = doc! { "lastSeenAt": now, "expiresAt": session.expires_at };
        app.store.change_held::<Session>(&session.id, doc! {}, doc! { "$set": seen }).await?;
    }
    session.org = session.org.filter(|organization| person.role_in(*organization).is_some());
    Ok(Some(SignedIn { person: Arc::new(person), session }))
}

/// Shows another organization or mode. An organization that the person is no member of is not there.
pub async fn switch(
    app: &App,
    signed_in: &SignedIn,
    organization: OrganizationId,
    mode: Mode,
) -> Result<(), AppError> {
    if signed_in.person.role_in(organization).is_none() {
        return Err(AppError::NotFound("organization"));
    }
    show(app, &signed_in.session, organization, mode).await
}

async fn show(
    app: &App,
    session: &Session,
    organization: OrganizationId,
    mode: Mode,
) -> Result<(), AppError> {
    let shown = doc! { "$set": { "org": organization, "mode": mode } };
    app.store.change_held::<Session>(&session.id, doc! {}, shown).await?;
    Ok(())
}

/// A new token for somebody who has just proven themselves again or gained rights; the old one is worth nothing
/// any more.
pub async fn renew(app: &App, signed_in: &SignedIn) -> Result<(Token, Session), AppError> {
    let old = &signed_in.session;
    let client = Client { user_agent: old.user_agent.clone(), address: old.address.clone() };
    let (token, mut session) = open(app, &signed_in.person, &client).await?;
    if let Some(organization) = old.org {
        show(app, &session, organization, old.mode).await?;
        (session.org, session.mode) = (old.org, old.mode);
    }
    end(app, old).await?;
    Ok((token, session))
}

/// Signs out. Harmless to repeat.
pub async fn end(app: &App, session: &Session) -> Result<(), AppError> {
    Ok(app.store.drop_one_held::<Session>(&session.id).await?)
}

/// Somebody's sessions, the last used first.
pub async fn list(app: &App, person: PersonId) -> Result<Vec<Session>, AppError> {
    let now = app.now();
    let mut all = of(app, person).await?;
    all.retain(|session| session.is_alive(now));
    all.sort_by_key(|session| std::cmp::Reverse(session.last_seen_at));
    Ok(all)
}

/// Ends one of somebody's sessions by its [`Session::handle`].
pub async fn end_other(app: &App, person: PersonId, handle: &str) -> Result<(), AppError> {
    let all = of(app, person).await?;
    let found = all.iter().find(|session| session.handle() == handle);
    end(app, found.ok_or(AppError::NotFound("session"))?).await
}

/// Ends all of somebody's sessions but `kept`: after a new password, say.
pub async fn end_all(app: &App, person: PersonId, kept: Option<&Session>) -> Result<(), AppError> {
    for session in of(app, person).await?.iter().filter(|one| kept.is_none_or(|kept| kept.id != one.id)) {
        end(app, session).await?;
    }
    Ok(())
}

async fn of(app: &App, person: PersonId) -> Result<Vec<Session>, AppError> {
    Ok(app.store.list_held::<Session>(doc! { "person": person }).await?)
}

fn short(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect()
}
