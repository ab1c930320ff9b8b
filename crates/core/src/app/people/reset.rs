//! A way back in for somebody who is locked out: the operator makes a link at the command line.

use super::{by_email, change, links, password, second, session, tokens};
use crate::{
    app::{App, AppError, audit, notices, settings},
    crypto::Secret,
    domain::{
        PasskeyId,
        link::{LinkPurpose, RESET_LIFETIME},
        person::Person,
    },
};

/// A link by which somebody sets a new password. Older ones are worth nothing any more.
pub async fn link(app: &App, email: &str) -> Result<Secret, AppError> {
    let person = by_email(app, email).await?.ok_or(AppError::NotFound("person"))?;
    audit::about_person(&person);
    links::forget(app, LinkPurpose::Reset, Some(person.id)).await?;
    links::make(app, LinkPurpose::Reset, Some(person.id), RESET_LIFETIME).await
}

/// Whose passkeys the operator looks at.
pub async fn person(app: &App, email: &str) -> Result<Person, AppError> {
    by_email(app, email).await?.ok_or(AppError::NotFound("person"))
}

/// Whom a link is for.
pub async fn look(app: &App, token: &str) -> Result<Person, AppError> {
    let link = links::lookup(app, LinkPurpose::Reset, token).await?;
    super::get(app, link.person.ok_or(AppError::NotFound("link"))?).await
}

/// Sets the new password, takes the second factor away, and ends every session: whoever comes this way has lost
/// what they had. Of the passkeys those stay that are in `kept`: one may be an intruder's, and each signs in alone. The
/// person is told by mail.
pub async fn complete(app: &App, token: &str, new: &Secret, kept: &[PasskeyId]) -> Result<Person, AppError> {
    let person = look(app, token).await?;
    let mut problems = Vec::new();
    password::check(new, &person.email, &person.name, &mut problems);
    settings::finish(problems)?;
    let hash = app.passwords.hash(new).await?;
    let link = links::lookup(app, LinkPurpose::Reset, token).await?;
    if !links::spend(app, &link).await? {
        return Err(AppError::NotFound("link"));
    }
    // Before it is done: nobody's way in changes without a word to them.
    let passkeys = person.passkeys.iter().filter(|passkey| kept.contains(&passkey.id)).count();
    notices::password_reset(app, &person, passkeys, &link.id).await?;
    let (person, ()) = change(app, person.id, |person| {
        person.password = Some(hash.clone());
        person.passkeys.retain(|passkey| kept.contains(&passkey.id));
        Ok(())
    })
    .await?;
    second::remove(app, person.id).await?;
    session::end_all(app, person.id, None).await?;
    tokens::revoke_all(app, person.id).await?;
    tracing::info!(person = %person.id, "a password was reset by a link of the operator");
    super::get(app, person.id).await
}
