//! The table of screens: every route of the panel names what its caller must be allowed to do, at the place
//! where it is added. There is no way to add one without, and the table is what the authorization test walks.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    RequestExt, Router,
    body::Body,
    extract::{Request, State},
    handler::Handler,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodRouter, get, post},
};
use gateway_core::{
    app::{
        App,
        audit::{self, What},
        people::SignedIn,
    },
    domain::{
        AuditEntryId,
        audit::{Channel, Ending, Outcome},
        person::Person,
        scope::Scope,
    },
};
use http::{Method, header};
use web_kit::{ApiError, ClientIp, Path, csrf};

use super::{
    Panel,
    form::{CSRF_FIELD, FormData, KEY_FIELD, SEEN_FIELD},
    member::{self, Member},
    once, operations,
};

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
    /// Whether it asks for somebody who has proven who they are a moment ago.
    pub proven: bool,
}

/// Where a tenant's screens live. Organization and mode stand in the address and not in the session: two tabs
/// may show two of them, a link can be sent to a colleague, and nothing meant for test happens to live.
pub(crate) const TENANT: &str = "/o/{org}/{mode}";

/// How long somebody who has just opened a form that asks for a fresh proof has at least to fill it in.
const FORM_TIME: Duration = Duration::from_mins(5);

/// Gathers routes.
pub(crate) struct Screens {
    /// `None` where they are only to be listed.
    panel: Option<Panel>,
    router: Router<Panel>,
    table: Vec<Screen>,
    /// What is being added asks for a fresh proof.
    proven: bool,
    /// The paths of all pages, known once every screen is there: where a form leads back to.
    pages: Arc<OnceLock<Vec<String>>>,
}

impl Screens {
    pub(crate) fn new(panel: Panel) -> Self {
        Self { panel: Some(panel), ..Self::listed() }
    }

    pub(crate) fn listed() -> Self {
        Self { panel: None, router: Router::new(), table: Vec::new(), proven: false, pages: Arc::default() }
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

    /// Screens that hand out a way in or take one away, or say where money and messages go: only for somebody who has
    /// proven a moment ago who they are. A machine that was left open, or a cookie that was taken, is not enough.
    pub(crate) fn proven(mut self, part: fn(Self) -> Self) -> Self {
        self.proven = true;
        let mut done = part(self);
        done.proven = false;
        done
    }

    fn add(mut self, method: Method, path: String, needs: Needs, routes: MethodRouter<Panel>) -> Self {
        let proven = self.proven;
        if let Some(panel) = &self.panel {
            let pages = Arc::clone(&self.pages);
            let door = Door { panel: panel.clone(), needs, proven, pages, path: path.as_str().into() };
            let guarded = routes.layer(from_fn_with_state(door, recorded));
            self.router = self.router.route(&path, guarded);
        }
        self.table.push(Screen { method, path, needs, proven });
        self
    }

    /// The routes.
    pub(crate) fn router(self) -> Router {
        let pages = self.table.iter().filter(|screen| screen.method == Method::GET);
        self.pages.get_or_init(|| pages.map(|screen| screen.path.clone()).collect());
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

/// What stands before a screen.
#[derive(Clone)]
struct Door {
    panel: Panel,
    needs: Needs,
    proven: bool,
    pages: Arc<OnceLock<Vec<String>>>,
    path: Arc<str>,
}

/// The outermost: whatever is sent, and whatever is taken along, stands in the audit log.
async fn recorded(State(door): State<Door>, request: Request, next: Next) -> Response {
    let app = door.panel.state.app.clone();
    let what = What {
        operation: operations::name(&door.path),
        channel: Channel::Panel,
        address: crate::audit::address(&request),
        on: crate::audit::targets(&door.path, request.uri().path()),
        always: operations::is_recorded(request.method(), &door.path),
    };
    let run = async {
        let response = guard(door, request, next).await.into_response();
        note_made(&response);
        response
    };
    audit::recorded(&app, what, run, outcome).await
}

/// Lets nobody through who may not. A form must come from our own page, and carry the session's token.
async fn guard(door: Door, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let Door { panel, needs, proven, pages, path } = door;
    let headers = request.headers().clone();
    let is_post = request.method() == Method::POST;
    if is_post {
        csrf::same_origin_only(&headers, &panel.origin)?;
    }
    if is_post && needs == Needs::Nobody {
        // Before anything is looked up or hashed for somebody who need not be anybody.
        panel.state.limits.check_address(ClientIp::of(request.extensions())?)?;
    }
    let mut who = None;
    if needs != Needs::Nobody {
        let Some(signed_in) = member::signed_in(&panel, &headers).await? else {
            return Ok(log_in_first(&request, is_post));
        };
        if let Needs::Scope(scope) = needs {
            let place = place_of(&mut request).await?;
            let member = Member::of(&panel, &signed_in, &place.org, &place.mode).await?;
            audit::known(&member.authority());
            member.must(scope)?;
            request.extensions_mut().insert(Arc::new(member));
        }
        let signed_in = Arc::new(signed_in);
        if proven && !is_fresh(&panel, &signed_in, is_post) {
            let pages = pages.get().map_or(&[][..], Vec::as_slice);
            return Ok(prove_again(&request, is_post, &path, pages));
        }
        request.extensions_mut().insert(Arc::clone(&signed_in));
        who = Some(signed_in);
    }
    if is_post {
        request = with_form(request, who.as_deref().map(|who| who.session.csrf.as_str())).await?;
    }
    let app = &panel.state.app;
    let mut claim = None;
    if let (true, Some(who)) = (is_post, &who) {
        let tenant = request.extensions().get::<Arc<Member>>().map_or(Person::TENANT, |member| member.tenant);
        claim = match once::begin(app, tenant, who.person.id, &path, &mut request).await? {
            Ok(claim) => claim,
            Err(answered_before) => return Ok(answered_before),
        };
    }
    let response = done(app, request, who, next).await.unwrap_or_else(IntoResponse::into_response);
    if let Some(claim) = claim {
        once::end(app, claim, &response).await;
    }
    Ok(response)
}

/// From here on it may be done: not without a word in the audit log.
async fn done(
    app: &App,
    request: Request,
    who: Option<Arc<SignedIn>>,
    next: Next,
) -> Result<Response, ApiError> {
    match (request.extensions().get::<Arc<Member>>(), who) {
        (Some(member), _) => audit::by(app, &member.authority()).await?,
        (None, Some(who)) => audit::by_person(app, &who.person).await?,
        (None, None) => {}
    }
    Ok(next.run(request).await)
}

async fn place_of(request: &mut Request) -> Result<Place, ApiError> {
    let place = request.extract_parts::<Path<Place>>().await;
    Ok(place.map_err(|_| ApiError::not_found("page"))?.0)
}

/// A form that made something leads to it.
fn note_made(response: &Response) {
    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    let mut parts = to.split('?').next().unwrap_or_default().rsplit('/');
    if let (Some(id), Some(kind)) = (parts.next(), parts.next())
        && id.parse::<AuditEntryId>().is_ok()
        && kind != "o"
    {
        audit::target(kind, id);
    }
}

/// How a form ended. One that leads to the log-in was not done.
fn outcome(response: &Response) -> Outcome {
    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
    if to.is_some_and(|to| to.starts_with("/login?again")) {
        return Outcome { ending: Ending::Refused, code: Some("SIGN_IN_AGAIN".to_owned()) };
    }
    crate::audit::outcome(response)
}

/// Reads the form, so that no handler can forget to look at its token.
async fn with_form(request: Request, token: Option<&str>) -> Result<Request, ApiError> {
    let (mut parts, body) = request.into_parts();
    let mut form = FormData::read(&parts.headers, body).await?;
    form.sent_to(parts.uri.path());
    let own = [CSRF_FIELD, KEY_FIELD, SEEN_FIELD];
    audit::fields(form.pairs().map(|(name, _)| name).filter(|name| !own.contains(name)));
    if let Some(expected) = token {
        form.must_carry(expected)?;
    }
    parts.extensions.insert(form);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// Whether somebody has proven a moment ago who they are. A page with a form is given only to whoever has the time to
/// fill it in: what was typed would be lost.
fn is_fresh(panel: &Panel, who: &SignedIn, is_post: bool) -> bool {
    let now = panel.state.app.now();
    who.session.is_fresh(if is_post { now } else { now + FORM_TIME })
}

/// To the log-in, and back to the page; of a form, to the one that it was on.
fn prove_again(request: &Request, is_post: bool, path: &str, pages: &[String]) -> Response {
    let here = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let back = if is_post { page_above(path, request.uri().path(), pages) } else { here };
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("next", back).finish();
    Redirect::to(&format!("/login?again=1&{query}")).into_response()
}

/// The nearest page at or above a form's address.
fn page_above<'a>(path: &str, address: &'a str, pages: &[String]) -> &'a str {
    let (mut path, mut address) = (path, address);
    while !pages.iter().any(|page| page == path) {
        let above = path.rsplit_once('/').zip(address.rsplit_once('/'));
        let Some(((above, _), (above_address, _))) = above.filter(|((above, _), _)| !above.is_empty()) else {
            return "/";
        };
        (path, address) = (above, above_address);
    }
    address
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
