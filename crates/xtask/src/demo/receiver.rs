//! The merchant's shop: receives IPNs, checks their signatures, answers 200.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::mpsc;

use crate::Outcome;

/// Receivers refuse a timestamp that is further away than this.
const SKEW_MAX_S: i64 = 300;

/// One IPN as it came in.
pub struct Ipn {
    pub body: Value,
    pub version: Option<String>,
    pub delivery_id: Option<String>,
    /// Whether signature and timestamp are right.
    pub signature_holds: bool,
}

/// A shop that listens on loopback. Ends with the program.
pub struct Receiver {
    pub url: String,
    incoming: mpsc::UnboundedReceiver<Ipn>,
}

#[derive(Clone)]
struct Shop {
    secret: String,
    heard: mpsc::UnboundedSender<Ipn>,
}

impl Receiver {
    pub async fn start(secret: String) -> Outcome<Self> {
        let (heard, incoming) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/ipn?shop=example", listener.local_addr()?);
        let routes = axum::Router::new().route("/ipn", post(receive)).with_state(Shop { secret, heard });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, incoming })
    }

    pub async fn next(&mut self, limit: Duration) -> Outcome<Ipn> {
        match tokio::time::timeout(limit, self.incoming.recv()).await {
            Ok(Some(ipn)) => Ok(ipn),
            _ => Err(format!("no IPN came in within {} s", limit.as_secs()).into()),
        }
    }
}

async fn receive(State(shop): State<Shop>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (timestamp, signature) = (header("x-signature-timestamp"), header("x-signature-hmac-sha256"));
    let signature_holds = timestamp.zip(signature).is_some_and(|(timestamp, signature)| {
        is_recent(&timestamp) && is_signed(&shop.secret, &timestamp, &body, &signature)
    });
    let _ = shop.heard.send(Ipn {
        body: serde_json::from_slice(&body).unwrap_or_default(),
        version: header("x-ipn-version"),
        delivery_id: header("x-ipn-delivery-id"),
        signature_holds,
    });
    if signature_holds { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

#[expect(clippy::disallowed_methods, reason = "the shop of the demo lives in real time")]
fn is_recent(timestamp: &str) -> bool {
    let now = jiff::Timestamp::now().as_second();
    timestamp.parse().is_ok_and(|then: i64| now.abs_diff(then) <= SKEW_MAX_S.unsigned_abs())
}

/// HMAC-SHA256 over `"{timestamp}.{body}"` with the whole secret, in lowercase hex.
fn is_signed(secret: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let lowercase = !signature.bytes().any(|b| b.is_ascii_uppercase());
    lowercase && hex::decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_over_timestamp_and_exact_bytes() {
        // echo -n '1700000000.{"id":"1"}' | openssl dgst -sha256 -hmac whsec_example
        let right = "70a3c31785aff6fe6be3b8a5a8496f979021ecec1ad2ef5af3227cf3c92b3aa6";
        assert!(is_signed("whsec_example", "1700000000", br#"{"id":"1"}"#, right));
        assert!(!is_signed("whsec_example", "1700000001", br#"{"id":"1"}"#, right));
        assert!(!is_signed("whsec_example", "1700000000", br#"{"id": "1"}"#, right));
        assert!(!is_signed("example", "1700000000", br#"{"id":"1"}"#, right));
        assert!(!is_signed("whsec_example", "1700000000", br#"{"id":"1"}"#, &right.to_uppercase()));
    }
}
