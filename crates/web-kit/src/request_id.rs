//! A request id on every answer, every error body and every log line.
//!
//! The id lives in a task-local for as long as the handler runs, so that an error can name it without any
//! handler passing it along, and the core stores it with what the request causes. Tasks that a handler spawns
//! do not inherit it: hand it over with [`scope`].

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use gateway_core::telemetry;
use http::{HeaderName, HeaderValue, request};
use tracing::Instrument;

/// `X-Request-ID`.
pub static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id accepted from outside, in bytes.
const LENGTH_MAX: usize = 128;

/// The id of one request: `[A-Za-z0-9._:-]{1,128}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new random id of 128 bits.
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()).into())
    }

    /// An id from outside, if it keeps to the alphabet and the length.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LENGTH_MAX).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        (fits && clean).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RequestId {
    /// Takes the text where it is a valid id, else a new random id.
    fn from(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(Self::random)
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(current())
    }
}

/// The id of the running request; outside of one, a new random id.
pub fn current() -> RequestId {
    telemetry::request_id().map_or_else(RequestId::random, RequestId)
}

/// Runs a future under an id.
pub async fn scope<F: Future>(id: RequestId, future: F) -> F::Output {
    telemetry::with_request_id(id.0, future).await
}

/// Middleware: accepts or makes the id, opens the request's span, counts and times the request.
///
/// The span and the metrics name the matched route, never the raw path or query: those may hold a shortCode,
/// a key or a person's data. Must be added with `Router::layer`, so that the route is already known.
///
/// A caller's `traceparent` is not believed: whoever is continued chooses the trace's id and whether it is
/// recorded, and these listeners are open to the world, the proxy in front passing the header on. A trace of
/// our own begins, with a link to the caller's, so that a merchant's trace leads to ours all the same.
pub async fn layer(request: Request, next: Next) -> Response {
    serve(request, next, telemetry::link_to).await
}

/// The same for a listener that only our own services reach: their trace goes on.
pub async fn internal_layer(request: Request, next: Next) -> Response {
    serve(request, next, telemetry::continue_from).await
}

async fn serve(request: Request, next: Next, trace: impl Fn(&tracing::Span, &str)) -> Response {
    let id = request
        .headers()
        .get(&HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(RequestId::parse)
        .unwrap_or_else(RequestId::random);
    let route: Arc<str> = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".into(), |path| path.as_str().into());
    let method = request.method().clone();
    let span = tracing::info_span!(
        "request",
        method = %method,
        route = &*route,
        request_id = id.as_str(),
        status = tracing::field::Empty,
        latency_us = tracing::field::Empty,
    );
    if let Some(caller) = request.headers().get(telemetry::TRACEPARENT)
        && let Ok(caller) = caller.to_str()
    {
        trace(&span, caller);
    }
    let started = Instant::now();
    let mut response = scope(id.clone(), next.run(request)).instrument(span.clone()).await;
    let latency = started.elapsed();
    let status = response.status();
    span.record("status", status.as_u16());
    span.record("latency_us", u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!("answered");
        } else {
            tracing::debug!("answered");
        }
    });
    measure(&method, &route, status.as_u16(), latency);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    response
}

/// Shows that no request has been turned away yet: an alert reads this, and Prometheus sees no increase in a
/// counter that begins with its first event.
pub(crate) fn count_from_zero() {
    metrics::counter!("requests_turned_away_total").absolute(0);
}

/// Counts and times one request. Unknown methods are counted as one, so that a caller cannot grow the series.
fn measure(method: &http::Method, route: &str, status: u16, latency: std::time::Duration) {
    let method = match *method {
        http::Method::GET => "GET",
        http::Method::POST => "POST",
        http::Method::PATCH => "PATCH",
        http::Method::PUT => "PUT",
        http::Method::DELETE => "DELETE",
        http::Method::HEAD => "HEAD",
        http::Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let route = route.to_owned();
    metrics::counter!(
        "http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status_class(status)
    )
    .increment(1);
    if status == 503 {
        metrics::counter!("requests_turned_away_total").increment(1);
    }
    metrics::histogram!("http_request_seconds", "route" => route).record(latency.as_secs_f64());
}

/// `2xx` and so on, with the codes that operators look for by name.
fn status_class(status: u16) -> &'static str {
    match status {
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        429 => "429",
        503 => "503",
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::{Router, routing::get};
    use tower::ServiceExt;

    async fn id_of(sent: Option<&str>) -> (String, String) {
        let app = Router::new()
            .route("/", get(async |id: RequestId| String::from(id)))
            .layer(axum::middleware::from_fn(layer));
        let mut request = Request::builder().uri("/");
        if let Some(sent) = sent {
            request = request.header(&HEADER, sent);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let header = response.headers()[&HEADER].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        (header, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn clean_ids_are_kept_and_others_replaced() {
        assert_eq!(id_of(Some("a.B_1:-")).await, ("a.B_1:-".into(), "a.B_1:-".into()));
        assert_eq!(id_of(Some("a b")).await.0.len(), 32);
        assert_eq!(id_of(Some(&"x".repeat(128))).await.0, "x".repeat(128));
        assert_eq!(id_of(Some(&"x".repeat(129))).await.0.len(), 32);
        let (header, body) = id_of(None).await;
        assert_eq!(header, body);
        assert_eq!(header.len(), 32);
    }
}
