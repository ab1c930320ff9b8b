//! `/reset/{token}`: a new password, from a link that the operator has made at the command line.

use askama::Template;
use axum::response::Response;
use gateway_core::{app::people::reset, crypto::Secret, domain::PasskeyId};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{
    alert,
    show::{PasskeyRow, passkey_rows},
};
use crate::panel::{
    form::FormData,
    shell,
    visitor::{Frame, Visitor},
};

#[derive(Deserialize)]
pub(super) struct Link {
    token: String,
}

#[derive(Template)]
#[template(path = "panel/account/reset.html")]
struct ResetPage {
    frame: Frame,
    form: FormData,
    alert: Option<String>,
    token: String,
    email: String,
    passkeys: Vec<PasskeyRow>,
}

impl ResetPage {
    async fn of(visitor: &Visitor, token: String, form: FormData) -> Result<Self, ApiError> {
        let person = reset::look(visitor.app(), &token).await?;
        Ok(Self {
            frame: visitor.frame("New password"),
            form,
            alert: None,
            token,
            passkeys: passkey_rows(&person),
            email: person.email,
        })
    }
}

pub(super) async fn show(visitor: Visitor, Path(link): Path<Link>) -> Result<Response, ApiError> {
    Ok(shell::page(&ResetPage::of(&visitor, link.token, FormData::default()).await?))
}

pub(super) async fn complete(
    visitor: Visitor,
    Path(link): Path<Link>,
    form: FormData,
) -> Result<Response, ApiError> {
    let mut page = ResetPage::of(&visitor, link.token, form).await?;
    let new = Secret::new(page.form.value("password"));
    let kept: Vec<PasskeyId> = page.form.values("keep").filter_map(|id| id.parse().ok()).collect();
    match reset::complete(visitor.app(), &page.token, &new, &kept).await {
        Ok(person) => visitor.let_in(&person, "/").await,
        Err(error) => {
            let error = ApiError::from(error);
            if !page.form.take(&error) {
                page.alert = Some(alert(error)?);
            }
            Ok(shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}
