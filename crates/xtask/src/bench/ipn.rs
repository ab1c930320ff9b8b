//! Telling merchants: how long a committed payment takes to reach its shop, and how many go out per second.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::create::{expect, shop_request};
use super::http::{Connection, request};
use super::report::{Aim, Latencies, ms};
use super::shop::Shops;
use super::{Bench, Section};
use crate::Outcome;
use crate::gateway::Gateway;
use crate::settings::random_hex;

/// Payments per second while latency is measured.
const PER_SECOND: u32 = 100;

/// Customers at once while payments are prepared.
const CUSTOMERS: usize = 16;

/// Hosts that a backlog is spread over: one host takes eight requests at a time.
const HOSTS: usize = 8;

/// When nothing has been heard for so long, nothing more will be.
const PATIENCE: Duration = Duration::from_secs(20);

/// Microseconds, for an aim.
const MS: u64 = 1000;

/// A payment at the sandbox that waits for its outcome.
pub struct Waiting {
    /// The checkout's page.
    pub page: String,
    /// The sandbox's page, with its token.
    path: String,
    session: String,
}

impl Waiting {
    /// The click on "paid".
    pub fn request(&self) -> Vec<u8> {
        let form = format!("session={}&outcome=paid", self.session);
        let headers = ["content-type: application/x-www-form-urlencoded", "sec-fetch-site: same-origin"];
        request("POST", &self.path, &headers, &form)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    session_public_id: String,
    payment_url: String,
}

#[derive(Deserialize)]
struct Begun {
    next: Next,
}

#[derive(Deserialize)]
struct Next {
    url: String,
}

/// A customer with connections to the three listeners that a payment needs.
struct Customer {
    gateway: Gateway,
    api: Connection,
    runtime: Connection,
    pages: Connection,
}

impl Customer {
    async fn new(gateway: &Gateway) -> Outcome<Self> {
        let urls = &gateway.direct.urls;
        Ok(Self {
            gateway: gateway.clone(),
            api: Connection::open(super::address(&urls.admin_api)?).await?,
            runtime: Connection::open(super::address(&urls.main_backend)?).await?,
            pages: Connection::open(super::address(&urls.checkout)?).await?,
        })
    }

    /// A checkout and a payment that waits for its outcome.
    async fn begin(&mut self, ipn_url: &str) -> Outcome<Waiting> {
        let reference = random_hex(8);
        let answer = self.api.ask(&shop_request(&self.gateway, ipn_url, &reference, &reference)).await?;
        expect(answer.status, 200, &answer.body)?;
        let Created { session_public_id: session, payment_url } = serde_json::from_slice(&answer.body)?;
        let page = path_of(&payment_url)?;
        let body = json!({"sessionPublicId": session, "providerId": self.gateway.seed.providers.sandbox});
        let headers = ["content-type: application/json"];
        let begin = request("POST", "/api/v1/transactions/create", &headers, &body.to_string());
        let answer = self.runtime.ask(&begin).await?;
        expect(answer.status, 200, &answer.body)?;
        let Begun { next: Next { url } } = serde_json::from_slice(&answer.body)?;
        Ok(Waiting { page, path: path_of(&url)?, session })
    }

    async fn pay(&mut self, waiting: &Waiting) -> Outcome<()> {
        let answer = self.pages.ask(&waiting.request()).await?;
        expect(answer.status, 303, &answer.body)
    }
}

fn path_of(url: &str) -> Outcome<String> {
    Ok(url::Url::parse(url)?[url::Position::BeforePath..].to_owned())
}

/// Prepares payments, and pays them too where `pay` says so.
pub async fn prepare(gateway: &Gateway, shops: &Shops, count: usize, pay: bool) -> Outcome<Vec<Waiting>> {
    let todo: VecDeque<String> = (0..count).map(|index| shops.url(index).to_owned()).collect();
    let todo = Arc::new(Mutex::new(todo));
    let mut customers = JoinSet::new();
    for _ in 0..CUSTOMERS {
        let mut customer = Customer::new(gateway).await?;
        let todo = Arc::clone(&todo);
        customers.spawn(async move {
            let mut begun = Vec::new();
            loop {
                let next = todo.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(ipn_url) = next else { return Ok(begun) };
                let waiting = customer.begin(&ipn_url).await?;
                if pay {
                    customer.pay(&waiting).await?;
                }
                begun.push(waiting);
            }
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(begun) = customers.join_next().await {
        let begun: Outcome<Vec<Waiting>> = begun?;
        all.extend(begun?);
    }
    Ok(all)
}

/// Pays at a steady rate, whatever the answers do. Answers how many clicks failed.
async fn pay_steadily(pages: SocketAddr, waiting: Vec<Waiting>) -> Outcome<usize> {
    let free: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let mut clicks = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    for waiting in waiting {
        ticks.tick().await;
        let free = Arc::clone(&free);
        clicks.spawn(async move {
            let kept = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(pages).await?,
            };
            let status = connection.ask(&waiting.request()).await?.status;
            free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            expect(status, 303, b"")
        });
    }
    let clicked: Vec<Outcome<()>> = clicks.join_all().await;
    Ok(clicked.into_iter().filter(Result::is_err).count())
}

/// Commit to receiver, at [`PER_SECOND`].
async fn latency(bench: &Bench, seconds: u32) -> Outcome<(serde_json::Value, Vec<Aim>)> {
    let shops = Shops::open(1).await?;
    let count = usize::try_from(PER_SECOND * seconds)?;
    let waiting = prepare(bench.stack.gateway(), &shops, count, false).await?;
    let pages = super::address(&bench.stack.gateway().direct.urls.checkout)?;
    let failed = pay_steadily(pages, waiting).await?;
    let heard = shops.hear(count - failed, PATIENCE).await;
    let mut latencies = Latencies::default();
    for one in &heard {
        let us = u64::try_from(one.arrived_us - one.occurred_us).unwrap_or(0);
        latencies.push(Duration::from_micros(us));
    }
    let [p50, p90, p99, max] = latencies.percentiles([50, 90, 99, 100]);
    println!(
        "  {PER_SECOND}/s for {seconds} s: {} of {count} heard, p50 {}, p90 {}, p99 {}, max {}",
        heard.len(),
        ms(p50),
        ms(p90),
        ms(p99),
        ms(max)
    );
    if failed > 0 {
        println!("        {failed} payments FAILED");
    }
    let figures = json!({
        "perSecond": PER_SECOND, "seconds": seconds, "paid": count - failed, "failed": failed,
        "latency": latencies.json(),
    });
    let aims = vec![
        Aim::at_most("IPN, commit to receiver at 100/s: p50", p50, 20 * MS, ms),
        Aim::at_most("IPN, commit to receiver at 100/s: p99", p99, 100 * MS, ms),
    ];
    Ok((figures, aims))
}

/// Deliveries per second, with a backlog that was made while the worker was stopped.
async fn flat_out(bench: &mut Bench, hosts: usize, count: usize) -> Outcome<serde_json::Value> {
    let shops = Shops::open(hosts).await?;
    bench.stack.stop_service("worker").await;
    prepare(bench.stack.gateway(), &shops, count, true).await?;
    bench.stack.start_service("worker").await?;
    let started = Instant::now();
    let heard = shops.hear(count, PATIENCE).await;
    let arrivals = heard.iter().map(|one| one.arrived_us);
    let span_us = arrivals.clone().max().unwrap_or(0) - arrivals.min().unwrap_or(0);
    let span_us = u64::try_from(span_us).unwrap_or(0).max(1);
    let per_second = u64::try_from(heard.len())? * 1_000_000 / span_us;
    println!(
        "  flat out, {count} waiting for {hosts} host(s): {} delivered at {per_second}/s ({} ms after the worker \
         was ready)",
        heard.len(),
        started.elapsed().as_millis()
    );
    Ok(json!({ "hosts": hosts, "waiting": count, "delivered": heard.len(), "perSecond": per_second }))
}

/// Measures.
pub async fn run(bench: &mut Bench) -> Outcome<Section> {
    println!("\nTelling merchants: from the decision to pay (occurredAt, before it is written) to the shop");
    let (seconds, backlog) = if bench.quick { (4, 400) } else { (30, 4000) };
    let (latency, aims) = latency(bench, seconds).await?;
    let one = flat_out(bench, 1, backlog / 2).await?;
    let many = flat_out(bench, HOSTS, backlog).await?;
    Ok(Section { name: "ipn", figures: json!({ "latency": latency, "flatOut": [one, many] }), aims })
}
