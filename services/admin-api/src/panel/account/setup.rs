//! `/setup/{token}`: the first person, from the link that the service prints while there is nobody.

use askama::Template;
use axum::response::Response;
use gateway_core::{
    app::people::setup::{self, FirstPerson},
    crypto::Secret,
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{LANGUAGES, alert};
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
#[template(path = "panel/account/setup.html")]
struct SetupPage {
    frame: Frame,
    form: FormData,
    alert: Option<String>,
    token: String,
    /// Those that there are already; a name is asked for where there is none.
    organizations: Vec<String>,
    languages: &'static [(&'static str, &'static str)],
}

impl SetupPage {
    async fn of(visitor: &Visitor, token: String, form: FormData) -> Result<Self, ApiError> {
        let organizations = setup::look(visitor.app(), &token).await?;
        Ok(Self {
            frame: visitor.frame("Set up Tollgate"),
            form,
            alert: None,
            token,
            organizations: organizations.into_iter().map(|organization| organization.name).collect(),
            languages: LANGUAGES,
        })
    }
}

pub(super) async fn show(visitor: Visitor, Path(link): Path<Link>) -> Result<Response, ApiError> {
    Ok(shell::page(&SetupPage::of(&visitor, link.token, FormData::default()).await?))
}

pub(super) async fn complete(
    visitor: Visitor,
    Path(link): Path<Link>,
    form: FormData,
) -> Result<Response, ApiError> {
    let mut page = SetupPage::of(&visitor, link.token, form).await?;
    let first = FirstPerson {
        email: page.form.value("email").to_owned(),
        name: page.form.value("name").to_owned(),
        language: page.form.text("language").unwrap_or_else(|| "en".to_owned()),
        password: Secret::new(page.form.value("password")),
        organization: page.form.value("organization").to_owned(),
    };
    match setup::complete(visitor.app(), &page.token, first).await {
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
