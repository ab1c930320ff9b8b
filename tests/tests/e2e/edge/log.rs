//! What Caddy writes down.

use std::net::{Ipv4Addr, SocketAddr};

use testkit::{caddy::Edition, process::free_port};

use super::{Edge, echo, find_caddy};

/// Requests that hold a secret each (`of-a-…`), and how their addresses are logged.
const SECRETS: [(&str, &str, &str); 9] = [
    ("hooks.example.com", "/hooks/ifthenpay/x?key=of-a-callback", "/hooks/ifthenpay/x?redacted"),
    ("api.example.com", "/v1/transactions?metadata%5Bk%5D=of-a-filter", "/v1/transactions?redacted"),
    ("pay.example.com", "/sandbox/x?token=of-a-session", "/sandbox/x?redacted"),
    ("admin.example.com", "/setup/of-a-link", "/setup/redacted"),
    ("admin.example.com", "/reset/of-a-link?a=of-a-query", "/reset/redacted?redacted"),
    ("admin.example.com", "/invitation/of-a-link", "/invitation/redacted"),
    ("pay.example.com", "/checkout/of-a-code/return?b=of-a-query", "/checkout/redacted/return?redacted"),
    ("hooks.example.com", "/api/v1/checkouts/cs_of-a-session/x", "/api/v1/checkouts/cs_redacted/x"),
    ("pay.example.com", "/leads-on", "/leads-on"),
];

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_addresses_stay_out_of_the_access_log() {
    let Some(caddy) = find_caddy().await else { return };
    let edge = Edge::start(&caddy, [echo().await; 4], &[]).await;
    for (host, path, _) in SECRETS {
        let headers = [
            ("authorization", "Bearer of-a-key"),
            ("referer", "https://x.example/?a=of-a-referrer"),
            ("x-request-id", "order-1"),
        ];
        edge.get(host, path, &headers).await;
    }
    edge.get("pay.example.com", "/the-last-one", &[]).await;
    let lines = edge.access_log("/the-last-one").await;
    assert_eq!(lines.len(), SECRETS.len() + 1);
    for (line, (_, _, logged)) in lines.iter().zip(SECRETS) {
        assert_eq!(line["request"]["uri"], logged);
        assert_eq!(line["status"], 200);
        assert!(line["request"]["remote_ip"] == "127.0.0.1" && line["duration"].is_number(), "{line}");
        if caddy.edition != Edition::Old {
            assert_eq!(line["request_id"], "order-1", "{line}");
        }
    }
    let log = edge.child.log_text();
    assert!(!log.contains("of-a"), "{log}");
    edge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_is_logged_without_its_secrets_and_with_its_id() {
    let Some(caddy) = find_caddy().await else { return };
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let edge = Edge::start(&caddy, [nobody; 4], &[]).await;
    let id = [("x-request-id", "order-2")];
    let asked = edge.get("admin.example.com", "/reset/of-a-link?a=of-a-query", &id).await;
    assert_eq!(asked.status(), 503);
    let lines = edge.access_log("/reset/redacted").await;
    let line = lines.iter().find(|line| line["request"]["uri"] == "/reset/redacted?redacted").unwrap();
    assert_eq!(line["status"], 503);
    if caddy.edition != Edition::Old {
        assert_eq!(line["request_id"], "order-2", "{line}");
    }
    let log = edge.child.log_text();
    assert!(!log.contains("of-a"), "{log}");
    edge.stop().await;
}
