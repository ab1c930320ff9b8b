//! Pages without an organization: log-in, set-up, invitations, and a person's own account.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Redirect, Response},
};
use gateway_core::{
    app::{
        App,
        people::{self, SignedIn, session},
    },
    domain::person::Person,
};
use http::{HeaderMap, HeaderValue, header, request};
use web_kit::{ApiError, ClientIp, headers::Nonce};

use super::{Panel, act, done, member, shell};

/// Who looks, before anybody knows who it is.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) panel: Panel,
    pub(super) address: ClientIp,
    nonce: Nonce,
    headers: HeaderMap,
    uri: http::Uri,
    /// Who is signed in, on pages that ask for it.
    who: Option<Arc<SignedIn>>,
}

impl Visitor {
    pub(super) fn app(&self) -> &App {
        &self.panel.state.app
    }

    /// Who is signed in; only on screens that ask for a person.
    pub(super) fn who(&self) -> Result<&Arc<SignedIn>, ApiError> {
        self.who.as_ref().ok_or_else(|| ApiError::internal("an own screen without its guard"))
    }

    /// Who is signed in, if anybody, on screens that are open to all.
    pub(super) async fn perhaps(&self) -> Result<Option<SignedIn>, ApiError> {
        member::signed_in(&self.panel, &self.headers).await
    }

    pub(super) fn frame(&self, title: &'static str) -> Frame {
        let csrf = self.who.as_ref().map(|who| who.session.csrf.clone()).unwrap_or_default();
        let done = done::of_query(self.uri.query().unwrap_or_default());
        Frame { title, nonce: self.nonce.clone(), csrf, done }
    }

    /// A parameter of the address.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The browser and where it is, for the list of sessions.
    pub(super) fn client(&self) -> people::Client {
        let agent = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        people::Client {
            user_agent: agent.unwrap_or_default().to_owned(),
            address: self.address.0.to_string(),
        }
    }

    /// What this browser holds under a name.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        member::cookie(&self.headers, name)
    }

    /// By what this browser is known to accounts that were signed in with here before.
    pub(super) fn known_browser(&self) -> Option<String> {
        self.cookie(self.panel.known_cookie_name())
    }

    /// Lets somebody in who has proven who they are: a new session, whatever there was before, and on to `next`.
    pub(super) async fn let_in(&self, person: &Person, next: &str) -> Result<Response, ApiError> {
        if let Some(old) = self.perhaps().await? {
            session::end(self.app(), &old.session).await?;
        }
        let (token, _) = session::open(self.app(), person, &self.client()).await?;
        let known = people::sign_in::known_browser(self.app(), person.id);
        let cookies = [
            member::set_cookie(&self.panel, Some(token.expose()))?,
            member::known_cookie(&self.panel, &known)?,
        ];
        Ok(with_cookies(Redirect::to(next).into_response(), cookies))
    }

    /// To a page of one's own, where a line says what was done.
    #[expect(clippy::unused_self, reason = "reads like the same of a tenant's screens")]
    pub(super) fn see(&self, path: &str, what: &'static str) -> Response {
        Redirect::to(&format!("{path}?done={what}")).into_response()
    }
}

pub(super) fn with_cookies(
    mut response: Response,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

impl FromRequestParts<Panel> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, panel: &Panel) -> Result<Self, ApiError> {
        Ok(Self {
            panel: panel.clone(),
            address: ClientIp::from_request_parts(parts, panel).await?,
            nonce: Nonce::from_request_parts(parts, panel).await?,
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
            who: parts.extensions.get::<Arc<SignedIn>>().cloned(),
        })
    }
}

/// The frame of such a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) title: &'static str,
    pub(super) nonce: Nonce,
    csrf: String,
    pub(super) done: Option<&'static str>,
}

impl Frame {
    pub(super) fn csrf(&self) -> &str {
        &self.csrf
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(super) fn fresh_key(&self) -> String {
        act::fresh_key()
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(super) fn style_url(&self) -> &'static str {
        shell::static_files().url(shell::STYLE)
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(super) fn script_url(&self) -> &'static str {
        shell::static_files().url(shell::SCRIPT)
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(super) fn script_integrity(&self) -> &'static str {
        shell::static_files().integrity(shell::SCRIPT)
    }
}

/// Where a log-in may lead: a path of our own. What a browser would take for another host is home.
pub(super) fn safe_next(next: Option<&str>) -> &str {
    let is_path = |path: &str| {
        let mut bytes = path.bytes();
        // `//host` and `/\host` are other hosts to a browser, which also drops tabs and line ends.
        bytes.next() == Some(b'/')
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(|path| is_path(path)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_nowhere_else() {
        assert_eq!(safe_next(Some("/o/1/test?q=a%2Fb")), "/o/1/test?q=a%2Fb");
        for elsewhere in [
            "//example.com",
            "/\\example.com",
            "https://example.com",
            "/\t/example.com",
            "",
            "example",
            "/a\\b",
        ] {
            assert_eq!(safe_next(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(safe_next(None), "/");
    }
}
