//! Signing people out everywhere: after a restore, which brings back what had ended since the backup, or when something
//! was stolen.

use mongodb::bson::doc;

use super::{change, session, tokens};
use crate::{
    app::{App, AppError, audit},
    crypto::totp,
    domain::{
        PersonId,
        link::{Challenge, Link, SignInCode},
        person::Person,
    },
};

/// Ends the sessions and tokens of one person or of everybody, and the links and codes that wait for them; answers of how
/// many people. `after_restore` also ends what a backup holds and its owner may have used up since: recovery codes, and
/// the codes of authenticator apps up to now.
pub async fn everywhere(app: &App, email: Option<&str>, after_restore: bool) -> Result<usize, AppError> {
    let people = match email {
        Some(email) => {
            let person = super::by_email(app, email).await?.ok_or(AppError::NotFound("person"))?;
            audit::about_person(&person);
            vec![person.id]
        }
        None => app.store.for_org(Person::TENANT).ids::<Person>(doc! {}).await?,
    };
    for id in &people {
        end_all(app, *id).await?;
        if after_restore {
            spend_what_came_back(app, *id).await?;
        }
    }
    if email.is_none() {
        // Also those that name nobody: of the first person, and of whoever signs in with a passkey.
        app.store.drop_held::<Link>(doc! {}).await?;
        app.store.drop_held::<Challenge>(doc! {}).await?;
        app.store.drop_held::<SignInCode>(doc! {}).await?;
    }
    tracing::info!(people = people.len(), after_restore, "people were signed out by the operator");
    Ok(people.len())
}

async fn end_all(app: &App, id: PersonId) -> Result<(), AppError> {
    session::end_all(app, id, None).await?;
    tokens::revoke_all(app, id).await?;
    app.store.drop_held::<Link>(doc! { "person": id }).await?;
    app.store.drop_held::<Challenge>(doc! { "person": id }).await?;
    let person = super::get(app, id).await?;
    app.store.drop_held::<SignInCode>(doc! { "email": person.email }).await?;
    Ok(())
}

async fn spend_what_came_back(app: &App, id: PersonId) -> Result<(), AppError> {
    let step = totp::step_at(app.now().seconds());
    change(app, id, |person| {
        person.recovery.clear();
        if let Some(totp) = person.totp.as_mut().filter(|totp| totp.confirmed_at.is_some()) {
            totp.last_step = totp.last_step.max(Some(step));
        }
        Ok(())
    })
    .await?;
    Ok(())
}
