//! The guarded client against real sockets on loopback. Public addresses are never dialled: where a
//! test needs one, the dial is recorded and led to a loopback server instead.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::*;

const PUBLIC: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);

// ---- servers -------------------------------------------------------------------------------------

/// Accepts connections and hands each to `serve`; counts them.
async fn listen<F, Fut>(serve: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, connections)
}

/// Reads one request with its body; `None` at the end of the connection.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
                .map_or(0, |length| length.parse::<usize>().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Answers every request on a connection with the same bytes.
async fn always<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &'static [u8]) {
    while read_request(&mut stream).await.is_some() {
        if stream.write_all(answer).await.is_err() {
            break;
        }
    }
}

async fn answering(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    listen(move |stream| always(stream, answer)).await
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A certificate authority of our own and a TLS server for `shop.example.com` under it.
struct TlsShop {
    ca_pem: Vec<u8>,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

async fn tls_shop() -> TlsShop {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["shop.example.com".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let (address, connections) = listen(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                always(stream, OK).await;
            }
        }
    })
    .await;
    TlsShop { ca_pem: authority.pem().into_bytes(), address, connections }
}

// ---- name servers --------------------------------------------------------------------------------

/// A resolver that asks a real name server over UDP, without any cache.
struct UdpResolver(SocketAddr);

#[async_trait]
impl Resolve for UdpResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_ascii(host).map_err(io::Error::other)?, RecordType::A));
        socket.send_to(&query.to_vec().map_err(io::Error::other)?, self.0).await?;
        let mut buffer = [0; 1500];
        let length = socket.recv(&mut buffer).await?;
        let answer = Message::from_vec(&buffer[..length]).map_err(io::Error::other)?;
        Ok(answer.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
    }
}

/// A name server that gives the next answer of `script` to each query, and the last one from then on.
async fn name_server(script: Vec<Vec<IpAddr>>) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let queries = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&queries);
    let mut script = VecDeque::from(script);
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::SeqCst);
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let mut answer = Message::response(query.metadata.id, OpCode::Query);
            let question = query.queries[0].clone();
            let name = question.name.clone();
            answer.add_query(question);
            let addresses = if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() };
            for address in addresses {
                let data = match address {
                    IpAddr::V4(address) => RData::A(address.into()),
                    IpAddr::V6(address) => RData::AAAA(address.into()),
                };
                answer.add_answer(Record::from_rdata(name.clone(), 0, data));
            }
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    (address, queries)
}

struct Silent;

#[async_trait]
impl Resolve for Silent {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

// ---- clients -------------------------------------------------------------------------------------

fn development() -> GuardedClientConfig {
    GuardedClientConfig { allow_private: true, deadline: Duration::from_secs(5), ..Default::default() }
}

/// A dial that notes where it was sent and goes to `to` instead.
fn recorded_dial(to: SocketAddr) -> (Dial, Arc<Mutex<Vec<SocketAddr>>>) {
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&dialled);
    let dial: Dial = Arc::new(move |address| {
        notes.lock().unwrap().push(address);
        Box::pin(TcpStream::connect(to))
    });
    (dial, dialled)
}

fn request(url: &str) -> Request {
    Request {
        url: Url::parse(url).unwrap(),
        headers: vec![(HeaderName::from_static("x-test"), HeaderValue::from_static("1"))],
        body: Bytes::from_static(b"{\"id\":\"tx_1\"}"),
    }
}

async fn post(config: GuardedClientConfig, url: &str) -> Outcome {
    GuardedClient::new(config).unwrap().post(request(url)).await
}

#[track_caller]
fn assert_answered(outcome: &Outcome, expected: u16) -> (&[u8], bool) {
    match outcome {
        Outcome::Answered { status, body_snippet, truncated, .. } => {
            assert_eq!(*status, expected);
            (body_snippet, *truncated)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_failed(outcome: &Outcome, expected: FailureKind, maybe_sent: bool) -> &str {
    match outcome {
        Outcome::Failed { kind, detail, request_may_have_been_sent, .. } => {
            assert_eq!((*kind, *request_may_have_been_sent), (expected, maybe_sent), "{detail}");
            assert!(!detail.contains("token") && !detail.contains('?'), "{detail}");
            detail
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_refused_address(outcome: &Outcome, expected: Refusal) {
    match outcome {
        Outcome::Refused(RefusedTarget::Address { refusal, .. }) => assert_eq!(*refusal, expected),
        other => panic!("{other:?}"),
    }
}

// ---- what is sent --------------------------------------------------------------------------------

#[tokio::test]
async fn request_goes_out_as_given_and_nothing_is_added() {
    let seen = Arc::new(Mutex::new(String::new()));
    let note = Arc::clone(&seen);
    let (address, _) = listen(move |mut stream| {
        let note = Arc::clone(&note);
        async move {
            let text = read_request(&mut stream).await.unwrap();
            *note.lock().unwrap() = text;
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let outcome = post(development(), &format!("http://{address}/ipn?b=%2F&a=1&&")).await;
    assert_eq!(assert_answered(&outcome, 200), (&b"ok"[..], false));
    let seen = seen.lock().unwrap().clone();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.split("\r\n").map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "POST /ipn?b=%2F&a=1&& HTTP/1.1");
    lines.sort();
    let agent = concat!("user-agent: Tollgate/", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines, ["content-length: 13", &format!("host: {address}"), agent, "x-test: 1"]);
    assert_eq!(body, "{\"id\":\"tx_1\"}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let (address, connections) = answering(OK).await;
    let client = GuardedClient::new(development()).unwrap();
    for _ in 0..20 {
        assert_answered(&client.post(request(&format!("http://{address}/"))).await, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn get_has_its_own_size_limit() {
    let (address, _) = answering(OK).await;
    let client = GuardedClient::new(development()).unwrap();
    let url = Url::parse(&format!("http://{address}/logo.png")).unwrap();
    assert_eq!(assert_answered(&client.get(url.clone(), Vec::new(), 2).await, 200), (&b"ok"[..], false));
    assert_eq!(assert_answered(&client.get(url, Vec::new(), 1).await, 200), (&b"o"[..], true));
}

#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    let (trap, connections) = answering(OK).await;
    let proxy = format!("http://{trap}");
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "outbound::client::tests::request_goes_out_as_given_and_nothing_is_added"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, &proxy);
    }
    let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

// ---- what is not followed, decoded or read -------------------------------------------------------

#[tokio::test]
async fn redirects_are_not_followed() {
    let (trap, trapped) = answering(OK).await;
    let answer =
        format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{trap}/\r\nContent-Length: 0\r\n\r\n");
    let (address, _) = answering(answer.leak().as_bytes()).await;
    assert_answered(&post(development(), &format!("http://{address}/")).await, 307);
    assert_eq!(trapped.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn compressed_answers_are_not_decoded() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00";
    let (address, _) = answering(answer).await;
    let outcome = post(development(), &format!("http://{address}/")).await;
    assert_eq!(assert_answered(&outcome, 200).0, b"\x1f\x8b\x08\x00");
}

#[tokio::test]
async fn gigabyte_of_answer_is_cut_off() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (address, _) = listen(move |mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n").await.unwrap();
            let block = vec![b'x'; 65_536];
            for _ in 0..16_384 {
                if stream.write_all(&block).await.is_err() {
                    return;
                }
                counter.fetch_add(block.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let outcome = post(development(), &format!("http://{address}/")).await;
    let (snippet, truncated) = assert_answered(&outcome, 200);
    assert_eq!((snippet.len(), truncated), (65_536, true));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(sent.load(Ordering::SeqCst) < 32 << 20, "no more than the sockets' buffers");
}

#[tokio::test]
async fn endless_head_is_cut_off() {
    let (address, _) = listen(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    assert_failed(&post(development(), &format!("http://{address}/")).await, FailureKind::Other, true);
}

#[tokio::test]
async fn body_that_breaks_off_is_still_an_answer() {
    let (address, _) = listen(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok").await;
    })
    .await;
    let outcome = post(development(), &format!("http://{address}/")).await;
    assert_eq!(assert_answered(&outcome, 200), (&b"ok"[..], true));
}

// ---- one deadline --------------------------------------------------------------------------------

fn hasty() -> GuardedClientConfig {
    GuardedClientConfig { deadline: Duration::from_millis(300), ..development() }
}

#[track_caller]
fn assert_timed_out(started: Instant, outcome: &Outcome, maybe_sent: bool) {
    assert_failed(outcome, FailureKind::Timeout, maybe_sent);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn slow_drip_meets_the_deadline_in_head_and_body() {
    for start in ["HTTP/1.1 200 OK\r\nX-Long: ", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"] {
        let (address, _) = listen(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(start.as_bytes()).await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let started = Instant::now();
        assert_timed_out(started, &post(hasty(), &format!("http://{address}/?token=x")).await, true);
    }
}

#[tokio::test]
async fn silence_meets_the_deadline_in_lookup_connect_and_handshake() {
    let started = Instant::now();
    let config = GuardedClientConfig { resolver: Arc::new(Silent), ..hasty() };
    assert_timed_out(started, &post(config, "https://shop.example.com/").await, false);

    let started = Instant::now();
    let never: Dial = Arc::new(|_| Box::pin(std::future::pending()));
    let client = GuardedClient::with_dial(hasty(), never).unwrap();
    assert_timed_out(started, &client.post(request("https://8.8.8.8/")).await, false);

    let (address, _) = listen(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let started = Instant::now();
    assert_timed_out(started, &post(hasty(), &format!("https://{address}/")).await, false);
}

// ---- failures ------------------------------------------------------------------------------------

#[tokio::test]
async fn failures_say_where_and_whether_something_was_sent() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let url = format!("http://{free}/?token=x");
    assert_failed(&post(development(), &url).await, FailureKind::Connect, false);

    let (address, _) = listen(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    assert_failed(
        &post(development(), &format!("http://{address}/?token=x")).await,
        FailureKind::Reset,
        true,
    );
    // TLS spoken to a server that answers in plain text.
    let (address, _) = listen(|mut stream| async move {
        let _ = stream.write_all(OK).await;
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    assert_failed(
        &post(development(), &format!("https://{address}/?token=x")).await,
        FailureKind::Tls,
        false,
    );

    let (address, _) = answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    assert_failed(
        &post(development(), &format!("http://{address}/?token=x")).await,
        FailureKind::Other,
        true,
    );

    let (server, _) = name_server(vec![vec![]]).await;
    let config = GuardedClientConfig { resolver: Arc::new(UdpResolver(server)), ..development() };
    assert_failed(&post(config, "https://shop.example.com/?token=x").await, FailureKind::Dns, false);
}

#[tokio::test]
async fn tls_needs_a_trusted_certificate_for_this_name() {
    let shop = tls_shop().await;
    let (server, _) = name_server(vec![vec![Ipv4Addr::LOCALHOST.into()]]).await;
    let resolver: Arc<dyn Resolve> = Arc::new(UdpResolver(server));
    let port = shop.address.port();
    let untrusting = GuardedClientConfig { resolver, ..development() };
    let trusting = GuardedClientConfig { extra_ca_pem: Some(shop.ca_pem.clone()), ..untrusting.clone() };

    let right = format!("https://shop.example.com:{port}/?token=x");
    assert_answered(&post(trusting.clone(), &right).await, 200);
    assert_failed(&post(untrusting, &right).await, FailureKind::Tls, false);
    let wrong = format!("https://other.example.com:{port}/?token=x");
    assert_failed(&post(trusting.clone(), &wrong).await, FailureKind::Tls, false);
    assert_failed(&post(trusting, &format!("https://127.0.0.1:{port}/")).await, FailureKind::Tls, false);
}

#[test]
fn bad_extra_certificates_are_reported_at_the_start() {
    for pem in
        [&b""[..], b"not a certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let config = GuardedClientConfig { extra_ca_pem: Some(pem.to_vec()), ..Default::default() };
        assert!(matches!(GuardedClient::new(config), Err(SetupError::ExtraCa(_))));
    }
}

// ---- addresses -----------------------------------------------------------------------------------

/// The strict client before a shop that is reachable under a public address: the dial is recorded.
async fn strict(
    script: Vec<Vec<IpAddr>>,
) -> (GuardedClient, TlsShop, Arc<Mutex<Vec<SocketAddr>>>, Arc<AtomicUsize>) {
    let shop = tls_shop().await;
    let (server, queries) = name_server(script).await;
    let (dial, dialled) = recorded_dial(shop.address);
    let config = GuardedClientConfig {
        resolver: Arc::new(UdpResolver(server)),
        extra_ca_pem: Some(shop.ca_pem.clone()),
        ..Default::default()
    };
    (GuardedClient::with_dial(config, dial).unwrap(), shop, dialled, queries)
}

#[tokio::test]
async fn rebinding_name_is_dialled_at_the_judged_address_and_refused_once_it_turns_private() {
    let script = vec![vec![PUBLIC.into()], vec![Ipv4Addr::LOCALHOST.into()]];
    let (client, shop, dialled, queries) = strict(script).await;
    let public = SocketAddr::from((PUBLIC, 443));

    let outcome = client.post(request("https://shop.example.com/")).await;
    assert!(matches!(outcome, Outcome::Answered { status: 200, peer, .. } if peer == public), "{outcome:?}");
    assert_eq!(queries.load(Ordering::SeqCst), 1, "one lookup: what was judged is what was dialled");
    assert_eq!(*dialled.lock().unwrap(), [public]);

    // The kept connection leads to the judged address; a new one asks, and judges, again.
    assert_answered(&client.post(request("https://shop.example.com/")).await, 200);
    assert_eq!(queries.load(Ordering::SeqCst), 1);
    let outcome = client.post(request("https://shop.example.com:8443/")).await;
    assert_refused_address(&outcome, Refusal::Loopback);
    assert_eq!(queries.load(Ordering::SeqCst), 2);
    assert_eq!(*dialled.lock().unwrap(), [public], "nothing else was dialled");
    assert_eq!(shop.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn name_with_any_private_answer_is_refused_whole() {
    let private = IpAddr::from([10, 0, 0, 1]);
    for answers in [
        vec![PUBLIC.into(), private],
        vec![private, PUBLIC.into()],
        vec![
            PUBLIC.into(),
            PUBLIC.into(),
            PUBLIC.into(),
            PUBLIC.into(),
            PUBLIC.into(),
            PUBLIC.into(),
            PUBLIC.into(),
            private,
        ],
        vec![PUBLIC.into(), "::ffff:10.0.0.1".parse().unwrap()],
        vec![PUBLIC.into(), "64:ff9b::10.0.0.1".parse().unwrap()],
        vec![PUBLIC.into(), "2002:a00:1::1".parse().unwrap()],
    ] {
        let (client, _shop, dialled, _) = strict(vec![answers.clone()]).await;
        let outcome = client.post(request("https://shop.example.com/")).await;
        assert_refused_address(&outcome, Refusal::Private);
        assert!(dialled.lock().unwrap().is_empty(), "{answers:?}");
    }
}

#[tokio::test]
async fn literal_addresses_are_judged_in_every_spelling() {
    let (client, _shop, dialled, queries) = strict(vec![vec![PUBLIC.into()]]).await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00::1]",
        "[fe80::1]",
        "１２７.０.０.１",
    ] {
        let outcome = client.post(request(&format!("https://{host}/"))).await;
        assert!(
            matches!(outcome, Outcome::Refused(RefusedTarget::Url(TargetRefusal::Address { .. }))),
            "{host}"
        );
    }
    assert!(dialled.lock().unwrap().is_empty());
    assert_eq!(queries.load(Ordering::SeqCst), 0);
}

/// The connector does not rely on the check of the URL before it.
#[tokio::test]
async fn connector_judges_literal_addresses_by_itself() {
    let (dial, dialled) = recorded_dial(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let connector = Connector {
        resolver: Arc::new(SystemResolver),
        dial,
        allow_private: false,
        tls: TlsConnector::from(Arc::new(tls_config(None).unwrap())),
        deadline: Duration::from_secs(5),
    };
    let mut connector = SharedConnector(Arc::new(connector));
    for uri in ["https://127.0.0.1/", "https://[::1]/", "https://[::ffff:a00:1]:8443/", "https://127.1/"] {
        let result = tower::Service::call(&mut connector, uri.parse::<Uri>().unwrap()).await;
        assert!(matches!(result, Err(ConnectFailure::Refused { .. })), "{uri}");
    }
    assert!(dialled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn strict_client_sends_nothing_in_the_clear_and_nothing_to_localhost() {
    let (address, connections) = answering(OK).await;
    for url in [
        format!("http://{address}/"),
        format!("http://localhost:{}/", address.port()),
        format!("https://{address}/"),
    ] {
        let outcome = post(GuardedClientConfig::default(), &url).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{url}: {outcome:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn dead_first_address_does_not_cost_the_deadline() {
    let (address, _) = answering(OK).await;
    let (server, _) =
        name_server(vec![vec![IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 3])]]).await;
    let dial: Dial = Arc::new(move |to| {
        Box::pin(async move {
            if to.ip() == IpAddr::from([127, 0, 0, 2]) {
                std::future::pending::<()>().await;
            }
            TcpStream::connect(address).await
        })
    });
    let config = GuardedClientConfig { resolver: Arc::new(UdpResolver(server)), ..development() };
    let client = GuardedClient::with_dial(config, dial).unwrap();
    let outcome = client.post(request("http://shop.example.com/")).await;
    assert!(
        matches!(outcome, Outcome::Answered { peer, elapsed, .. }
            if peer.ip() == IpAddr::from([127, 0, 0, 3]) && elapsed < Duration::from_secs(2)),
        "{outcome:?}"
    );
}

// ---- Retry-After ---------------------------------------------------------------------------------

#[test]
fn retry_after_is_read_in_both_forms_and_capped() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (value, sent, expected) in [
        ("120", None, Some(120)),
        (" 0 ", None, Some(0)),
        ("86401", None, Some(86_400)),
        ("99999999999999999999999999", None, Some(86_400)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(date), Some(60)),
        ("Sun, 06 Nov 1994 08:48:37 GMT", Some(date), Some(0)),
        ("Mon, 06 Nov 1995 08:49:37 GMT", Some(date), Some(86_400)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("", None, None),
        ("soon", Some(date), None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        if let Some(sent) = sent {
            headers.insert(DATE, HeaderValue::from_static(sent));
        }
        assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value:?}");
    }
    assert_eq!(retry_after(&HeaderMap::new()), None);
}

#[tokio::test]
async fn retry_after_reaches_the_outcome() {
    let (address, _) =
        answering(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n").await;
    let outcome = post(development(), &format!("http://{address}/")).await;
    let wait = Some(Duration::from_secs(30));
    assert!(matches!(outcome, Outcome::Answered { status: 503, retry_after, .. } if retry_after == wait));
}

#[test]
fn what_has_no_answer_is_the_hosts_and_a_wrong_url_the_messages() {
    let answered = |status| Outcome::Answered {
        status,
        retry_after: None,
        body_snippet: Vec::new(),
        truncated: false,
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 443)),
        elapsed: Duration::ZERO,
    };
    assert_eq!(answered(200).failure(Receiver::Ipn), None);
    assert_eq!(answered(503).failure(Receiver::Ipn), Some(FailureClass::HostError));
    let failed = Outcome::Failed {
        kind: FailureKind::Timeout,
        detail: String::new(),
        elapsed: Duration::ZERO,
        request_may_have_been_sent: true,
    };
    assert_eq!(failed.failure(Receiver::Ipn), Some(FailureClass::Unreachable));
    let refused = Outcome::Refused(RefusedTarget::Url(TargetRefusal::NoHost));
    assert_eq!(refused.failure(Receiver::Ipn), Some(FailureClass::Refused));
}
