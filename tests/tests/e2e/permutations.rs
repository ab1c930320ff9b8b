//! Every order of a history of six events, through the store: received with real signatures, some copies
//! more than once, applied by compare-and-set. Whatever the order, the same status, amounts, refunds and
//! disputes; what is announced is part of what the usual order announces, each at most once, and ends alike.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App,
        apply::{apply_event, apply_fresh},
        create_checkout::{NewCheckout, create_checkout},
        intake::{FreshEvent, Receipt, WebhookAccount, receive_webhook},
        settings::providers::{self, NewCredentials, ProviderSettings},
        start_payment::start_payment,
    },
    domain::{
        CheckoutId, Mode, ProviderId, SiteId, Tenant, TransactionId,
        checkout::{Checkout, CheckoutStatus},
        outbox::EventType,
        provider_account::{ProviderAccount, ProviderKind},
        provider_event::{EventState, ProviderEvent},
        transaction::{Transaction, TransactionStatus},
    },
    store::Entity,
};
use mongodb::bson::{Document, doc};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use testkit::{
    gocardless_sim::{self, GoCardlessSim},
    sim::DeliveryPolicy,
    stripe_sim::{self, DisputeOutcome, StripeSim},
};

use crate::in_process;

pub const SECRET: &str = "whsec_exampleofaprovider";

/// A tenant with one account at a provider, on a database of its own.
pub struct World {
    pub app: App,
    pub tenant: Tenant,
    pub site: SiteId,
    pub provider: ProviderId,
    pub kind: ProviderKind,
}

impl World {
    pub async fn start(kind: ProviderKind, base_url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let uri = testkit::shared_mongod().await;
        let mut config = in_process::config(&uri, &in_process::database_name("orders"));
        config.provider_urls.stripe = Some(base_url.parse().unwrap());
        config.provider_urls.gocardless = Some(base_url.parse().unwrap());
        let app = in_process::app(&config).await;
        let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
        let provider = account(&app, tenant, kind).await;
        Self { app, tenant, site, provider, kind }
    }

    /// A checkout of ten euros.
    pub async fn checkout(&self, reference: &str) -> Checkout {
        self.checkout_with(reference, |_| {}).await
    }

    /// The same, changed before it is sent.
    pub async fn checkout_with(&self, reference: &str, change: impl FnOnce(&mut NewCheckout)) -> Checkout {
        let mut new = in_process::ten_euros(reference);
        change(&mut new);
        let reply = create_checkout(&self.app, self.tenant, self.site, new, None).await.unwrap();
        let reply: Value = serde_json::from_str(&reply).unwrap();
        let id: CheckoutId = reply["id"].as_str().unwrap().parse().unwrap();
        self.app.store.for_org(self.tenant).get::<Checkout>(id).await.unwrap().unwrap()
    }

    pub async fn begin(&self, reference: &str) -> Transaction {
        let checkout = self.checkout(reference).await;
        start_payment(&self.app, &checkout, self.provider, SecondPayment::Ask).await.unwrap().transaction
    }

    pub async fn transaction(&self, id: TransactionId) -> Transaction {
        self.app.store.for_org(self.tenant).get::<Transaction>(id).await.unwrap().unwrap()
    }

    pub async fn receive(&self, events: &[Value]) -> Receipt {
        post_to(&self.app, self.kind, self.provider, SECRET, events).await
    }

    /// Receives and applies, as main-backend does.
    pub async fn deliver(&self, events: &[Value]) -> Receipt {
        let receipt = self.receive(events).await;
        assert!((200..300).contains(&receipt.status), "{}", receipt.status);
        for event in &receipt.fresh {
            apply_fresh(&self.app, event.clone()).await.unwrap();
        }
        receipt
    }
}

pub async fn account(app: &App, tenant: Tenant, kind: ProviderKind) -> ProviderId {
    let api_key = match kind {
        ProviderKind::Stripe => "sk_test_simulated",
        _ => "sandbox_simulated",
    };
    let credentials =
        NewCredentials { api_key: Some(api_key.to_owned()), webhook_secrets: Some(vec![SECRET.to_owned()]) };
    let settings = ProviderSettings { credentials, ..ProviderSettings::default() };
    providers::create(app, tenant, kind, settings).await.unwrap().id
}

pub async fn post_to(
    app: &App,
    kind: ProviderKind,
    provider: ProviderId,
    secret: &str,
    events: &[Value],
) -> Receipt {
    let (name, body) = match kind {
        ProviderKind::Stripe => ("stripe-signature", serde_json::to_vec_pretty(&events[0]).unwrap()),
        _ => ("webhook-signature", serde_json::to_vec(&json!({ "events": events })).unwrap()),
    };
    let signature = match kind {
        ProviderKind::Stripe => stripe_sim::signature_header(secret, app.now().seconds(), &body),
        _ => gocardless_sim::signature(secret, &body),
    };
    post_signed(app, kind, provider, name, &signature, body).await
}

async fn post_signed(
    app: &App,
    kind: ProviderKind,
    provider: ProviderId,
    header: &'static str,
    signature: &str,
    body: Vec<u8>,
) -> Receipt {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert(header, signature.parse().unwrap());
    receive_webhook(app, kind, WebhookAccount::Id(provider), &headers, &body.into()).await.unwrap()
}

/// What must not depend on the order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    status: TransactionStatus,
    captured: i64,
    refunded: i64,
    refunds: BTreeSet<(String, i64, &'static str)>,
    disputes: BTreeSet<(String, &'static str)>,
}

/// Names at the provider end in the copy's number, which is left out.
fn end_of(t: &Transaction) -> End {
    let plain = |name: &str| name.split('~').next().unwrap_or_default().to_owned();
    End {
        status: t.status,
        captured: t.captured,
        refunded: t.refunded,
        refunds: t
            .refunds
            .iter()
            .map(|r| (plain(r.reference.as_deref().unwrap_or_default()), r.amount, r.state.as_str()))
            .collect(),
        disputes: t.disputes.iter().map(|d| (plain(&d.reference), d.state.as_str())).collect(),
    }
}

/// The statuses announced; nobody relays here, so that the outbox still holds all.
fn announced(t: &Transaction) -> Vec<EventType> {
    let statuses: Vec<EventType> = TransactionStatus::ALL.iter().map(|status| status.event()).collect();
    let events = t.outbox.entries.iter().map(|entry| entry.event);
    events.filter(|event| statuses.contains(event)).collect()
}

fn is_subsequence(part: &[EventType], whole: &[EventType]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|found| found == wanted))
}

fn orders(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let longer = |shorter: Vec<usize>| {
        (0..length).rev().map(move |place| {
            let mut order = shorter.clone();
            order.insert(place, length - 1);
            order
        })
    };
    orders(length - 1).into_iter().flat_map(longer).collect()
}

/// A history as it was lived once, to be told of other transactions.
struct Template {
    transaction: Transaction,
    documents: (Document, Document),
    /// The provider's names in it, each to be made another.
    names: BTreeSet<String>,
    events: Vec<Value>,
}

impl Template {
    /// `events` in their usual order.
    async fn new(world: &World, transaction: Transaction, prefixes: &[&str], events: Vec<Value>) -> Self {
        let mut names = BTreeSet::new();
        for event in &events {
            collect_names(event, prefixes, &mut names);
        }
        for reference in &transaction.refs {
            names.insert(reference.id().to_owned());
        }
        // Ours, whatever it begins with.
        names.remove(&transaction.session_public_id);
        let database = world.app.store.database();
        let find = async |collection: &str, id| {
            let collection = database.collection::<Document>(collection);
            collection.find_one(doc! { "_id": id }).await.unwrap().unwrap()
        };
        let documents = (
            find(Checkout::COLLECTION, gateway_core::store::codec::oid(transaction.checkout_id)).await,
            find(Transaction::COLLECTION, gateway_core::store::codec::oid(transaction.id)).await,
        );
        Self { transaction, documents, names, events }
    }

    /// The same history of a transaction of its own, which is stored as it was when it was begun.
    async fn copy(&self, world: &World, number: usize) -> (TransactionId, Vec<Value>) {
        let (id, checkout_id) = (TransactionId::generate(), CheckoutId::generate());
        let (mut checkout, mut transaction) = self.documents.clone();
        let public_id = format!("cs_copy{number}");
        checkout.insert("_id", checkout_id);
        checkout.insert("publicId", &public_id);
        checkout.insert("shortCode", format!("copy{number}"));
        checkout.insert("externalReference", format!("ORD-{number}"));
        transaction.insert("_id", id);
        transaction.insert("checkoutId", checkout_id);
        transaction.insert("sessionPublicId", &public_id);
        transaction.insert("externalReference", format!("ORD-{number}"));
        let refs: Vec<String> = self.transaction.refs.iter().map(|name| format!("{name}~{number}")).collect();
        transaction.insert("refs", refs);
        let database = world.app.store.database();
        database.collection::<Document>(Checkout::COLLECTION).insert_one(checkout).await.unwrap();
        database.collection::<Document>(Transaction::COLLECTION).insert_one(transaction).await.unwrap();
        let rename = |event: &Value| {
            let mut text = event.to_string();
            for name in &self.names {
                text = text.replace(&format!("\"{name}\""), &format!("\"{name}~{number}\""));
            }
            text = text.replace(&self.transaction.id.to_string(), &id.to_string());
            text = text.replace(&self.transaction.session_public_id, &public_id);
            text = text.replace(&self.transaction.checkout_id.to_string(), &checkout_id.to_string());
            serde_json::from_str(&text).unwrap()
        };
        (id, self.events.iter().map(rename).collect())
    }
}

fn collect_names(value: &Value, prefixes: &[&str], names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if prefixes.iter().any(|prefix| text.starts_with(prefix)) => {
            names.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, prefixes, names)),
        Value::Object(fields) => fields.values().for_each(|field| collect_names(field, prefixes, names)),
        _ => {}
    }
}

/// Tells every order of the history, each of a transaction of its own; some events come twice, some are
/// applied by two processes at once. `every` takes a sample of the 720.
async fn check_orders(world: &World, template: &Template, every: usize, announcements_are_strict: bool) {
    assert_eq!(template.events.len(), 6);
    let all = orders(6);
    assert_eq!((all.len(), &all[0]), (720, &vec![0, 1, 2, 3, 4, 5]));
    let results: Vec<(Vec<usize>, Transaction)> = stream::iter(all.into_iter().step_by(every).enumerate())
        .map(async |(number, order)| (order.clone(), Box::pin(tell(world, template, number, &order)).await))
        .buffered(48)
        .collect()
        .await;
    let usual = &results[0].1;
    let (wanted, usual_words) = (end_of(usual), announced(usual));
    assert!(!usual_words.is_empty());
    for (order, got) in &results {
        assert_eq!(end_of(got), wanted, "in the order {order:?}");
        let words = announced(got);
        assert_eq!(words.last(), usual_words.last(), "in the order {order:?}: {words:?}");
        if announcements_are_strict {
            assert!(is_subsequence(&words, &usual_words), "{order:?}: {words:?} beside {usual_words:?}");
        }
        let is_paid = got.succeeded_at.is_some();
        let store = world.app.store.for_org(world.tenant);
        let checkout = store.get::<Checkout>(got.checkout_id).await.unwrap().unwrap();
        assert_eq!(checkout.status == CheckoutStatus::Paid, is_paid, "{order:?}");
    }
}

async fn tell(world: &World, template: &Template, number: usize, order: &[usize]) -> Transaction {
    let (id, events) = template.copy(world, number).await;
    // Events that came before anything named their payment here are put off: applied again by the sweep.
    let mut waiting = Vec::new();
    for (step, &index) in order.iter().enumerate() {
        let event = std::slice::from_ref(&events[index]);
        match (number + step) % 3 {
            0 => {
                waiting.extend(world.deliver(event).await.fresh);
                assert!(world.deliver(event).await.fresh.is_empty(), "a copy is taken and does nothing");
            }
            1 => {
                let receipt = world.receive(event).await;
                let again = receipt.fresh.clone();
                let apply = async |events: &[FreshEvent]| {
                    for event in events {
                        apply_event(&world.app, event.id()).await.unwrap();
                    }
                };
                tokio::join!(apply(&receipt.fresh), apply(&again));
                waiting.extend(again);
            }
            _ => waiting.extend(world.deliver(event).await.fresh),
        }
    }
    if number.is_multiple_of(20) {
        for event in &events {
            let receipt = world.receive(std::slice::from_ref(event)).await;
            assert!(receipt.fresh.is_empty(), "replayed once more");
        }
    }
    for event in waiting {
        apply_event(&world.app, event.id()).await.unwrap();
    }
    world.transaction(id).await
}

const STRIPE_NAMES: &[&str] = &["evt_", "cs_", "pi_", "ch_", "re_", "dp_", "du_"];

/// Names of Stripe's events in the order wanted.
fn pick(events: &[Value], kinds: &[&str]) -> Vec<Value> {
    let find = |kind: &&str| {
        let found = events.iter().find(|event| event["type"] == **kind);
        found.unwrap_or_else(|| panic!("the simulator sent no {kind}")).clone()
    };
    kinds.iter().map(find).collect()
}

/// One started transaction at the simulator, whose clock moves a minute with every act.
struct Lived {
    world: World,
    sim: StripeSim,
    transaction: Transaction,
    minutes: i64,
}

impl Lived {
    async fn start() -> Self {
        let sim = StripeSim::start().await;
        sim.set_delivery(DeliveryPolicy::hold());
        let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
        let transaction = world.begin("ORD-1").await;
        Self { world, sim, transaction, minutes: 0 }
    }

    fn session(&self) -> String {
        self.transaction.reference("checkout_session").unwrap().to_owned()
    }

    fn later(&mut self) {
        self.minutes += 1;
        self.sim.set_time_offset_ms(self.minutes * 60_000);
    }

    /// Paid late: two events about the way, two about the money.
    fn pay_late(&mut self) -> String {
        let session = self.session();
        self.later();
        let intent = self.sim.complete_unpaid(&session).unwrap();
        self.later();
        self.sim.async_succeed(&session).unwrap();
        intent
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_a_stripe_payment_with_a_refund_ends_the_same_without_fetching() {
    let mut lived = Lived::start().await;
    let intent = lived.pay_late();
    lived.later();
    lived.sim.dashboard_refund(&intent, 400).unwrap();
    let kinds = [
        "payment_intent.processing",
        "checkout.session.completed",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
        "refund.created",
        "charge.refunded",
    ];
    let events = pick(&lived.sim.events(), &kinds);
    lived.sim.outage(true);
    let Lived { world, transaction, .. } = lived;
    let template = Template::new(&world, transaction, STRIPE_NAMES, events).await;
    check_orders(&world, &template, 1, true).await;
}

/// Refunds and disputes overtake each other, and events alone cannot tell (docs/adr/0003): the end is the
/// same, and so is the last word.
#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_disputed_stripe_payment_end_the_same_without_fetching() {
    let mut lived = Lived::start().await;
    let session = lived.session();
    lived.later();
    let intent = lived.sim.pay(&session).unwrap();
    lived.later();
    lived.sim.dashboard_refund(&intent, 400).unwrap();
    lived.later();
    let dispute = lived.sim.open_dispute(&intent, 600).unwrap();
    lived.later();
    lived.sim.update_dispute(&dispute).unwrap();
    lived.later();
    lived.sim.close_dispute(&dispute, DisputeOutcome::Lost).unwrap();
    let kinds = [
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
    ];
    let events = pick(&lived.sim.events(), &kinds);
    lived.sim.outage(true);
    let Lived { world, transaction, .. } = lived;
    let template = Template::new(&world, transaction, STRIPE_NAMES, events).await;
    check_orders(&world, &template, 6, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_a_gocardless_payment_that_goes_back_and_forth_ends_the_same() {
    let sim = GoCardlessSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::GoCardless, &sim.base_url()).await;
    let transaction = world.begin("ORD-1").await;
    let request = transaction.reference("billing_request").unwrap().to_owned();
    let at = |minutes: i64| sim.set_time_offset_ms(minutes * 60_000);
    at(1);
    let payment = sim.fulfil(&request).unwrap().payment.unwrap();
    at(2);
    sim.submit(&payment).unwrap();
    at(3);
    sim.fail(&payment, true).unwrap();
    at(4);
    sim.resubmit(&payment).unwrap();
    at(5);
    sim.confirm(&payment).unwrap();
    at(6);
    sim.late_failure(&payment).unwrap();
    let mut payments: Vec<Value> =
        sim.events().into_iter().filter(|event| event["resource_type"] == "payments").collect();
    let wanted = ["submitted", "failed", "resubmission_requested", "confirmed", "failed"];
    payments.retain(|event| wanted.contains(&event["action"].as_str().unwrap_or_default()));
    let fulfilled = sim.events().into_iter().find(|event| event["action"] == "fulfilled").unwrap();
    let events: Vec<Value> = std::iter::once(fulfilled).chain(payments).collect();
    sim.outage(true);
    let names = ["EV", "BRQ", "BRF", "PM", "MD", "CU", "BA"];
    let template = Template::new(&world, transaction, &names, events).await;
    check_orders(&world, &template, 1, true).await;
}

/// Snapshots are on their way while events arrive and the payment moves on: each of them is old by the time
/// it is here, and none may undo what is newer.
#[tokio::test(flavor = "multi_thread")]
async fn fetches_that_answer_late_change_nothing_about_the_end() {
    const SAMPLES: u64 = 30;
    let sim = Arc::new(StripeSim::start().await);
    sim.set_delivery(DeliveryPolicy::hold());
    let world = Arc::new(World::start(ProviderKind::Stripe, &sim.base_url()).await);
    sim.set_latency(Duration::from_millis(5), Duration::from_millis(40));
    let mut ends: Vec<(u64, Transaction)> = stream::iter(0..SAMPLES)
        .map(|seed| live_in_disorder(Arc::clone(&world), Arc::clone(&sim), seed))
        .buffer_unordered(6)
        .collect()
        .await;
    ends.sort_by_key(|(seed, _)| *seed);
    // What a history in order, told at once, comes to; amounts are the same in all of them.
    let wanted = [
        EventType::TransactionPending,
        EventType::TransactionSucceeded,
        EventType::TransactionPartiallyRefunded,
    ];
    for (seed, got) in &ends {
        let end = end_of(got);
        assert_eq!(end.status, TransactionStatus::PartiallyRefunded, "seed {seed}");
        assert_eq!((end.captured, end.refunded, end.refunds.len()), (1000, 400, 1), "seed {seed}");
        let mut words = announced(got);
        words.retain(|word| *word != EventType::TransactionInitiated);
        assert!(is_subsequence(&words, &wanted), "seed {seed}: {words:?}");
        assert_eq!(words.last(), wanted.last(), "seed {seed}");
        assert!(got.needs_review.is_none(), "seed {seed}: {:?}", got.needs_review);
    }
}

async fn live_in_disorder(world: Arc<World>, sim: Arc<StripeSim>, seed: u64) -> (u64, Transaction) {
    let mut random = StdRng::seed_from_u64(seed);
    let transaction = world.begin(&format!("ORD-LATE-{seed}")).await;
    let session = transaction.reference("checkout_session").unwrap().to_owned();
    let mine = |event: &Value| {
        let text = event.to_string();
        text.contains(&session) || sim.intent_of(&session).is_some_and(|intent| text.contains(&intent))
    };
    let mut running = Vec::new();
    for act in 0..3 {
        match act {
            0 => drop(sim.complete_unpaid(&session).unwrap()),
            1 => drop(sim.async_succeed(&session).unwrap()),
            _ => {
                let intent = sim.intent_of(&session).unwrap();
                drop(sim.dashboard_refund(&intent, 400).unwrap());
            }
        }
        let mut told: Vec<Value> = sim.events().into_iter().filter(&mine).collect();
        told.shuffle(&mut random);
        told.truncate(random.random_range(0..=told.len()));
        for event in told {
            let world = Arc::clone(&world);
            running.push(tokio::spawn(async move {
                world.deliver(&[event]).await;
            }));
        }
        // A customer who is back, while all that is under way.
        let (app, begun) = (world.app.clone(), transaction.clone());
        running.push(tokio::spawn(async move {
            gateway_core::app::apply::confirm(&app, &begun).await.unwrap();
        }));
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
    }
    let mut rest: Vec<Value> = sim.events().into_iter().filter(&mine).collect();
    rest.shuffle(&mut random);
    for event in rest {
        world.deliver(&[event]).await;
    }
    for task in running {
        task.await.unwrap();
    }
    sweep(&world).await;
    (seed, world.transaction(transaction.id).await)
}

/// What was put off is applied, as the worker's sweep would.
async fn sweep(world: &World) {
    let store = world.app.store.for_org(world.tenant);
    for _ in 0..10 {
        let left = store.find::<ProviderEvent>(doc! { "state": "received" }, doc! { "_id": 1 }, 1000).await;
        let left = left.unwrap();
        if left.is_empty() {
            return;
        }
        for event in left {
            apply_event(&world.app, event.id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_copies_at_once_are_one_event_with_one_effect() {
    let mut lived = Lived::start().await;
    let session = lived.session();
    lived.later();
    lived.sim.pay(&session).unwrap();
    let event = pick(&lived.sim.events(), &["payment_intent.succeeded"]);
    let world = &lived.world;
    let receipts: Vec<Receipt> = stream::iter(0..100)
        .map(|_| async {
            let receipt = world.receive(&event).await;
            for event in &receipt.fresh {
                apply_event(&world.app, event.id()).await.unwrap();
            }
            receipt
        })
        .buffer_unordered(100)
        .collect()
        .await;
    assert!(receipts.iter().all(|receipt| receipt.status == 200));
    assert_eq!(receipts.iter().map(|receipt| receipt.fresh.len()).sum::<usize>(), 1);
    let events = world.app.store.database().collection::<Document>(ProviderEvent::COLLECTION);
    assert_eq!(events.count_documents(doc! {}).await.unwrap(), 1);
    let got = world.transaction(lived.transaction.id).await;
    let successes = announced(&got).into_iter().filter(|word| *word == EventType::TransactionSucceeded);
    assert_eq!((got.status, successes.count()), (TransactionStatus::Succeeded, 1));
}

/// What an event must not do.
struct Hostile {
    what: &'static str,
    change: fn(&mut Value),
    state: EventState,
    review: Option<&'static str>,
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_do_not_fit_change_nothing() {
    let mut lived = Lived::start().await;
    let session = lived.session();
    lived.later();
    lived.sim.pay(&session).unwrap();
    let event = pick(&lived.sim.events(), &["payment_intent.succeeded"]).remove(0);
    lived.sim.outage(true);
    let world = &lived.world;
    let stored = doc! { "_id": world.provider };
    let known = doc! { "$set": { "account": "acct_example" } };
    let collection = world.app.store.database().collection::<Document>(ProviderAccount::COLLECTION);
    collection.update_one(stored, known).await.unwrap();
    let template = Template::new(world, lived.transaction.clone(), STRIPE_NAMES, vec![event]).await;

    let parked = EventState::Parked;
    let cases = [
        Hostile { what: "other mode", change: |e| e["livemode"] = json!(true), state: parked, review: None },
        Hostile {
            what: "other account",
            change: |e| e["account"] = json!("acct_other"),
            state: parked,
            review: None,
        },
        Hostile {
            what: "less than asked",
            change: |e| {
                e["data"]["object"]["amount"] = json!(1);
                e["data"]["object"]["amount_received"] = json!(1);
            },
            state: parked,
            review: Some("amount_mismatch"),
        },
        Hostile {
            what: "less taken than asked",
            change: |e| e["data"]["object"]["amount_received"] = json!(999),
            state: parked,
            review: Some("amount_mismatch"),
        },
        Hostile {
            what: "other currency",
            change: |e| e["data"]["object"]["currency"] = json!("usd"),
            state: parked,
            review: Some("currency_mismatch"),
        },
        Hostile {
            what: "other session",
            change: |e| e["data"]["object"]["metadata"]["session_public_id"] = json!("cs_other"),
            state: parked,
            review: Some("reference_mismatch"),
        },
    ];
    for (number, case) in cases.iter().enumerate() {
        let (id, mut events) = template.copy(world, number).await;
        (case.change)(&mut events[0]);
        let event = world.deliver(&events).await.fresh[0].id();
        let stored = async || world.app.store.lookup_event(event).await.unwrap().unwrap();
        // What does not fit is asked about first, as often as an event is tried.
        while case.review.is_some() && stored().await.state == EventState::Received {
            assert_eq!(world.transaction(id).await.needs_review, None, "{}: not yet", case.what);
            apply_event(&world.app, event).await.unwrap();
        }
        assert_eq!(stored().await.state, case.state, "{}: {:?}", case.what, stored().await.reason);
        let got = world.transaction(id).await;
        assert_eq!(got.status, TransactionStatus::Initiated, "{}", case.what);
        assert_eq!((got.captured, got.succeeded_at), (0, None), "{}", case.what);
        let reason = got.needs_review.map(|review| review.reason);
        assert_eq!(reason.as_deref(), case.review, "{}", case.what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_or_accounts_event_finds_nothing_and_is_left_to_them() {
    let mut lived = Lived::start().await;
    let session = lived.session();
    lived.later();
    lived.sim.pay(&session).unwrap();
    let event = pick(&lived.sim.events(), &["payment_intent.succeeded"]);
    lived.sim.outage(true);
    let world = &lived.world;
    let (stranger, _) = in_process::tenant(&world.app, Mode::Test).await;
    let foreign = account(&world.app, stranger, ProviderKind::Stripe).await;
    let own_other = account(&world.app, world.tenant, ProviderKind::Stripe).await;
    for provider in [foreign, own_other] {
        let receipt = post_to(&world.app, ProviderKind::Stripe, provider, SECRET, &event).await;
        assert_eq!((receipt.status, receipt.fresh.len()), (200, 1));
        for _ in 0..10 {
            apply_event(&world.app, receipt.fresh[0].id()).await.unwrap();
        }
        let stored = world.app.store.lookup_event(receipt.fresh[0].id()).await.unwrap().unwrap();
        assert_eq!(stored.state, EventState::Ignored, "{:?}", stored.reason);
    }
    let got = world.transaction(lived.transaction.id).await;
    assert_eq!((got.status, got.needs_review), (TransactionStatus::Initiated, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_stale_webhooks_write_nothing() {
    let lived = Lived::start().await;
    let world = &lived.world;
    let app = &world.app;
    let body = br#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1}"#.to_vec();
    let now = app.now().seconds();
    let forged = [
        stripe_sim::signature_header("whsec_another", now, &body),
        stripe_sim::signature_header(SECRET, now - 301, &body),
        stripe_sim::signature_header(SECRET, now, b"another body"),
        format!("t={now}"),
        "nonsense".to_owned(),
    ];
    for signature in &forged {
        let (kind, header) = (ProviderKind::Stripe, "stripe-signature");
        let receipt = post_signed(app, kind, world.provider, header, signature, body.clone()).await;
        assert_eq!((receipt.status, receipt.fresh.len()), (400, 0), "{signature}");
    }
    let gocardless = account(app, world.tenant, ProviderKind::GoCardless).await;
    let body = br#"{"events":[]}"#.to_vec();
    let signature = gocardless_sim::signature("another", &body);
    let kind = ProviderKind::GoCardless;
    let receipt = post_signed(app, kind, gocardless, "webhook-signature", &signature, body).await;
    assert_eq!(receipt.status, 498);
    let unknown = ProviderId::generate();
    let receipt = post_to(app, ProviderKind::Stripe, unknown, SECRET, &[json!({ "id": "evt_2" })]).await;
    assert_eq!(receipt.status, 400);
    let events = app.store.database().collection::<Document>(ProviderEvent::COLLECTION);
    let left: Vec<Document> = events.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    assert!(left.is_empty());
    assert_eq!(lived.sim.requests_to("GET").len(), 0, "and nobody asked the provider");
}
