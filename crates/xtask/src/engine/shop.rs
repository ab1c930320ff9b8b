//! A shop that keeps creating checkouts through Caddy while something happens, strangers beside it, and afterwards reads
//! back what was acknowledged.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::Outcome;

/// Shops, strangers and callers with a wrong key that send at once.
const SHOPS: usize = 3;
/// Where Caddy is asked.
const HOSTS: [&str; 4] = ["admin.example.com", "api.example.com", "hooks.example.com", "pay.example.com"];
/// Between two requests of a stranger.
const STRANGER_PAUSE: Duration = Duration::from_millis(50);
/// How often a create is sent again that got no answer of its own, as shops do.
const RETRIES: u32 = 60;
/// Between two of them.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What a shop knows.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Where Caddy is published.
    pub port: u16,
    /// The API key.
    pub key: String,
    /// The site.
    pub site: String,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Report {
    /// Checkouts that were acknowledged.
    pub created: Vec<String>,
    /// Creates that were refused for good, by status.
    pub failed: BTreeMap<u16, usize>,
    /// Creates that had to be sent again: answered 503, or their connection was refused or broke.
    pub again: usize,
    /// Creates that were given up.
    pub unanswered: usize,
    /// The longest that one took.
    pub slowest: Duration,
    /// What strangers and wrong keys were answered, by status.
    pub others: BTreeMap<u16, usize>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (created, slowest) = (self.created.len(), self.slowest.as_secs_f64());
        write!(
            f,
            "{created} created, {:?} failed, {} sent again, {} unanswered",
            self.failed, self.again, self.unanswered
        )?;
        write!(f, ", slowest {slowest:.2} s; strangers and wrong keys: {:?}", self.others)
    }
}

/// A load that runs.
pub struct Load {
    shop: Shop,
    over: Arc<AtomicBool>,
    wanted: Arc<AtomicUsize>,
    shops: Vec<JoinHandle<Report>>,
    others: Vec<JoinHandle<BTreeMap<u16, usize>>>,
}

impl Shop {
    /// A client that takes any certificate: Caddy's authority is new with each run.
    pub fn client(&self) -> Outcome<Client> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.tls_danger_accept_invalid_certs(true).timeout(Duration::from_secs(45));
        Ok(HOSTS.into_iter().fold(client, |client, host| client.resolve(host, address)).build()?)
    }

    fn url(&self, path: &str) -> String {
        format!("https://api.example.com:{}{path}", self.port)
    }

    /// Waits until a create succeeds: the first certificate is made in the background.
    pub async fn opens(&self) -> Outcome<()> {
        let client = self.client()?;
        let mut last = String::new();
        for _ in 0..150 {
            match self.create(&client, "opens").await {
                Ok((StatusCode::OK, _)) => return Ok(()),
                Ok((status, body)) => last = format!("{status} {body}"),
                Err(error) => last = format!("{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err(format!("no checkout can be created: {last}").into())
    }

    async fn create(&self, client: &Client, reference: &str) -> reqwest::Result<(StatusCode, Value)> {
        let body = json!({ "amount": 4900, "currency": "EUR", "externalReference": reference });
        let create = client.post(self.url(&format!("/v1/checkouts/{}/create", self.site)));
        let create = create.bearer_auth(&self.key).header("idempotency-key", reference).json(&body);
        let answer = at_the_pace_allowed(&create).await?;
        Ok((answer.status(), answer.json().await.unwrap_or_default()))
    }

    /// Begins to create checkouts, and everybody else to bother.
    pub fn load(&self) -> Outcome<Load> {
        let (over, wanted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(usize::MAX)));
        let mut shops = Vec::new();
        for _ in 0..SHOPS {
            let (shop, client) = (self.clone(), self.client()?);
            shops.push(tokio::spawn(sell(shop, client, Arc::clone(&over), Arc::clone(&wanted))));
        }
        let client = self.client()?;
        let wrong = client
            .post(self.url(&format!("/v1/checkouts/{}/create", self.site)))
            .bearer_auth("sk_test_bad.x");
        let wrong = wrong.json(&json!({ "amount": 4900, "currency": "EUR" }));
        let stranger = format!("https://admin.example.com:{}/api/xmlrpc.php", self.port);
        let stranger = self.client()?.post(stranger).body("log=admin&pwd=123456");
        let others = [wrong, stranger].map(|request| tokio::spawn(bother(request, Arc::clone(&over))));
        Ok(Load { shop: self.clone(), over, wanted, shops, others: others.into() })
    }

    /// Reads everything back that was acknowledged; what is missing.
    async fn lost(&self, created: &[String]) -> Outcome<Vec<String>> {
        let client = self.client()?;
        let mut lost = Vec::new();
        for id in created {
            let read = client.get(self.url(&format!("/v1/checkouts/{id}"))).bearer_auth(&self.key);
            let found = at_the_pace_allowed(&read).await?;
            if found.status() != StatusCode::OK {
                lost.push(format!("{id}: {}", found.status()));
            }
        }
        Ok(lost)
    }
}

impl Load {
    /// Goes on for a while, or until so many more were asked for, then ends; everything acknowledged must be there.
    pub async fn end(self, creates: usize, pause: Duration) -> Outcome<Report> {
        tokio::time::sleep(pause).await;
        self.wanted.store(creates, Ordering::Relaxed);
        let mut report = Report::default();
        for shop in self.shops {
            let part = shop.await?;
            report.created.extend(part.created);
            part.failed
                .into_iter()
                .for_each(|(status, count)| *report.failed.entry(status).or_default() += count);
            report.again += part.again;
            report.unanswered += part.unanswered;
            report.slowest = report.slowest.max(part.slowest);
        }
        self.over.store(true, Ordering::Relaxed);
        for other in self.others {
            other
                .await?
                .into_iter()
                .for_each(|(status, count)| *report.others.entry(status).or_default() += count);
        }
        let lost = self.shop.lost(&report.created).await?;
        if lost.is_empty() {
            Ok(report)
        } else {
            Err(format!("{} acknowledged and lost: {:?} …; {report}", lost.len(), &lost[..lost.len().min(5)])
                .into())
        }
    }
}

/// Sends a request, and again after the time that a 429 names: how fast a key may ask is no fault of what happens.
pub async fn at_the_pace_allowed(request: &reqwest::RequestBuilder) -> reqwest::Result<reqwest::Response> {
    loop {
        let answer = request.try_clone().expect("its body is in memory").send().await?;
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return Ok(answer);
        }
        let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1))).await;
    }
}

/// Creates until as many are there as are wanted of each shop.
async fn sell(shop: Shop, client: Client, over: Arc<AtomicBool>, wanted: Arc<AtomicUsize>) -> Report {
    let mut report = Report::default();
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) && sent < wanted.load(Ordering::Relaxed) / SHOPS {
        sent += 1;
        let (reference, started) = (format!("L-{:032x}", rand::random::<u128>()), Instant::now());
        let mut answer = None;
        for attempt in 0..=RETRIES {
            match shop.create(&client, &reference).await {
                Ok(answered) if answered.0 != StatusCode::SERVICE_UNAVAILABLE => {
                    answer = Some(answered);
                    break;
                }
                _ => {
                    report.again += usize::from(attempt == 0);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
        report.slowest = report.slowest.max(started.elapsed());
        match answer {
            Some((StatusCode::OK, body)) => report.created.extend(body["id"].as_str().map(str::to_owned)),
            Some((status, _)) => *report.failed.entry(status.as_u16()).or_default() += 1,
            None => report.unanswered += 1,
        }
    }
    report
}

/// Sends the same thing again and again.
async fn bother(request: reqwest::RequestBuilder, over: Arc<AtomicBool>) -> BTreeMap<u16, usize> {
    let mut answers = BTreeMap::new();
    while !over.load(Ordering::Relaxed) {
        let Some(request) = request.try_clone() else { break };
        if let Ok(answer) = request.send().await {
            *answers.entry(answer.status().as_u16()).or_default() += 1;
        }
        tokio::time::sleep(STRANGER_PAUSE).await;
    }
    answers
}
