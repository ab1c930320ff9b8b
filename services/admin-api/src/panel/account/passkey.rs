//! Passkeys. The browser's part is in `panel.js`: it fetches what is to be signed, asks the authenticator, and
//! sends the answer in a form like any other.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use gateway_core::{
    app::people::passkeys::{self, Begun},
    domain::PasskeyId,
};
use serde::Deserialize;
use serde_json::{Value, json};
use web_kit::{ApiError, Path};

use super::show::after;
use crate::panel::{
    form::FormData,
    visitor::{Visitor, safe_next},
};

fn told(begun: &Begun) -> Response {
    Json(json!({ "options": begun.options, "challenge": begun.challenge.expose() })).into_response()
}

fn answer(form: &FormData) -> Result<Value, ApiError> {
    serde_json::from_str(form.value("answer")).map_err(|_| ApiError::bad_field("answer", "must be JSON"))
}

pub(super) async fn begin_sign_in(visitor: Visitor, _form: FormData) -> Result<Response, ApiError> {
    Ok(told(&passkeys::begin_sign_in(visitor.app()).await?))
}

pub(super) async fn sign_in(visitor: Visitor, form: FormData) -> Result<Response, ApiError> {
    let person = passkeys::finish_sign_in(visitor.app(), form.value("challenge"), answer(&form)?).await?;
    let next = form.text("next");
    visitor.let_in(&person, safe_next(next.as_deref())).await
}

pub(super) async fn begin(visitor: Visitor, _form: FormData) -> Result<Response, ApiError> {
    Ok(told(&passkeys::begin_registration(visitor.app(), &visitor.who()?.person).await?))
}

pub(super) async fn add(visitor: Visitor, form: FormData) -> Result<Response, ApiError> {
    let (id, answer) = (visitor.who()?.person.id, answer(&form)?);
    let name = form.text("name").unwrap_or_else(|| "Passkey".to_owned());
    let done = passkeys::finish_registration(visitor.app(), id, form.value("challenge"), &name, answer).await;
    after(&visitor, form, done.map_err(ApiError::from).map(drop), "created").await
}

#[derive(Deserialize)]
pub(super) struct One {
    id: PasskeyId,
}

pub(super) async fn remove(
    visitor: Visitor,
    Path(one): Path<One>,
    form: FormData,
) -> Result<Response, ApiError> {
    let done = passkeys::remove(visitor.app(), visitor.who()?.person.id, one.id).await;
    after(&visitor, form, done.map_err(ApiError::from).map(drop), "removed").await
}
