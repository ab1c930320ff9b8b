//! `/login/code`: signing in with a code by mail, in place of the password.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::{
    app::people::codes::{self, Attempt},
    domain::link::SIGN_IN_CODE_LIFETIME,
};
use http::{HeaderValue, StatusCode};
use web_kit::ApiError;

use super::{alert, enter};
use crate::panel::{
    Panel,
    form::FormData,
    shell,
    visitor::{Frame, Visitor, safe_next, with_cookies},
};

#[derive(Template)]
#[template(path = "panel/account/code.html")]
struct CodePage {
    frame: Frame,
    form: FormData,
    alert: Option<String>,
    next: String,
    /// The account asks for a second factor.
    wants_second: bool,
}

fn cookie_name(panel: &Panel) -> &'static str {
    if panel.https { "__Host-tollgate-code" } else { "tollgate-code" }
}

/// `Set-Cookie` for what a code is bound to, or the end of it (`None`).
fn cookie(panel: &Panel, token: Option<&str>) -> Result<HeaderValue, ApiError> {
    let (name, secure) = (cookie_name(panel), if panel.https { "; Secure" } else { "" });
    let age = if token.is_some() { SIGN_IN_CODE_LIFETIME.as_secs() } else { 0 };
    let value = token.unwrap_or_default();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::from_str(&text).map_err(ApiError::internal)
}

/// Without a mail server there is no such page.
fn must_be_possible(visitor: &Visitor) -> Result<(), ApiError> {
    if visitor.panel.state.sends_mail { Ok(()) } else { Err(ApiError::not_found("page")) }
}

/// `POST /login/code/send`: the same answer whoever is asked for.
pub(super) async fn send(visitor: Visitor, mut form: FormData) -> Result<Response, ApiError> {
    must_be_possible(&visitor)?;
    let next = form.text("next");
    let next = safe_next(next.as_deref()).to_owned();
    let email = form.required("email");
    if !form.is_good() {
        return Ok(enter::refused(&visitor, form, &next, None));
    }
    let wanted = codes::Request {
        email,
        address: visitor.address.0,
        browser: visitor.known_browser(),
        before: visitor.cookie(cookie_name(&visitor.panel)),
    };
    match codes::ask(visitor.app(), &wanted).await {
        Ok(token) => {
            let query: String =
                url::form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
            let to = Redirect::to(&format!("/login/code?{query}")).into_response();
            Ok(with_cookies(to, [cookie(&visitor.panel, Some(token.expose()))?]))
        }
        Err(error) => {
            let error = ApiError::from(error);
            let retry_after = error.retry_after;
            let said = if form.take(&error) { None } else { Some(alert(error)?) };
            Ok(enter::waiting(enter::refused(&visitor, form, &next, said), retry_after))
        }
    }
}

pub(super) async fn show(visitor: Visitor) -> Result<Response, ApiError> {
    must_be_possible(&visitor)?;
    let next = visitor.parameter("next");
    let next = safe_next(next.as_deref()).to_owned();
    let frame = visitor.frame("Your code");
    Ok(shell::page(&CodePage { frame, form: FormData::default(), alert: None, next, wants_second: false }))
}

/// `POST /login/code`.
pub(super) async fn enter(visitor: Visitor, mut form: FormData) -> Result<Response, ApiError> {
    must_be_possible(&visitor)?;
    let next = form.text("next");
    let next = safe_next(next.as_deref()).to_owned();
    let code = codes::typed(&form.required("mail_code"));
    let frame = visitor.frame("Your code");
    let mut page = CodePage { frame, form, alert: None, next, wants_second: false };
    if !page.form.is_good() {
        return Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let attempt = Attempt {
        token: visitor.cookie(cookie_name(&visitor.panel)).unwrap_or_default(),
        code,
        second: enter::second(&page.form),
        address: visitor.address.0,
        browser: visitor.known_browser(),
    };
    let error = match codes::with_code(visitor.app(), &attempt).await {
        Ok(person) => {
            let inside = visitor.let_in(&person, &page.next).await?;
            return Ok(with_cookies(inside, [cookie(&visitor.panel, None)?]));
        }
        Err(error) => ApiError::from(error),
    };
    page.wants_second = error.code == "SECOND_FACTOR_REQUIRED" || page.form.text("code").is_some();
    let retry_after = error.retry_after;
    page.alert = Some(match error.code.as_ref() {
        "SECOND_FACTOR_REQUIRED" => "Type the code of your authenticator app as well.".to_owned(),
        _ => alert(error)?,
    });
    Ok(enter::waiting(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page), retry_after))
}
