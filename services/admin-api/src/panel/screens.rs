//! The table of screens: every route of the panel names what its caller must be allowed to do, at the place
//! where it is added. There is no way to add one without, and the table is what the authorization test walks.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    handler::Handler,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, get, post},
};
use gateway_core::domain::scope::Scope;
use http::{HeaderMap, Method};
use web_kit::{ApiError, Path, csrf};

use super::{Panel, form::FormData, member, member::Member};

/// What a screen asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: log-in, set-up, the files of the look.
    Nobody,
    /// Somebody who is logged in.
    Person,
    /// A member of the organization in the address whose role grants this.
    Scope(Scope),
}

/// A route of the panel.
#[derive(Debug, Clone)]
pub struct Screen {
    /// GET or POST: pages have no other.
    pub method: Method,
    /// Its path, as axum writes it.
    pub path: String,
    /// What it asks.
    pub needs: Needs,
}

/// Where a tenant's screens live. Organization and mode stand in the address and not in the session: two tabs
/// may show two of them, a link can be sent to a colleague, and nothing meant for test happens to live.
pub(crate) const TENANT: &str = "/o/{org}/{mode}";

/// Gathers routes.
pub(crate) struct Screens {
    /// `None` where they are only to be listed.
    panel: Option<Panel>,
    router: Router<Panel>,
    table: Vec<Screen>,
}

impl Screens {
    pub(crate) fn new(panel: Panel) -> Self {
        Self { panel: Some(panel), router: Router::new(), table: Vec::new() }
    }

    pub(crate) fn listed() -> Self {
        Self { panel: None, router: Router::new(), table: Vec::new() }
    }

    /// A page for everybody.
    pub(crate) fn open<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Panel>,
        T: 'static,
    {
        self.add(Method::GET, path.to_owned(), Needs::Nobody, get(handler))
    }

    /// A form for everybody. It has no session to be borrowed, so its origin is all that is looked at.
    pub(crate) fn open_post<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Panel>,
        T: 'static,
    {
        self.add(Method::POST, path.to_owned(), Needs::Nobody, post(handler))
    }

    /// A page of the person who is logged in.
    pub(crate) fn own<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Panel>,
        T: 'static,
    {
        self.add(Method::GET, path.to_owned(), Needs::Person, get(handler))
    }

    /// A form of the person who is logged in.
    pub(crate) fn own_post<H, T>(self, path: &str, handler: H) -> Self
    where
        H: Handler<T, Panel>,
        T: 'static,
    {
        self.add(Method::POST, path.to_owned(), Needs::Person, post(handler))
    }

    /// A page of an organization; `path` continues [`TENANT`].
    pub(crate) fn get<H, T>(self, scope: Scope, path: &str, handler: H) -> Self
    where
        H: Handler<T, Panel>,
        T: 'static,
    {
        self.add(Method::GET, format!("{TENANT}{path}"), Needs::Scope(scope), get(handler))
    }

    /// A form of an organization; `path` continues [`TENANT`].
    pub(crate) fn post<H, T>(self, scope: Scope, path: &str, handler: H) -> Self
    where
        H: Handler<T, Panel>,
        T: 'static,
    {
        self.add(Method::POST, format!("{TENANT}{path}"), Needs::Scope(scope), post(handler))
    }

    /// Another part of the panel.
    pub(crate) fn and(self, part: fn(Self) -> Self) -> Self {
        part(self)
    }

    fn add(mut self, method: Method, path: String, needs: Needs, routes: MethodRouter<Panel>) -> Self {
        if let Some(panel) = &self.panel {
            let guarded = routes.layer(from_fn_with_state((panel.clone(), needs), guard));
            self.router = self.router.route(&path, guarded);
        }
        self.table.push(Screen { method, path, needs });
        self
    }

    /// The routes.
    pub(crate) fn router(self) -> Router {
        match self.panel {
            Some(panel) => self.router.with_state(panel),
            None => Router::new(),
        }
    }

    /// What they ask.
    pub(crate) fn table(self) -> Vec<Screen> {
        self.table
    }
}

/// Where in the address an organization and its mode stand.
#[derive(serde::Deserialize)]
struct Place {
    org: String,
    mode: String,
}

/// Lets nobody through who may not. A form must come from our own page, and carry the session's token.
async fn guard(
    State((panel, needs)): State<(Panel, Needs)>,
    headers: HeaderMap,
    place: Result<Path<Place>, ApiError>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let is_post = request.method() == Method::POST;
    if is_post {
        csrf::same_origin_only(&headers, &panel.origin)?;
    }
    let mut expected = None;
    if needs != Needs::Nobody {
        let Some(signed_in) = member::signed_in(&panel, &headers).await? else {
            return Ok(log_in_first(&request, is_post));
        };
        expected = Some(signed_in.session.csrf.clone());
        if let Needs::Scope(scope) = needs {
            let place = place.map_err(|_| ApiError::not_found("page"))?.0;
            let member = Member::of(&panel, &signed_in, &place.org, &place.mode).await?;
            member.must(scope)?;
            request.extensions_mut().insert(Arc::new(member));
        }
        request.extensions_mut().insert(Arc::new(signed_in));
    }
    if is_post {
        request = with_form(request, expected.as_deref()).await?;
    }
    Ok(next.run(request).await)
}

/// Reads the form, so that no handler can forget to look at its token.
async fn with_form(request: Request, token: Option<&str>) -> Result<Request, ApiError> {
    let (mut parts, body) = request.into_parts();
    let form = FormData::read(&parts.headers, body).await?;
    if let Some(expected) = token {
        form.must_carry(expected)?;
    }
    parts.extensions.insert(form);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// To the log-in, and back here afterwards. The way back of a form is its screen, which cannot be known: home.
fn log_in_first(request: &Request, is_post: bool) -> Response {
    let back = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if is_post || back == "/" {
        return Redirect::to("/login").into_response();
    }
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", back).finish();
    Redirect::to(&format!("/login?{query}")).into_response()
}
