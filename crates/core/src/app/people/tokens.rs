//! Tokens of people for the Admin API: an access token for a quarter of an hour, and a refresh token that is good
//! once. A refresh token that comes a second time is held by two, and ends all that came of its log-in.

use std::{sync::Arc, time::Duration};

use mongodb::bson::doc;

use super::get;
use crate::{
    app::{App, AppError, audit},
    crypto::{
        Secret, Token,
        jwt::{Claims, JwtKeys},
        random,
    },
    domain::{
        Mode, OrganizationId, PersonId, Tenant,
        link::{REFRESH_LIFETIME, RefreshToken},
        person::Person,
    },
};

/// How long an access token is good. What it may do is looked up with every request all the same.
pub const ACCESS_LIFETIME: Duration = Duration::from_mins(15);
/// What refresh tokens are hashed for.
const PURPOSE: &str = "refresh";

const REFUSED: AppError =
    AppError::NotProven { code: "TOKEN_REFUSED", message: "the token is not valid any more: sign in again" };

/// What somebody gets who signed in.
#[derive(Debug)]
pub struct Pair {
    /// For the `Authorization` header.
    pub access: Secret,
    /// For the next pair.
    pub refresh: Token,
    /// The organization and mode that the access token speaks for.
    pub tenant: Option<Tenant>,
}

/// A person behind an access token.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Who, as they are right now.
    pub person: Arc<Person>,
    /// The organization and mode of the token.
    pub tenant: Option<Tenant>,
}

/// Tokens for somebody who has just proven who they are. Without a choice they speak for the first of their
/// organizations, in test mode. An organization that they are no member of is not there.
pub async fn issue(
    app: &App,
    jwt: &JwtKeys,
    person: &Person,
    wanted: (Option<OrganizationId>, Option<Mode>),
) -> Result<Pair, AppError> {
    let chosen = choose(person, wanted, (None, Mode::Test))?;
    let family = hex::encode(random::bytes::<12>());
    let expires_at = app.now() + REFRESH_LIFETIME;
    let (token, row) = fresh(app, person.id, family, chosen, expires_at);
    audit::by_person(app, person).await?;
    app.store.hold(&row).await?;
    Ok(pair(app, jwt, token, &row))
}

/// The next pair for a refresh token, for another organization or mode if wanted.
///
/// The new token is stored first, then the old one is spent by compare-and-set: a log-in always has a token that is
/// good, and of two who come with the same one, one is told so and both are out.
pub async fn refresh(
    app: &App,
    jwt: &JwtKeys,
    token: &str,
    wanted: (Option<OrganizationId>, Option<Mode>),
) -> Result<Pair, AppError> {
    let (old, now) = (lookup(app, token).await?.ok_or(REFUSED)?, app.now());
    if old.expires_at <= now {
        return Err(REFUSED);
    }
    if old.used_at.is_some() {
        return reused(app, &old).await;
    }
    let person = get(app, old.person).await.map_err(|_| REFUSED)?;
    if person.disabled_at.is_some() {
        return Err(REFUSED);
    }
    let chosen = choose(&person, wanted, (old.org, old.mode))?;
    let (token, row) = fresh(app, person.id, old.family.clone(), chosen, old.expires_at);
    app.store.hold(&row).await?;
    let unused = doc! { "usedAt": { "$exists": false } };
    let spent = app.store.change_held::<RefreshToken>(&old.id, unused, doc! { "$set": { "usedAt": now } });
    if !spent.await? {
        return reused(app, &old).await;
    }
    Ok(pair(app, jwt, token, &row))
}

/// Ends a log-in by its refresh token. Harmless to repeat.
pub async fn revoke(app: &App, token: &str) -> Result<(), AppError> {
    match lookup(app, token).await? {
        Some(row) => {
            audit::by_person(app, &get(app, row.person).await?).await?;
            end_family(app, &row.family).await
        }
        None => Ok(()),
    }
}

/// Ends all log-ins of a person.
pub async fn revoke_all(app: &App, person: PersonId) -> Result<(), AppError> {
    app.store.drop_held::<RefreshToken>(doc! { "person": person }).await?;
    app.forget_people();
    Ok(())
}

/// Who sends an access token: as they are now, at most [`SETTINGS_CACHE`](crate::app::SETTINGS_CACHE) ago. Nobody
/// whose log-in has ended, and in no organization that they have left.
pub async fn authenticate(app: &App, jwt: &JwtKeys, bearer: &str) -> Result<Bearer, AppError> {
    const REFUSED: AppError = AppError::Unauthorized("the access token is not valid");
    let claims = jwt.verify(bearer, app.now().seconds()).ok_or(REFUSED)?;
    let person = claims.sub.parse().map_err(|_| REFUSED)?;
    let person = app.person_of(person, &claims.sid).await?.ok_or(REFUSED)?;
    let mode: Mode = claims.mode.parse().map_err(|_| REFUSED)?;
    let organization: Option<OrganizationId> = claims.org.and_then(|text| text.parse().ok());
    let tenant = organization.filter(|organization| person.role_in(*organization).is_some());
    Ok(Bearer { person, tenant: tenant.map(|organization| Tenant::new(organization, mode)) })
}

impl App {
    /// A person who is signed in by a log-in that has not ended.
    pub(crate) async fn person_of(
        &self,
        id: PersonId,
        family: &str,
    ) -> Result<Option<Arc<Person>>, AppError> {
        let load = async {
            let alive = doc! { "family": family, "person": id, "usedAt": { "$exists": false } };
            if self.store.list_held::<RefreshToken>(alive).await?.is_empty() {
                return Ok(None);
            }
            let person = self.store.for_org(Person::TENANT).get::<Person>(id).await?;
            Ok::<_, crate::store::StoreError>(person.filter(|p| p.disabled_at.is_none()).map(Arc::new))
        };
        Ok(self.caches.people.try_get_with((id, family.to_owned()), load).await?)
    }

    /// Forgets cached people of this process after it changed one.
    pub(crate) fn forget_people(&self) {
        self.caches.people.invalidate_all();
    }
}

async fn lookup(app: &App, token: &str) -> Result<Option<RefreshToken>, AppError> {
    let Some(token) = Token::parse(token) else { return Ok(None) };
    let hashes = app.store.keys().tokens().hash_all_versions(PURPOSE, token.expose());
    Ok(app.store.lookup_held::<RefreshToken>(&hashes).await?)
}

async fn reused(app: &App, row: &RefreshToken) -> Result<Pair, AppError> {
    tracing::warn!(person = %row.person, "a refresh token came a second time: its log-in ends");
    metrics::counter!("refresh_tokens_reused_total").increment(1);
    end_family(app, &row.family).await?;
    Err(REFUSED)
}

async fn end_family(app: &App, family: &str) -> Result<(), AppError> {
    app.store.drop_held::<RefreshToken>(doc! { "family": family }).await?;
    app.forget_people();
    Ok(())
}

type Choice = (Option<OrganizationId>, Mode);

/// The organization and mode wanted; else the ones before, else the first.
fn choose(
    person: &Person,
    (organization, mode): (Option<OrganizationId>, Option<Mode>),
    before: Choice,
) -> Result<Choice, AppError> {
    let is_member = |organization: &OrganizationId| person.role_in(*organization).is_some();
    if organization.is_some_and(|wanted| !is_member(&wanted)) {
        return Err(AppError::NotFound("organization"));
    }
    let first = || person.memberships.first().map(|membership| membership.org);
    let organization = organization.or(before.0.filter(is_member)).or_else(first);
    Ok((organization, mode.unwrap_or(before.1)))
}

fn fresh(
    app: &App,
    person: PersonId,
    family: String,
    (org, mode): Choice,
    expires_at: crate::domain::Timestamp,
) -> (Token, RefreshToken) {
    let token = Token::generate();
    let id = app.store.keys().tokens().hash(PURPOSE, token.expose());
    let created_at = app.now();
    (token, RefreshToken { id, family, person, org, mode, used_at: None, created_at, expires_at })
}

fn pair(app: &App, jwt: &JwtKeys, refresh: Token, row: &RefreshToken) -> Pair {
    let now = app.now().seconds();
    let lifetime = i64::try_from(ACCESS_LIFETIME.as_secs()).unwrap_or(i64::MAX);
    let claims = Claims {
        sub: row.person.to_string(),
        sid: row.family.clone(),
        org: row.org.map(|organization| organization.to_string()),
        mode: row.mode.as_str().to_owned(),
        iat: now,
        exp: (now + lifetime).min(row.expires_at.seconds()),
    };
    let tenant = row.org.map(|organization| Tenant::new(organization, row.mode));
    Pair { access: jwt.sign(&claims), refresh, tenant }
}
