//! `/login` and `/logout`.

use std::time::Duration;

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::{
    app::people::{
        second::Second,
        session,
        sign_in::{Attempt, with_password},
    },
    crypto::Secret,
};
use http::{HeaderValue, StatusCode, header};
use web_kit::ApiError;

use super::alert;
use crate::panel::{
    form::FormData,
    member, shell,
    visitor::{Frame, Visitor, safe_next, with_cookies},
};

#[derive(Template)]
#[template(path = "panel/account/login.html")]
struct LoginPage {
    frame: Frame,
    form: FormData,
    alert: Option<String>,
    next: String,
    /// The account asks for a second factor.
    wants_code: bool,
    /// Somebody is to prove themselves again.
    again: bool,
    passkeys: bool,
    /// Codes can be sent.
    mails: bool,
}

impl LoginPage {
    fn of(visitor: &Visitor, form: FormData, next: &str) -> Self {
        Self {
            frame: visitor.frame("Sign in"),
            form,
            alert: None,
            next: next.to_owned(),
            wants_code: false,
            again: visitor.parameter("again").is_some(),
            passkeys: visitor.app().passkeys_are_possible(),
            mails: visitor.panel.state.sends_mail,
        }
    }
}

pub(super) async fn show(visitor: Visitor) -> Result<Response, ApiError> {
    let next = visitor.parameter("next");
    let next = safe_next(next.as_deref());
    let page = LoginPage::of(&visitor, FormData::default(), next);
    if !page.again && visitor.perhaps().await?.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    Ok(shell::page(&page))
}

pub(super) async fn enter(visitor: Visitor, mut form: FormData) -> Result<Response, ApiError> {
    let next = form.text("next");
    let next = safe_next(next.as_deref()).to_owned();
    let email = form.required("email");
    if form.value("password").is_empty() {
        form.problem("password", "is required");
    }
    let mut page = LoginPage::of(&visitor, form, &next);
    if !page.form.is_good() {
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let attempt = Attempt {
        email,
        password: Secret::new(page.form.value("password")),
        second: second(&page.form),
        address: visitor.address.0,
        browser: visitor.known_browser(),
    };
    match with_password(visitor.app(), &attempt).await {
        Ok(person) => visitor.let_in(&person, &next).await,
        Err(error) => {
            let error = ApiError::from(error);
            page.wants_code = error.code == "SECOND_FACTOR_REQUIRED" || page.form.text("code").is_some();
            let retry_after = error.retry_after;
            page.alert = Some(match error.code.as_ref() {
                "SECOND_FACTOR_REQUIRED" => "Type the code of your authenticator app as well.".to_owned(),
                _ => alert(error)?,
            });
            Ok(waiting(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page), retry_after))
        }
    }
}

/// The page of the log-in again, with what was wrong.
pub(super) fn refused(visitor: &Visitor, form: FormData, next: &str, said: Option<String>) -> Response {
    let page = LoginPage { alert: said, ..LoginPage::of(visitor, form, next) };
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Says how long to wait, where that was the reason.
pub(super) fn waiting(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// One field for both: an app's code is six digits, a recovery code is not.
pub(super) fn second(form: &FormData) -> Second {
    let Some(code) = form.text("code") else { return Second::None };
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Second::Totp(digits)
    } else {
        Second::Recovery(Secret::new(code))
    }
}

pub(super) async fn leave(visitor: Visitor) -> Result<Response, ApiError> {
    session::end(visitor.app(), &visitor.who()?.session).await?;
    let gone = member::set_cookie(&visitor.panel, None)?;
    Ok(with_cookies(Redirect::to("/login").into_response(), [gone]))
}
