//! Random histories through the database, with two workers that are killed again and again. Each is an order of a shop
//! that behaves as one of the receivers that exist; at the end the shop's order is paid exactly when a payment holds
//! money, but for what no word of the contract tells it.
//!
//! `ORDER_STORE_HISTORIES` plays another number, `ORDER_SEED` begins elsewhere.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use futures::StreamExt;
use gateway_core::{
    app::App,
    domain::{
        CheckoutId, Mode, OrganizationId, SiteId, Tenant, Timestamp, TransactionId,
        checkout::Checkout,
        delivery::Delivery,
        order::{
            DisputeStage, DisputeWord, Notification, NotificationState, Order, OrderKey, PaymentFacts,
            Standing,
            trial::{self, Event, Kind, Line, RECEIVERS, Random, Shop, World as History},
        },
        site::IpnVersion,
        transaction::{Transaction, TransactionStatus as S},
    },
    store::StoreError,
};
use mongodb::bson::doc;
use serde_json::Value;
use testkit::process::{Child, Spec, workspace_binary};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::tell::world::{World, set_facts};

/// Histories that are played at the same time.
const AT_ONCE: usize = 48;

/// Leases, pauses and sweeps of the workers, in thousandths.
const TIMING: &str = "20";

/// How a shop and the way to it are at the moment.
struct Receiver {
    shop: Shop,
    line: Line,
    /// The session of the checkout that the shop made last.
    session: String,
}

/// Shops by the reference of their only order.
type Shops = Arc<Mutex<HashMap<String, Receiver>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_end_right_with_two_workers_that_are_killed() {
    let number = |variable: &str, default: u64| {
        std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (count, first) = (number("ORDER_STORE_HISTORIES", 2_000), number("ORDER_SEED", 1_000_000));
    let world = World::start().await;
    let shops = Shops::default();
    let url = serve(Arc::clone(&shops)).await;
    let stop = CancellationToken::new();
    let killing = tokio::spawn(kill_workers(spec(&world), stop.clone()));
    let deviations = futures::stream::iter(first..first + count)
        .map(|seed| play(&world, &shops, &url, seed))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |deviation| deviation)
        .collect::<Vec<_>>()
        .await;
    stop.cancel();
    let kills = killing.await.unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in &deviations {
        *counts.entry(reason).or_default() += 1;
    }
    println!("{count} histories from seed {first}, {kills} workers killed, deviations: {counts:?}");
    assert!(count < 500 || kills >= 20, "workers were killed {kills} times only");
}

fn spec(world: &World) -> impl Fn(usize) -> Spec + Send + 'static {
    let logs = tempfile::tempdir().unwrap().keep();
    let environment = world.environment.clone();
    move |index| {
        let log = logs.join(format!("worker-{index}.log"));
        Spec::new(format!("worker {index}"), workspace_binary("worker"), log)
            .envs(environment.clone())
            .envs([("TOLLGATE_TIMING_SCALE_PERMILLE", TIMING)])
    }
}

/// Two workers, of which one after the other is killed and started again. Answers how often.
async fn kill_workers(spec: impl Fn(usize) -> Spec, stop: CancellationToken) -> usize {
    let mut workers: Vec<Child> = (0..2).map(|index| Child::spawn(&spec(index)).unwrap()).collect();
    let mut kills = 0;
    loop {
        let pause = Duration::from_millis(1500 + u64::from(rand_byte()) * 8);
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            break;
        }
        let index = kills % 2;
        workers[index].sigkill().await;
        workers[index] = Child::spawn(&spec(index)).unwrap();
        kills += 1;
    }
    for mut worker in workers {
        worker.sigkill().await;
    }
    kills
}

fn rand_byte() -> u8 {
    gateway_core::crypto::random::bytes::<1>()[0]
}

async fn serve(shops: Shops) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ipn", listener.local_addr().unwrap());
    let router = Router::new().route("/ipn", post(receive)).with_state(shops);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// A notification arrives at one of the shops.
async fn receive(State(shops): State<Shops>, Json(body): Json<Value>) -> StatusCode {
    let mut shops = shops.lock().unwrap();
    let Some(receiver) = shops.get_mut(body["externalReference"].as_str().unwrap()) else {
        return StatusCode::NOT_FOUND;
    };
    let processed = matches!(receiver.line, Line::Up | Line::Deaf);
    if !processed {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    // A session is told apart by whether it is the shop's last one; version 1 names none.
    let (ours, other) = (CheckoutId::from_bytes([1; 12]), CheckoutId::from_bytes([2; 12]));
    let is_ours = body["sessionPublicId"].as_str().is_none_or(|session| session == receiver.session);
    let word = word(&body, if is_ours { ours } else { other });
    let accepted = receiver.shop.receive(&word, ours);
    match (receiver.line, accepted) {
        (Line::Deaf, _) => StatusCode::SERVICE_UNAVAILABLE,
        (_, true) => StatusCode::OK,
        (_, false) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn word(body: &Value, checkout: CheckoutId) -> Notification {
    let stage = body["disputeStatus"].as_str().map(|text| match text {
        "open" => DisputeStage::Open,
        "under_review" => DisputeStage::UnderReview,
        "won" => DisputeStage::Won,
        "accepted" => DisputeStage::Accepted,
        _ => DisputeStage::Lost,
    });
    Notification {
        number: body["eventVersion"].as_i64().unwrap_or_default(),
        payment: body["id"].as_str().unwrap().parse().unwrap(),
        status: i8::try_from(body["status"].as_i64().unwrap()).unwrap(),
        dispute: stage.map(|stage| DisputeWord { stage, id: String::new() }),
        opens: false,
        checkout,
        version: 2,
        delivery: None,
        at: Timestamp::default(),
        state: NotificationState::Waiting,
        sent: true,
        refusals: 0,
    }
}

/// Plays a history; answers why the shop deviates, where it does.
async fn play(world: &World, shops: &Shops, url: &str, seed: u64) -> Option<&'static str> {
    let (kind, version) = RECEIVERS[usize::try_from(seed).unwrap() % RECEIVERS.len()];
    let mut random = Random::new(seed);
    let events = trial::history(&mut random, seed.is_multiple_of(2));
    let mut play = Play::begin(world, Arc::clone(shops), url, seed, kind, version).await;
    for &event in &events {
        play.happen(event).await;
    }
    play.line(Line::Up);
    let order = play.settled().await;
    let shop = shops.lock().unwrap()[&play.reference].shop.clone();
    let (truth, paid) = (play.history.is_paid(), shop.is_paid());
    if order.state.is_paid() != truth {
        let store = play.app.store.for_org(play.tenant);
        let about = doc! { "externalReference": &play.reference };
        let payments = store.find::<Transaction>(about, doc! { "_id": 1 }, 50).await.unwrap();
        let stored: Vec<_> =
            payments.iter().map(|t| (t.id, t.status, t.status_version, &t.outbox, &t.disputes)).collect();
        panic!(
            "seed {seed}: paid {truth}, not everything was heard of\n{events:?}\n{:#?}\n{stored:#?}",
            order.state
        );
    }
    let exception = trial::exception(&order.state, kind);
    assert!(
        truth == paid || exception.is_some(),
        "seed {seed}, {kind:?} with version {version}: paid {truth}, the shop says {paid}\n{events:?}\n{:#?}\n{shop:?}",
        order.state
    );
    exception.filter(|_| truth != paid)
}

struct Play {
    app: App,
    tenant: Tenant,
    site: SiteId,
    url: String,
    reference: String,
    version: IpnVersion,
    shops: Shops,
    history: History,
    checkouts: Vec<CheckoutId>,
    /// The transactions of the history's payments, and the versions of theirs that are stored.
    payments: Vec<(TransactionId, i64)>,
}

impl Play {
    async fn begin(world: &World, shops: Shops, url: &str, seed: u64, kind: Kind, version: u8) -> Self {
        // A tenant of its own: so is its queue to the receiver, and the breaker.
        let tenant = Tenant::new(OrganizationId::generate(), Mode::Test);
        let site = SiteId::generate();
        world.add_site(tenant, site).await;
        let reference = format!("seed {seed}");
        let receiver = Receiver { shop: Shop::new(kind), line: Line::Up, session: String::new() };
        shops.lock().unwrap().insert(reference.clone(), receiver);
        Self {
            app: world.app.clone(),
            tenant,
            site,
            url: url.to_owned(),
            reference,
            version: if version == 1 { IpnVersion::V1 } else { IpnVersion::V2 },
            shops,
            history: History::default(),
            checkouts: Vec::new(),
            payments: Vec::new(),
        }
    }

    fn line(&self, line: Line) {
        self.shops.lock().unwrap().get_mut(&self.reference).unwrap().line = line;
    }

    async fn happen(&mut self, event: Event) {
        self.history.happen(event);
        match event {
            Event::Receiver(line) => self.line(line),
            Event::Deliver => tokio::time::sleep(Duration::from_millis(15)).await,
            Event::Checkout => self.make_checkout().await,
            // The workers hear and deliver when they do.
            Event::Hear(_) | Event::End | Event::Begin | Event::Move(..) | Event::Dispute(..) => {}
        }
        self.store_payments().await;
        if matches!(event, Event::End) && self.history.newest().is_some_and(|newest| newest.over) {
            self.end_checkout().await;
        }
    }

    async fn make_checkout(&mut self) {
        // Two of one millisecond would be ordered by their ids, which the history does not know.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let checkout = World::make_checkout(
            &self.app,
            self.tenant,
            self.site,
            &self.reference,
            Some((&self.url, self.version)),
        )
        .await;
        self.checkouts.push(checkout.id);
        self.shops.lock().unwrap().get_mut(&self.reference).unwrap().session = checkout.public_id;
    }

    /// The newest checkout expires, with its announcement.
    async fn end_checkout(&self) {
        let store = self.app.store.for_org(self.tenant);
        loop {
            let mut checkout = store.get::<Checkout>(*self.checkouts.last().unwrap()).await.unwrap().unwrap();
            if checkout.expire(self.app.now()).is_err() {
                return;
            }
            match store.save(&mut checkout).await {
                Err(StoreError::Conflict) => {}
                saved => return saved.unwrap(),
            }
        }
    }

    async fn store_payments(&mut self) {
        for index in 0..self.history.payments.len() {
            let facts = self.history.payments[index].clone();
            match self.payments.get(index).copied() {
                None => self.insert(&facts).await,
                Some((id, version)) if version < facts.version => {
                    self.change(id, &facts).await;
                    self.payments[index].1 = facts.version;
                }
                Some(_) => {}
            }
        }
    }

    async fn insert(&mut self, facts: &PaymentFacts) {
        let store = self.app.store.for_org(self.tenant);
        let index = self.history.checkouts.iter().position(|(id, ..)| *id == facts.checkout).unwrap();
        let checkout = store.get::<Checkout>(self.checkouts[index]).await.unwrap().unwrap();
        let mut transaction = World::begun(&checkout, self.app.now());
        transaction.announce_initiated(self.app.now());
        store.insert(&transaction).await.unwrap();
        self.payments.push((transaction.id, facts.version));
    }

    async fn change(&self, id: TransactionId, facts: &PaymentFacts) {
        let store = self.app.store.for_org(self.tenant);
        let stage = facts.dispute.as_ref().map(|dispute| dispute.stage);
        let status = match facts.standing {
            Standing::Begun => S::Initiated,
            Standing::OnItsWay => S::Pending,
            Standing::Holding => S::Succeeded,
            Standing::Failed => S::Failed,
            Standing::Ended => S::Expired,
            Standing::Refunded => S::Refunded,
            Standing::ChargedBack if stage == Some(DisputeStage::Lost) => S::Lost,
            Standing::ChargedBack => S::Disputed,
        };
        loop {
            let mut transaction = store.get::<Transaction>(id).await.unwrap().unwrap();
            let now = self.app.now();
            set_facts(&mut transaction, status, now);
            set_stage(&mut transaction, stage, now);
            transaction.status_version += 1;
            transaction.updated_at = now;
            transaction.outbox.push(status.event(), now, Vec::new());
            match store.save(&mut transaction).await {
                Err(StoreError::Conflict) => {}
                saved => return saved.unwrap(),
            }
        }
    }

    /// Waits until everything is heard of and said, but for what the shop refuses and nothing waits behind.
    async fn settled(&self) -> Order {
        let store = self.app.store.for_org(self.tenant);
        let key = OrderKey::Reference(self.tenant, self.site, self.reference.clone());
        let ended = tokio::time::Instant::now() + Duration::from_mins(3);
        loop {
            let unheard = doc! { "outbox.due": { "$exists": true } };
            let is_heard = store.count::<Transaction>(unheard.clone(), 1).await.unwrap() == 0
                && store.count::<Checkout>(unheard, 1).await.unwrap() == 0;
            let order = store.order(&key).await.unwrap();
            if let Some(order) = order.filter(|_| is_heard) {
                if self.is_said(&order).await {
                    return order;
                }
                if tokio::time::Instant::now() >= ended {
                    let about = doc! { "externalReference": &self.reference };
                    let deliveries =
                        store.find::<Delivery>(about.clone(), doc! { "_id": 1 }, 50).await.unwrap();
                    let payments =
                        store.find::<Transaction>(about.clone(), doc! { "_id": 1 }, 50).await.unwrap();
                    let checkouts = store.find::<Checkout>(about, doc! { "_id": 1 }, 50).await.unwrap();
                    let outboxes: Vec<_> = payments
                        .iter()
                        .map(|t| (&t.outbox, t.updated_at))
                        .chain(checkouts.iter().map(|c| (&c.outbox, c.updated_at)))
                        .collect();
                    panic!("{}: {order:#?}\n{deliveries:#?}\n{outboxes:#?}", self.reference);
                }
            }
            assert!(tokio::time::Instant::now() < ended, "{}: something is not heard of", self.reference);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_said(&self, order: &Order) -> bool {
        let Some(head) = order.state.head() else { return order.state.effects.is_empty() };
        let id = order.delivery_id(head);
        let found = self.app.store.for_org(self.tenant).glance_deliveries(&[id]).await.unwrap();
        let Some(delivery) = found.get(&id) else { return false };
        let refused = delivery.attempts.iter().filter(|attempt| attempt.status == Some(422)).count();
        let is_answered = delivery.attempts.iter().any(|attempt| attempt.status == Some(200));
        order.state.waiting() == 1 && order.state.effects.is_empty() && (is_answered || refused >= 2)
    }
}

fn set_stage(transaction: &mut Transaction, stage: Option<DisputeStage>, now: Timestamp) {
    use gateway_core::domain::transaction::DisputeState;
    let Some(stage) = stage else { return };
    let as_stored = match stage {
        DisputeStage::Open => DisputeState::Open,
        DisputeStage::UnderReview => DisputeState::UnderReview,
        DisputeStage::Won => DisputeState::Won,
        DisputeStage::Accepted => DisputeState::Accepted,
        DisputeStage::Lost => DisputeState::Lost,
    };
    transaction.disputes = vec![crate::tell::world::dispute_in(as_stored, now)];
}
