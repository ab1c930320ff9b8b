//! The hostile organization: what it does within its limits, one thing at a time.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::victim;
use crate::Outcome;
use crate::bench::intake;
use crate::gateway::Gateway;
use crate::settings::random_hex;

/// Clients of an attack.
const CLIENTS: usize = 16;
/// How long a client waits that was told to.
const TOLD_TO_WAIT: Duration = Duration::from_millis(50);
/// Messages that wait for a receiver that is away.
const QUEUED: usize = 10_000;
/// Webhook endpoints that each of those goes to.
const ENDPOINTS: usize = 10;

/// Something to do to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Signed events about refunds of payments that nobody knows.
    Events,
    /// The same, and the provider that is asked about them does not answer.
    HangingProvider,
    /// A receiver whose answer does not end.
    EndlessReceiver,
    /// A receiver that is away while thousands of messages wait for it.
    QueuedMessages,
    /// Drafts of many lines, looked at again and again, and issued.
    HeavyDocuments,
    /// Lists by metadata, by address and by date.
    Searches,
    /// Documents sent again and again.
    Mails,
    /// Hosts made, checked and deleted.
    Domains,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Events,
        Self::HangingProvider,
        Self::EndlessReceiver,
        Self::QueuedMessages,
        Self::HeavyDocuments,
        Self::Searches,
        Self::Mails,
        Self::Domains,
    ];

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::HangingProvider => "hanging-provider",
            Self::EndlessReceiver => "endless-receiver",
            Self::QueuedMessages => "queued-messages",
            Self::HeavyDocuments => "heavy-documents",
            Self::Searches => "searches",
            Self::Mails => "mails",
            Self::Domains => "domains",
        }
    }
}

/// What the hostile organization has set up outside.
pub struct Traps {
    /// Its provider: knows nothing, or does not answer.
    pub provider: String,
    provider_hangs: Arc<AtomicBool>,
    /// Its shop: never ends its answer, or is away.
    shop: String,
    shop_is_endless: Arc<AtomicBool>,
}

impl Traps {
    /// Sets them.
    pub async fn set() -> Outcome<Self> {
        let (provider_hangs, shop_is_endless) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let provider =
            axum::Router::new().fallback(answer_as_provider).with_state(Arc::clone(&provider_hangs));
        let shop = axum::Router::new().fallback(answer_as_shop).with_state(Arc::clone(&shop_is_endless));
        Ok(Self {
            provider: serve(provider).await?,
            provider_hangs,
            shop: serve(shop).await?,
            shop_is_endless,
        })
    }
}

async fn serve(router: axum::Router) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn answer_as_provider(State(hangs): State<Arc<AtomicBool>>) -> Response {
    if hangs.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
    let error = json!({ "error": { "type": "invalid_request_error", "code": "resource_missing", "message": "no such" } });
    (StatusCode::NOT_FOUND, axum::Json(error)).into_response()
}

async fn answer_as_shop(State(is_endless): State<Arc<AtomicBool>>) -> Response {
    if !is_endless.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let drip =
        futures::stream::repeat_with(|| Ok::<_, std::convert::Infallible>("x")).then(|bytes| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            bytes
        });
    Body::from_stream(drip).into_response()
}

/// The hostile organization.
pub struct Hostile<'a> {
    gateway: Gateway,
    client: Client,
    traps: &'a Traps,
    drafts: Vec<String>,
    /// A key of live mode, where mails go to everybody, and what is mailed there.
    live_key: String,
    issued: String,
}

/// An attack that goes on.
pub struct Raid {
    clients: JoinSet<()>,
    done: Arc<Count>,
}

/// How its requests were answered.
#[derive(Debug, Default)]
pub struct Count {
    taken: AtomicU64,
    limited: AtomicU64,
    refused: AtomicU64,
    first_refusal: OnceLock<String>,
}

impl Count {
    fn note(&self, status: u16, body: &str) {
        let count = match status {
            200..300 => &self.taken,
            429 => &self.limited,
            _ => {
                self.first_refusal.get_or_init(|| format!("{status} {body:.200}"));
                &self.refused
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// An attack of which nothing was taken shows nothing.
    pub fn check(&self) -> Outcome<()> {
        let refusal = self.first_refusal.get().map_or("none was refused", String::as_str);
        let taken = self.taken.load(Ordering::Relaxed) + self.limited.load(Ordering::Relaxed);
        if taken == 0 {
            Err(format!("an attack whose requests are all refused: {refusal}").into())
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [taken, limited, refused] =
            [&self.taken, &self.limited, &self.refused].map(|count| count.load(Ordering::Relaxed));
        write!(f, "{taken} requests taken, {limited} told to wait, {refused} refused")?;
        self.first_refusal.get().map_or(Ok(()), |refusal| write!(f, ", the first: {refusal}"))
    }
}

impl Raid {
    /// Ends it.
    pub async fn end(mut self) -> Arc<Count> {
        self.clients.shutdown().await;
        self.done
    }
}

impl<'a> Hostile<'a> {
    /// Gives it what its attacks need.
    pub async fn move_in(gateway: &Gateway, live_key: String, traps: &'a Traps) -> Outcome<Self> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        victim::sell(&client, gateway).await?;
        let mut drafts = Vec::new();
        for _ in 0..4 {
            drafts.push(victim::draft(&client, gateway, 500).await?);
        }
        let mut live = gateway.clone();
        live.seed.api_key.clone_from(&live_key);
        victim::sell(&client, &live).await?;
        let issued = victim::draft(&client, &live, 3).await?;
        let issue = format!("{}/v1/invoices/{issued}/issue", live.direct.urls.admin_api);
        let issue = client.post(issue).bearer_auth(&live_key).json(&json!({}));
        issue.send().await?.error_for_status()?;
        Ok(Self { gateway: gateway.clone(), client, traps, drafts, live_key, issued })
    }

    fn api(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}/v1/{path}", self.gateway.direct.urls.admin_api);
        let method = method.parse().unwrap_or_default();
        self.client.request(method, url).bearer_auth(&self.gateway.seed.api_key)
    }

    /// Begins an attack.
    pub async fn begin(&self, attack: Attack) -> Outcome<Raid> {
        self.traps.provider_hangs.store(attack == Attack::HangingProvider, Ordering::Relaxed);
        self.traps.shop_is_endless.store(attack == Attack::EndlessReceiver, Ordering::Relaxed);
        match attack {
            Attack::EndlessReceiver => self.make_endpoints(ENDPOINTS).await?,
            Attack::QueuedMessages => {
                self.make_endpoints(ENDPOINTS).await?;
                self.queue(QUEUED / ENDPOINTS).await?;
            }
            _ => {}
        }
        let (mut clients, done) = (JoinSet::new(), Arc::<Count>::default());
        for number in 0..CLIENTS {
            let make = self.requests(attack, number);
            let done = Arc::clone(&done);
            clients.spawn(async move {
                for turn in 0.. {
                    let Some(request) = make(turn) else { return };
                    let (status, body) = match request.send().await {
                        Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
                        Err(error) => (0, error.to_string()),
                    };
                    done.note(status, &body);
                    if !(200..300).contains(&status) {
                        tokio::time::sleep(TOLD_TO_WAIT).await;
                    }
                }
            });
        }
        Ok(Raid { clients, done })
    }

    /// What one client of an attack sends, again and again.
    fn requests(
        &self,
        attack: Attack,
        number: usize,
    ) -> Box<dyn Fn(usize) -> Option<RequestBuilder> + Send + Sync> {
        let api = self.gateway.direct.urls.admin_api.clone();
        let key = if attack == Attack::Mails { &self.live_key } else { &self.gateway.seed.api_key };
        let (client, key) = (self.client.clone(), key.clone());
        let ask = move |method: &str, path: &str| {
            let method = method.parse().unwrap_or_default();
            client.request(method, format!("{api}/v1/{path}")).bearer_auth(&key)
        };
        match attack {
            Attack::Events | Attack::HangingProvider => {
                let seed = &self.gateway.seed;
                let url = format!(
                    "{}/hooks/stripe/{}",
                    self.gateway.direct.urls.main_backend, seed.providers.stripe
                );
                let (client, secret) = (self.client.clone(), seed.stripe_webhook_secret.clone());
                Box::new(move |_| {
                    let event = intake::refund_event();
                    let signature = intake::signature(&secret, &event);
                    Some(client.post(&url).header("stripe-signature", signature).body(event))
                })
            }
            Attack::EndlessReceiver | Attack::QueuedMessages => {
                let (site, ipn) = (self.gateway.seed.site_id.clone(), format!("{}/ipn", self.traps.shop));
                Box::new(move |_| {
                    Some(ask("POST", &format!("checkouts/{site}/create")).json(&checkout(&ipn)))
                })
            }
            Attack::HeavyDocuments => {
                let drafts = self.drafts.clone();
                Box::new(move |turn| {
                    let draft = &drafts[(number + turn) % drafts.len()];
                    Some(ask("GET", &format!("invoices/{draft}/pdf")))
                })
            }
            Attack::Searches => Box::new(move |turn| {
                let queries = [
                    "transactions?metadata[cart]=example-cart&limit=100",
                    "checkouts?email=erika@example.com&limit=100",
                    "deliveries?limit=100",
                    "transactions?from=2020-01-01T00:00:00Z&status=succeeded&limit=100",
                    "dashboard",
                ];
                Some(ask("GET", queries[(number + turn) % queries.len()]))
            }),
            Attack::Mails => {
                let path = format!("invoices/{}/send", self.issued);
                Box::new(move |_| {
                    let to = format!("{}@example.com", random_hex(6));
                    Some(ask("POST", &path).json(&json!({ "email": to })))
                })
            }
            Attack::Domains => {
                let site = self.gateway.seed.site_id.clone();
                Box::new(move |_| {
                    let host = format!("{}.example.com", random_hex(8));
                    Some(ask("POST", "domains").json(&json!({ "host": host, "siteId": site })))
                })
            }
        }
    }

    async fn make_endpoints(&self, count: usize) -> Outcome<()> {
        for number in 0..count {
            let body = json!({ "url": format!("{}/{number}", self.traps.shop) });
            self.api("POST", "webhook-endpoints").json(&body).send().await?.error_for_status()?;
        }
        Ok(())
    }

    async fn queue(&self, checkouts: usize) -> Outcome<()> {
        let path = format!("checkouts/{}/create", self.gateway.seed.site_id);
        let created = futures::stream::iter(0..checkouts)
            .map(|_| self.api("POST", &path).json(&checkout(&self.traps.shop)).send())
            .buffer_unordered(CLIENTS);
        let refused = created.filter(|answer| {
            let is_refused = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
            async move { is_refused }
        });
        let refused = refused.count().await;
        if refused > checkouts / 2 {
            return Err(format!("{refused} of {checkouts} messages could not be queued").into());
        }
        Ok(())
    }

    /// Takes away what an attack has left, so that the next one is alone.
    pub async fn make_peace(&self) -> Outcome<()> {
        self.traps.provider_hangs.store(false, Ordering::Relaxed);
        let list = self.api("GET", "webhook-endpoints?limit=100").send().await?.json::<Value>().await?;
        for endpoint in list["data"].as_array().into_iter().flatten() {
            let id = endpoint["id"].as_str().unwrap_or_default();
            self.api("DELETE", &format!("webhook-endpoints/{id}")).send().await?;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }
}

fn checkout(ipn: &str) -> Value {
    json!({ "amount": 100, "currency": "EUR", "externalReference": random_hex(8), "ipnUrl": ipn })
}
