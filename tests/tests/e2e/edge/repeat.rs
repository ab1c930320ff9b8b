//! What becomes of a request whose connection to a service breaks, and that strangers break nobody's.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use serde_json::json;
use testkit::caddy::Edition;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use web_kit::shutdown::ServeLimits;

use super::{Edge, Gateway, find_caddy, root};

/// How often each path was asked for, and the bodies' sizes.
type Seen = Arc<Mutex<BTreeMap<String, Vec<usize>>>>;

/// A service that breaks the first request to each path off when it has read it, and answers the next ones.
async fn breaking() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    // It ends with the test's runtime.
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some((path, bytes)) = read_request(&mut stream).await else { continue };
            let first = {
                let mut noted = noted.lock().unwrap();
                let asked = noted.entry(path).or_default();
                asked.push(bytes);
                asked.len() == 1
            };
            if !first {
                let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            }
        }
    });
    (address, seen)
}

/// A request's path, and how long its body was.
async fn read_request(stream: &mut TcpStream) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.split("content-length: ").nth(1)?.lines().next()?.parse::<usize>().ok()?;
            if bytes.len() >= head + 4 + length {
                return Some((text.split(' ').nth(1)?.to_owned(), bytes.len() - head - 4));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_create_with_its_key_is_sent_again_when_its_connection_breaks() {
    let Some(caddy) = find_caddy().await else { return };
    if caddy.edition == Edition::Old {
        return;
    }
    let (service, seen) = breaking().await;
    let edge = Edge::start(&caddy, [service; 4], &[]).await;
    let client = edge.client("api.example.com");
    let body = "x".repeat(300_000);
    for (path, key, status, times) in [
        ("/v1/checkouts/a/create", Some("order-1"), 200, 2),
        ("/api/v1/checkouts/b/create", Some("order-2"), 200, 2),
        ("/v1/checkouts/c/create", None, 503, 1),
        ("/v1/transactions/d/refund", Some("order-4"), 503, 1),
        ("/v1/checkouts/e/create/f", Some("order-5"), 503, 1),
    ] {
        let mut request = client.post(edge.url("api.example.com", path)).body(body.clone());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{path}");
        let path = path.replace("/api/v1/", "/v1/").replace("/v1/", "/api/v1/");
        assert_eq!(seen.lock().unwrap()[&path], vec![body.len(); times], "{path}");
    }
    edge.stop().await;
}

#[test]
fn idle_connections_are_closed_by_the_proxy_and_not_under_it() {
    let text = std::fs::read_to_string(root().join("deploy/Caddyfile")).unwrap();
    let kept: Vec<u64> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("keepalive ")?.strip_suffix('s')?.parse().ok())
        .collect();
    assert_eq!(text.matches("reverse_proxy ").count(), text.matches("\timport to_service\n").count());
    let margin = Duration::from_secs(10);
    assert!(
        kept.len() == 1 && Duration::from_secs(kept[0]) + margin < ServeLimits::default().head_timeout,
        "{kept:?}"
    );
}

/// Sends the same request again and again until told to stop; the answers' statuses.
async fn insist(request: reqwest::RequestBuilder, until: Arc<AtomicBool>) -> BTreeMap<StatusCode, u64> {
    let mut answers = BTreeMap::new();
    while !until.load(Ordering::Relaxed) {
        let answer = request.try_clone().unwrap().send().await.unwrap();
        *answers.entry(answer.status()).or_default() += 1;
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_wrong_keys_break_no_create_of_a_shop() {
    const CREATES: usize = 200;
    let Some(caddy) = find_caddy().await else { return };
    let Gateway { front, edge, _admin } = Gateway::start(&caddy).await;
    let key = front.seed.api_key.as_ref().unwrap().expose().to_owned();
    let create = edge.url("api.example.com", &format!("/v1/checkouts/{}/create", front.seed.site.id));
    let body = json!({ "amount": 4900, "currency": "EUR", "externalReference": "x".repeat(60) });
    let (api, panel) = (edge.client("api.example.com"), edge.client("admin.example.com"));
    let over = Arc::new(AtomicBool::new(false));
    let wrong = api.post(&create).bearer_auth("sk_test_bad.x").json(&body);
    let stranger = panel.post(edge.url("admin.example.com", "/api/xmlrpc.php")).body("log=admin&pwd=123456");
    let noise = [wrong.try_clone().unwrap(), wrong, stranger.try_clone().unwrap(), stranger]
        .map(|request| tokio::spawn(insist(request, Arc::clone(&over))));
    // Without an Idempotency-Key, so that no broken connection is made good by repeating.
    let shops = (0..2).map(|_| {
        let request = api.post(&create).bearer_auth(&key).json(&body);
        tokio::spawn(async move {
            let mut answers = BTreeMap::new();
            for _ in 0..CREATES / 2 {
                let answer = request.try_clone().unwrap().send().await.unwrap();
                *answers.entry(answer.status()).or_insert(0) += 1;
            }
            answers
        })
    });
    for shop in futures::future::join_all(shops).await {
        assert_eq!(shop.unwrap(), BTreeMap::from([(StatusCode::OK, CREATES / 2)]));
    }
    over.store(true, Ordering::Relaxed);
    let statuses =
        [StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND];
    for (noise, status) in noise.into_iter().zip(statuses) {
        let answers = noise.await.unwrap();
        assert_eq!(answers.keys().collect::<Vec<_>>(), [&status], "{answers:?}");
    }
    edge.stop().await;
}
