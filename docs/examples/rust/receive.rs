//! Receives IPNs at `/ipn` and webhooks at `/webhooks`. Uses `axum`, `hmac`, `sha2`, `hex` and `base64`.

use std::{env, error::Error, time::UNIX_EPOCH};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_fresh(timestamp: &str) -> bool {
    let now = UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs());
    timestamp.parse::<u64>().is_ok_and(|at| at.abs_diff(now) <= 300)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

fn verify_ipn(headers: &HeaderMap, body: &[u8], secret: &str) -> Option<bool> {
    let timestamp = header(headers, "x-signature-timestamp").filter(|timestamp| is_fresh(timestamp))?;
    let given = hex::decode(header(headers, "x-signature-hmac-sha256")?).ok()?;
    // The key is the site's whole secret, whsec_ included; signed are the exact bytes of the body.
    let mac = mac(secret.as_bytes(), &[timestamp.as_bytes(), b".", body])?;
    Some(mac.verify_slice(&given).is_ok()) // In constant time.
}

fn verify_webhook(headers: &HeaderMap, body: &[u8], secret: &str) -> Option<bool> {
    let id = header(headers, "webhook-id")?;
    let timestamp = header(headers, "webhook-timestamp").filter(|timestamp| is_fresh(timestamp))?;
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mac = mac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])?;
    // During a rotation there are several signatures, separated by spaces.
    let signatures = header(headers, "webhook-signature")?.split(' ');
    let mut given = signatures.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    Some(given.any(|signature| mac.clone().verify_slice(&signature).is_ok()))
}

fn received(path: &str, genuine: Option<bool>, body: &[u8]) -> StatusCode {
    if genuine != Some(true) {
        return StatusCode::BAD_REQUEST;
    }
    let Ok(message) = serde_json::from_slice::<Value>(body) else { return StatusCode::BAD_REQUEST };
    // Store first, then answer. A message may come twice, and late: do nothing for a `deliveryId` or `webhook-id`
    // that you know, nor for an `eventVersion` at or below the newest one that you have seen of this transaction.
    println!("{path} {} {}", message["status"], message["type"]);
    StatusCode::OK // For an IPN exactly 200.
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (ipn_secret, webhook_secret) = (env::var("IPN_SECRET")?, env::var("WEBHOOK_SECRET")?);
    let ipn = async move |headers: HeaderMap, body: Bytes| {
        received("/ipn", verify_ipn(&headers, &body, &ipn_secret), &body)
    };
    let webhook = async move |headers: HeaderMap, body: Bytes| {
        received("/webhooks", verify_webhook(&headers, &body, &webhook_secret), &body)
    };
    let port = env::var("PORT").unwrap_or_else(|_| "9000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let router = Router::new().route("/ipn", post(ipn)).route("/webhooks", post(webhook));
    Ok(axum::serve(listener, router).await?)
}
