//! The second factor: an authenticator app, and recovery codes for the day when it is lost.

use askama::Template;
use axum::response::Response;
use gateway_core::{app::people::second, crypto::Secret};
use http::StatusCode;
use web_kit::ApiError;

use super::show::after;
use crate::panel::{
    form::FormData,
    once,
    qr::qr,
    shell::{self, Html},
    visitor::{Frame, Visitor},
};

#[derive(Template)]
#[template(path = "panel/account/factor.html")]
struct FactorPage {
    frame: Frame,
    form: FormData,
    alert: Option<String>,
    secret: String,
    qr: Option<Html>,
}

#[derive(Template)]
#[template(path = "panel/account/recovery.html")]
struct RecoveryPage {
    frame: Frame,
    codes: Vec<Secret>,
}

pub(super) async fn begin(visitor: Visitor, form: FormData) -> Result<Response, ApiError> {
    match second::begin(visitor.app(), visitor.who()?.person.id).await {
        Ok(enrolment) => {
            let secret = enrolment.secret.expose().to_owned();
            let qr = qr(enrolment.uri.expose());
            let frame = visitor.frame("Authenticator app");
            Ok(shell::page(&FactorPage { frame, form: FormData::default(), alert: None, secret, qr }))
        }
        Err(error) => after(&visitor, form, Err(error.into()), "saved").await,
    }
}

/// The first code of the app. A wrong one shows the same secret again, which the form has brought back.
pub(super) async fn confirm(visitor: Visitor, mut form: FormData) -> Result<Response, ApiError> {
    let code: String = form.value("code").chars().filter(|c| !c.is_whitespace()).collect();
    match second::confirm(visitor.app(), visitor.who()?.person.id, &code).await {
        Ok(codes) => Ok(recovery(&visitor, codes)),
        Err(error) => {
            let said = form.refused(error)?;
            let (frame, secret) = (visitor.frame("Authenticator app"), form.value("secret").to_owned());
            let page = FactorPage { frame, form, alert: said, secret, qr: None };
            Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

pub(super) async fn remove(visitor: Visitor, form: FormData) -> Result<Response, ApiError> {
    let done = second::remove(visitor.app(), visitor.who()?.person.id).await;
    after(&visitor, form, done.map_err(ApiError::from), "removed").await
}

pub(super) async fn renew_recovery(visitor: Visitor, form: FormData) -> Result<Response, ApiError> {
    match second::renew_recovery(visitor.app(), visitor.who()?.person.id).await {
        Ok(codes) => Ok(recovery(&visitor, codes)),
        Err(error) => after(&visitor, form, Err(error.into()), "saved").await,
    }
}

fn recovery(visitor: &Visitor, codes: Vec<Secret>) -> Response {
    let page = shell::page(&RecoveryPage { frame: visitor.frame("Recovery codes"), codes });
    once::with_secret(page, "/account".to_owned())
}
