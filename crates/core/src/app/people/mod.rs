//! People: how they sign in, and where they may do what.

pub mod authority;
pub mod codes;
pub mod invitations;
mod links;
pub mod members;
pub mod passkeys;
pub mod password;
pub mod reset;
pub mod second;
pub mod session;
pub mod setup;
pub mod sign_in;
pub mod sign_out;
mod throttle;
pub mod tokens;

pub use authority::Authority;
pub use passkeys::Passkeys;
pub use password::Passwords;
pub use session::{Client, SignedIn};

use mongodb::bson::doc;

use super::{App, AppError, CONFLICT_RETRIES, Problem, settings};
use crate::{
    crypto::normalize_email,
    domain::{
        PersonId,
        person::{LANGUAGES, Person},
    },
    store::StoreError,
};

/// Longest name of a person, in characters.
const NAME_CHARS_MAX: usize = 100;

/// A person.
pub async fn get(app: &App, id: PersonId) -> Result<Person, AppError> {
    app.store.for_org(Person::TENANT).get::<Person>(id).await?.ok_or(AppError::NotFound("person"))
}

/// Whose address this is.
pub(crate) async fn by_email(app: &App, email: &str) -> Result<Option<Person>, AppError> {
    let filter = doc! { "email": normalize_email(email) };
    Ok(app.store.for_org(Person::TENANT).find_one::<Person>(filter).await?)
}

/// Reads, changes and saves a person, again and again until nobody came between. `change` may be called several
/// times.
pub(crate) async fn change<T: Send>(
    app: &App,
    id: PersonId,
    mut change: impl FnMut(&mut Person) -> Result<T, AppError> + Send,
) -> Result<(Person, T), AppError> {
    let store = app.store.for_org(Person::TENANT);
    for _ in 0..CONFLICT_RETRIES {
        let mut person = get(app, id).await?;
        let answer = change(&mut person)?;
        match store.save(&mut person).await {
            Ok(()) => {
                app.forget_people();
                return Ok((person, answer));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}

/// Changes what a person is called and which language they read.
pub async fn rename(app: &App, id: PersonId, name: &str, language: &str) -> Result<Person, AppError> {
    let mut problems = Vec::new();
    let (name, language) = (check_name(name, &mut problems), check_language(language, &mut problems));
    settings::finish(problems)?;
    let (person, ()) = change(app, id, |person| {
        person.name.clone_from(&name);
        person.language.clone_from(&language);
        Ok(())
    })
    .await?;
    Ok(person)
}

/// An address, as it is stored.
fn check_email(email: &str, problems: &mut Vec<Problem>) -> String {
    let email = normalize_email(email);
    let fits = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !host.starts_with('.')
    });
    if !fits || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        problems.push(Problem::new("email", "must be an e-mail address"));
    }
    email
}

fn check_name(name: &str, problems: &mut Vec<Problem>) -> String {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        problems.push(Problem::new("name", "must be 1 to 100 characters, without control characters"));
    }
    name.to_owned()
}

fn check_language(language: &str, problems: &mut Vec<Problem>) -> String {
    if !LANGUAGES.contains(&language) {
        problems.push(Problem::new("language", format!("must be one of {}", LANGUAGES.join(", "))));
    }
    language.to_owned()
}
