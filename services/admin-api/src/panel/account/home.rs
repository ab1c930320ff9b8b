//! `/`: to where somebody was last.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use web_kit::ApiError;

use crate::panel::{
    shell,
    visitor::{Frame, Visitor},
};

#[derive(Template)]
#[template(path = "panel/account/nowhere.html")]
struct NowherePage {
    frame: Frame,
    name: String,
}

pub(super) async fn home(visitor: Visitor) -> Result<Response, ApiError> {
    let Some(who) = visitor.perhaps().await? else { return Ok(Redirect::to("/login").into_response()) };
    let shown = who.session.org.or_else(|| who.person.memberships.first().map(|membership| membership.org));
    let Some(organization) = shown else {
        let frame = visitor.frame("No organization yet");
        return Ok(shell::page(&NowherePage { frame, name: who.person.name.clone() }));
    };
    Ok(Redirect::to(&format!("/o/{organization}/{}", who.session.mode.as_str())).into_response())
}
