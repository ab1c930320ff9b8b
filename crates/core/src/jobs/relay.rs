//! From the outbox of a checkout, transaction or invoice to deliveries.
//!
//! Every step may be repeated: a delivery's id follows from the announcement and its receiver, so a second
//! relay of the same entry (after a crash, by another worker, or because a compare-and-set wrote back an
//! entry that had been pulled meanwhile) makes nothing new. Entries are pulled only after their deliveries
//! are there for a majority and what follows the change inside the gateway has been done.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use mongodb::bson::{RawDocumentBuf, doc};
use serde_json::Value;

use super::{
    lanes::{self, HeldLanes},
    render,
};
use crate::{
    app::{self, App, AppError},
    domain::{
        DeliveryId, EndpointId, Tenant, Timestamp, TransactionId,
        checkout::{Checkout, CheckoutStatus, Customer},
        delivery::{Delivery, DeliveryKind, DeliveryState},
        derived_id,
        endpoint::WebhookEndpoint,
        invoice::Invoice,
        lane::LaneId,
        outbox::{Entry, EventType, Outbox},
        provider_event::ProviderEvent,
        transaction::Transaction,
    },
    fault,
    store::{Entity, GroupCommit, GroupCommitConfig, InsertOutcome, StoreError, TenantStore, codec::oid},
    telemetry,
};

/// Documents relayed at once when polling.
const CONCURRENCY: usize = 16;

/// Longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_mins(5);

/// The relay. Cloning shares it.
#[derive(Clone)]
pub struct Relay {
    app: App,
    held: Arc<HeldLanes>,
    writer: GroupCommit,
}

/// A document with an outbox, and what is told of it.
pub trait Source: Entity {
    /// The outbox.
    fn outbox(&self) -> &Outbox;
    /// Deliveries of some entries.
    fn deliveries(
        &self,
        relay: &Relay,
        entries: &[Entry],
    ) -> impl Future<Output = Result<Vec<Delivery>, AppError>> + Send;
    /// What follows inside the gateway, whoever wants to hear of the change. Harmless to repeat.
    fn follow_up(
        &self,
        relay: &Relay,
        entries: &[Entry],
    ) -> impl Future<Output = Result<(), AppError>> + Send;
}

impl Relay {
    /// A relay; share `held` with the sender.
    pub fn new(app: App, held: Arc<HeldLanes>) -> Self {
        let deliveries = app.store.database().collection::<RawDocumentBuf>(Delivery::COLLECTION);
        let writer = GroupCommit::start(deliveries, GroupCommitConfig::default());
        Self { app, held, writer }
    }

    /// Relays what waits in a document, as it was read. After a failure the document is put off.
    pub async fn relay<S: Source>(&self, source: &S) -> Result<(), AppError> {
        let entries = &source.outbox().entries;
        // What follows of several changes is due to the last request of them.
        let trail = entries.iter().rev().find_map(|entry| entry.trail.as_ref());
        let tenant = source.entity_tenant();
        let span = tracing::info_span!(
            "relay",
            collection = S::COLLECTION,
            id = %source.entity_id(),
            organization = %tenant.organization,
            request_id = tracing::field::Empty,
        );
        telemetry::follow(trail, span, self.relay_or_put_off(source)).await
    }

    async fn relay_or_put_off<S: Source>(&self, source: &S) -> Result<(), AppError> {
        let relayed = self.try_relay(source).await;
        if let Err(error) = &relayed {
            tracing::warn!(?error, collection = S::COLLECTION, id = %source.entity_id(), "an outbox was not relayed");
            self.put_off(source).await?;
        }
        relayed
    }

    async fn try_relay<S: Source>(&self, source: &S) -> Result<(), AppError> {
        let entries = &source.outbox().entries;
        if entries.is_empty() && source.outbox().due.is_none() {
            return Ok(());
        }
        fault::point("relay.after_load");
        let deliveries = source.deliveries(self, entries).await?;
        let waiting = deliveries.iter().filter(|delivery| delivery.due.is_some());
        let mut lanes: Vec<LaneId> = waiting.map(|delivery| delivery.lane.clone()).collect();
        lanes.sort();
        lanes.dedup();
        self.insert(deliveries).await?;
        fault::point("relay.after_insert");
        for lane in &lanes {
            self.held.wake(&self.app.store, source.entity_tenant(), lane, self.app.now()).await?;
        }
        fault::point("relay.after_wake");
        if let Err(error) = source.follow_up(self, entries).await {
            // All but what asks for it again: a full outbox must not be what keeps it from being emptied.
            let asks = entries.iter().rfind(|entry| asks_for_follow_up(entry.event));
            let kept = [asks, entries.last()].into_iter().flatten().map(|entry| entry.seq);
            self.pull(source, &kept.collect::<Vec<_>>()).await?;
            return Err(error);
        }
        self.pull(source, &[]).await?;
        fault::point("relay.after_pull");
        metrics::counter!("outbox_entries_relayed_total")
            .increment(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Inserts deliveries; those that are there already are what a replay meets.
    async fn insert(&self, deliveries: Vec<Delivery>) -> Result<(), AppError> {
        let mut documents = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let bytes = mongodb::bson::serialize_to_raw_document_buf(&delivery)
                .map_err(|error| StoreError::Malformed(error.to_string()))?;
            documents.push((oid(delivery.id), bytes));
        }
        for outcome in self.writer.insert_all(documents).await.map_err(StoreError::from)? {
            match outcome {
                InsertOutcome::Committed | InsertOutcome::Duplicate => {}
                InsertOutcome::Rejected(why) | InsertOutcome::Unknown(why) => {
                    return Err(StoreError::Unknown(why).into());
                }
            }
        }
        Ok(())
    }

    /// Takes relayed entries out. Leaves `version` alone, or every relay would make the use cases' next
    /// compare-and-set fail; one that runs at this moment may write the entries back, which is harmless.
    async fn pull<S: Source>(&self, source: &S, except: &[i64]) -> Result<(), StoreError> {
        let seqs = source.outbox().entries.iter().map(|entry| entry.seq);
        let relayed: Vec<i64> = seqs.filter(|seq| !except.contains(seq)).collect();
        let left = doc! { "$filter": {
            "input": "$outbox.entries", "cond": { "$not": [{ "$in": ["$$this.seq", relayed] }] }
        } };
        let none_left = doc! { "$eq": [{ "$size": "$outbox.entries" }, 0] };
        let update = vec![
            doc! { "$set": { "outbox.entries": left } },
            doc! { "$set": { "outbox.due": { "$cond": [none_left, "$$REMOVE", "$outbox.due"] } } },
        ];
        self.app.store.collection::<S>().update_one(doc! { "_id": oid(source.entity_id()) }, update).await?;
        Ok(())
    }

    /// Waits half as long again as the oldest entry has waited: no counter is needed, and a document that
    /// fails for days is tried every few minutes.
    async fn put_off<S: Source>(&self, source: &S) -> Result<(), StoreError> {
        let now = self.app.now();
        let waited = source.outbox().entries.first().map_or(Duration::ZERO, |entry| now.since(entry.at));
        let due = now + (waited / 2).clamp(Duration::from_secs(1), BACKOFF_MAX);
        let filter = doc! { "_id": oid(source.entity_id()), "outbox.due": { "$exists": true } };
        let update = doc! { "$set": { "outbox.due": due } };
        self.app.store.collection::<S>().update_one(filter, update).await?;
        Ok(())
    }

    /// Relays documents that have been due for `age`, oldest first, at most `limit` of each kind; answers
    /// how many were found. What no change stream told of is found here; `age` leaves it a moment's start.
    pub async fn poll(&self, limit: i64, age: Duration) -> Result<usize, AppError> {
        if !fault::Recovery::OutboxPoll.is_on() {
            return Ok(0);
        }
        let (store, before) = (&self.app.store, self.app.now() - age);
        let transactions = store.due_transaction_outboxes(before, limit).await?;
        let checkouts = store.due_checkout_outboxes(before, limit).await?;
        let invoices = store.due_invoice_outboxes(before, limit).await?;
        let found = transactions.len() + checkouts.len() + invoices.len();
        // An error has been logged, and its document put off.
        futures::stream::iter(&transactions)
            .for_each_concurrent(CONCURRENCY, async |source| drop(self.relay(source).await))
            .await;
        futures::stream::iter(&checkouts)
            .for_each_concurrent(CONCURRENCY, async |source| drop(self.relay(source).await))
            .await;
        futures::stream::iter(&invoices)
            .for_each_concurrent(CONCURRENCY, async |source| drop(self.relay(source).await))
            .await;
        Ok(found)
    }

    /// The lanes that this process holds.
    pub fn held(&self) -> &HeldLanes {
        &self.held
    }
}

/// Whether [`Source::follow_up`] acts on this very event.
const fn asks_for_follow_up(event: EventType) -> bool {
    matches!(
        event,
        EventType::SessionCreated
            | EventType::SessionPaid
            | EventType::SessionExpired
            | EventType::SessionCancelled
            | EventType::TransactionSucceeded
            | EventType::InvoiceIssued
            | EventType::CreditNoteIssued
    )
}

/// How long the announcement that waits longest has waited; zero when none does.
pub async fn oldest_outbox(app: &App) -> Result<Duration, AppError> {
    let now = app.now();
    let transactions = app.store.due_transaction_outboxes(now, 1).await?;
    let checkouts = app.store.due_checkout_outboxes(now, 1).await?;
    let invoices = app.store.due_invoice_outboxes(now, 1).await?;
    let oldest = transactions
        .iter()
        .flat_map(|source| &source.outbox.entries)
        .chain(checkouts.iter().flat_map(|source| &source.outbox.entries))
        .chain(invoices.iter().flat_map(|source| &source.outbox.entries))
        .map(|entry| entry.at)
        .min();
    Ok(oldest.map_or(Duration::ZERO, |at| now.since(at)))
}

/// The id of the delivery of an announcement to a target. Begins with the announcement's time, as ids do
/// that are not derived, so that lists by id are lists by time.
fn delivery_id(source: &[u8], seq: i64, at: Timestamp, target: &[u8]) -> DeliveryId {
    let mut id = derived_id(&[b"delivery", source, &seq.to_be_bytes(), target]);
    let seconds = u32::try_from(at.seconds()).unwrap_or(u32::MAX);
    id[..4].copy_from_slice(&seconds.to_be_bytes());
    DeliveryId::from_bytes(id)
}

impl Source for Transaction {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    async fn deliveries(&self, relay: &Relay, entries: &[Entry]) -> Result<Vec<Delivery>, AppError> {
        let mut messages = Messages::new(&relay.app, self.tenant());
        for entry in entries.iter().filter(|entry| !entry.endpoints.is_empty()) {
            let mut data = render::transaction(self);
            render::overlay(&mut data, &entry.changed);
            let subject = Subject {
                source: &self.id.bytes(),
                transaction: Some(self.id),
                checkout: Some(self.checkout_id),
                invoice: None,
            };
            messages.add(&subject, entry, &data).await?;
        }
        Ok(messages.deliveries)
    }

    async fn follow_up(&self, relay: &Relay, entries: &[Entry]) -> Result<(), AppError> {
        let app = &relay.app;
        // The shop first: it waits.
        app::orders::about_transaction(app, &relay.held, self).await?;
        if fault::Recovery::Projection.is_on() {
            app::project::project_checkout(app, self).await?;
        }
        app::discount_claims::settle(app, self).await?;
        if entries.iter().any(|entry| entry.event == EventType::TransactionSucceeded) {
            app::receipts::send_on_success(app, self).await?;
        }
        app::invoices::follow::follow(app, self).await
    }
}

impl Source for Invoice {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    async fn deliveries(&self, relay: &Relay, entries: &[Entry]) -> Result<Vec<Delivery>, AppError> {
        if entries.iter().all(|entry| entry.endpoints.is_empty()) {
            return Ok(Vec::new());
        }
        let paper = app::invoices::bare_paper(&relay.app.store.for_org(self.tenant()), self).await?;
        let mut messages = Messages::new(&relay.app, self.tenant());
        for entry in entries.iter().filter(|entry| !entry.endpoints.is_empty()) {
            let mut data = render::invoice(self, &paper);
            render::overlay(&mut data, &entry.changed);
            let subject = Subject {
                source: &self.id.bytes(),
                transaction: self.transaction_id,
                checkout: self.checkout_id,
                invoice: Some(self.id),
            };
            messages.add(&subject, entry, &data).await?;
        }
        Ok(messages.deliveries)
    }

    /// What waited for the paper goes on: credits of what went back meanwhile, and the checkout.
    async fn follow_up(&self, relay: &Relay, entries: &[Entry]) -> Result<(), AppError> {
        let (app, tenant) = (&relay.app, self.tenant());
        let issued = [EventType::InvoiceIssued, EventType::CreditNoteIssued];
        if entries.iter().any(|entry| issued.contains(&entry.event)) {
            app::invoices::mail::send_on_issue(app, self).await?;
        }
        app::invoices::follow::make_credit_notes(app, self).await?;
        if let Some(id) = self.payment_of
            && let Some(transaction) = app.store.for_org(tenant).get::<Transaction>(id).await?
        {
            app::invoices::follow::follow(app, &transaction).await?;
        }
        match self.checkout_id.filter(|_| self.corrects.is_none()) {
            Some(checkout) => app::checkouts::complete(app, tenant, checkout).await,
            None => Ok(()),
        }
    }
}

impl Source for Checkout {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    async fn deliveries(&self, relay: &Relay, entries: &[Entry]) -> Result<Vec<Delivery>, AppError> {
        if entries.iter().all(|entry| entry.endpoints.is_empty()) {
            return Ok(Vec::new());
        }
        let app = &relay.app;
        let store = app.store.for_org(self.tenant());
        let customer = customer(&store, self).await?;
        let paid_by = match self.paid_by {
            Some(id) => store.get::<Transaction>(id).await?,
            None => None,
        };
        let mut messages = Messages::new(app, self.tenant());
        for entry in entries.iter().filter(|entry| !entry.endpoints.is_empty()) {
            let mut data = if entry.event == EventType::OrderCompleted {
                render::order(self, customer.as_ref())
            } else {
                let superseded = store.is_superseded(self).await?;
                let url = app.payment_url(&self.short_code);
                render::checkout(self, customer.as_ref(), superseded, url.as_str())
            };
            if let Some(transaction) = &paid_by {
                data["transaction"] = render::transaction(transaction);
            }
            render::overlay(&mut data, &entry.changed);
            let subject = Subject {
                source: &self.id.bytes(),
                transaction: self.paid_by,
                checkout: Some(self.id),
                invoice: None,
            };
            messages.add(&subject, entry, &data).await?;
        }
        Ok(messages.deliveries)
    }

    async fn follow_up(&self, relay: &Relay, entries: &[Entry]) -> Result<(), AppError> {
        if self.amount == 0 && self.status == CheckoutStatus::Open {
            app::start_payment::settle_free(&relay.app, self).await?;
        }
        let ends = [EventType::SessionExpired, EventType::SessionCancelled];
        if entries.iter().any(|entry| ends.contains(&entry.event)) {
            app::orders::about_checkout(&relay.app, &relay.held, self).await?;
        }
        let paid = entries.iter().any(|entry| entry.event == EventType::SessionPaid);
        if paid && self.status == CheckoutStatus::Paid {
            app::checkouts::complete(&relay.app, self.tenant(), self.id).await?;
        }
        Ok(())
    }
}

/// Opens the customer of a checkout, if there is one.
pub async fn customer(store: &TenantStore, checkout: &Checkout) -> Result<Option<Customer>, AppError> {
    let Some(sealed) = &checkout.customer else { return Ok(None) };
    let text = store.open(Checkout::COLLECTION, checkout.id, Checkout::CUSTOMER_FIELD, sealed).await?;
    let customer = serde_json::from_str(&text);
    customer.map(Some).map_err(|_| AppError::internal("a stored customer cannot be read"))
}

/// Sends a verified provider event on, as it came, to the endpoints that ask for such. Harmless to repeat.
///
/// It needs no outbox: the event itself stays due until this and its application are done.
pub(crate) async fn announce_provider_event(
    app: &App,
    event: &ProviderEvent,
    raw: &[u8],
) -> Result<(), AppError> {
    let wanted = EventType::ProviderEventReceived;
    let endpoints = app.enabled_endpoints(event.tenant()).await?;
    let targets: Vec<EndpointId> = endpoints.iter().filter(|e| e.wants(wanted)).map(|e| e.id).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let raw = std::str::from_utf8(raw).map_err(|error| AppError::internal(error.to_string()))?;
    let data = render::provider_event(event, raw);
    let body = render::envelope(wanted, event.received_at, &data);
    let messages = Messages::new(app, event.tenant());
    for target in targets {
        let id = delivery_id(&event.id.bytes(), 1, event.received_at, &target.bytes());
        let Some(mut delivery) = messages.webhook(id, target, wanted, event.received_at, &body).await? else {
            continue;
        };
        delivery.provider_event_id = Some(event.id);
        delivery.trail.clone_from(&event.trail);
        match messages.store.insert(&delivery).await {
            Ok(()) | Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        let now = app.now();
        lanes::wake(&app.store, event.tenant(), &delivery.lane, now, now).await?;
    }
    Ok(())
}

/// What webhooks are about.
struct Subject<'a> {
    source: &'a [u8],
    transaction: Option<TransactionId>,
    checkout: Option<crate::domain::CheckoutId>,
    invoice: Option<crate::domain::InvoiceId>,
}

/// Webhooks of one document.
struct Messages<'a> {
    app: &'a App,
    store: TenantStore,
    tenant: Tenant,
    deliveries: Vec<Delivery>,
}

impl<'a> Messages<'a> {
    fn new(app: &'a App, tenant: Tenant) -> Self {
        Self { app, store: app.store.for_org(tenant), tenant, deliveries: Vec::new() }
    }

    /// One delivery per endpoint of the entry: written once, sealed for each.
    async fn add(&mut self, subject: &Subject<'_>, entry: &Entry, data: &Value) -> Result<(), AppError> {
        let body = render::envelope(entry.event, entry.at, data);
        for &target in &entry.endpoints {
            let id = delivery_id(subject.source, entry.seq, entry.at, &target.bytes());
            if let Some(mut delivery) = self.webhook(id, target, entry.event, entry.at, &body).await? {
                delivery.transaction_id = subject.transaction;
                delivery.checkout_id = subject.checkout;
                delivery.invoice_id = subject.invoice;
                delivery.trail.clone_from(&entry.trail);
                self.deliveries.push(delivery);
            }
        }
        Ok(())
    }

    /// `None` if the endpoint has been deleted. For one that is disabled it is made all the same, for bulk
    /// recover to find.
    async fn webhook(
        &self,
        id: DeliveryId,
        target: EndpointId,
        event: EventType,
        at: Timestamp,
        body: &[u8],
    ) -> Result<Option<Delivery>, AppError> {
        let cached = self.app.enabled_endpoints(self.tenant).await?;
        let endpoint = match cached.iter().find(|endpoint| endpoint.id == target) {
            Some(endpoint) => endpoint.clone(),
            None => match self.store.get::<WebhookEndpoint>(target).await? {
                Some(endpoint) => endpoint,
                None => return Ok(None),
            },
        };
        let store = &self.store;
        let url = store
            .open(WebhookEndpoint::COLLECTION, target, WebhookEndpoint::URL_FIELD, &endpoint.url)
            .await?;
        let mut delivery =
            new_delivery(store, id, DeliveryKind::Webhook, &url, body, self.app.now(), at).await?;
        delivery.lane = LaneId::endpoint(self.tenant, target);
        event.as_str().clone_into(&mut delivery.event);
        delivery.endpoint_id = Some(target);
        if !endpoint.enabled {
            end(&mut delivery, DeliveryState::Failed, "the endpoint is disabled");
        }
        Ok(Some(delivery))
    }
}

fn end(delivery: &mut Delivery, state: DeliveryState, reason: &str) {
    delivery.state = state;
    delivery.due = None;
    delivery.reason = Some(reason.to_owned());
}

/// A delivery that waits, due to the request that is served; lane, event and subject are for the caller to
/// fill in.
pub(crate) async fn new_delivery(
    store: &TenantStore,
    id: DeliveryId,
    kind: DeliveryKind,
    url: &str,
    body: &[u8],
    now: Timestamp,
    at: Timestamp,
) -> Result<Delivery, StoreError> {
    let tenant = store.tenant();
    Ok(Delivery {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        kind,
        lane: LaneId::ipn(tenant, ""),
        event: String::new(),
        url: store.seal(Delivery::COLLECTION, id, Delivery::URL_FIELD, url.as_bytes()).await?,
        body: Some(store.seal(Delivery::COLLECTION, id, Delivery::BODY_FIELD, body).await?),
        state: DeliveryState::Pending,
        due: Some(now),
        tries: 0,
        attempts: Vec::new(),
        site_id: None,
        endpoint_id: None,
        order_id: None,
        transaction_id: None,
        checkout_id: None,
        invoice_id: None,
        provider_event_id: None,
        external_reference: String::new(),
        ipn_version: None,
        ipn_status: None,
        event_version: None,
        reason: None,
        trail: telemetry::trail(),
        created_at: at,
        updated_at: now,
    })
}

/// Tells a tenant's endpoints of something that no document's outbox holds. `subject` and `at` name it.
pub(super) async fn announce(
    app: &App,
    held: &HeldLanes,
    tenant: Tenant,
    event: EventType,
    at: Timestamp,
    subject: &str,
    data: &Value,
) -> Result<(), AppError> {
    let body = render::envelope(event, at, data);
    let messages = Messages::new(app, tenant);
    for endpoint in app.enabled_endpoints(tenant).await?.iter().filter(|endpoint| endpoint.wants(event)) {
        let id = delivery_id(subject.as_bytes(), at.millis(), at, &endpoint.id.bytes());
        let Some(delivery) = messages.webhook(id, endpoint.id, event, at, &body).await? else { continue };
        match app.store.for_org(tenant).insert(&delivery).await {
            Ok(()) | Err(StoreError::Duplicate) => {}
            Err(error) => return Err(error.into()),
        }
        held.wake(&app.store, tenant, &delivery.lane, app.now()).await?;
    }
    Ok(())
}
