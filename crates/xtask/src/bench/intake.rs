//! Taking in webhooks, beside the bare inserts of the same documents.
//!
//! The events are `charge.succeeded`: Stripe sends one with every card payment; it is verified, stored and
//! answered like any other, and then found to need nothing more. What applying an event costs goes on behind
//! the answers and is part of the gateway's rounds; before the driver's turn the inbox is left to drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use serde_json::json;
use sha2::Sha256;

use super::http::{Connection, request};
use super::load::Load;
use super::raw::RawInserts;
use super::stencil::Stencil;
use super::{Bench, Section, create, versus};
use crate::Outcome;
use crate::settings::random_hex;

/// Filled anew in every event's id.
const MARKER: &str = "@@@@@@@@@@@@@@@@";

/// What differs between two events and is indexed.
const UNIQUE: [&str; 2] = ["_id", "eventId"];

/// How long the inbox may take to drain after a round.
const DRAIN_LIMIT: Duration = Duration::from_mins(3);

/// Webhooks through the Main Backend.
struct Webhooks {
    address: SocketAddr,
    path: String,
    secret: String,
    event: Stencil,
}

impl Load for Webhooks {
    type Client = Connection;

    async fn open(&self) -> Outcome<Connection> {
        Ok(Connection::open(self.address).await?)
    }

    async fn once(&self, client: &mut Connection) -> Outcome<()> {
        let event = String::from_utf8(self.event.fill())?;
        let answer = client.ask(&signed(&self.path, &self.secret, &event)).await?;
        create::expect(answer.status, 200, &answer.body)
    }
}

#[expect(clippy::disallowed_methods, reason = "a signature is of the present moment")]
fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A request with an event of its own, signed.
pub fn signed_event(path: &str, secret: &str) -> Vec<u8> {
    signed(path, secret, &event().replace(MARKER, &random_hex(8)))
}

fn signed(path: &str, secret: &str, event: &str) -> Vec<u8> {
    let signature = format!("stripe-signature: {}", signature(secret, event));
    request("POST", path, &["content-type: application/json; charset=utf-8", &signature], event)
}

/// An event about a refund of a payment that nobody knows here: its provider must be asked.
pub fn refund_event() -> String {
    let id = random_hex(8);
    let refund = json!({
        "id": format!("re_{id}"), "object": "refund", "amount": 100, "charge": format!("ch_{id}"), "currency": "eur",
        "metadata": {}, "payment_intent": format!("pi_{id}"), "status": "succeeded",
    });
    json!({
        "id": format!("evt_{id}"), "object": "event", "api_version": "2025-06-30.basil", "created": 1_700_000_000,
        "data": {"object": refund}, "livemode": false, "pending_webhooks": 1, "type": "refund.updated",
    })
    .to_string()
}

/// What the header of this moment holds, as Stripe writes it: <https://docs.stripe.com/webhooks#verify-manually>.
pub fn signature(secret: &str, body: &str) -> String {
    let timestamp = now_s();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    format!("t={timestamp},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// An event of Stripe's shape and size.
fn event() -> String {
    let card = json!({
        "amount_authorized": 5390, "brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034,
        "funding": "credit", "last4": "4242", "network": "visa", "installments": null, "mandate": null,
        "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"},
        "extended_authorization": {"status": "disabled"}, "multicapture": {"status": "unavailable"},
        "overcapture": {"maximum_amount_capturable": 5390, "status": "unavailable"}, "wallet": null,
    });
    let charge = json!({
        "id": "ch_example", "object": "charge", "amount": 5390, "amount_captured": 5390, "amount_refunded": 0,
        "balance_transaction": "txn_example", "captured": true, "created": 1_700_000_000, "currency": "eur",
        "billing_details": {
            "address": {"city": null, "country": "DE", "line1": null, "line2": null, "postal_code": null},
            "email": "erika@example.com", "name": "Erika Example", "phone": null,
        },
        "customer": null, "description": null, "disputed": false, "failure_code": null, "fraud_details": {},
        "livemode": false, "metadata": {}, "outcome": {
            "network_status": "approved_by_network", "risk_level": "normal", "risk_score": 12,
            "seller_message": "Payment complete.", "type": "authorized",
        },
        "paid": true, "payment_intent": "pi_example", "payment_method": "pm_example",
        "payment_method_details": {"card": card, "type": "card"}, "receipt_email": null,
        "receipt_url": "https://pay.example.com/receipts/example", "refunded": false, "status": "succeeded",
    });
    json!({
        "id": format!("evt_{MARKER}"), "object": "event", "api_version": "2025-06-30.basil",
        "created": 1_700_000_000, "data": {"object": charge}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": "req_example", "idempotency_key": "example"}, "type": "charge.succeeded",
    })
    .to_string()
}

/// Waits until everything in the inbox has been applied; answers how long it took.
async fn drain(database: &Database) -> Outcome<Duration> {
    let inbox = database.collection::<Document>("provider_events");
    let started = Instant::now();
    while inbox.find_one(doc! { "due": { "$exists": true } }).await?.is_some() {
        if started.elapsed() > DRAIN_LIMIT {
            return Err("the inbox does not drain".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(started.elapsed())
}

/// Measures.
pub async fn run(bench: &Bench) -> Outcome<Section> {
    println!("\nTaking in webhooks: POST /hooks/stripe/{{providerId}}, charge.succeeded, signed");
    let gateway = bench.stack.gateway();
    let address = super::address(&gateway.direct.urls.main_backend)?;
    let webhooks = Webhooks {
        address,
        path: format!("/hooks/stripe/{}", gateway.seed.providers.stripe),
        secret: gateway.seed.stripe_webhook_secret.clone(),
        event: Stencil::of_text(event().into_bytes(), MARKER),
    };
    // The document that the driver repeats is the one that this writes. It is applied a moment later, so it
    // is read as it will look then, and given back what it had when it came in.
    webhooks.once(&mut webhooks.open().await?).await?;
    drain(&bench.database).await?;
    let events = bench.database.collection::<Document>("provider_events");
    let as_it_came = doc! {
        "$set": { "state": "received", "due": mongodb::bson::DateTime::MAX }, "$unset": { "reason": "" },
    };
    events.update_one(doc! {}, as_it_came).await?;
    let raw = RawInserts::prepare(&bench.database, "provider_events", &UNIQUE).await?;
    events.update_one(doc! {}, doc! { "$set": { "state": "ignored" }, "$unset": { "due": "" } }).await?;

    let (bytes, indexes) = (raw.document_bytes(), raw.index_count().await?);
    println!("  documents of {bytes} bytes, {indexes} indexes; events of {} bytes", webhooks.event.len());
    let ceiling = create::ceiling(bench, address).await?;
    let longest = std::sync::Mutex::new(Duration::ZERO);
    let settle = async || {
        let took = drain(&bench.database).await?;
        let mut longest = longest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *longest = took.max(*longest);
        Ok(())
    };
    let (webhooks, raw) = (Arc::new(webhooks), Arc::new(raw));
    let levels = versus::compare(bench.turns(), &webhooks, &raw, &bench.processes(), settle).await?;
    let longest = longest.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("  (after a round the inbox was drained within {} ms at most)", longest.as_millis());
    let figures = json!({
        "documentBytes": bytes, "indexes": indexes, "ceiling": ceiling,
        "longestDrainMs": u64::try_from(longest.as_millis()).unwrap_or(u64::MAX),
        "levels": versus::json(&levels),
    });
    Ok(Section { name: "intake", figures, aims: versus::aims("intake", &levels) })
}
