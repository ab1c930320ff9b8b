//! Which web pages may use the runtime. The origin is no authorization (anything but a browser can write
//! what it likes there); it keeps foreign pages from putting a shop's checkout into their own.

use axum::response::{IntoResponse, Response};
use gateway_core::config::PublicUrls;
use gateway_core::domain::site::Site;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::Url;
use web_kit::ApiError;

/// How long a browser may remember a preflight's answer, in seconds.
const PREFLIGHT_SECONDS: &str = "600";

/// The origin that an answer is readable to; `None` where the request named none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader(Option<HeaderValue>);

impl Reader {
    /// A missing `Origin` passes, the gateway's own and the site's pass, any other is 403.
    pub(super) fn check(headers: &HeaderMap, urls: &PublicUrls, site: &Site) -> Result<Self, ApiError> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(Self(None)) };
        let given = origin.to_str().ok().and_then(normal);
        let own = [&urls.main_frontend, &urls.main_backend].map(|url| url.origin().ascii_serialization());
        let listed = site.origins.iter().filter_map(|origin| normal(origin));
        if given.is_some_and(|given| own.into_iter().chain(listed).any(|known| known == given)) {
            return Ok(Self(Some(origin.clone())));
        }
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "ORIGIN_NOT_ALLOWED",
            "This origin is not registered for the site. Add it to the site's origins.",
        ))
    }

    /// An answer that the origin's pages may read, errors included.
    pub(super) fn answer<T: IntoResponse>(&self, result: Result<T, ApiError>) -> Response {
        let mut response = result.into_response();
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = &self.0 {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static("x-request-id, retry-after");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }
}

/// `scheme://host[:port]` as a browser writes it; `None` for what is no web origin, `null` included.
fn normal(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    Some(url.origin().ascii_serialization())
}

/// `OPTIONS`: what a browser asks before it sends JSON from another origin.
///
/// The session is not known yet (it is in the body to come), so neither is the site: every origin may ask,
/// and only a registered one is served. There are no cookies here to borrow.
pub(super) async fn preflight(headers: HeaderMap) -> Response {
    let allowed: [(HeaderName, HeaderValue); 5] = [
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            headers.get(header::ORIGIN).cloned().unwrap_or_else(|| HeaderValue::from_static("*")),
        ),
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, x-request-id")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS)),
        (header::VARY, HeaderValue::from_static("origin")),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        assert_eq!(normal("https://Shop.Example.com:443/"), Some("https://shop.example.com".to_owned()));
        assert_eq!(normal("http://127.0.0.1:8000"), Some("http://127.0.0.1:8000".to_owned()));
        assert_eq!(normal("null"), None);
        assert_eq!(normal("file:///x"), None);
    }
}
