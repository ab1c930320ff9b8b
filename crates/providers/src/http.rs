//! How providers are called: one client, one deadline, and one reading of what went wrong.
//!
//! What matters is whether a call may have had an effect: a payment whose answer was lost is neither made
//! nor refused until somebody asks again. Repeats carry the same idempotency key, so they are safe.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gateway_core::{
    domain::Timestamp,
    provider::{CALL_TIMEOUT, ProviderError},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{Instrument, Span};
use url::Url;

/// Connecting may take this long, of [`CALL_TIMEOUT`] in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a call is repeated at most.
const REPEATS_MAX: u32 = 2;
/// The pause before the first repeat; doubled for the second.
const REPEAT_PAUSE: Duration = Duration::from_millis(250);
/// Answers beyond this are not read: the largest honest one, a page of 100 objects, is far smaller.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Outcomes of calls that an alert counts.
const FAILURES: [&str; 3] = ["unknown", "unavailable", "unauthorized"];

/// Shows that no call to this host has failed yet: an alert reads this, and Prometheus sees no increase in a
/// counter that begins with its first event.
pub fn count_from_zero(base: &Url) {
    let host = base.host_str().unwrap_or_default();
    for outcome in FAILURES {
        metrics::counter!("provider_calls_total", "host" => host.to_owned(), "outcome" => outcome)
            .absolute(0);
    }
}

/// The client that all adapters share. Goes only where an operator's configuration points: no proxy from
/// the environment, no redirects.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    deadline: Duration,
}

/// A call to a provider.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Authorization, version, idempotency key.
    pub headers: HeaderMap,
    /// The body, encoded.
    pub body: Bytes,
    /// Whether 409 means that the same call is still under way (Stripe), and not an answer (`GoCardless`).
    pub conflict_means_running: bool,
    /// Whether the caller can use an answer 5xx that came again and again. Else it is an error.
    pub keep_server_errors: bool,
}

/// A provider's answer: a success or a refusal. Everything else is a [`ProviderError`] already.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status, 2xx or 4xx; 5xx only where [`Request::keep_server_errors`] is set.
    pub status: StatusCode,
    /// The provider's clock (`Date`), to the second.
    pub at: Option<Timestamp>,
    /// `Stripe-Should-Retry`, where it is said.
    should_retry: Option<bool>,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ProviderError> {
        serde_json::from_slice(&self.body).map_err(|error| ProviderError::Malformed(unreadable(&error)))
    }

    #[cfg(test)]
    pub(crate) fn for_test(status: u16, body: String) -> Self {
        let status = StatusCode::from_u16(status).expect("tests name statuses that exist");
        Self { status, at: None, should_retry: None, body: body.into() }
    }
}

/// What is wrong with JSON, and where, without a word of it: it may name a person, and this text stands in logs.
pub(crate) fn unreadable(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io => "reading failed",
        Category::Syntax => "not valid JSON",
        Category::Data => "not of the shape that is expected",
        Category::Eof => "it ends too early",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// What became of one try.
enum Try {
    Answered(Answer),
    /// Nothing was sent.
    NotReached(String),
    /// Something may have been sent.
    Lost(String),
}

impl HttpClient {
    /// A client with the usual deadline.
    ///
    /// Fails where the system's certificates cannot be read.
    pub fn new() -> Result<Self, reqwest::Error> {
        // An error only says that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("Tollgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, deadline: CALL_TIMEOUT })
    }

    /// The same client with another deadline.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { client: self.client.clone(), deadline }
    }

    /// Calls, and repeats where that is safe and promising. Counted, timed and traced by host and outcome.
    ///
    /// The path stays out of all of them: it may name a customer's session. Nor does the provider learn of our
    /// trace: none goes on with it, and who pays whom through which of our machines is not theirs to join.
    pub async fn send(&self, request: &Request) -> Result<Answer, ProviderError> {
        let span = tracing::info_span!(
            "provider call",
            method = %request.method,
            host = request.url.host_str(),
            outcome = tracing::field::Empty,
            status = tracing::field::Empty,
        );
        self.send_counted(request).instrument(span).await
    }

    async fn send_counted(&self, request: &Request) -> Result<Answer, ProviderError> {
        let started = Instant::now();
        let answer = self.call(request).await;
        let outcome = match &answer {
            Ok(answer) if answer.status.is_success() => "ok",
            Ok(answer) if answer.status.is_server_error() => "unknown",
            Ok(_) | Err(ProviderError::Rejected(_) | ProviderError::CustomerData(_)) => "refused",
            Err(ProviderError::Unknown(_) | ProviderError::KeySpent(_)) => "unknown",
            Err(ProviderError::Unavailable(_)) => "unavailable",
            Err(ProviderError::Unauthorized(_)) => "unauthorized",
            Err(ProviderError::Unsupported(_) | ProviderError::Malformed(_)) => "unreadable",
        };
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let took = started.elapsed();
        let span = Span::current();
        span.record("outcome", outcome);
        if let Ok(answer) = &answer {
            span.record("status", answer.status.as_u16());
        }
        metrics::histogram!("provider_call_seconds", "host" => host.clone()).record(took);
        metrics::counter!("provider_calls_total", "host" => host.clone(), "outcome" => outcome).increment(1);
        tracing::debug!(host, outcome, latency_us = took.as_micros(), "provider called");
        answer
    }

    async fn call(&self, request: &Request) -> Result<Answer, ProviderError> {
        let deadline = Instant::now() + self.deadline;
        let mut may_have_happened = false;
        let mut repeats = 0;
        loop {
            let outcome = self.try_once(request, deadline).await;
            let pause_ends = Instant::now() + REPEAT_PAUSE * 2_u32.pow(repeats);
            if repeats == REPEATS_MAX || pause_ends >= deadline || !outcome.is_worth_a_repeat(request) {
                return outcome.conclude(request, may_have_happened);
            }
            may_have_happened |= outcome.may_have_happened(request);
            sleep_until(pause_ends).await;
            repeats += 1;
        }
    }

    async fn try_once(&self, request: &Request, deadline: Instant) -> Try {
        let mut call =
            self.client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if request.method != Method::GET {
            call = call.body(request.body.clone());
        }
        match timeout_at(deadline, async { read_answer(call.send().await?).await }).await {
            Ok(Ok(answer)) => Try::Answered(answer),
            Ok(Err(error)) if error.is_connect() => Try::NotReached(describe(error)),
            Ok(Err(error)) => Try::Lost(describe(error)),
            Err(_) => Try::Lost("no answer in time".to_owned()),
        }
    }
}

impl Try {
    fn is_worth_a_repeat(&self, request: &Request) -> bool {
        match self {
            Self::NotReached(_) | Self::Lost(_) => true,
            Self::Answered(answer) => answer.should_retry.unwrap_or_else(|| {
                answer.status.is_server_error()
                    || (answer.status == StatusCode::CONFLICT && request.conflict_means_running)
            }),
        }
    }

    /// Whether the call may have had an effect, though its answer does not tell.
    fn may_have_happened(&self, request: &Request) -> bool {
        let open = match self {
            Self::NotReached(_) => false,
            Self::Lost(_) => true,
            Self::Answered(answer) => {
                let running = answer.status == StatusCode::CONFLICT && request.conflict_means_running;
                let refused = answer.status.is_client_error() && answer.status != StatusCode::REQUEST_TIMEOUT;
                running || !(answer.status.is_success() || refused)
            }
        };
        open && request.method != Method::GET
    }

    fn conclude(self, request: &Request, earlier: bool) -> Result<Answer, ProviderError> {
        let unknown = earlier || self.may_have_happened(request);
        let not_now = |problem| {
            if unknown { ProviderError::Unknown(problem) } else { ProviderError::Unavailable(problem) }
        };
        let answer = match self {
            Self::NotReached(problem) | Self::Lost(problem) => return Err(not_now(problem)),
            Self::Answered(answer) => answer,
        };
        let status = answer.status;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !earlier => {
                Err(ProviderError::Unauthorized(format!("HTTP {status}")))
            }
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT => Err(not_now(format!("HTTP {status}"))),
            StatusCode::CONFLICT if request.conflict_means_running => Err(not_now(format!("HTTP {status}"))),
            _ if status.is_success() || status.is_client_error() => Ok(answer),
            _ if status.is_server_error() && request.keep_server_errors => Ok(answer),
            _ => Err(not_now(format!("HTTP {status}"))),
        }
    }
}

async fn read_answer(mut response: reqwest::Response) -> Result<Answer, reqwest::Error> {
    let status = response.status();
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let at = text(header::DATE).and_then(http_date);
    let should_retry = text(header::HeaderName::from_static("stripe-should-retry"))
        .and_then(|value: &str| value.parse().ok());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            // Cut short; it will not be read as JSON.
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, at, should_retry, body: body.freeze() })
}

/// Reads an HTTP date (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_seconds(zoned.timestamp().as_second()))
}

/// The error and its innermost cause, without the address (its path may name a customer's session).
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let (outer, inner) = (error.to_string(), cause.to_string());
    if outer == inner { outer } else { format!("{outer}: {inner}") }
}

/// `base` with further path segments, each encoded.
pub(crate) fn endpoint(base: &Url, segments: &[&str]) -> Result<Url, ProviderError> {
    let mut url = base.clone();
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(segments);
        }
        Err(()) => return Err(ProviderError::Unavailable("the base URL cannot carry a path".to_owned())),
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers each connection with the next of these texts (an empty one: hangs up) and counts them.
    async fn provider(answers: &'static [&'static str]) -> (Url, tokio::task::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base/", listener.local_addr().unwrap()).parse().unwrap();
        let served = tokio::spawn(async move {
            for (index, answer) in answers.iter().enumerate() {
                let accepted = tokio::time::timeout(Duration::from_secs(2), listener.accept()).await;
                let Ok(Ok((mut stream, _))) = accepted else { return index };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            answers.len()
        });
        (url, served)
    }

    fn post(url: &Url) -> Request {
        Request {
            method: Method::POST,
            url: endpoint(url, &["v1", "things", "a b"]).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
            conflict_means_running: true,
            keep_server_errors: false,
        }
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ndate: Tue, 15 Nov 1994 08:12:31 GMT\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    const BROKEN: &str = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const LIMIT: &str = "HTTP/1.1 429 Slow\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const NO: &str = "HTTP/1.1 402 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    const FINAL_500: &str =
        "HTTP/1.1 500 Oh\r\nstripe-should-retry: false\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const AGAIN_400: &str =
        "HTTP/1.1 400 Oh\r\nstripe-should-retry: true\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    async fn outcome(answers: &'static [&'static str]) -> (Result<Answer, ProviderError>, usize) {
        let (url, served) = provider(answers).await;
        let result = HttpClient::new().unwrap().send(&post(&url)).await;
        (result, served.await.unwrap())
    }

    #[tokio::test]
    async fn server_errors_conflicts_and_lost_answers_are_repeated_under_the_same_key() {
        for first in [BROKEN, BUSY, "", AGAIN_400] {
            let answers: &'static [&'static str] = Box::leak(Box::new([first, OK]));
            let (result, tries) = outcome(answers).await;
            assert_eq!((result.unwrap().status.as_u16(), tries), (200, 2), "{first}");
        }
    }

    #[tokio::test]
    async fn the_answer_carries_the_providers_clock() {
        let (result, _) = outcome(&[OK]).await;
        assert_eq!(result.unwrap().at, Some(Timestamp::from_seconds(784_887_151)));
    }

    #[tokio::test]
    async fn an_effect_that_may_have_happened_is_unknown() {
        for answers in
            [&[BROKEN, BROKEN, BROKEN] as &[_], &[BUSY, BUSY, BUSY], &["", "", ""], &[BROKEN, LIMIT]]
        {
            let (result, tries) = outcome(answers).await;
            assert!(matches!(result, Err(ProviderError::Unknown(_))), "{result:?}");
            assert_eq!(tries, answers.len());
        }
        let (result, tries) = outcome(&[FINAL_500]).await;
        assert!(matches!(result, Err(ProviderError::Unknown(_))));
        assert_eq!(tries, 1);
    }

    #[tokio::test]
    async fn nothing_happened_where_nothing_was_sent_or_it_was_refused() {
        let (result, _) = outcome(&[LIMIT]).await;
        assert!(matches!(result, Err(ProviderError::Unavailable(_))), "{result:?}");
        let (result, _) = outcome(&[NO]).await;
        assert_eq!(result.unwrap().status.as_u16(), 402);
        let (url, served) = provider(&[]).await;
        served.await.unwrap();
        let result = HttpClient::new().unwrap().send(&post(&url)).await;
        assert!(matches!(result, Err(ProviderError::Unavailable(_))), "{result:?}");
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let client = HttpClient::new().unwrap().with_deadline(Duration::from_millis(300));
        let result = client.send(&post(&url)).await;
        assert!(matches!(result, Err(ProviderError::Unknown(_))), "{result:?}");
        let mut get = post(&url);
        get.method = Method::GET;
        let result = client.send(&get).await;
        assert!(matches!(result, Err(ProviderError::Unavailable(_))), "{result:?}");
    }

    #[test]
    fn segments_are_encoded_and_the_base_keeps_its_path() {
        let base = "http://127.0.0.1:1/base/".parse().unwrap();
        assert_eq!(endpoint(&base, &["v1", "a/b?"]).unwrap().as_str(), "http://127.0.0.1:1/base/v1/a%2Fb%3F");
    }
}
