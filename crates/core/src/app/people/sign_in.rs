//! Signing in with a password, and what proves a browser to be known.

use std::net::IpAddr;

use super::{
    by_email, password,
    second::{self, Second},
    throttle,
};
use crate::{
    app::{App, AppError, audit},
    crypto::{Secret, Token},
    domain::{PersonId, person::Person},
};

/// One answer for an unknown address, a wrong password, a wrong or spent code and somebody who is shut out.
const REFUSED: AppError = AppError::NotProven {
    code: "SIGN_IN_REFUSED",
    message: "the e-mail address, the password or the code is wrong",
};
/// Said to whoever knows the password.
pub(super) const SECOND_FACTOR: AppError = AppError::NotProven {
    code: "SECOND_FACTOR_REQUIRED",
    message: "send the code of your authenticator app, or a recovery code, too",
};

/// A try to sign in.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Whose account.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// What comes with it.
    pub second: Second,
    /// Where it comes from, as limits are kept.
    pub address: IpAddr,
    /// What [`known_browser`] once gave to this browser.
    pub browser: Option<String>,
}

/// Who this is. Equal work and the same answer whether there is such an account or not.
pub async fn with_password(app: &App, attempt: &Attempt) -> Result<Person, AppError> {
    let found = by_email(app, &attempt.email).await?;
    let browser = match (&found, &attempt.browser) {
        (Some(person), Some(browser)) => Some(browser).filter(|browser| is_known(app, person.id, browser)),
        _ => None,
    };
    let tried = throttle::count(app, &attempt.email, attempt.address, browser.map(String::as_str)).await?;
    let stored = found.as_ref().and_then(|person| person.password.as_deref());
    if let Some(person) = &found {
        audit::about_person(person);
    }
    let fits = app.passwords.verify(&attempt.password, stored).await?;
    let Some(person) = found.filter(|person| fits && person.disabled_at.is_none()) else {
        return Err(REFUSED);
    };
    if person.has_second_factor() {
        if matches!(attempt.second, Second::None) {
            tried.was_half(app).await?;
            return Err(SECOND_FACTOR);
        }
        if !second::spend(app, &person, &attempt.second).await? {
            return Err(REFUSED);
        }
    }
    tried.was_right(app).await?;
    password::rehash(app, &person, &attempt.password).await?;
    tracing::info!(person = %person.id, "signed in with a password");
    super::get(app, person.id).await
}

/// A text by which a browser is known to an account later: kept by the browser beside its session, and longer. It
/// proves nothing but that its tries to sign in are to be counted apart from everybody else's.
pub fn known_browser(app: &App, person: PersonId) -> String {
    let token = Token::generate();
    let mark = app.store.keys().tokens().hash("known browser", &format!("{person} {}", token.expose()));
    format!("{}.{}", token.expose(), hex::encode(mark.to_bytes()))
}

pub(super) fn is_known(app: &App, person: PersonId, browser: &str) -> bool {
    let Some((token, mark)) = browser.split_once('.') else { return false };
    let known = app.store.keys().tokens().hash_all_versions("known browser", &format!("{person} {token}"));
    let given = hex::decode(mark).ok();
    let given = given.and_then(|bytes| crate::crypto::TokenHash::from_bytes(&bytes).ok());
    given.is_some_and(|given| known.contains(&given))
}
