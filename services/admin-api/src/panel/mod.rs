//! The panel's listener: the API for scripts of the same host, and pages for people.
//!
//! Pages are plain HTML with forms; `static/panel.js` adds comfort only. Each screen has a file with a struct
//! per page, which its template prints, and calls the use cases that the API calls. [`screens`] lists every
//! route with what it asks of its caller.

mod account;
mod act;
mod api_keys;
mod audit_log;
mod checkouts;
mod clients;
mod dashboard;
mod deliveries;
mod discounts;
mod done;
mod events;
mod form;
mod group;
mod invoices;
mod list;
mod member;
pub mod once;
pub mod operations;
mod orders;
mod pairs;
mod people;
mod pretty;
mod products;
mod providers;
mod qr;
pub mod screens;
mod settings;
mod shell;
mod sites;
mod transactions;
mod visitor;
mod webhooks;

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::Request, response::IntoResponse};
use tower::ServiceExt;
use web_kit::{
    headers::Nonce,
    stack::{self, PageError, StackConfig},
};

use crate::state::AppState;
use screens::{Screen, Screens};

/// What the panel's handlers work with.
#[derive(Debug, Clone)]
pub(crate) struct Panel(Arc<Inner>);

/// See [`Panel`].
#[derive(Debug)]
pub(crate) struct Inner {
    /// The use cases.
    pub(crate) state: AppState,
    /// The panel's own origin: where its forms come from.
    pub(crate) origin: String,
    /// Whether it is reached by https.
    pub(crate) https: bool,
}

impl std::ops::Deref for Panel {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Panel {
    fn new(state: AppState) -> Self {
        let url = &state.app.urls.admin_frontend;
        let (origin, https) = (url.origin().ascii_serialization(), url.scheme() == "https");
        Self(Arc::new(Inner { state, origin, https }))
    }

    fn cookie_name(&self) -> &'static str {
        if self.https { "__Host-tollgate" } else { "tollgate" }
    }

    fn known_cookie_name(&self) -> &'static str {
        if self.https { "__Host-tollgate-known" } else { "tollgate-known" }
    }
}

/// Every screen.
fn all(screens: Screens) -> Screens {
    screens
        .and(account::screens)
        .and(orders::screens)
        .and(transactions::screens)
        .and(invoices::screens)
        .and(sites::screens)
        .and(providers::screens)
        .and(clients::screens)
        .and(products::screens)
        .and(discounts::screens)
        .and(api_keys::screens)
        .and(webhooks::screens)
        .and(deliveries::screens)
        .and(events::screens)
        .and(checkouts::screens)
        .and(dashboard::screens)
        .and(people::screens)
        .and(audit_log::screens)
        .and(settings::screens)
}

/// What every screen asks of its caller, for the authorization test.
pub fn table() -> Vec<Screen> {
    all(Screens::listed()).table()
}

/// `/api/*` and `/v1/*` as on the API's listener, all else a page.
pub(crate) fn router(api: Router, state: AppState, config: &StackConfig) -> Router {
    let api = stack::api(api, config);
    let screens = all(Screens::new(Panel::new(state))).router();
    let pages = stack::pages(screens.merge(shell::static_files().router()), config, error_page);
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path();
        let is_api = ["/api/", "/v1/"].iter().any(|prefix| path.starts_with(prefix));
        let chosen = if is_api { api } else { pages };
        chosen.oneshot(request).await.into_response()
    })
}

/// A page for what went wrong, with a way on.
#[derive(Template)]
#[template(path = "panel/error.html")]
struct ErrorPage<'a> {
    title: &'static str,
    message: &'a str,
    request_id: &'a str,
    nonce: &'a Nonce,
    style_url: &'static str,
}

fn error_page(error: &PageError<'_>) -> String {
    let title = match error.status.as_u16() {
        404 => "There is no such page",
        403 => "That is not yours to do",
        429 => "That was a little fast",
        500.. => "Something went wrong on our side",
        _ => "That did not work",
    };
    let (message, request_id) = (error.body.message.as_str(), error.body.request_id.as_str());
    let style_url = shell::static_files().url("panel.css");
    let page = ErrorPage { title, message, request_id, nonce: error.nonce, style_url };
    page.render().unwrap_or_else(|_| format!("<!doctype html><title>{title}</title>"))
}
