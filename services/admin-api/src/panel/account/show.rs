//! `/account`: a person's name, password, second factor, passkeys and sessions.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::people::{self, password, session},
    crypto::Secret,
    domain::person::{PasskeyRecord, Person},
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::LANGUAGES;
use crate::panel::{
    form::FormData,
    shell::{self, Html, moment},
    visitor::{Frame, Visitor},
};

#[derive(Template)]
#[template(path = "panel/account/account.html")]
pub(super) struct AccountPage {
    frame: Frame,
    form: FormData,
    pub(super) alert: Option<String>,
    name: FormData,
    email: String,
    languages: &'static [(&'static str, &'static str)],
    has_password: bool,
    has_factor: bool,
    recovery_left: usize,
    can_passkey: bool,
    passkeys: Vec<PasskeyRow>,
    sessions: Vec<SessionRow>,
    places: Vec<(String, String)>,
}

/// A passkey, as its owner tells it from others.
pub(super) struct PasskeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) made: Html,
    pub(super) used: Option<Html>,
}

/// Somebody's passkeys.
pub(super) fn passkey_rows(person: &Person) -> Vec<PasskeyRow> {
    let row = |one: &PasskeyRecord| PasskeyRow {
        id: one.id.to_string(),
        name: one.name.clone(),
        made: moment(one.created_at),
        used: one.last_used_at.map(moment),
    };
    person.passkeys.iter().map(row).collect()
}

struct SessionRow {
    handle: String,
    browser: String,
    address: String,
    since: Html,
    seen: Html,
    is_this: bool,
}

/// The page, with a form that is shown again.
pub(super) async fn page(visitor: &Visitor, form: FormData) -> Result<AccountPage, ApiError> {
    let who = visitor.who()?;
    let person = people::get(visitor.app(), who.person.id).await?;
    let sessions = session::list(visitor.app(), person.id).await?;
    let rows = sessions.iter().map(|one| SessionRow {
        handle: one.handle(),
        browser: browser_name(&one.user_agent),
        address: one.address.clone(),
        since: moment(one.created_at),
        seen: moment(one.last_seen_at),
        is_this: one.id == who.session.id,
    });
    Ok(AccountPage {
        frame: visitor.frame("Your account"),
        form,
        alert: None,
        name: stored(&person),
        languages: LANGUAGES,
        has_password: person.password.is_some(),
        has_factor: person.has_second_factor(),
        recovery_left: person.recovery.len(),
        can_passkey: visitor.app().passkeys_are_possible(),
        passkeys: passkey_rows(&person),
        sessions: rows.collect(),
        places: places(visitor, &person).await?,
        email: person.email,
    })
}

/// The person's organizations: address and name.
async fn places(visitor: &Visitor, person: &Person) -> Result<Vec<(String, String)>, ApiError> {
    let mut all = Vec::new();
    for membership in &person.memberships {
        if let Some(organization) = visitor.app().organization(membership.org).await? {
            let role = membership.role.as_str();
            all.push((format!("/o/{}/test", membership.org), format!("{} ({role})", organization.name)));
        }
    }
    Ok(all)
}

/// What people call their browser. A guess for the eye; nothing depends on it.
fn browser_name(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

pub(super) async fn show(visitor: Visitor) -> Result<Response, ApiError> {
    Ok(shell::page(&page(&visitor, FormData::default()).await?))
}

/// The person as the form of their name shows them.
fn stored(person: &Person) -> FormData {
    FormData::of_stored([("name", person.name.clone()), ("language", person.language.clone())])
}

pub(super) async fn rename(visitor: Visitor, mut form: FormData) -> Result<Response, ApiError> {
    let id = visitor.who()?.person.id;
    let person = people::get(visitor.app(), id).await?;
    let mut said = None;
    if !form.was_changed(&stored(&person))? {
        match people::rename(visitor.app(), id, form.value("name"), form.value("language")).await {
            Ok(_) => return Ok(visitor.see("/account", "saved")),
            Err(error) => said = form.refused(error)?,
        }
    }
    let mut page = page(&visitor, FormData::default()).await?;
    page.alert = said;
    page.name = form;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

pub(super) async fn set_password(visitor: Visitor, mut form: FormData) -> Result<Response, ApiError> {
    let who = visitor.who()?;
    let app = visitor.app();
    if who.person.password.is_some() {
        let current = Secret::new(form.value("current"));
        if !password::fits(app, &who.person, &current).await? {
            form.problem("current", "is not your password");
            return after(&visitor, form, Ok(()), "saved").await;
        }
    }
    let new = Secret::new(form.value("password"));
    let done = password::set(app, who.person.id, &new, Some(&who.session)).await;
    after(&visitor, form, done.map_err(ApiError::from).map(drop), "saved").await
}

#[derive(Deserialize)]
pub(super) struct One {
    handle: String,
}

pub(super) async fn end_session(
    visitor: Visitor,
    Path(one): Path<One>,
    form: FormData,
) -> Result<Response, ApiError> {
    let done = session::end_other(visitor.app(), visitor.who()?.person.id, &one.handle).await;
    after(&visitor, form, done.map_err(ApiError::from), "signed-out").await
}

/// Back to the page: with a line that says what was done, or what stood against it.
pub(super) async fn after(
    visitor: &Visitor,
    mut form: FormData,
    done: Result<(), ApiError>,
    what: &'static str,
) -> Result<Response, ApiError> {
    let mut said = None;
    if let Err(error) = done {
        said = form.refused(error)?;
    }
    if said.is_none() && form.is_good() {
        return Ok(visitor.see("/account", what));
    }
    let mut page = page(visitor, form).await?;
    page.alert = said;
    Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

#[cfg(test)]
mod tests {
    use super::browser_name;

    #[test]
    fn browsers_are_called_by_their_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(browser_name(chrome), "Chrome on Linux");
        assert_eq!(browser_name("curl/8.0"), "Unknown browser");
    }
}
