//! Signing in with a password, and what proves a browser to be known.

use std::net::IpAddr;

use super::{
    by_email, password,
    second::{self, Second},
    throttle::{self, Act, KnownBrowser},
};
use crate::{
    app::{App, AppError, audit},
    crypto::Secret,
    domain::person::Person,
};

pub use throttle::known_browser;

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
    /// Where it comes from.
    pub address: IpAddr,
    /// What [`known_browser`] once gave to this browser.
    pub browser: Option<String>,
}

/// Who this is. Equal work and the same answer whether there is such an account or not.
pub async fn with_password(app: &App, attempt: &Attempt) -> Result<Person, AppError> {
    let found = by_email(app, &attempt.email).await?;
    let browser = KnownBrowser::of(app, found.as_ref(), attempt.browser.as_deref());
    let tried = throttle::count(app, Act::SignIn, &attempt.email, attempt.address, browser.as_ref()).await?;
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
