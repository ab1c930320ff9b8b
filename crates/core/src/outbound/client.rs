//! The guarded HTTP client.
//!
//! HTTP/1.1 over hyper's pooled client with our own connector, and nothing besides: no redirects, no
//! decompression, no cookies, no referer, no proxy, since none of the parts that would do those is
//! here. HTTP/1.1 alone keeps requests apart: one slow answer holds up no other. A connection that
//! is used again leads to an address that was judged when it was dialled.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;
use url::Url;

use gateway_domain::breaker::{FailureClass, Receiver};

use super::address::Refusal;
use super::connector::{
    ConnectFailure, Connector, Dial, Peer, Resolve, SharedConnector, SystemResolver, system_dial,
};
use super::policy::RETRY_AFTER_MAX;
use super::target::{TargetPolicy, TargetRefusal, check_url};

/// Idle connections are given up just before the five seconds after which common servers (Node.js,
/// Apache) close theirs, so that a request rarely meets a connection that is being closed.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// As many as may be in flight to one endpoint.
const POOL_IDLE_PER_HOST_MAX: usize = 8;

/// Largest head of an answer, in bytes.
const RESPONSE_HEAD_BYTES_MAX: usize = 65_536;

/// Most header fields of an answer.
const RESPONSE_HEADERS_MAX: usize = 100;

/// Longest text that describes a failure, in characters.
const DETAIL_CHARS_MAX: usize = 300;

/// How a [`GuardedClient`] behaves.
#[derive(Clone)]
pub struct GuardedClientConfig {
    /// Opens loopback, private and unique local targets, and plain HTTP with them
    /// (`IPN_ALLOW_PRIVATE_TARGETS`).
    pub allow_private: bool,
    /// Certificates to trust besides the system's, as PEM (`IPN_EXTRA_CA_FILE`).
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Over name lookup, connect, TLS, headers and body together.
    pub deadline: Duration,
    /// How much of an answer's body is read; the connection is closed at that point.
    pub response_body_max_bytes: usize,
    /// Where names are looked up.
    pub resolver: Arc<dyn Resolve>,
    /// Sent as `User-Agent`.
    pub user_agent: String,
}

impl Default for GuardedClientConfig {
    fn default() -> Self {
        Self {
            allow_private: false,
            extra_ca_pem: None,
            deadline: Duration::from_secs(15),
            response_body_max_bytes: 65_536,
            resolver: Arc::new(SystemResolver),
            user_agent: concat!("Tollgate/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Why a client cannot be built; all of them are the operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The extra certificates cannot be read.
    #[error("the extra CA file is not a PEM file with certificates: {0}")]
    ExtraCa(String),
    /// Nothing to trust: every TLS connection would fail.
    #[error("no trusted root certificates were found on this system: install ca-certificates")]
    NoRoots,
    /// The TLS library refuses its settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Not a header value.
    #[error("the user agent contains characters that a header cannot carry")]
    UserAgent,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// Added to `Host`, `User-Agent` and `Content-Length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The exact bytes that were signed.
    pub body: Bytes,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The server answered, with whatever status.
    Answered {
        /// HTTP status code.
        status: u16,
        /// `Retry-After`, at most 24 hours.
        retry_after: Option<Duration>,
        /// The beginning of the body, as it came.
        body_snippet: Vec<u8>,
        /// Whether the body went on, or broke off.
        truncated: bool,
        /// The address that answered.
        peer: SocketAddr,
        /// From start to the end of reading.
        elapsed: Duration,
    },
    /// Nothing was sent: the target is not allowed.
    Refused(RefusedTarget),
    /// There is no answer.
    Failed {
        /// Where it broke.
        kind: FailureKind,
        /// For the delivery log; holds neither URL nor headers.
        detail: String,
        /// From start to failure.
        elapsed: Duration,
        /// False only where it is certain that the receiver saw nothing of the request.
        request_may_have_been_sent: bool,
    },
}

impl Outcome {
    /// What it says about the host; `None` if the message has been delivered.
    pub fn failure(&self, receiver: Receiver) -> Option<FailureClass> {
        match self {
            Self::Answered { status, .. } => FailureClass::of_status(receiver, *status),
            // What is wrong with one URL says nothing about its host.
            Self::Refused(RefusedTarget::Url(_)) => Some(FailureClass::Refused),
            Self::Refused(RefusedTarget::Address { .. }) | Self::Failed { .. } => {
                Some(FailureClass::Unreachable)
            }
        }
    }
}

/// Why a target is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedTarget {
    /// The URL says so by itself.
    #[error(transparent)]
    Url(#[from] TargetRefusal),
    /// Its name led to such an address.
    #[error(
        "the host name leads to {address}, which cannot be used ({refusal}): point it at a public address"
    )]
    Address {
        /// The address.
        address: IpAddr,
        /// The block that it belongs to.
        refusal: Refusal,
    },
}

/// Where a request broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The name has no address.
    Dns,
    /// No TCP connection.
    Connect,
    /// Certificate or handshake.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The connection closed before an answer.
    Reset,
    /// An answer that is not HTTP, and anything else.
    Other,
}

/// See the module's documentation. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct GuardedClient {
    http: Client<SharedConnector, Full<Bytes>>,
    policy: TargetPolicy,
    deadline: Duration,
    body_bytes_max: usize,
    user_agent: HeaderValue,
}

impl GuardedClient {
    /// Builds a client; reads the system's root certificates.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(config: GuardedClientConfig) -> Result<Self, SetupError> {
        Self::with_dial(config, system_dial())
    }

    fn with_dial(config: GuardedClientConfig, dial: Dial) -> Result<Self, SetupError> {
        let tls = tls_config(config.extra_ca_pem.as_deref())?;
        let connector = SharedConnector(Arc::new(Connector {
            resolver: config.resolver,
            dial,
            allow_private: config.allow_private,
            tls: TlsConnector::from(Arc::new(tls)),
            deadline: config.deadline,
        }));
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .http1_max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .http1_max_headers(RESPONSE_HEADERS_MAX)
            .build(connector);
        Ok(Self {
            http,
            policy: TargetPolicy { allow_private: config.allow_private, allow_http: config.allow_private },
            deadline: config.deadline,
            body_bytes_max: config.response_body_max_bytes,
            user_agent: HeaderValue::from_str(&config.user_agent).map_err(|_| SetupError::UserAgent)?,
        })
    }

    /// Posts `request` once. Never waits longer than the deadline.
    pub async fn post(&self, request: Request) -> Outcome {
        self.send(Method::POST, request, self.body_bytes_max).await
    }

    /// Fetches `url` once, reading at most `body_bytes_max` bytes of the answer's body.
    pub async fn get(
        &self,
        url: Url,
        headers: Vec<(HeaderName, HeaderValue)>,
        body_bytes_max: usize,
    ) -> Outcome {
        self.send(Method::GET, Request { url, headers, body: Bytes::new() }, body_bytes_max).await
    }

    async fn send(&self, method: Method, request: Request, body_bytes_max: usize) -> Outcome {
        let started = Instant::now();
        if let Err(refusal) = check_url(&request.url, &self.policy) {
            return Outcome::Refused(refusal.into());
        }
        let Ok(uri) = request.url.as_str().parse::<Uri>() else {
            return failed(FailureKind::Other, "the URL is not a valid request target", started, false);
        };
        let mut http_request = http::Request::new(Full::new(request.body));
        *http_request.method_mut() = method;
        *http_request.uri_mut() = uri;
        let headers = http_request.headers_mut();
        headers.insert(USER_AGENT, self.user_agent.clone());
        for (name, value) in request.headers {
            headers.append(name, value);
        }
        // Set once the request is handed to a connection: before that, nothing can have been sent.
        let connection = capture_connection(&mut http_request);
        let exchange = async {
            let response = self.http.request(http_request).await?;
            Ok::<_, ClientError>(read_answer(response, body_bytes_max, started).await)
        };
        let result = tokio::time::timeout(self.deadline, exchange).await;
        let connected = connection.connection_metadata().is_some();
        match result {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => explain(&error, started, connected),
            Err(_) => {
                let missing = if connected { "complete answer" } else { "connection" };
                let detail = format!("no {missing} within {} ms", self.deadline.as_millis());
                failed(FailureKind::Timeout, &detail, started, connected)
            }
        }
    }
}

/// The system's roots and `extra_ca_pem`, with the ring provider whatever the process default is.
fn tls_config(extra_ca_pem: Option<&[u8]>) -> Result<rustls::ClientConfig, SetupError> {
    let mut roots = rustls::RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    if !native.errors.is_empty() {
        tracing::warn!(errors = native.errors.len(), "some system root certificates cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(pem) = extra_ca_pem {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| SetupError::ExtraCa(error.to_string()))?;
            roots.add(certificate).map_err(|error| SetupError::ExtraCa(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(SetupError::ExtraCa("it holds no certificate".to_owned()));
        }
    }
    if roots.is_empty() {
        return Err(SetupError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}

/// Reads the body up to its limit. One that breaks off is still an answer: its status is known.
async fn read_answer(response: http::Response<Incoming>, body_bytes_max: usize, started: Instant) -> Outcome {
    let (head, mut body) = response.into_parts();
    let Some(Peer(peer)) = head.extensions.get::<Peer>().copied() else {
        return failed(FailureKind::Other, "the connection has no peer address", started, true);
    };
    let mut body_snippet = Vec::new();
    let mut truncated = false;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            truncated = true;
            break;
        };
        let Some(data) = frame.data_ref() else { continue };
        let room = body_bytes_max - body_snippet.len();
        body_snippet.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            truncated = true;
            break;
        }
    }
    Outcome::Answered {
        status: head.status.as_u16(),
        retry_after: retry_after(&head.headers),
        body_snippet,
        truncated,
        peer,
        elapsed: started.elapsed(),
    }
}

/// `Retry-After` in either of its forms (RFC 9110 §10.2.3), at most [`RETRY_AFTER_MAX`]. A date is
/// taken relative to the answer's own `Date`, so that no clock needs to agree with another.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that do not fit are simply very many seconds.
        let seconds = text.parse::<u64>().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let sent = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?.trim()).ok()?.timestamp();
    let wait = until.duration_since(sent);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(RETRY_AFTER_MAX))
}

fn failed(kind: FailureKind, detail: &str, started: Instant, request_may_have_been_sent: bool) -> Outcome {
    Outcome::Failed {
        kind,
        detail: detail.chars().take(DETAIL_CHARS_MAX).collect(),
        elapsed: started.elapsed(),
        request_may_have_been_sent,
    }
}

/// Finds the cause in hyper's chain of errors.
fn explain(error: &ClientError, started: Instant, connected: bool) -> Outcome {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(failure) = cause.downcast_ref::<ConnectFailure>() {
            let kind = match failure {
                ConnectFailure::Refused { address, refusal } => {
                    return Outcome::Refused(RefusedTarget::Address { address: *address, refusal: *refusal });
                }
                ConnectFailure::Dns(_) => FailureKind::Dns,
                ConnectFailure::Connect(_) => FailureKind::Connect,
                ConnectFailure::Tls(_) => FailureKind::Tls,
                ConnectFailure::Timeout => FailureKind::Timeout,
            };
            return failed(kind, &failure.to_string(), started, connected);
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            // A server may refuse the handshake only after we believe that it is done (TLS 1.3).
            let tls = io.get_ref().is_some_and(<dyn StdError + Send + Sync>::is::<rustls::Error>);
            let kind = if tls { FailureKind::Tls } else { FailureKind::Reset };
            return failed(kind, &io.to_string(), started, connected);
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>()
            && (hyper.is_incomplete_message() || hyper.is_canceled() || hyper.is_closed())
        {
            return failed(FailureKind::Reset, &hyper.to_string(), started, connected);
        }
        if cause.source().is_none() {
            return failed(FailureKind::Other, &cause.to_string(), started, connected);
        }
        source = cause.source();
    }
    failed(FailureKind::Other, &error.to_string(), started, connected)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
