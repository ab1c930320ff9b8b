//! Creating checkouts, beside the bare inserts of the same documents.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Connection, request};
use super::load::{Load, Pace, round};
use super::raw::RawInserts;
use super::stencil::Stencil;
use super::{Bench, Section, versus};
use crate::Outcome;
use crate::gateway::Gateway;

/// Filled anew in every request: the order's reference and the idempotency key.
const MARKER: &str = "@@@@@@@@@@@@@@@@";

/// What differs between two checkouts and is indexed.
const UNIQUE: [&str; 5] = ["_id", "shortCode", "publicId", "slot", "externalReference"];

/// A request that a shop might send.
pub fn shop_request(gateway: &Gateway, ipn_url: &str, reference: &str, key: &str) -> Vec<u8> {
    let address = json!({
        "firstName": "Erika", "lastName": "Example", "address1": "Example Street 1", "city": "Example City",
        "postcode": "12345", "country": "DE",
    });
    let body = json!({
        "amount": 5390, "currency": "EUR", "externalReference": reference, "email": "erika@example.com",
        "items": [
            {"description": "Example product", "quantity": 2, "unitPrice": 2450, "vatRate": 19, "itemType": "goods"},
            {"description": "Shipping", "quantity": 1, "unitPrice": 490, "vatRate": 19, "itemType": "shipping"},
        ],
        "billingAddress": address,
        "returnUrl": "https://shop.example.com/order/received?transaction={transactionId}",
        "cancelUrl": "https://shop.example.com/cart",
        "ipnUrl": ipn_url,
        "metadata": {"cart": "example-cart", "channel": "web"},
    });
    let authorization = format!("authorization: Bearer {}", gateway.seed.api_key);
    let key = format!("idempotency-key: {key}");
    let path = format!("/v1/checkouts/{}/create", gateway.seed.site_id);
    let headers = [authorization.as_str(), "content-type: application/json", &key];
    request("POST", &path, &headers, &body.to_string())
}

/// Checkouts through the Admin API.
struct Creates {
    address: SocketAddr,
    request: Stencil,
}

impl Load for Creates {
    type Client = Connection;

    async fn open(&self) -> Outcome<Connection> {
        Ok(Connection::open(self.address).await?)
    }

    async fn once(&self, client: &mut Connection) -> Outcome<()> {
        let answer = client.ask(&self.request.fill()).await?;
        expect(answer.status, 200, &answer.body)
    }
}

/// An error that shows the answer, unless it has the status.
pub fn expect(status: u16, wanted: u16, body: &[u8]) -> Outcome<()> {
    if status == wanted {
        return Ok(());
    }
    Err(format!("answered {status}: {}", String::from_utf8_lossy(body)).into())
}

/// A request that costs the service next to nothing: what generator and HTTP can do at most.
struct Health(SocketAddr);

impl Load for Health {
    type Client = Connection;

    async fn open(&self) -> Outcome<Connection> {
        Ok(Connection::open(self.0).await?)
    }

    async fn once(&self, client: &mut Connection) -> Outcome<()> {
        let answer = client.ask(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await?;
        expect(answer.status, 200, &answer.body)
    }
}

/// How many `GET /health` a second the generator gets out of a listener.
pub async fn ceiling(bench: &Bench, address: SocketAddr) -> Outcome<Value> {
    let pace = Pace { at_once: 32, warm_up: Duration::from_millis(200), counted: Duration::from_secs(1) };
    let round = round(&Arc::new(Health(address)), pace, &bench.processes()).await?;
    let own = round.cpu_us_per_request().find(|(name, _)| *name == super::GENERATOR).map_or(0, |(_, us)| us);
    println!(
        "  (generator: {}/s of GET /health, 32 at once, {own} µs of processor each in the generator)",
        round.per_second()
    );
    Ok(json!({ "healthPerSecond": round.per_second(), "generatorCpuUsPerRequest": own }))
}

/// Measures.
pub async fn run(bench: &Bench) -> Outcome<Section> {
    println!("\nCreating checkouts: POST /v1/checkouts/{{siteId}}/create with an Idempotency-Key");
    let gateway = bench.stack.gateway();
    let address = super::address(&gateway.direct.urls.admin_api)?;
    let request = shop_request(gateway, "http://127.0.0.1:18080/ipn", MARKER, MARKER);
    let creates = Creates { address, request: Stencil::of_text(request, MARKER) };
    // The document that the driver repeats is the one that this writes.
    creates.once(&mut creates.open().await?).await?;
    let raw = RawInserts::prepare(&bench.database, "checkouts", &UNIQUE).await?;
    let (bytes, indexes) = (raw.document_bytes(), raw.index_count().await?);
    println!("  documents of {bytes} bytes, {indexes} indexes; request of {} bytes", creates.request.len());
    let ceiling = ceiling(bench, address).await?;
    let (creates, raw) = (Arc::new(creates), Arc::new(raw));
    let levels = versus::compare(bench.turns(), &creates, &raw, &bench.processes(), async || Ok(())).await?;
    let figures = json!({
        "documentBytes": bytes, "indexes": indexes, "ceiling": ceiling, "levels": versus::json(&levels),
    });
    Ok(Section { name: "create", figures, aims: versus::aims("creation", &levels) })
}
