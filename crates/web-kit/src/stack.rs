//! The layers of a listener in their right order, put on in one call.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::client_ip::{self, TrustedProxies};
use crate::error::{self, ApiError, ErrorBody};
use crate::headers::{self, HeaderConfig, Nonce};
use crate::request_id;

/// What the layers depend on.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// Largest request body, in bytes; 413 beyond it.
    pub body_bytes_max: usize,
    /// Time until an answer's head must be ready; 503 after it. Streams may go on longer.
    pub request_timeout: Duration,
    /// Whose `X-Real-IP` is believed.
    pub proxies: TrustedProxies,
    /// Whether the public address is https.
    pub https: bool,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            proxies: TrustedProxies::none(),
            https: true,
        }
    }
}

/// A JSON listener: every answer, also to an unknown route, a wrong method, a panic or a time-out, is JSON with
/// a request id. Call it last, when all routes are in.
pub fn api(router: Router, config: &StackConfig) -> Router {
    let router = router.fallback(error::unknown_route).method_not_allowed_fallback(error::method_not_allowed);
    guarded(router, config)
        .layer(from_fn_with_state(HeaderConfig { https: config.https }, headers::api_layer))
        .layer(from_fn(request_id::layer))
}

/// A listener of pages: compressed, with a nonce and a policy.
///
/// Whatever ends as an [`ApiError`] (an extractor's, a handler's, a time-out, a panic, an unknown route) is
/// handed to `error_page`, which turns it into HTML; its status is kept.
pub fn pages<Render>(router: Router, config: &StackConfig, error_page: Render) -> Router
where
    Render: Fn(&PageError<'_>) -> String + Clone + Send + Sync + 'static,
{
    let router = router.fallback(error::unknown_route).method_not_allowed_fallback(error::method_not_allowed);
    let as_page = move |nonce: Nonce, request: Request, next: Next| {
        let error_page = error_page.clone();
        async move {
            let accept_language = header_text(&request, &header::ACCEPT_LANGUAGE);
            let response = next.run(request).await;
            render_error(response, &nonce, accept_language.as_deref(), &error_page)
        }
    };
    guarded(router, config)
        .layer(from_fn(as_page))
        .layer(from_fn_with_state(HeaderConfig { https: config.https }, headers::page_layer))
        .layer(CompressionLayer::new().gzip(true))
        .layer(from_fn(request_id::layer))
}

/// What an error page may show.
#[derive(Debug)]
pub struct PageError<'a> {
    /// The answer's status.
    pub status: StatusCode,
    /// What the JSON answer would say.
    pub body: &'a ErrorBody,
    /// Seconds of `Retry-After`, where there is one.
    pub retry_after_secs: Option<u64>,
    /// The page's nonce.
    pub nonce: &'a Nonce,
    /// The browser's languages.
    pub accept_language: Option<&'a str>,
}

fn render_error<Render: Fn(&PageError<'_>) -> String>(
    mut response: Response,
    nonce: &Nonce,
    accept_language: Option<&str>,
    error_page: &Render,
) -> Response {
    let Some(body) = response.extensions_mut().remove::<ErrorBody>() else { return response };
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after_secs = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let page = error_page(&PageError { status, body: &body, retry_after_secs, nonce, accept_language });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(page);
    response
}

fn header_text(request: &Request, name: &http::HeaderName) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// From the inside out: body limit, caller's address, deadline, panics.
fn guarded(router: Router, config: &StackConfig) -> Router {
    router
        .layer(DefaultBodyLimit::max(config.body_bytes_max))
        .layer(from_fn_with_state(config.proxies.clone(), client_ip::layer))
        .layer(from_fn_with_state(config.request_timeout, deadline))
        .layer(CatchPanicLayer::custom(panicked))
}

async fn deadline(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let message =
            "The request took too long. Send it again; with the same Idempotency-Key nothing is done twice.";
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message);
        ApiError { retry_after: Some(Duration::from_secs(2)), ..error }.into_response()
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer asks for")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned());
    ApiError::internal(format!("panic: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientIp, Json};
    use axum::routing::{get, post};
    use serde_json::Value;
    use tower::ServiceExt;

    async fn boom() {
        panic!("secret detail")
    }

    fn app() -> Router {
        let routes = Router::new()
            .route("/json", post(async |Json(value): Json<Value>| Json(value)))
            .route("/boom", get(boom))
            .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(9)).await))
            .route("/ip", get(async |ip: ClientIp| ip.0.to_string()));
        let config = StackConfig {
            body_bytes_max: 100,
            request_timeout: Duration::from_millis(50),
            ..StackConfig::default()
        };
        api(routes, &config)
    }

    async fn ask(method: &str, uri: &str, kind: &str, body: String) -> (Response<()>, Value) {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        let (parts, body) = app().oneshot(request).await.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
    }

    type Response<T> = http::Response<T>;

    #[tokio::test]
    async fn every_failure_has_the_one_shape() {
        let json = "application/json";
        let big = format!("\"{}\"", "x".repeat(200));
        for (method, uri, kind, body, status, code) in [
            ("GET", "/nowhere", json, "", 404, "ROUTE_NOT_FOUND"),
            ("DELETE", "/json", json, "", 405, "METHOD_NOT_ALLOWED"),
            ("POST", "/json", json, "{", 400, "INVALID_JSON"),
            ("POST", "/json", "text/plain", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
            ("POST", "/json", json, big.as_str(), 413, "PAYLOAD_TOO_LARGE"),
            ("GET", "/boom", json, "", 500, "INTERNAL_ERROR"),
            ("GET", "/slow", json, "", 503, "TIMEOUT"),
            ("GET", "/ip", json, "", 500, "INTERNAL_ERROR"),
        ] {
            let (response, body) = ask(method, uri, kind, body.to_owned()).await;
            assert_eq!((response.status().as_u16(), &body["code"]), (status, &code.into()), "{uri}");
            assert_eq!(body["error"], body["message"]);
            assert_eq!(response.headers()["x-request-id"], body["requestId"].as_str().unwrap());
            assert!(body["details"].is_array());
            assert_eq!(body.as_object().unwrap().len(), 5);
            assert!(!body.to_string().contains("secret detail"));
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        }
    }

    #[tokio::test]
    async fn errors_of_page_listeners_become_pages() {
        let routes = Router::new().route("/boom", get(boom));
        let page = |error: &PageError<'_>| {
            format!("<p nonce={}>{} {:?}", error.nonce, error.body.code, error.accept_language)
        };
        let app = pages(routes, &StackConfig::default(), page);
        for (uri, status, code) in [("/boom", 500, "INTERNAL_ERROR"), ("/other", 404, "ROUTE_NOT_FOUND")] {
            let request = Request::get(uri).header("accept-language", "pt").body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
            let csp = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
            let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(body.contains(code) && body.contains("Some(\"pt\")"), "{body}");
            let nonce = body.split(['=', '>']).nth(1).unwrap();
            assert!(csp.contains(&format!("'nonce-{nonce}'")));
        }
    }

    #[tokio::test]
    async fn allow_names_the_methods() {
        let (response, _) = ask("DELETE", "/json", "text/plain", String::new()).await;
        assert_eq!(response.headers()["allow"], "POST");
    }
}
