//! `/invitation/{token}`: into an organization, for somebody new or for somebody who signs in already.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use gateway_core::{
    app::{AppError, people::invitations},
    crypto::Secret,
};
use http::StatusCode;
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{LANGUAGES, alert};
use crate::panel::{
    form::FormData,
    shell::{self, words},
    visitor::{Frame, Visitor},
};

#[derive(Deserialize)]
pub(super) struct Link {
    token: String,
}

#[derive(Template)]
#[template(path = "panel/account/invitation.html")]
struct InvitationPage {
    frame: Frame,
    form: FormData,
    alert: Option<String>,
    token: String,
    organization: String,
    role: String,
    email: String,
    /// Somebody has this address already: they sign in to accept.
    known: bool,
    /// That somebody is signed in here; the token of their forms.
    csrf: Option<String>,
    languages: &'static [(&'static str, &'static str)],
}

impl InvitationPage {
    async fn of(visitor: &Visitor, token: String, form: FormData) -> Result<Self, ApiError> {
        let (invitation, known) = invitations::look(visitor.app(), &token).await?;
        let organization = visitor.app().organization(invitation.org).await?;
        let organization = organization.ok_or(AppError::NotFound("invitation"))?;
        let who = visitor.perhaps().await?.filter(|who| Some(who.person.id) == known);
        Ok(Self {
            frame: visitor.frame("Invitation"),
            form,
            alert: None,
            token,
            organization: organization.name.clone(),
            role: words(invitation.role.as_str()),
            email: invitation.email,
            known: known.is_some(),
            csrf: who.map(|who| who.session.csrf),
            languages: LANGUAGES,
        })
    }
}

pub(super) async fn show(visitor: Visitor, Path(link): Path<Link>) -> Result<Response, ApiError> {
    Ok(shell::page(&InvitationPage::of(&visitor, link.token, FormData::default()).await?))
}

pub(super) async fn accept_new(
    visitor: Visitor,
    Path(link): Path<Link>,
    form: FormData,
) -> Result<Response, ApiError> {
    let mut page = InvitationPage::of(&visitor, link.token, form).await?;
    let language = page.form.text("language").unwrap_or_else(|| "en".to_owned());
    let (name, new) = (page.form.value("name").to_owned(), Secret::new(page.form.value("password")));
    match invitations::accept_new(visitor.app(), &page.token, &name, &language, &new).await {
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

pub(super) async fn accept(
    visitor: Visitor,
    Path(link): Path<Link>,
    _form: FormData,
) -> Result<Response, ApiError> {
    let (invitation, _) = invitations::look(visitor.app(), &link.token).await?;
    invitations::accept(visitor.app(), &link.token, visitor.who()?.person.id).await?;
    Ok(Redirect::to(&format!("/o/{}/test", invitation.org)).into_response())
}
