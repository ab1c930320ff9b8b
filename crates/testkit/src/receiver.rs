//! A merchant's receiver: records what arrives, byte for byte, and answers as a test scripts it.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::{HeaderMap, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use thiserror::Error;
use tokio::sync::watch;

use crate::sim::{Connection, Server};

/// The largest request body that is recorded, in bytes.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The query, without `?`; empty if there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When the whole request had arrived.
    pub at: Instant,
    /// The status that was scripted for it.
    pub answered: u16,
}

impl Received {
    /// A header's value, if it is there and plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON; `Null` if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What follows the status line and the headers.
#[derive(Debug, Clone)]
enum AnswerBody {
    Bytes(Bytes),
    /// One byte per interval, so many times.
    Drip(Duration, usize),
    /// So many bytes, made as they are read.
    Huge(usize),
}

/// How the receiver treats one request.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    delay: Duration,
    body: AnswerBody,
    hang: bool,
    cut: bool,
}

impl Answer {
    /// This status with a short body.
    pub fn status(status: u16) -> Self {
        let body = AnswerBody::Bytes(Bytes::from_static(b"ok"));
        Self { status, headers: Vec::new(), delay: Duration::ZERO, body, hang: false, cut: false }
    }

    /// 200.
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// Reads the request and never answers.
    pub fn hang() -> Self {
        Self { hang: true, ..Self::ok() }
    }

    /// Reads the request and breaks the connection.
    pub fn cut() -> Self {
        Self { cut: true, ..Self::ok() }
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::status(status).with_header("location", location)
    }

    /// 429 or 503 with `Retry-After` (seconds or an HTTP date).
    pub fn retry_after(status: u16, value: impl Into<String>) -> Self {
        Self::status(status).with_header("retry-after", value)
    }

    /// Adds a header.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits before the status line.
    pub fn with_delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sends this body.
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self { body: AnswerBody::Bytes(body.into()), ..self }
    }

    /// Sends the headers at once and then one byte per `interval`, `count` times.
    pub fn with_drip(self, interval: Duration, count: usize) -> Self {
        Self { body: AnswerBody::Drip(interval, count), ..self }
    }

    /// Sends a body of so many bytes.
    pub fn with_huge_body(self, bytes: usize) -> Self {
        Self { body: AnswerBody::Huge(bytes), ..self }
    }

    fn into_response(self) -> Response {
        let body = match self.body {
            AnswerBody::Bytes(bytes) => Body::from(bytes),
            AnswerBody::Drip(interval, count) => drip(interval, count),
            AnswerBody::Huge(bytes) => huge(bytes),
        };
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, body).into_response();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

fn drip(interval: Duration, count: usize) -> Body {
    Body::from_stream(stream::unfold(count, move |left| async move {
        if left == 0 {
            return None;
        }
        tokio::time::sleep(interval).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b".")), left - 1))
    }))
}

fn huge(bytes: usize) -> Body {
    const CHUNK: &[u8] = &[b'x'; 16 * 1024];
    Body::from_stream(stream::unfold(bytes, |left| async move {
        if left == 0 {
            return None;
        }
        let size = left.min(CHUNK.len());
        Some((Ok::<_, Infallible>(Bytes::from_static(&CHUNK[..size])), left - size))
    }))
}

/// The answers for the paths that start alike.
#[derive(Default)]
struct Rule {
    script: VecDeque<Answer>,
    standing: Option<Answer>,
}

#[derive(Default)]
struct Book {
    requests: Vec<Received>,
    rules: BTreeMap<String, Rule>,
}

impl Book {
    /// The answer for this path: the longest matching rule's next scripted one, else its standing one, else 200.
    fn next_answer(&mut self, path: &str) -> Answer {
        let mut matching: Vec<&mut Rule> = self
            .rules
            .iter_mut()
            .filter(|(prefix, _)| path.starts_with(prefix.as_str()))
            .map(|(_, rule)| rule)
            .collect();
        // Prefixes of one path sort by length, so the last is the most specific.
        for rule in matching.iter_mut().rev() {
            if let Some(answer) = rule.script.pop_front().or_else(|| rule.standing.clone()) {
                return answer;
            }
        }
        Answer::ok()
    }
}

struct Shared {
    book: Mutex<Book>,
    count: watch::Sender<usize>,
}

impl Shared {
    fn with<R>(&self, act: impl FnOnce(&mut Book) -> R) -> R {
        act(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Fewer requests arrived than were waited for.
#[derive(Debug, Error)]
#[error("waited for {wanted} requests, {got} arrived")]
pub struct TooFew {
    /// How many were waited for.
    pub wanted: usize,
    /// How many there were.
    pub got: usize,
}

struct Tls {
    directory: TempDir,
    config: Arc<rustls::ServerConfig>,
}

/// A running receiver. Dropping it closes its port and its connections.
pub struct Receiver {
    shared: Arc<Shared>,
    server: Server,
    origin: String,
    tls: Option<Tls>,
}

impl Receiver {
    /// Starts on a free loopback port, in plain HTTP.
    pub async fn start() -> Self {
        Self::launch(0, None, "127.0.0.1").await.expect("a free loopback port")
    }

    /// Starts on this loopback port, in plain HTTP: the same address again after a receiver was away.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        Self::launch(port, None, "127.0.0.1").await
    }

    /// Starts over TLS with a certificate for `host` (and localhost and 127.0.0.1) of a CA made for it.
    pub async fn start_tls(host: &str) -> Self {
        crate::sim::install_tls_provider();
        let tls = make_tls(host).expect("a certificate for the receiver");
        Self::launch(0, Some(tls), host).await.expect("a free loopback port")
    }

    async fn launch(port: u16, tls: Option<Tls>, host: &str) -> io::Result<Self> {
        let (listener, address) = Server::bind(port).await?;
        let shared = Arc::new(Shared { book: Mutex::default(), count: watch::Sender::new(0) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{host}:{}", address.port());
        let config = tls.as_ref().map(|tls| Arc::clone(&tls.config));
        let server = Server::serve(listener, address, config, router);
        Ok(Self { shared, server, origin, tls })
    }

    /// The address of a path that starts with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The PEM file of the CA to trust; `None` without TLS. It is removed with the receiver.
    pub fn ca_pem_path(&self) -> Option<PathBuf> {
        self.tls.as_ref().map(|tls| ca_path(tls.directory.path()))
    }

    /// The answers to the next requests whose path starts with `path`, in order; then the standing answer.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.shared.with(|book| book.rules.entry(path.to_owned()).or_default().script.extend(answers));
    }

    /// Like [`Receiver::script`], with nothing but statuses.
    pub fn script_statuses(&self, path: &str, statuses: impl IntoIterator<Item = u16>) {
        self.script(path, statuses.into_iter().map(Answer::status));
    }

    /// The answer to every request whose path starts with `path` and for which none is scripted.
    pub fn always(&self, path: &str, answer: Answer) {
        self.shared.with(|book| book.rules.entry(path.to_owned()).or_default().standing = Some(answer));
    }

    /// Everything that arrived, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.with(|book| book.requests.clone())
    }

    /// What arrived at paths that start with `path`.
    pub fn requests_to(&self, path: &str) -> Vec<Received> {
        self.requests().into_iter().filter(|request| request.path.starts_with(path)).collect()
    }

    /// Forgets what arrived; rules stay.
    pub fn forget(&self) {
        self.shared.with(|book| book.requests.clear());
        self.shared.count.send_replace(0);
    }

    /// Waits until at least `count` requests have arrived.
    pub async fn wait_for(&self, count: usize, timeout: Duration) -> Result<Vec<Received>, TooFew> {
        let mut arrived = self.shared.count.subscribe();
        let waited = tokio::time::timeout(timeout, arrived.wait_for(|have| *have >= count)).await;
        let requests = self.requests();
        if waited.is_err() && requests.len() < count {
            return Err(TooFew { wanted: count, got: requests.len() });
        }
        Ok(requests)
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let answer = shared.with(|book| {
        let answer = book.next_answer(parts.uri.path());
        book.requests.push(Received {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            at: Instant::now(),
            answered: answer.status,
        });
        shared.count.send_replace(book.requests.len());
        answer
    });
    tokio::time::sleep(answer.delay).await;
    if answer.hang {
        connection.closed().await;
    }
    if answer.cut {
        connection.cut();
    }
    answer.into_response()
}

fn ca_path(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

/// A CA and a certificate of its own for `host`; the CA's PEM goes to a file.
fn make_tls(host: &str) -> Result<Tls, Box<dyn std::error::Error>> {
    let ca_key = KeyPair::generate()?;
    let mut ca_params = CertificateParams::new(Vec::new())?;
    ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca_params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = ca_params.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca_params, ca_key);

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;

    let directory = tempfile::tempdir()?;
    std::fs::write(ca_path(directory.path()), ca.pem())?;
    let key_der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key_der)?;
    Ok(Tls { directory, config: Arc::new(config) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> reqwest::ClientBuilder {
        crate::sim::install_tls_provider();
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(5))
    }

    #[tokio::test]
    async fn records_bytes_and_follows_its_script() {
        let receiver = Receiver::start().await;
        receiver.script_statuses("/ipn", [500, 200]);
        receiver.always("/ipn/gone", Answer::status(410));
        let client = client().build().unwrap();
        let body = b"{ \"a\": 1 }\n".to_vec();
        for (path, expected) in [("/ipn", 500), ("/ipn", 200), ("/ipn", 200), ("/ipn/gone", 410)] {
            let sent = client.post(receiver.url(path)).header("x-a", "b").body(body.clone());
            assert_eq!(sent.send().await.unwrap().status().as_u16(), expected, "{path}");
        }
        let requests = receiver.wait_for(4, Duration::from_secs(1)).await.unwrap();
        assert_eq!(requests[0].body, body);
        assert_eq!(requests[0].header("x-a"), Some("b"));
        assert_eq!(requests[0].json()["a"], 1);
        assert_eq!(receiver.requests_to("/ipn/gone").len(), 1);
        let missing = receiver.wait_for(5, Duration::from_millis(50)).await.unwrap_err();
        assert_eq!((missing.wanted, missing.got), (5, 4));
    }

    #[tokio::test]
    async fn hangs_cuts_drips_and_floods() {
        let receiver = Receiver::start().await;
        receiver.always("/hang", Answer::hang());
        receiver.always("/cut", Answer::cut());
        receiver.always("/drip", Answer::ok().with_drip(Duration::from_millis(20), 5));
        receiver.always("/huge", Answer::ok().with_huge_body(1_000_000));
        receiver.always("/later", Answer::retry_after(503, "7"));
        let client = client().timeout(Duration::from_millis(400)).build().unwrap();
        assert!(client.get(receiver.url("/hang")).send().await.unwrap_err().is_timeout());
        let cut = client.get(receiver.url("/cut")).send().await.unwrap_err();
        assert!(!cut.is_timeout());
        let started = Instant::now();
        let drip = client.get(receiver.url("/drip")).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(drip.len(), 5);
        assert!(started.elapsed() >= Duration::from_millis(100));
        let huge = client.get(receiver.url("/huge")).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(huge.len(), 1_000_000);
        let later = client.get(receiver.url("/later")).send().await.unwrap();
        assert_eq!((later.status().as_u16(), later.headers()["retry-after"].to_str().unwrap()), (503, "7"));
        assert_eq!(receiver.requests().len(), 5);
    }

    #[tokio::test]
    async fn speaks_tls_under_its_own_ca() {
        let receiver = Receiver::start_tls("localhost").await;
        let pem = std::fs::read(receiver.ca_pem_path().unwrap()).unwrap();
        let certificate = reqwest::Certificate::from_pem(&pem).unwrap();
        let trusting = client().tls_certs_only([certificate]).build().unwrap();
        let response = trusting.post(receiver.url("/x")).body("y").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let stranger = client().tls_certs_only([]).build().unwrap();
        assert!(stranger.post(receiver.url("/x")).send().await.is_err());
    }

    #[tokio::test]
    async fn is_gone_when_dropped() {
        let receiver = Receiver::start().await;
        let url = receiver.url("/");
        let client = client().build().unwrap();
        assert!(client.get(&url).send().await.is_ok());
        drop(receiver);
        assert!(client.get(&url).send().await.is_err());
    }
}
