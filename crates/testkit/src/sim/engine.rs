//! The machine under every simulator: requests in, faults, effects, events out.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::now_ms;
use super::faults::{Fault, Faults};
use super::journal::{HEADERS_OF_INTEREST, JournalEntry};
use super::server::{Connection, Server};
use super::webhook::{DeliveryPolicy, DeliveryRecord, Dialect, Endpoint, Message, Pending};

/// The largest request body that a simulator reads, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// How long a simulator waits for the receiver of a webhook.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a simulator could not do what a test asked for.
#[derive(Debug, Error)]
pub enum SimError {
    /// There is no object with this id.
    #[error("the simulator has no {0}")]
    NotFound(String),
    /// The object is not in a state that allows it.
    #[error("{id} is {state}: {wanted}")]
    WrongState {
        /// The object.
        id: String,
        /// Its state.
        state: String,
        /// What the act needs.
        wanted: &'static str,
    },
    /// The act goes through the provider's own rules, and they forbid it.
    #[error("the simulated provider refuses: {0}")]
    Refused(String),
    /// No webhook endpoint is set.
    #[error("no webhook endpoint is set")]
    NoWebhook,
    /// The webhook endpoint gave no answer.
    #[error("the webhook endpoint gave no answer: {0}")]
    Delivery(String),
    /// Deliveries were still under way at the end of the time given.
    #[error("webhooks were still under way")]
    StillDelivering,
}

/// A request to the simulated API or to its hosted pages.
#[derive(Debug)]
pub struct ApiRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ApiRequest {
    async fn read(request: Request) -> Result<Self, axum::Error> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_MAX).await?;
        Ok(Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        })
    }

    /// The header's value, if it is there and plain text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The parts of the path after `/`.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }

    /// Whether the content type starts like this.
    pub(crate) fn has_content_type(&self, wanted: &str) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with(wanted))
    }

    fn journal_entry(&self, seq: usize, at_ms: i64, fault: Option<Fault>) -> JournalEntry {
        let mut params = BTreeMap::new();
        let form = self.has_content_type("application/x-www-form-urlencoded");
        let body: &[u8] = if form { &self.body } else { &[] };
        for (name, value) in
            url::form_urlencoded::parse(self.query.as_bytes()).chain(url::form_urlencoded::parse(body))
        {
            params.insert(name.into_owned(), value.into_owned());
        }
        let headers = HEADERS_OF_INTEREST
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.header(name)?.to_owned())))
            .collect();
        JournalEntry {
            seq,
            at_ms,
            method: self.method.clone(),
            path: self.path.clone(),
            params,
            json: if form { None } else { serde_json::from_slice(&self.body).ok() },
            headers,
            status: None,
            applied: false,
            replayed: false,
            fault,
        }
    }
}

/// What the simulated API answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) replayed: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new(), replayed: false }
    }

    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self.body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// What a hosted page answers.
#[derive(Debug)]
pub enum Page {
    /// A page with this status.
    Html(u16, String),
    /// See there.
    Redirect(String),
}

impl Page {
    fn into_response(self) -> Response {
        match self {
            Self::Html(status, text) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
            }
            Self::Redirect(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
        }
    }
}

/// One provider's behaviour; all of it plain functions on its state.
pub trait Provider: Send + Sized + 'static {
    /// Counters of what really happened.
    type Effects: Clone;

    /// How webhooks are written and signed.
    fn dialect() -> Dialect;
    /// The time, before anything else is called; what has run out by then, runs out now.
    fn set_now(&mut self, now_ms: i64);
    /// Answers a request to the API.
    fn api(&mut self, request: &ApiRequest) -> Reply;
    /// Answers a request to a hosted page; `None` if the path is the API's.
    fn page(&mut self, request: &ApiRequest) -> Option<Page>;
    /// The provider's own error body for an injected status.
    fn fault_reply(&self, status: u16) -> Reply;
    /// The events made since the last call.
    fn take_fresh_events(&mut self) -> Vec<Value>;
    /// The kind of an event, as tests name it.
    fn event_kind(event: &Value) -> String;
    /// Counters of what really happened.
    fn effects(&self) -> Self::Effects;
}

type Tamper = Box<dyn FnOnce(&mut Value) + Send>;

pub(crate) struct Core<P> {
    pub(crate) provider: P,
    journal: Vec<JournalEntry>,
    faults: Faults,
    webhook: Option<Endpoint>,
    policy: DeliveryPolicy,
    held: Vec<Value>,
    tampers: Vec<(String, Tamper)>,
    deliveries: Vec<DeliveryRecord>,
    time_offset_ms: i64,
}

struct Shared<P> {
    core: Mutex<Core<P>>,
    queue: mpsc::UnboundedSender<Message>,
    pending: watch::Sender<usize>,
    client: reqwest::Client,
}

impl<P: Provider> Shared<P> {
    /// Runs `act` on the state with the time set, then sends off the events that it made.
    fn with<R>(&self, act: impl FnOnce(&mut Core<P>) -> R) -> R {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_ms().saturating_add(core.time_offset_ms);
        core.provider.set_now(now);
        let result = act(&mut core);
        self.dispatch(&mut core);
        result
    }

    fn dispatch(&self, core: &mut Core<P>) {
        let mut events = core.provider.take_fresh_events();
        if events.is_empty() {
            return;
        }
        for event in &mut events {
            let kind = P::event_kind(event);
            if let Some(found) = core.tampers.iter().position(|(wanted, _)| wanted == "*" || *wanted == kind)
            {
                let (_, tamper) = core.tampers.remove(found);
                tamper(event);
            }
        }
        if core.policy.hold || core.webhook.is_none() {
            core.held.append(&mut events);
            return;
        }
        let message = Message { events, _pending: Pending::new(&self.pending) };
        // The worker lives as long as the simulator; after that nobody waits for the message.
        let _ = self.queue.send(message);
    }

    /// Handles one API request under the lock and writes it down.
    fn apply(&self, request: &ApiRequest, fault: Option<Fault>) -> Option<Reply> {
        self.with(|core| {
            let at_ms = now_ms().saturating_add(core.time_offset_ms);
            let mut entry = request.journal_entry(core.journal.len(), at_ms, fault);
            let reply = match fault {
                None => Some(core.provider.api(request)),
                Some(Fault::Status(status)) => Some(core.provider.fault_reply(status)),
                Some(fault) if fault.takes_effect() => Some(core.provider.api(request)),
                Some(_) => None,
            };
            entry.applied = fault.is_none_or(Fault::takes_effect);
            entry.replayed = reply.as_ref().is_some_and(|reply| reply.replayed);
            let answered = match fault {
                None | Some(Fault::Status(_)) => reply,
                Some(Fault::StatusAfterEffect(status)) => Some(core.provider.fault_reply(status)),
                Some(Fault::Garbled) => Some(Reply::new(200, Value::Null)),
                Some(Fault::Hang | Fault::HangAfterEffect | Fault::Drop | Fault::DropAfterEffect) => None,
            };
            entry.status = answered.as_ref().map(|reply| reply.status);
            core.journal.push(entry);
            answered
        })
    }

    /// One attempt to deliver these events; the outcome is written down.
    async fn attempt(&self, events: &[Value], attempt: u32) -> Result<u16, SimError> {
        let (endpoint, now_s) = self.with(|core| {
            let now = now_ms().saturating_add(core.time_offset_ms);
            (core.webhook.clone(), now.div_euclid(1000))
        });
        let endpoint = endpoint.ok_or(SimError::NoWebhook)?;
        let dialect = P::dialect();
        let body = (dialect.render)(events);
        let (name, value) = (dialect.sign)(&endpoint.secret, now_s, &body);
        let outcome = self.post(&endpoint.url, &[(name, value)], body).await;
        let record = DeliveryRecord {
            event_ids: events.iter().filter_map(|event| Some(event["id"].as_str()?.to_owned())).collect(),
            attempt,
            status: outcome.as_ref().ok().copied(),
            error: outcome.as_ref().err().map(ToString::to_string),
        };
        self.with(|core| core.deliveries.push(record));
        outcome
    }

    async fn post(&self, url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Result<u16, SimError> {
        let mut request = self.client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(|error| SimError::Delivery(error.to_string()))?;
        Ok(response.status().as_u16())
    }
}

fn accepted(outcome: &Result<u16, SimError>) -> bool {
    matches!(outcome, Ok(status) if (200..300).contains(status))
}

/// A running simulator. Dropping it closes its port, its connections and its deliveries.
pub struct Sim<P: Provider> {
    shared: Arc<Shared<P>>,
    server: Server,
    worker: JoinHandle<()>,
}

impl<P: Provider> Drop for Sim<P> {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl<P: Provider> Sim<P> {
    /// Starts on `port` (0: any free one); `provider` is built once the base URL is known.
    pub(crate) async fn launch(port: u16, provider: impl FnOnce(String) -> P) -> io::Result<Self> {
        super::install_tls_provider();
        let (listener, address) = Server::bind(port).await?;
        let core = Core {
            provider: provider(format!("http://{address}")),
            journal: Vec::new(),
            faults: Faults::default(),
            webhook: None,
            policy: DeliveryPolicy::immediately(),
            held: Vec::new(),
            tampers: Vec::new(),
            deliveries: Vec::new(),
            time_offset_ms: 0,
        };
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(WEBHOOK_TIMEOUT)
            .build()
            .map_err(io::Error::other)?;
        let (queue, messages) = mpsc::unbounded_channel();
        let shared =
            Arc::new(Shared { core: Mutex::new(core), queue, pending: watch::Sender::new(0), client });
        let router = Router::new().fallback(answer::<P>).with_state(Arc::clone(&shared));
        let server = Server::serve(listener, address, None, router);
        let worker = tokio::spawn(deliver_messages(Arc::clone(&shared), messages, server.token()));
        Ok(Self { shared, server, worker })
    }

    /// `http://127.0.0.1:<port>`, what an adapter is configured with.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut P) -> R) -> R {
        self.shared.with(|core| act(&mut core.provider))
    }

    /// Every API request so far, in the order of effects.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.with(|core| core.journal.clone())
    }

    /// The API requests whose `METHOD /path` starts with `route`.
    pub fn requests_to(&self, route: &str) -> Vec<JournalEntry> {
        self.journal().into_iter().filter(|entry| entry.route().starts_with(route)).collect()
    }

    /// Counters of what really happened, replays not counted.
    pub fn effects(&self) -> P::Effects {
        self.shared.with(|core| core.provider.effects())
    }

    /// The next `times` requests whose `METHOD /path` starts with `route` (empty: any) meet this fault.
    pub fn inject(&self, fault: Fault, times: u32, route: &str) {
        self.shared.with(|core| core.faults.inject(fault, times, route));
    }

    /// The next `times` requests are answered with this status and do nothing.
    pub fn fail_next(&self, times: u32, status: u16) {
        self.inject(Fault::Status(status), times, "");
    }

    /// The next `times` requests are accepted, do nothing and are never answered.
    pub fn hang_next(&self, times: u32) {
        self.inject(Fault::Hang, times, "");
    }

    /// The next `times` requests take effect and are never answered.
    pub fn apply_then_hang(&self, times: u32) {
        self.inject(Fault::HangAfterEffect, times, "");
    }

    /// The next `times` requests take effect and their connection breaks: lost answers.
    pub fn apply_then_drop(&self, times: u32) {
        self.inject(Fault::DropAfterEffect, times, "");
    }

    /// The connections of the next `times` requests break before anything happens.
    pub fn drop_next(&self, times: u32) {
        self.inject(Fault::Drop, times, "");
    }

    /// While true, every connection to the API breaks as soon as it carries a request.
    pub fn outage(&self, on: bool) {
        self.shared.with(|core| core.faults.outage = on);
    }

    /// Waits before the effect of each request, and between its effect and its answer.
    pub fn set_latency(&self, before: Duration, after: Duration) {
        self.shared.with(|core| {
            core.faults.latency_before = before;
            core.faults.latency_after = after;
        });
    }

    /// Takes back all faults, the outage and the latency.
    pub fn clear_faults(&self) {
        self.shared.with(|core| core.faults.clear());
    }

    /// Moves the simulator's clock by so many milliseconds against the system's.
    pub fn set_time_offset_ms(&self, offset_ms: i64) {
        self.shared.with(|core| core.time_offset_ms = offset_ms);
        // A second look, so that what has run out by the new time runs out now.
        self.shared.with(|_| ());
    }

    /// Where events are delivered, and the secret that signs them.
    pub fn set_webhook(&self, url: impl Into<String>, secret: impl Into<String>) {
        let endpoint = Endpoint { url: url.into(), secret: secret.into() };
        self.shared.with(|core| core.webhook = Some(endpoint));
    }

    /// How events are delivered from now on.
    pub fn set_delivery(&self, policy: DeliveryPolicy) {
        self.shared.with(|core| core.policy = policy);
    }

    /// The events that pile up, because deliveries are held or no endpoint is set; they pile up no more.
    pub fn take_events(&self) -> Vec<Value> {
        self.shared.with(|core| std::mem::take(&mut core.held))
    }

    /// Changes the next event of this kind (`*`: any) on its way out; the API still tells the truth.
    pub fn tamper_next_event(
        &self,
        kind: impl Into<String>,
        change: impl FnOnce(&mut Value) + Send + 'static,
    ) {
        let kind = kind.into();
        self.shared.with(|core| core.tampers.push((kind, Box::new(change))));
    }

    /// Every attempt to deliver a webhook.
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.shared.with(|core| core.deliveries.clone())
    }

    /// Delivers these events in one body, signed now, once; answers the receiver's status.
    pub async fn deliver_batch(&self, events: &[Value]) -> Result<u16, SimError> {
        self.shared.attempt(events, 1).await
    }

    /// Posts exactly this body with these headers to the endpoint: for forged, stale and cut-off webhooks.
    pub async fn deliver_raw(&self, headers: &[(&str, String)], body: Vec<u8>) -> Result<u16, SimError> {
        let endpoint = self.shared.with(|core| core.webhook.clone()).ok_or(SimError::NoWebhook)?;
        self.shared.post(&endpoint.url, headers, body).await
    }

    /// Waits until no delivery is under way, retries included.
    pub async fn settled(&self, within: Duration) -> Result<(), SimError> {
        let mut pending = self.shared.pending.subscribe();
        tokio::time::timeout(within, pending.wait_for(|count| *count == 0))
            .await
            .map_err(|_| SimError::StillDelivering)?
            .map_err(|_| SimError::StillDelivering)?;
        Ok(())
    }
}

async fn answer<P: Provider>(
    State(shared): State<Arc<Shared<P>>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let Ok(request) = ApiRequest::read(request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(page) = shared.with(|core| core.provider.page(&request)) {
        return page.into_response();
    }
    let (fault, before, after) = shared.with(|core| {
        let fault = core.faults.take(&request.method, &request.path);
        (fault, core.faults.latency_before, core.faults.latency_after)
    });
    // A task of its own: a real provider carries on when its caller is killed in the middle of a call.
    let work = tokio::spawn(async move {
        tokio::time::sleep(before).await;
        let reply = shared.apply(&request, fault);
        tokio::time::sleep(after).await;
        reply
    });
    let reply = work.await.ok().flatten();
    match (reply, fault) {
        (Some(_), Some(Fault::Garbled)) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], Body::from("<html>Please wait"))
                .into_response()
        }
        (Some(reply), _) => reply.into_response(),
        (None, Some(Fault::Hang | Fault::HangAfterEffect)) => {
            connection.closed().await;
            StatusCode::NO_CONTENT.into_response()
        }
        (None, _) => {
            connection.cut();
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// Sends what the state changes leave in the queue, until the simulator is dropped.
async fn deliver_messages<P: Provider>(
    shared: Arc<Shared<P>>,
    mut messages: mpsc::UnboundedReceiver<Message>,
    token: CancellationToken,
) {
    let mut round = 0_u64;
    while let Some(first) = messages.recv().await {
        let policy = shared.with(|core| core.policy.clone());
        tokio::time::sleep(policy.delay).await;
        let mut gathered = vec![first];
        while let Ok(message) = messages.try_recv() {
            gathered.push(message);
        }
        for events in plan(&policy, gathered.iter().flat_map(|message| &message.events), P::dialect(), round)
        {
            let pending = Pending::new(&shared.pending);
            if accepted(&shared.attempt(&events, 1).await) {
                continue;
            }
            let retry = retry_delivery(Arc::clone(&shared), policy.clone(), events, pending);
            let token = token.clone();
            tokio::spawn(async move { token.run_until_cancelled(retry).await });
        }
        drop(gathered);
        round += 1;
    }
}

/// The deliveries to make for these events: batched, repeated and shuffled as the policy says.
fn plan<'a>(
    policy: &DeliveryPolicy,
    events: impl Iterator<Item = &'a Value>,
    dialect: Dialect,
    round: u64,
) -> Vec<Vec<Value>> {
    let mut events: Vec<Value> = events.cloned().collect();
    let mut random = policy.shuffle_seed.map(|seed| StdRng::seed_from_u64(seed.wrapping_add(round)));
    if let Some(random) = &mut random {
        events.shuffle(random);
    }
    let mut deliveries: Vec<Vec<Value>> =
        events.chunks(dialect.batch_max.max(1)).map(<[Value]>::to_vec).collect();
    let once = deliveries.clone();
    for _ in 0..policy.duplicates {
        deliveries.extend(once.iter().cloned());
    }
    if let Some(random) = &mut random {
        deliveries.shuffle(random);
    }
    deliveries
}

async fn retry_delivery<P: Provider>(
    shared: Arc<Shared<P>>,
    policy: DeliveryPolicy,
    events: Vec<Value>,
    _pending: Pending,
) {
    for attempt in 2..=policy.attempts_max {
        tokio::time::sleep(policy.pause_after(attempt - 1)).await;
        if accepted(&shared.attempt(&events, attempt).await) {
            return;
        }
    }
}
