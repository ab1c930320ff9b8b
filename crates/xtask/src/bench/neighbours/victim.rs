//! The well-behaved organization: requests of each kind by the clock, whatever the answers do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::bench::create::{expect, shop_request};
use crate::bench::http::{Connection, request};
use crate::bench::report::Latencies;
use crate::bench::shop::Shops;
use crate::bench::{address, intake, ipn};
use crate::gateway::{Gateway, Seed};
use crate::settings::random_hex;

/// Requests of each kind a second.
const PER_SECOND: u32 = 20;
/// Longer than any answer may take that counts.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A checkout is created.
    Create,
    /// A provider's event is taken in.
    Webhook,
    /// A customer opens the checkout's page.
    Page,
    /// From the decision to pay to the shop.
    Ipn,
    /// From the order to issue a document to its file, one after another.
    Document,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Create, Self::Webhook, Self::Page, Self::Ipn, Self::Document];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Webhook => "webhook",
            Self::Page => "page",
            Self::Ipn => "IPN",
            Self::Document => "document",
        }
    }
}

/// What the organization saw in a round.
#[derive(Debug, Default)]
pub struct Seen {
    of: HashMap<Kind, Latencies>,
    failed: u64,
    first_error: Option<String>,
}

impl Seen {
    /// How long requests of a kind took.
    pub fn latencies(&self, kind: Kind) -> &Latencies {
        static NONE: Latencies = Latencies::none();
        self.of.get(&kind).unwrap_or(&NONE)
    }

    /// How many were not answered well.
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// What went wrong first.
    pub fn first_error(&self) -> Option<&str> {
        self.first_error.as_deref()
    }

    fn add(&mut self, kind: Kind, answers: Vec<Outcome<Duration>>) {
        for answer in answers {
            match answer {
                Ok(latency) => self.of.entry(kind).or_default().push(latency),
                Err(error) => {
                    self.failed += 1;
                    self.first_error.get_or_insert_with(|| format!("{}: {error}", kind.name()));
                }
            }
        }
    }
}

/// The organization.
pub struct Victim {
    gateway: Gateway,
    shops: Shops,
    client: reqwest::Client,
}

impl Victim {
    /// Gives it what documents need.
    pub async fn move_in(gateway: &Gateway, seed: Seed) -> Outcome<Self> {
        let gateway = Gateway { seed, ..gateway.clone() };
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let victim = Self { gateway, shops: Shops::open(1).await?, client };
        sell(&victim.client, &victim.gateway).await?;
        Ok(victim)
    }

    /// Looks for so many seconds.
    pub async fn look(&self, seconds: u32) -> Outcome<Seen> {
        let count = usize::try_from(seconds * PER_SECOND)?;
        let waiting = ipn::prepare(&self.gateway, &self.shops, count, false).await?;
        self.shops.hear(0, Duration::ZERO).await;
        let urls = &self.gateway.direct.urls;
        let pages: Vec<_> = waiting.iter().map(|waiting| waiting.page.clone()).collect();
        let clicks: Vec<_> = waiting.iter().map(ipn::Waiting::request).collect();
        let creates = || shop_request(&self.gateway, self.shops.url(0), &random_hex(8), &random_hex(8));
        let path = format!("/hooks/stripe/{}", self.gateway.seed.providers.stripe);
        let hooks = || intake::signed_event(&path, &self.gateway.seed.stripe_webhook_secret);
        let get = |path: &String| request("GET", path, &["host: 127.0.0.1"], "");
        let [api, checkout, backend] =
            [&urls.admin_api, &urls.checkout, &urls.main_backend].map(|url| address(url));
        let (api, checkout, backend) = (api?, checkout?, backend?);
        let (create, webhook, page, click, document) = tokio::join!(
            steadily(api, 200, (0..count).map(|_| creates())),
            steadily(backend, 200, (0..count).map(|_| hooks())),
            steadily(checkout, 200, pages.iter().map(get)),
            steadily(checkout, 303, clicks.into_iter()),
            self.issue_for(Duration::from_secs(seconds.into())),
        );
        let mut seen = Seen::default();
        seen.add(Kind::Create, create);
        seen.add(Kind::Webhook, webhook);
        seen.add(Kind::Page, page);
        seen.add(Kind::Document, document);
        let paid = click.iter().filter(|click| click.is_ok()).count();
        seen.add(Kind::Ipn, click.into_iter().filter(Result::is_err).collect());
        let heard = self.shops.hear(paid, PATIENCE).await;
        let us = |heard: &crate::bench::shop::Heard| {
            u64::try_from(heard.arrived_us - heard.occurred_us).unwrap_or(0)
        };
        seen.add(Kind::Ipn, heard.iter().map(|one| Ok(Duration::from_micros(us(one)))).collect());
        let lost = paid.saturating_sub(heard.len());
        seen.add(Kind::Ipn, (0..lost).map(|_| Err("a payment of which nothing was heard".into())).collect());
        Ok(seen)
    }

    /// Issues one document after another.
    async fn issue_for(&self, time: Duration) -> Vec<Outcome<Duration>> {
        let (end, mut documents) = (Instant::now() + time, Vec::new());
        while Instant::now() < end {
            documents.push(issue(&self.client, &self.gateway, 3).await);
        }
        documents
    }
}

/// The seller's data, without which nothing is issued.
pub async fn sell(client: &reqwest::Client, gateway: &Gateway) -> Outcome<()> {
    let seller = json!({
        "name": "Example GmbH", "address": ["Example Street 1"], "postcode": "10115", "city": "Berlin",
        "country": "DE", "vatId": "DE123456789",
    });
    let settings = json!({ "seller": seller, "enabled": true, "timeZone": "Europe/Berlin" });
    let url = format!("{}/v1/invoice-settings", gateway.direct.urls.admin_api);
    let answer = client.put(url).bearer_auth(&gateway.seed.api_key).json(&settings).send().await?;
    expect(answer.status().as_u16(), 200, &answer.bytes().await?)
}

/// A draft of so many lines; answers its id.
pub async fn draft(client: &reqwest::Client, gateway: &Gateway, lines: usize) -> Outcome<String> {
    let line = json!({ "name": "Example work", "quantity": 3, "unitPrice": 1000, "amountType": "net", "vatRate": 19 });
    let body = json!({
        "currency": "EUR", "language": "de", "lines": vec![line; lines],
        "buyer": { "name": "Example Buyer", "email": "buyer@example.com", "country": "AT" },
    });
    let url = format!("{}/v1/invoices", gateway.direct.urls.admin_api);
    let answer = client.post(url).bearer_auth(&gateway.seed.api_key).json(&body).send().await?;
    let (status, body) = (answer.status().as_u16(), answer.bytes().await?);
    expect(status, 201, &body)?;
    let body: Value = serde_json::from_slice(&body)?;
    Ok(body["id"].as_str().unwrap_or_default().to_owned())
}

/// Issues a document of so many lines; answers how long it took until its file was there.
async fn issue(client: &reqwest::Client, gateway: &Gateway, lines: usize) -> Outcome<Duration> {
    let id = draft(client, gateway, lines).await?;
    let (api, key) = (&gateway.direct.urls.admin_api, &gateway.seed.api_key);
    let started = Instant::now();
    let issued = client.post(format!("{api}/v1/invoices/{id}/issue")).bearer_auth(key).json(&json!({}));
    let answer = issued.send().await?;
    expect(answer.status().as_u16(), 200, &answer.bytes().await?)?;
    loop {
        let file = client.get(format!("{api}/v1/invoices/{id}/pdf")).bearer_auth(key).send().await?;
        let status = file.status().as_u16();
        if status == 200 || started.elapsed() > PATIENCE {
            expect(status, 200, &file.bytes().await?)?;
            return Ok(started.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends requests by the clock, each over a connection that is free.
async fn steadily(
    to: SocketAddr,
    wanted: u16,
    requests: impl Iterator<Item = Vec<u8>>,
) -> Vec<Outcome<Duration>> {
    let free: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let mut running = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    for request in requests {
        let due = ticks.tick().await;
        let free = Arc::clone(&free);
        running.spawn(async move {
            let kept = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(to).await?,
            };
            let answer = tokio::time::timeout(PATIENCE, connection.ask(&request)).await??;
            expect(answer.status, wanted, &answer.body)?;
            let latency = due.elapsed();
            drop(answer);
            free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(latency)
        });
    }
    running.join_all().await
}
