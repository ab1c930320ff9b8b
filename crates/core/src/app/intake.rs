//! Hear: a provider's webhook is verified on its raw bytes and stored before it is answered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use mongodb::bson::{self, doc};

use super::{App, AppError, health};
use crate::{
    domain::{
        OrganizationId, ProviderEventId, ProviderId, Timestamp,
        provider_account::{ProviderAccount, ProviderKind},
        provider_event::{EventState, ProviderEvent},
        provider_health::{EventOrigin, RefusalReason},
    },
    fault,
    provider::{IncomingEvent, WebhookRejection},
    store::{Entity, InsertOutcome, StoreError, codec::oid, seal_with},
    telemetry,
    timing::scaled,
};

/// How long the process that answered has to apply an event before the worker does.
pub const SWEEP_AFTER: Duration = Duration::from_secs(5);

/// The account that a webhook's path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAccount {
    /// An account.
    Id(ProviderId),
    /// `_`: the one configured by environment, in single-tenant mode.
    Environment,
}

/// An event that was just stored, with what it said: whoever took it in applies it without reading it again.
#[derive(Debug, Clone)]
pub struct FreshEvent {
    pub(super) event: ProviderEvent,
    pub(super) raw: Bytes,
}

impl FreshEvent {
    /// Its id.
    pub const fn id(&self) -> ProviderEventId {
        self.event.id
    }

    /// Whose it is.
    pub const fn organization(&self) -> OrganizationId {
        self.event.org
    }

    /// Bytes of what it said.
    pub const fn bytes(&self) -> usize {
        self.raw.len()
    }
}

/// What a webhook turned out to be.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A provider's own words.
    Genuine(Genuine),
    /// Nothing is taken in.
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// Why.
        reason: RefusalReason,
        /// Whose webhook it was, where that is known.
        provider: Option<ProviderId>,
    },
}

/// A webhook that is its provider's: nothing of it is stored yet.
#[derive(Debug, Clone)]
pub struct Genuine {
    provider: Arc<ProviderAccount>,
    events: Vec<IncomingEvent>,
    /// The HTTP status of the answer once it is stored.
    pub status: u16,
}

impl Genuine {
    /// The account.
    pub fn provider(&self) -> ProviderId {
        self.provider.id
    }

    /// How many events there are.
    pub const fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// How often it is noted that a provider is heard.
pub(super) const HEARD_EVERY: Duration = Duration::from_mins(1);

/// Verifies a webhook on its raw bytes. `Err` means that the provider should send again.
pub async fn verify(
    app: &App,
    kind: ProviderKind,
    account: WebhookAccount,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Heard, AppError> {
    let adapter = app.adapter(kind)?;
    let answers = adapter.webhook_answers();
    let candidates = candidates(app, kind, account).await?;
    let mut reason = RefusalReason::UnknownProvider;
    for provider in &candidates {
        let account = app.open_account(provider).await?;
        match adapter.receive(&account.credentials.webhook_secrets, headers, body, app.now()) {
            Ok(events) => {
                let provider = Arc::clone(provider);
                return Ok(Heard::Genuine(Genuine { provider, events, status: answers.accepted }));
            }
            // Of several accounts, the one whose secret fits says what is wrong.
            Err(WebhookRejection::Body) => reason = RefusalReason::Body,
            Err(WebhookRejection::Signature) if reason == RefusalReason::UnknownProvider => {
                reason = RefusalReason::Signature;
            }
            Err(WebhookRejection::Signature) => {}
        }
    }
    metrics::counter!("webhooks_refused_total", "type" => kind.as_str(), "reason" => reason.as_str())
        .increment(1);
    let only = candidates.first().filter(|_| candidates.len() == 1).map(|provider| provider.id);
    Ok(Heard::Refused { status: answers.rejected, reason, provider: only })
}

/// How a webhook was answered that came from within.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The HTTP status.
    pub status: u16,
    /// Events that were not there before, to be applied now.
    pub fresh: Vec<FreshEvent>,
}

/// Verifies a webhook and takes it in, for those who need no quota: the sandbox. `Err` means that nothing is known to be
/// stored and the provider should send again.
pub async fn receive_webhook(
    app: &App,
    kind: ProviderKind,
    account: WebhookAccount,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Receipt, AppError> {
    match verify(app, kind, account, headers, body).await? {
        Heard::Genuine(genuine) => {
            let status = genuine.status;
            Ok(Receipt { status, fresh: take(app, genuine).await? })
        }
        Heard::Refused { status, .. } => Ok(Receipt { status, fresh: Vec::new() }),
    }
}

/// Stores what a webhook said; answers the events that were not there before, to be applied now. `Err` means that nothing
/// is known to be stored and the provider should send again.
pub async fn take(app: &App, heard: Genuine) -> Result<Vec<FreshEvent>, AppError> {
    let now = app.now();
    let Genuine { provider, events, .. } = heard;
    let fresh = store(app, &provider, events, EventOrigin::Webhook, now + scaled(SWEEP_AFTER)).await?;
    note_heard(app, &provider, now).await;
    Ok(fresh)
}

/// Stores events that were read from the provider's own list; the worker applies them at once. Answers how many were
/// not there before.
pub(super) async fn store_listed(
    app: &App,
    provider: &ProviderAccount,
    events: Vec<IncomingEvent>,
) -> Result<usize, AppError> {
    if events.is_empty() {
        return Ok(0);
    }
    store(app, provider, events, EventOrigin::List, app.now()).await.map(|fresh| fresh.len())
}

async fn candidates(
    app: &App,
    kind: ProviderKind,
    account: WebhookAccount,
) -> Result<Vec<Arc<ProviderAccount>>, AppError> {
    match account {
        WebhookAccount::Id(id) => {
            let found = app.provider(id).await?.filter(|provider| provider.kind == kind);
            Ok(found.into_iter().collect())
        }
        WebhookAccount::Environment => match &app.single_tenant {
            Some(single) => {
                let found = app.store.providers_of_kind(single.organization, kind).await?;
                Ok(found.into_iter().map(Arc::new).collect())
            }
            None => Ok(Vec::new()),
        },
    }
}

async fn store(
    app: &App,
    provider: &ProviderAccount,
    events: Vec<IncomingEvent>,
    origin: EventOrigin,
    due: Timestamp,
) -> Result<Vec<FreshEvent>, AppError> {
    let keys = app.store.for_org(provider.tenant()).keys().await?;
    let now = app.now();
    let mut stored = Vec::with_capacity(events.len());
    let mut documents = Vec::with_capacity(events.len());
    for incoming in events {
        let id = ProviderEventId::generate();
        let raw = seal_with(
            &keys,
            provider.tenant(),
            ProviderEvent::COLLECTION,
            &id.to_string(),
            ProviderEvent::RAW_FIELD,
            &incoming.raw,
        );
        let said = incoming.raw.clone();
        let event = ProviderEvent { due: Some(due), ..event_of(provider, id, incoming, raw, origin, now) };
        let document =
            bson::serialize_to_raw_document_buf(&event).map_err(|e| AppError::internal(e.to_string()))?;
        stored.push(FreshEvent { event, raw: said });
        documents.push((oid(id), document));
    }
    fault::point("intake.before_insert");
    let outcomes = app.store.event_writer().insert_all(documents).await.map_err(StoreError::from)?;
    fault::point("intake.after_insert");
    let mut fresh = Vec::new();
    for (event, outcome) in stored.into_iter().zip(outcomes) {
        match outcome {
            InsertOutcome::Committed => fresh.push(event),
            // The same event again: it is in the inbox already.
            InsertOutcome::Duplicate => {}
            InsertOutcome::Rejected(message) => return Err(AppError::internal(message)),
            InsertOutcome::Unknown(message) => {
                tracing::warn!(%message, "an event's fate is not known");
                return Err(AppError::Busy);
            }
        }
    }
    metrics::counter!("provider_events_total", "type" => provider.kind.as_str())
        .increment(u64::try_from(fresh.len()).unwrap_or_default());
    Ok(fresh)
}

/// Notes on the account that its provider is heard, once a minute: beside the answer and not before it, since
/// nothing but a page depends on it.
async fn note_heard(app: &App, provider: &ProviderAccount, now: Timestamp) {
    if app.caches.heard.contains_key(&provider.id) {
        return;
    }
    app.caches.heard.insert(provider.id, ()).await;
    let (store, id) = (app.store.for_org(provider.tenant()), provider.id);
    tokio::spawn(async move {
        let heard = doc! { "$max": { "lastEventAt": now } };
        let noted = store.update::<ProviderAccount>(id, doc! {}, heard).await;
        if let Err(error) = noted.and(health::note_good(&store, id).await) {
            tracing::warn!(provider = %id, ?error, "the time of the last event was not noted");
        }
    });
}

fn event_of(
    provider: &ProviderAccount,
    id: ProviderEventId,
    incoming: IncomingEvent,
    raw: crate::crypto::Sealed,
    origin: EventOrigin,
    now: Timestamp,
) -> ProviderEvent {
    ProviderEvent {
        id,
        org: provider.org,
        mode: provider.mode,
        provider_id: provider.id,
        provider_kind: provider.kind,
        event_id: incoming.event_id,
        name: incoming.name,
        raw: Some(raw),
        origin,
        state: EventState::Received,
        attempts: 0,
        due: None,
        reason: None,
        transaction_id: None,
        trail: telemetry::trail(),
        received_at: now,
    }
}

/// A parked event is tried again by a person.
pub async fn replay_event(
    app: &App,
    tenant: crate::domain::Tenant,
    id: ProviderEventId,
) -> Result<ProviderEvent, AppError> {
    let store = app.store.for_org(tenant);
    let update = doc! {
        "$set": { "state": "received", "attempts": 0_i64, "due": app.now() },
        "$unset": { "reason": "" },
    };
    store.update::<ProviderEvent>(id, doc! { "state": { "$in": ["parked", "ignored"] } }, update).await?;
    super::apply::apply_event(app, id).await?;
    store.get::<ProviderEvent>(id).await?.ok_or(AppError::NotFound("event"))
}
