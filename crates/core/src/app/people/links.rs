//! Links that work once.

use std::time::Duration;

use mongodb::bson::doc;

use crate::{
    app::{App, AppError},
    crypto::{Secret, Token},
    domain::{
        PersonId,
        link::{Link, LinkPurpose},
    },
};

/// Makes a link below the panel's address: `/<purpose>/<token>`.
pub(super) async fn make(
    app: &App,
    purpose: LinkPurpose,
    person: Option<PersonId>,
    lifetime: Duration,
) -> Result<Secret, AppError> {
    let (token, now) = (Token::generate(), app.now());
    let id = app.store.keys().tokens().hash(purpose.as_str(), token.expose());
    app.store.hold(&Link { id, purpose, person, created_at: now, expires_at: now + lifetime }).await?;
    Ok(address(app, purpose.as_str(), &token))
}

/// The address of a page of the panel that takes a token.
pub(super) fn address(app: &App, page: &str, token: &Token) -> Secret {
    let base = app.urls.admin_frontend.as_str().trim_end_matches('/');
    Secret::new(format!("{base}/{page}/{}", token.expose()))
}

/// What a token in a link stands for, if it is still good.
pub(super) async fn lookup(app: &App, purpose: LinkPurpose, token: &str) -> Result<Link, AppError> {
    let missing = || AppError::NotFound("link");
    let token = Token::parse(token).ok_or_else(missing)?;
    let hashes = app.store.keys().tokens().hash_all_versions(purpose.as_str(), token.expose());
    let found = app.store.lookup_held::<Link>(&hashes).await?;
    found.filter(|link| link.purpose == purpose && link.expires_at > app.now()).ok_or_else(missing)
}

/// Takes a link away: true for one of those who come with it at once.
pub(super) async fn spend(app: &App, link: &Link) -> Result<bool, AppError> {
    Ok(app.store.take_held::<Link>(std::slice::from_ref(&link.id)).await?.is_some())
}

/// Takes all links of a purpose away, of one person or of all.
pub(super) async fn forget(
    app: &App,
    purpose: LinkPurpose,
    person: Option<PersonId>,
) -> Result<(), AppError> {
    let mut filter = doc! { "purpose": purpose.as_str() };
    if let Some(person) = person {
        filter.insert("person", person);
    }
    app.store.drop_held::<Link>(filter).await?;
    Ok(())
}
