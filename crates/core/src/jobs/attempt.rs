//! One request on the wire: made, signed, sent, and its outcome written down.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use mongodb::bson::{Bson, Document, doc};
use tracing::{Span, field::Empty};
use url::Url;

use super::{deliver::Sender, queue, slots::Slot};
use crate::{
    app::{
        App, AppError,
        orders::{self, dispatch::REPLACED},
    },
    crypto::{
        random,
        signature::{ipn as ipn_signature, standard_webhooks},
    },
    domain::{
        IdBytes, Timestamp,
        delivery::{AttemptOutcome, Delivery, DeliveryKind, DeliveryState},
        endpoint::WebhookEndpoint,
        site::Site,
    },
    fault,
    outbound::{FailureClass, Outcome, Receiver, Request, next_attempt_at},
    store::{Entity, StoreError, codec::oid, seal_with},
    telemetry,
    timing::scaled,
};

/// How much of an answer is kept, in bytes.
const RESPONSE_BYTES_MAX: usize = 2048;

/// What stands as the event of a test message.
pub(crate) const TEST_EVENT: &str = "ipn.test";

/// How often the outcome's write is tried before the lane is left to recovery.
const WRITES_MAX: u32 = 4;

/// What the lane learns of an attempt.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) delivery: String,
    /// What the next one waited for.
    pub(super) sequence: Option<IdBytes>,
    pub(super) verdict: Verdict,
    /// The outcome could not be written: the lane's next holder must recover the delivery.
    pub(super) unwritten: bool,
}

/// What an attempt says of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered,
    Failed(FailureClass),
    /// Nothing went out, for a reason of our own.
    NotSent,
}

/// What an attempt came to.
struct Answer {
    outcome: AttemptOutcome,
    verdict: Verdict,
    status: Option<u16>,
    elapsed: Duration,
    retry_after: Option<Duration>,
    error: Option<String>,
    response: Vec<u8>,
}

/// Why a message cannot be sent as it stands.
enum NotReady {
    /// It is over: the receiver is gone.
    Gone(&'static str),
    /// A newer message about the same order took its place.
    Replaced,
    /// It may work later.
    Later(String),
}

impl From<AppError> for NotReady {
    fn from(error: AppError) -> Self {
        tracing::error!(error = ?error, "a delivery could not be prepared");
        Self::Later("the gateway could not prepare the message".to_owned())
    }
}

impl From<StoreError> for NotReady {
    fn from(error: StoreError) -> Self {
        AppError::from(error).into()
    }
}

/// The kind of receiver, for rules and breaker.
pub(super) const fn receiver(kind: DeliveryKind) -> Receiver {
    match kind {
        DeliveryKind::Ipn => Receiver::Ipn,
        DeliveryKind::Webhook => Receiver::Webhook,
    }
}

/// Sends a delivery that has been marked as on the wire, by its attempt number `number`.
///
/// The receiver is told neither our trace nor the request: both are the gateway's own, and the contract names
/// every header that a message has.
pub(super) async fn run(
    sender: Sender,
    delivery: Delivery,
    number: i64,
    started: Timestamp,
    slot: Slot,
) -> Report {
    let span = tracing::info_span!(
        "deliver",
        delivery = %delivery.id,
        organization = %delivery.org,
        event = delivery.event,
        attempt = number,
        request_id = Empty,
        outcome = Empty,
        status = Empty,
    );
    let trail = delivery.trail.clone();
    telemetry::follow(trail.as_ref(), span, send(sender, delivery, number, started, slot)).await
}

async fn send(sender: Sender, delivery: Delivery, number: i64, started: Timestamp, slot: Slot) -> Report {
    let app = &sender.app;
    let (result, over) = match request(&sender, &delivery).await {
        Ok(request) => (judge(delivery.kind, sender.client.post(request).await), None),
        Err(NotReady::Gone(why)) => (Answer::not_sent(why.to_owned()), Some((DeliveryState::Failed, why))),
        Err(NotReady::Replaced) => {
            (Answer::not_sent(REPLACED.to_owned()), Some((DeliveryState::Superseded, REPLACED)))
        }
        Err(NotReady::Later(why)) => (Answer::not_sent(why), None),
    };
    drop(slot);
    tell(&delivery, number, &result);
    fault::point("deliver.after_send");
    let unwritten = write(app, &delivery, number, started, &result, over).await.is_err();
    fault::point("deliver.after_save");
    bring_on_the_next(&sender, &delivery).await;
    Report {
        delivery: delivery.id.to_string(),
        sequence: queue::sequence_of(&delivery),
        verdict: result.verdict,
        unwritten,
    }
}

/// A line for what did not arrive; the others would be as many as there are messages.
fn tell(delivery: &Delivery, number: i64, answer: &Answer) {
    let (outcome, status) = (outcome_word(answer.outcome), answer.status);
    let span = Span::current();
    span.record("outcome", outcome);
    if let Some(status) = status {
        span.record("status", status);
    }
    let elapsed_ms = u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX);
    if answer.verdict == Verdict::Delivered {
        tracing::debug!(delivery = %delivery.id, attempt = number, outcome, status, elapsed_ms, "delivery tried");
    } else {
        tracing::info!(delivery = %delivery.id, attempt = number, outcome, status, elapsed_ms, "delivery tried");
    }
}

const fn outcome_word(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Started => "started",
        AttemptOutcome::Succeeded => "succeeded",
        AttemptOutcome::Rejected => "rejected",
        AttemptOutcome::Failed => "failed",
        AttemptOutcome::Refused => "refused",
        AttemptOutcome::Unknown => "unknown",
    }
}

impl Answer {
    fn not_sent(why: String) -> Self {
        Self {
            outcome: AttemptOutcome::Refused,
            verdict: Verdict::NotSent,
            status: None,
            elapsed: Duration::ZERO,
            retry_after: None,
            error: Some(why),
            response: Vec::new(),
        }
    }
}

fn judge(kind: DeliveryKind, outcome: Outcome) -> Answer {
    let class = outcome.failure(receiver(kind));
    let verdict = class.map_or(Verdict::Delivered, Verdict::Failed);
    match outcome {
        Outcome::Answered { status, retry_after, mut body_snippet, elapsed, .. } => {
            body_snippet.truncate(RESPONSE_BYTES_MAX);
            let delivered = verdict == Verdict::Delivered;
            Answer {
                outcome: if delivered { AttemptOutcome::Succeeded } else { AttemptOutcome::Rejected },
                verdict,
                status: Some(status),
                elapsed,
                retry_after,
                error: None,
                response: body_snippet,
            }
        }
        Outcome::Refused(refusal) => Answer { verdict, ..Answer::not_sent(refusal.to_string()) },
        Outcome::Failed { kind, detail, elapsed, .. } => Answer {
            outcome: AttemptOutcome::Failed,
            elapsed,
            verdict,
            ..Answer::not_sent(format!("{kind:?}: {detail}"))
        },
    }
}

/// Brings on its way what waited for this message; where that is cut off, the sweep over orders does it.
async fn bring_on_the_next(sender: &Sender, delivery: &Delivery) {
    if let Err(error) = orders::settle::go_on(&sender.app, sender.held(), delivery).await {
        tracing::warn!(%error, delivery = %delivery.id, "the next message of the order is left to the sweep");
    }
}

async fn request(sender: &Sender, delivery: &Delivery) -> Result<Request, NotReady> {
    let app = &sender.app;
    let is_about_order = delivery.kind == DeliveryKind::Ipn && delivery.event != TEST_EVENT;
    if is_about_order && !orders::settle::is_next(app, sender.held(), delivery).await? {
        return Err(NotReady::Replaced);
    }
    let store = app.store.for_org(delivery.tenant());
    let open = |field, sealed| store.open(Delivery::COLLECTION, delivery.id, field, sealed);
    let body = delivery.body.as_ref().ok_or(NotReady::Gone("what it said is not kept any longer"))?;
    let body = open(Delivery::BODY_FIELD, body).await?;
    let (url, headers) = match delivery.kind {
        DeliveryKind::Ipn => {
            let url = open(Delivery::URL_FIELD, &delivery.url).await?;
            (url, ipn_headers(app, delivery, body.as_bytes()).await?)
        }
        DeliveryKind::Webhook => webhook_target(app, delivery, body.as_bytes()).await?,
    };
    let url = Url::parse(&url).map_err(|_| NotReady::Gone("the stored address cannot be read"))?;
    let mut parsed = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    for (name, value) in headers {
        let value = HeaderValue::from_str(&value).map_err(|error| NotReady::Later(error.to_string()))?;
        parsed.push((HeaderName::from_static(name), value));
    }
    Ok(Request { url, headers: parsed, body: Bytes::from(body) })
}

type Headers = Vec<(&'static str, String)>;

/// Signs at the moment of sending, with the secret of that moment.
async fn ipn_headers(app: &App, delivery: &Delivery, body: &[u8]) -> Result<Headers, NotReady> {
    let id = delivery.site_id.ok_or(NotReady::Gone("the message names no site"))?;
    // Not from memory: whoever has made a new secret installs it at once.
    let site = app.store.for_org(delivery.tenant()).get::<Site>(id).await?;
    let site = site.ok_or(NotReady::Gone("the site is gone"))?;
    let now = app.now();
    let (sealed, field) = site.signing_secret(now);
    let secret = app.store.for_org(delivery.tenant()).open(Site::COLLECTION, id, field, sealed).await?;
    let signature = ipn_signature::ipn_signature(&secret, now.seconds(), body);
    let mut headers = vec![
        (ipn_signature::TIMESTAMP_HEADER, now.seconds().to_string()),
        (ipn_signature::SIGNATURE_HEADER, signature),
    ];
    if delivery.ipn_version == Some(2) {
        headers.push(("x-ipn-version", "2".to_owned()));
        headers.push(("x-ipn-delivery-id", delivery.id.to_string()));
    }
    Ok(headers)
}

/// The endpoint's address of today, so that mending it heals what waits, and the signature headers.
async fn webhook_target(app: &App, delivery: &Delivery, body: &[u8]) -> Result<(String, Headers), NotReady> {
    let id = delivery.endpoint_id.ok_or(NotReady::Gone("the message names no endpoint"))?;
    let tenant = delivery.tenant();
    let store = app.store.for_org(tenant);
    // Not from memory: whoever has rotated the secret installs the new one at once.
    let endpoint = store.get::<WebhookEndpoint>(id).await?.ok_or(NotReady::Gone("the endpoint is gone"))?;
    if !endpoint.enabled {
        return Err(NotReady::Gone("the endpoint is disabled"));
    }
    let open = |field, sealed| store.open(WebhookEndpoint::COLLECTION, id, field, sealed);
    let now = app.now();
    let url = open(WebhookEndpoint::URL_FIELD, &endpoint.url).await?;
    let mut secrets = vec![open(WebhookEndpoint::SECRET_FIELD, &endpoint.secret).await?];
    if let Some(previous) = endpoint.previous_secret.as_ref().filter(|previous| previous.until > now) {
        secrets.push(open(WebhookEndpoint::PREVIOUS_SECRET_FIELD, &previous.secret).await?);
    }
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let message = format!("msg_{}", delivery.id);
    let signature = standard_webhooks::sign(&secrets, &message, now.seconds(), body)
        .map_err(|error| NotReady::Later(format!("the endpoint's secret cannot sign: {error}")))?;
    let headers = vec![
        (standard_webhooks::ID_HEADER, message),
        (standard_webhooks::TIMESTAMP_HEADER, now.seconds().to_string()),
        (standard_webhooks::SIGNATURE_HEADER, signature),
    ];
    Ok((url, headers))
}

/// What follows from an attempt: the state, when to try again, and why it ended.
struct Next {
    state: DeliveryState,
    due: Option<Timestamp>,
    reason: Option<String>,
}

/// The state after an attempt of the current schedule that did not succeed.
pub(super) fn after_failure(
    delivery: &Delivery,
    started: Timestamp,
    now: Timestamp,
    retry_after: Option<Duration>,
) -> Option<Timestamp> {
    let made = usize::try_from(delivery.tries).unwrap_or(0);
    // The row of this schedule's first attempt; a manual resend starts a schedule anew.
    let first = delivery.attempts.len().checked_sub(made).and_then(|index| delivery.attempts.get(index));
    let first = first.map_or(started, |attempt| attempt.started_at);
    let attempts_made = u32::try_from(made + 1).unwrap_or(u32::MAX);
    let jitter = u32::from_be_bytes(random::bytes());
    let receiver = receiver(delivery.kind);
    let due = next_attempt_at(receiver, first.millis(), now.millis(), attempts_made, retry_after, jitter)?;
    Some(now + scaled(Timestamp::from_millis(due).since(now)))
}

async fn next(
    app: &App,
    delivery: &Delivery,
    started: Timestamp,
    result: &Answer,
    over: Option<(DeliveryState, &'static str)>,
) -> Result<Next, StoreError> {
    let ended = |state, reason: &str| Next { state, due: None, reason: Some(reason.to_owned()) };
    if result.verdict == Verdict::Delivered {
        return Ok(Next { state: DeliveryState::Delivered, due: None, reason: None });
    }
    if let Some((state, why)) = over {
        return Ok(ended(state, why));
    }
    if result.verdict == Verdict::Failed(FailureClass::Gone) {
        return Ok(ended(DeliveryState::Failed, "the receiver answered 410 Gone"));
    }
    if delivery.event == TEST_EVENT {
        // Somebody waits for the answer to a button; hours later it would only puzzle.
        return Ok(ended(DeliveryState::Failed, "the test message was not answered with 200"));
    }
    if delivery.kind == DeliveryKind::Ipn && !orders::settle::waits(app, delivery).await? {
        return Ok(ended(DeliveryState::Superseded, REPLACED));
    }
    Ok(match after_failure(delivery, started, app.now(), result.retry_after) {
        Some(due) => Next { state: DeliveryState::Pending, due: Some(due), reason: None },
        None => ended(DeliveryState::Failed, "every attempt of the schedule has failed"),
    })
}

/// Writes the outcome, unless recovery has given the attempt up meanwhile: then the row says `unknown`
/// and the delivery is somebody else's.
async fn write(
    app: &App,
    delivery: &Delivery,
    number: i64,
    started: Timestamp,
    result: &Answer,
    over: Option<(DeliveryState, &'static str)>,
) -> Result<(), StoreError> {
    let mut pause = Duration::from_millis(50);
    let mut written = Ok(());
    for _ in 0..WRITES_MAX {
        written = try_write(app, delivery, number, started, result, over).await;
        match &written {
            Ok(()) => break,
            Err(error) => tracing::warn!(%error, delivery = %delivery.id, "an outcome could not be written"),
        }
        tokio::time::sleep(pause).await;
        pause *= 4;
    }
    written
}

async fn try_write(
    app: &App,
    delivery: &Delivery,
    number: i64,
    started: Timestamp,
    result: &Answer,
    over: Option<(DeliveryState, &'static str)>,
) -> Result<(), StoreError> {
    let next = next(app, delivery, started, result, over).await?;
    let now = app.now();
    let mut set = doc! {
        "state": bson(&next.state)?,
        "updatedAt": now,
        "attempts.$.outcome": bson(&result.outcome)?,
        "attempts.$.durationMs": i64::try_from(result.elapsed.as_millis()).unwrap_or(i64::MAX),
    };
    let mut unset = Document::new();
    if let Some(status) = result.status {
        set.insert("attempts.$.status", i64::from(status));
    }
    if let Some(error) = &result.error {
        set.insert("attempts.$.error", error);
    }
    if !result.response.is_empty() {
        let keys = app.store.keys().of(delivery.org).await?;
        let id = delivery.id.to_string();
        let field = Delivery::RESPONSE_FIELD;
        let sealed = seal_with(&keys, delivery.tenant(), Delivery::COLLECTION, &id, field, &result.response);
        set.insert("attempts.$.response", bson(&sealed)?);
    }
    match next.due {
        Some(due) => set.insert("due", due),
        None => unset.insert("due", ""),
    };
    match next.reason {
        Some(reason) => set.insert("reason", reason),
        None => unset.insert("reason", ""),
    };
    let filter = doc! {
        "_id": oid(delivery.id),
        "state": "sending",
        "attempts": { "$elemMatch": { "number": number, "outcome": "started" } },
    };
    let update = doc! { "$set": set, "$unset": unset };
    app.store.collection::<Delivery>().update_one(filter, update).await?;
    if next.state == DeliveryState::Delivered {
        metrics::histogram!("delivery_lag_seconds").record(now.since(delivery.created_at).as_secs_f64());
    }
    metrics::counter!("delivery_attempts_total", "outcome" => format!("{:?}", result.outcome)).increment(1);
    Ok(())
}

fn bson(value: &impl serde::Serialize) -> Result<Bson, StoreError> {
    mongodb::bson::serialize_to_bson(value).map_err(|error| StoreError::Malformed(error.to_string()))
}
