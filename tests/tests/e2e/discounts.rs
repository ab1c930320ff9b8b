//! Discount codes from creation to the last use: limits that hold under any concurrency, uses that are given
//! back, money that comes late, and kills in between.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App, AppError, apply, checkouts,
        create_checkout::{NewCheckout, create_checkout},
        discount_claims::{self, Moment},
        reprice,
        settings::discounts::{self, DiscountSettings, Kind},
        start_payment::{StartedPayment, confirm_free, settle_free, start_payment},
    },
    domain::{
        CheckoutId, Mode, ProviderId, SiteId, Tenant, TransactionId,
        checkout::{Checkout, CheckoutStatus, Item, Price},
        discount::{Discount, DiscountClaim, SLOT_UNLIMITED},
        provider_account::ProviderKind,
        transaction::{PaymentState, Transaction, TransactionStatus},
    },
    jobs::{lanes::HeldLanes, relay::Relay},
    store::Entity,
};
use mongodb::bson::{Document, doc};
use serde_json::Value;
use testkit::{shared_mongod, sim::DeliveryPolicy, stripe_sim::StripeSim};

use crate::{
    cluster::{Cluster, Extra, Service},
    in_process,
    permutations::account,
};

/// A tenant with a provider that takes anything.
struct World {
    app: App,
    tenant: Tenant,
    site: SiteId,
    provider: ProviderId,
    relay: Relay,
}

impl World {
    /// On a database of its own: the relay and the sweeps look at everybody's.
    async fn start(kind: ProviderKind, base_url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = in_process::config(&shared_mongod().await, &in_process::database_name("discounts"));
        config.provider_urls.stripe = Some(base_url.parse().unwrap());
        Self::over(in_process::app(&config).await, kind).await
    }

    async fn sandbox() -> Self {
        Self::start(ProviderKind::Sandbox, "http://127.0.0.1:9").await
    }

    async fn over(app: App, kind: ProviderKind) -> Self {
        let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
        let provider = account(&app, tenant, kind).await;
        let relay = Relay::new(app.clone(), Arc::new(HeldLanes::default()));
        Self { app, tenant, site, provider, relay }
    }

    /// Takes one euro off.
    async fn euro_off(&self, code: &str, max: Option<i64>, per_customer: Option<i64>) -> Discount {
        let settings = DiscountSettings {
            code: Some(code.to_owned()),
            kind: Some(Kind::Amount),
            amount: Some(100),
            currency: Some(Some("EUR".to_owned())),
            max_redemptions: Some(max),
            max_redemptions_per_customer: Some(per_customer),
            ..DiscountSettings::default()
        };
        discounts::create(&self.app, self.tenant, settings).await.unwrap()
    }

    async fn limit(&self, discount: &Discount, max: i64) {
        let settings = DiscountSettings { max_redemptions: Some(Some(max)), ..DiscountSettings::default() };
        discounts::update(&self.app, self.tenant, discount.id, settings).await.unwrap();
    }

    async fn try_order(&self, new: NewCheckout) -> Result<Checkout, AppError> {
        let reply = create_checkout(&self.app, self.tenant, self.site, new, None).await?;
        let reply: Value = serde_json::from_str(&reply).unwrap();
        Ok(self.checkout(reply["id"].as_str().unwrap().parse().unwrap()).await)
    }

    /// An order of ten euros with a code.
    async fn order(&self, reference: &str, code: &str) -> Checkout {
        self.try_order(with_code(reference, code)).await.unwrap()
    }

    async fn start_payment(&self, checkout: &Checkout) -> Result<StartedPayment, AppError> {
        start_payment(&self.app, checkout, self.provider, SecondPayment::Ask).await
    }

    async fn begin(&self, checkout: &Checkout) -> Transaction {
        self.start_payment(checkout).await.unwrap().transaction
    }

    async fn checkout(&self, id: CheckoutId) -> Checkout {
        self.app.store.for_org(self.tenant).get::<Checkout>(id).await.unwrap().unwrap()
    }

    async fn transaction(&self, id: TransactionId) -> Transaction {
        self.app.store.for_org(self.tenant).get::<Transaction>(id).await.unwrap().unwrap()
    }

    async fn claims(&self) -> Vec<DiscountClaim> {
        self.app.store.for_org(self.tenant).find(doc! {}, doc! { "_id": 1 }, 0).await.unwrap()
    }

    /// What the worker does with what was announced.
    async fn relay(&self) {
        while self.relay.poll(200, Duration::ZERO).await.unwrap() > 0 {}
    }

    async fn pretend(&self, collection: &str, id: impl Into<mongodb::bson::Bson>, update: Document) {
        let collection = self.app.store.database().collection::<Document>(collection);
        assert_eq!(collection.update_one(doc! { "_id": id.into() }, update).await.unwrap().matched_count, 1);
    }
}

fn with_code(reference: &str, code: &str) -> NewCheckout {
    NewCheckout { discount_code: Some(code.to_owned()), ..in_process::ten_euros(reference) }
}

fn of_customer(reference: &str, code: &str, email: &str) -> NewCheckout {
    let mut new = with_code(reference, code);
    new.customer.email = Some(email.to_owned());
    new
}

fn code<T>(outcome: &Result<T, AppError>) -> &'static str {
    outcome.as_ref().err().map_or("", AppError::code)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_payments_at_once_use_a_code_exactly_ten_times() {
    let world = World::sandbox().await;
    world.euro_off("TEN", Some(10), None).await;
    let orders = join_all((0..50).map(async |n| world.order(&format!("ORD-{n}"), "ten").await)).await;
    assert!(orders.iter().all(|order| order.amount == 900 && order.items.len() == 2));
    // Each customer clicks twice.
    let clicks = orders.iter().chain(&orders).map(|order| world.start_payment(order));
    let started = join_all(clicks).await;
    let refused = started.iter().filter(|outcome| code(outcome) == "DISCOUNT_CODE_SPENT").count();
    let paying: std::collections::BTreeSet<_> = started.iter().flatten().map(|s| s.transaction.id).collect();
    let others: Vec<_> =
        started.iter().map(code).filter(|c| !["", "DISCOUNT_CODE_SPENT"].contains(c)).collect();
    assert_eq!(paying.len(), 10, "{others:?}");
    assert!(refused >= 75, "{refused} {others:?}");
    let claims = world.claims().await;
    let mut slots: Vec<i64> = claims.iter().map(|claim| claim.slot).collect();
    slots.sort_unstable();
    assert_eq!(slots, (0..10).collect::<Vec<i64>>());
    assert!(claims.iter().all(|claim| paying.contains(&claim.transaction_id)));
    let store = world.app.store.for_org(world.tenant);
    assert_eq!(store.count::<Transaction>(doc! { "open": true }, 100).await.unwrap(), 10);
    let payments = world.app.store.database().collection::<Document>("sandbox_payments");
    let asked = payments.count_documents(doc! { "org": world.tenant.organization }).await.unwrap();
    assert_eq!(asked, 10, "the provider hears of nothing that was refused");
    assert_eq!(code(&world.try_order(with_code("ORD-50", "TEN")).await), "DISCOUNT_CODE_SPENT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lowered_limit_and_a_late_one_hold_too() {
    let world = World::sandbox().await;
    let discount = world.euro_off("FREE", None, None).await;
    let orders = join_all((0..12).map(async |n| world.order(&format!("ORD-{n}"), "FREE").await)).await;
    for order in &orders[..3] {
        world.begin(order).await;
    }
    assert!(world.claims().await.iter().all(|claim| claim.slot >= SLOT_UNLIMITED));
    world.limit(&discount, 9).await;
    let started = join_all(orders[3..6].iter().map(|order| world.start_payment(order))).await;
    assert!(started.iter().all(Result::is_ok), "{:?}", started.iter().map(code).collect::<Vec<_>>());
    world.limit(&discount, 8).await;
    let started = join_all(orders[6..].iter().map(|order| world.start_payment(order))).await;
    assert_eq!(started.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert_eq!(world.claims().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_uses_a_code_as_often_as_they_may() {
    let world = World::sandbox().await;
    world.euro_off("ONCE", None, Some(1)).await;
    let by_mail = |n: i32, email: &str| of_customer(&format!("ORD-{n}"), "once", email);
    let mut orders = Vec::new();
    for (n, email) in
        [(1, "a@example.com"), (2, "A@Example.com "), (3, "b@example.com"), (4, "a@example.com")]
    {
        orders.push(world.try_order(by_mail(n, email.trim())).await.unwrap());
    }
    for n in [5, 6] {
        let mut new = with_code(&format!("ORD-{n}"), "once");
        new.client_id = Some("client-1".to_owned());
        orders.push(world.try_order(new).await.unwrap());
    }
    let started = join_all(orders.iter().map(|order| world.start_payment(order))).await;
    let of = |range: &[usize]| range.iter().filter(|n| started[**n].is_ok()).count();
    assert_eq!((of(&[0, 1, 3]), of(&[2]), of(&[4, 5])), (1, 1, 1));
    assert!(started.iter().all(|outcome| ["", "DISCOUNT_CODE_SPENT_BY_CUSTOMER"].contains(&code(outcome))));
    assert_eq!(code(&world.try_order(by_mail(7, "b@example.com")).await), "DISCOUNT_CODE_SPENT_BY_CUSTOMER");
    assert_eq!(code(&world.try_order(with_code("ORD-8", "ONCE")).await), "DISCOUNT_CODE_NEEDS_CUSTOMER");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_unpaid_gives_its_use_back() {
    let world = World::sandbox().await;
    let discount = world.euro_off("ONE", Some(1), None).await;
    let (cancelled, expired, third) = (
        world.order("ORD-1", "ONE").await,
        world.order("ORD-2", "ONE").await,
        world.order("ORD-3", "ONE").await,
    );
    let first = world.begin(&cancelled).await;
    assert_eq!(discount_claims::count(&world.app, &discount).await.unwrap(), 1);
    assert_eq!(code(&world.start_payment(&expired).await), "DISCOUNT_CODE_SPENT");
    assert!(world.app.store.for_org(world.tenant).count::<Transaction>(doc! {}, 9).await.unwrap() == 1);

    checkouts::cancel(&world.app, world.tenant, cancelled.id).await.unwrap();
    assert_eq!(world.transaction(first.id).await.status, TransactionStatus::Cancelled);
    world.relay().await;
    assert_eq!(world.claims().await.len(), 0);

    let second = world.begin(&expired).await;
    let past = mongodb::bson::DateTime::from_millis(world.app.now().millis() - 1000);
    let over = doc! { "$set": { "expiresAt": past, "expiryDue": past } };
    world.pretend(Checkout::COLLECTION, expired.id, over).await;
    checkouts::expire_due(&world.app).await.unwrap();
    assert_eq!(world.transaction(second.id).await.status, TransactionStatus::Expired);
    world.relay().await;

    let paid = world.begin(&third).await;
    let open = world.claims().await.remove(0);
    assert_eq!((open.transaction_id, open.kept), (paid.id, false));
    // Not this old payment's to give back.
    discount_claims::settle(&world.app, &first).await.unwrap();
    discount_claims::settle(&world.app, &second).await.unwrap();
    assert_eq!(world.claims().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_orders_again_takes_the_use_along() {
    let world = World::sandbox().await;
    world.euro_off("ONE", Some(1), Some(1)).await;
    let order =
        async |reference: &str, email: &str| world.try_order(of_customer(reference, "ONE", email)).await;
    let earlier = order("ORD-1", "a@example.com").await.unwrap();
    let old = world.begin(&earlier).await;
    assert_eq!(code(&order("ORD-1", "b@example.com").await), "DISCOUNT_CODE_SPENT", "somebody else");
    assert_eq!(code(&order("ORD-2", "a@example.com").await), "DISCOUNT_CODE_SPENT_BY_CUSTOMER");
    let later = order("ORD-1", "a@example.com").await.unwrap();
    let new = world.begin(&later).await;
    let claim = world.claims().await.remove(0);
    assert_eq!((claim.checkout_id, claim.transaction_id), (later.id, new.id));
    // The older payment ends, and what it held is not its own any more.
    world.pretend(Transaction::COLLECTION, old.id, ended()).await;
    discount_claims::settle(&world.app, &old).await.unwrap();
    assert_eq!(world.claims().await.len(), 1);
}

/// As if it had been cancelled while its provider did not hear of it.
fn ended() -> Document {
    let long_ago = mongodb::bson::DateTime::from_millis(1_700_000_000_000);
    doc! {
        "$set": {
            "status": "cancelled", "payment.state": "cancelled", "payment.at": long_ago, "payment.sticky": false,
        },
        "$unset": { "open": "" },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_after_its_use_was_given_to_another_is_kept_and_flagged() {
    let sim = StripeSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    world.euro_off("ONE", Some(1), None).await;
    let (one, two) = (world.order("ORD-1", "ONE").await, world.order("ORD-2", "ONE").await);
    let first = world.begin(&one).await;
    world.pretend(Transaction::COLLECTION, first.id, ended()).await;
    discount_claims::settle(&world.app, &first).await.unwrap();
    assert_eq!(world.claims().await.len(), 0);
    let second = world.begin(&two).await;
    for paid in [&second, &first] {
        sim.pay(paid.reference("checkout_session").unwrap()).unwrap();
        apply::confirm(&world.app, paid).await.unwrap();
    }
    world.relay().await;
    let late = world.transaction(first.id).await;
    assert_eq!((late.status, late.captured), (TransactionStatus::Succeeded, 900));
    assert_eq!(late.needs_review.unwrap().reason, "discount_exceeded");
    assert_eq!(world.checkout(one.id).await.paid_by, Some(first.id));
    assert!(world.transaction(second.id).await.needs_review.is_none());
    let claims = world.claims().await;
    assert!(claims.len() == 2 && claims.iter().all(|claim| claim.kept && claim.due.is_none()), "{claims:?}");
    // Looked at once more, nothing is new; and what was resolved stays so.
    world.pretend(Transaction::COLLECTION, first.id, doc! { "$unset": { "needsReview": "" } }).await;
    discount_claims::settle(&world.app, &first).await.unwrap();
    assert!(world.transaction(first.id).await.needs_review.is_none());
    assert_eq!(world.claims().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_comes_late_takes_a_use_that_is_left() {
    let sim = StripeSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    let discount = world.euro_off("ONE", Some(1), None).await;
    let order = world.order("ORD-1", "ONE").await;
    let first = world.begin(&order).await;
    world.pretend(Transaction::COLLECTION, first.id, ended()).await;
    discount_claims::settle(&world.app, &first).await.unwrap();
    // Switched off meanwhile: it was promised before.
    let off = DiscountSettings { active: Some(false), ..DiscountSettings::default() };
    discounts::update(&world.app, world.tenant, discount.id, off).await.unwrap();
    sim.pay(first.reference("checkout_session").unwrap()).unwrap();
    apply::confirm(&world.app, &first).await.unwrap();
    world.relay().await;
    assert_eq!(world.transaction(first.id).await.needs_review.unwrap().reason, "late_success");
    let claim = world.claims().await.remove(0);
    assert_eq!((claim.kept, claim.slot, claim.transaction_id), (true, 0, first.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_costs_nothing_any_more_uses_its_code() {
    let world = World::sandbox().await;
    let settings = DiscountSettings {
        code: Some("GIFT".to_owned()),
        kind: Some(Kind::Percent),
        percent: Some(100.into()),
        max_redemptions: Some(Some(1)),
        ..DiscountSettings::default()
    };
    discounts::create(&world.app, world.tenant, settings).await.unwrap();
    let (one, two) = (world.order("ORD-1", "GIFT").await, world.order("ORD-2", "GIFT").await);
    assert_eq!((one.amount, two.amount), (0, 0));
    world.relay().await;
    let (one, two) = (world.checkout(one.id).await, world.checkout(two.id).await);
    let mut ends = [one.status, two.status];
    ends.sort_by_key(|status| status.as_str());
    assert_eq!(ends, [CheckoutStatus::Cancelled, CheckoutStatus::Completed]);
    let claims = world.claims().await;
    assert!(claims.len() == 1 && claims[0].kept, "{claims:?}");
    assert_eq!(code(&world.try_order(with_code("ORD-3", "GIFT")).await), "DISCOUNT_CODE_SPENT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discount_that_was_switched_off_starts_no_payment() {
    let world = World::sandbox().await;
    let discount = world.euro_off("LEAK", None, None).await;
    let (begun, waiting) = (world.order("ORD-1", "LEAK").await, world.order("ORD-2", "LEAK").await);
    let running = world.begin(&begun).await;
    discounts::archive(&world.app, world.tenant, discount.id).await.unwrap();
    assert_eq!(code(&world.start_payment(&waiting).await), "DISCOUNT_CODE_NOT_ACTIVE");
    assert_eq!(world.begin(&begun).await.id, running.id, "what runs goes on");
    assert_eq!(code(&world.try_order(with_code("ORD-3", "LEAK")).await), "DISCOUNT_CODE_UNKNOWN");
    world.euro_off("leak", None, None).await;
    assert!(world.try_order(with_code("ORD-3", "LEAK")).await.is_ok(), "the code is free again");
}

/// The services as processes, to be killed.
struct Deployment {
    cluster: Cluster,
    world: World,
}

impl Deployment {
    async fn start() -> Self {
        let cluster = Cluster::start(&shared_mongod().await, "discountkill").await;
        // A provider that says nothing by itself: whatever it said would have the payment looked at again.
        cluster.stripe.set_delivery(DeliveryPolicy::hold());
        let world = World::over(cluster.app.clone(), ProviderKind::Stripe).await;
        Self { cluster, world }
    }

    /// The customer clicks; an error where nobody answers.
    async fn click(&self, checkout: &Checkout) -> Result<u16, reqwest::Error> {
        let body = serde_json::json!({
            "sessionPublicId": checkout.public_id, "providerId": self.world.provider.to_string(),
        });
        let url = format!("{}/api/v1/transactions/create", self.cluster.runtime);
        Ok(self.cluster.http.post(url).json(&body).send().await?.status().as_u16())
    }

    async fn restart(&self, service: Service, variables: &[(&str, &str)]) {
        let extra: Extra = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.cluster.restart(service, extra).await;
    }

    async fn claims_become(&self, count: usize, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        loop {
            if self.world.claims().await.len() == count {
                return true;
            }
            if std::time::Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_claim_and_start_loses_no_use_and_keeps_none() {
    let deployment = Deployment::start().await;
    let world = &deployment.world;
    world.euro_off("ONE", Some(1), None).await;
    let (one, two) = (world.order("ORD-1", "ONE").await, world.order("ORD-2", "ONE").await);
    let before = deployment.cluster.ends(Service::Main).await;
    deployment.restart(Service::Main, &[("TOLLGATE_FAULT", "claim.after_insert")]).await;
    assert!(deployment.click(&one).await.is_err(), "killed");
    assert!(deployment.cluster.wait_ended(Service::Main, before, Duration::from_secs(20)).await);
    let held = world.claims().await.remove(0);
    assert_eq!((held.checkout_id, held.kept), (one.id, false));
    deployment.restart(Service::Main, &[]).await;
    // The customer clicks again: the same payment, the same use.
    assert_eq!(deployment.click(&one).await.unwrap(), 200);
    let again = world.claims().await;
    assert_eq!((again.len(), again[0].id, again[0].transaction_id), (1, held.id, held.transaction_id));
    assert_eq!(deployment.click(&two).await.unwrap(), 422);

    // The payment ends, and the worker is killed before it gives the use back.
    let before = deployment.cluster.ends(Service::Worker).await;
    // What the provider's list of events says would end the payment as well.
    let off = ("TOLLGATE_WITHOUT", "outbox_poll,claim_sweep,catch_up");
    deployment.cluster.set_later(&vec![(off.0.to_owned(), off.1.to_owned())]).await;
    let fault = ("TOLLGATE_FAULT", "claim.before_release");
    deployment.restart(Service::Worker, &[fault, ("TOLLGATE_WITHOUT", "catch_up")]).await;
    checkouts::cancel(&world.app, world.tenant, one.id).await.unwrap();
    assert!(deployment.cluster.wait_ended(Service::Worker, before, Duration::from_secs(20)).await);
    let log = || deployment.cluster.log_tail(Service::Worker, 40);
    assert!(!deployment.claims_become(0, Duration::from_secs(4)).await, "recovered without: {}", log());
    assert_eq!(deployment.click(&two).await.unwrap(), 422);
    deployment.cluster.set_later(&Vec::new()).await;
    deployment.restart(Service::Worker, &[]).await;
    assert!(deployment.claims_become(0, Duration::from_secs(20)).await);
    assert_eq!(deployment.click(&two).await.unwrap(), 200);
}

/// A process that stalled after it had stored a payment, claimed when that had ended long since, and died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_claimed_for_a_payment_that_had_ended_is_swept_up() {
    let deployment = Deployment::start().await;
    let world = &deployment.world;
    world.euro_off("ONE", Some(1), None).await;
    let (one, two) = (world.order("ORD-1", "ONE").await, world.order("ORD-2", "ONE").await);
    let dead = world.begin(&one).await;
    checkouts::cancel(&world.app, world.tenant, one.id).await.unwrap();
    assert!(deployment.claims_become(0, Duration::from_secs(20)).await, "given back as usual");
    deployment.restart(Service::Worker, &[("TOLLGATE_WITHOUT", "claim_sweep,catch_up")]).await;
    // What the worker had in hand is relayed again, and would give the next claim back, too.
    for _ in 0..100 {
        if world.transaction(dead.id).await.outbox.entries.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    discount_claims::claim(&world.app, &one, dead.id, Moment::Start).await.unwrap().unwrap();
    let now = mongodb::bson::DateTime::from_millis(world.app.now().millis());
    let id = world.claims().await[0].id;
    world.pretend(DiscountClaim::COLLECTION, id, doc! { "$set": { "due": now } }).await;
    assert!(!deployment.claims_become(0, Duration::from_secs(4)).await, "nothing else finds it");
    assert_eq!(deployment.click(&two).await.unwrap(), 422);
    deployment.restart(Service::Worker, &[]).await;
    assert!(deployment.claims_become(0, Duration::from_secs(20)).await);
    assert_eq!(deployment.click(&two).await.unwrap(), 200);
    // One that a payment holds is left alone.
    let id = world.claims().await[0].id;
    world.pretend(DiscountClaim::COLLECTION, id, doc! { "$set": { "due": now } }).await;
    discount_claims::sweep(&world.app).await.unwrap();
    assert_eq!(world.claims().await.len(), 1);
    assert!(world.claims().await[0].due.unwrap() > world.app.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_fails_late_gives_its_use_back() {
    let world = World::sandbox().await;
    world.euro_off("ONE", Some(1), None).await;
    let order = world.order("ORD-1", "ONE").await;
    let mut paid = world.begin(&order).await;
    let store = world.app.store.for_org(world.tenant);
    paid.end(PaymentState::Succeeded, "test", None, world.app.now());
    store.save(&mut paid).await.unwrap();
    world.relay().await;
    assert!(world.claims().await[0].kept);
    let mut failed = world.transaction(paid.id).await;
    failed.end(PaymentState::Failed, "test", None, world.app.now());
    store.save(&mut failed).await.unwrap();
    world.relay().await;
    assert_eq!(world.claims().await.len(), 0);
}

impl World {
    /// An order of twelve euros at two rates of tax, shipping included, without a code.
    async fn taxed(&self, reference: &str, code: Option<&str>) -> Checkout {
        let line = |name: &str, unit_price, rate: &str| Item {
            name: Some(name.to_owned()),
            quantity: 1,
            unit_price,
            vat_rate: Some(rate.parse().unwrap()),
            item_type: "goods".to_owned(),
            ..Item::default()
        };
        let new = NewCheckout {
            amount: None,
            items: vec![line("Example product", 700, "19"), line("Example book", 500, "7")],
            discount_code: code.map(str::to_owned),
            ..in_process::ten_euros(reference)
        };
        self.try_order(new).await.unwrap()
    }

    async fn open_payment(&self, checkout: &Checkout) -> Option<Transaction> {
        gateway_core::app::start_payment::open_transaction(&self.app, checkout).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_entered_does_what_one_sent_at_creation_does_and_can_be_taken_out() {
    let world = World::sandbox().await;
    world.euro_off("EURO", None, None).await;
    let (sent, bare) = (world.taxed("ORD-1", Some("EURO")).await, world.taxed("ORD-2", None).await);
    let entered = reprice::enter_code(&world.app, &bare, " euro ").await.unwrap();
    assert_eq!((entered.amount, &entered.items), (sent.amount, &sent.items));
    let (of_entered, of_sent) = (entered.discount.as_ref().unwrap(), sent.discount.as_ref().unwrap());
    assert_eq!((of_entered.id, of_entered.amount), (of_sent.id, of_sent.amount));
    let back = reprice::remove_code(&world.app, &entered).await.unwrap();
    assert_eq!((back.amount, &back.items, &back.discount), (bare.amount, &bare.items, &None));
    // Without lines the order becomes one, above what reduces it; and goes again.
    let plain = world.try_order(in_process::ten_euros("ORD-3")).await.unwrap();
    let entered = reprice::enter_code(&world.app, &plain, "EURO").await.unwrap();
    assert_eq!((entered.amount, entered.items.len()), (900, 2));
    assert_eq!(reprice::remove_code(&world.app, &entered).await.unwrap().items, plain.items);
    // The shop's own code is the shop's.
    assert_eq!(code(&reprice::remove_code(&world.app, &sent).await), "PRICE_FIXED");
    assert_eq!(world.checkout(sent.id).await.amount, sent.amount);
    assert_eq!(code(&reprice::enter_code(&world.app, &sent, "EURO").await), "PRICE_FIXED");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_below_a_payment_whoever_comes_first() {
    let world = World::sandbox().await;
    world.euro_off("EURO", None, None).await;
    let race = async |n: usize| {
        let mut order = world.try_order(in_process::ten_euros(&format!("ORD-{n}"))).await.unwrap();
        if n % 2 == 1 {
            order = reprice::enter_code(&world.app, &order, "EURO").await.unwrap();
        }
        let pay = async {
            tokio::time::sleep(Duration::from_millis(u64::try_from(n % 7).unwrap())).await;
            world.start_payment(&order).await
        };
        let change = async {
            if n % 2 == 1 {
                reprice::remove_code(&world.app, &order).await
            } else {
                reprice::enter_code(&world.app, &order, "EURO").await
            }
        };
        let (paid, changed) = tokio::join!(pay, change);
        let (now, open) = (world.checkout(order.id).await, world.open_payment(&order).await);
        if let Some(open) = &open {
            assert!(now.costs(open.amount, open.discount_id), "{n}: {} and {}", now.amount, open.amount);
        }
        if changed.is_ok() {
            assert!(paid.is_err() || open.is_none(), "{n}: a begun payment was ended for the change");
        }
        (code(&paid), code(&changed), now.price)
    };
    let mut outcomes = std::collections::BTreeMap::new();
    for round in 0..10 {
        for outcome in join_all((0..12).map(|n| race(round * 12 + n))).await {
            *outcomes.entry(format!("{outcome:?}")).or_insert(0) += 1;
        }
    }
    let known = ["", "CHECKOUT_CHANGED", "PAYMENT_RUNNING", "PAYMENT_ENDED"];
    let is_known = |outcome: &String| {
        let words: Vec<&str> = outcome.split('"').skip(1).step_by(2).collect();
        words.iter().all(|word| known.contains(word))
    };
    assert!(outcomes.keys().all(is_known), "{outcomes:?}");
    assert!(outcomes.len() > 1, "nothing met: {outcomes:?}");
    // What the provider was asked for is what was stored.
    let payments = world.app.store.database().collection::<Document>("sandbox_payments");
    let mut found = payments.find(doc! { "org": world.tenant.organization }).await.unwrap();
    let mut seen = 0;
    while found.advance().await.unwrap() {
        let payment: Document = found.deserialize_current().unwrap();
        let asked = payment.get_i64("amount").unwrap();
        let id = payment.get_object_id("transactionId").unwrap();
        let transaction = world.transaction(id.to_hex().parse().unwrap()).await;
        assert_eq!(asked, transaction.amount);
        seen += 1;
    }
    assert!(seen > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_cut_off_gives_way_to_a_payment_and_an_old_price_to_the_new_one() {
    let world = World::sandbox().await;
    world.euro_off("EURO", None, None).await;
    let order = world.try_order(in_process::ten_euros("ORD-1")).await.unwrap();
    world.pretend(Checkout::COLLECTION, order.id, doc! { "$set": { "price": "changing" } }).await;
    world.begin(&order).await;
    assert_eq!(world.checkout(order.id).await.price, Price::Settled);
    // A tab that was loaded before the code was entered in another one.
    let seen = world.try_order(in_process::ten_euros("ORD-2")).await.unwrap();
    let now = reprice::enter_code(&world.app, &seen, "EURO").await.unwrap();
    assert_eq!(code(&world.start_payment(&seen).await), "CHECKOUT_CHANGED");
    assert!(world.open_payment(&seen).await.is_none());
    assert_eq!(world.begin(&now).await.amount, 900);
    // A payment that its process stored with the old price, and then died over.
    let seen = world.try_order(in_process::ten_euros("ORD-3")).await.unwrap();
    let begun = world.begin(&seen).await;
    let (old, heard) = (doc! { "amount": 1100_i64 }, doc! { "refs": [] });
    let unset = doc! { "next": "" };
    world.pretend(Transaction::COLLECTION, begun.id, doc! { "$set": old, "$unset": unset }).await;
    world.pretend(Transaction::COLLECTION, begun.id, doc! { "$set": heard }).await;
    assert_eq!(code(&world.start_payment(&seen).await), "CHECKOUT_CHANGED");
    assert_eq!(world.transaction(begun.id).await.status, TransactionStatus::Cancelled);
    assert_eq!(world.begin(&seen).await.amount, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_to_enter_a_code_ends_what_they_had_begun() {
    let world = World::sandbox().await;
    world.euro_off("EURO", Some(1), None).await;
    let order = world.try_order(in_process::ten_euros("ORD-1")).await.unwrap();
    let begun = world.begin(&order).await;
    assert_eq!(code(&reprice::enter_code(&world.app, &order, "EUROS").await), "DISCOUNT_CODE_UNKNOWN");
    assert!(world.transaction(begun.id).await.status.is_open(), "a mistyped code ends nothing");
    let order = reprice::enter_code(&world.app, &order, "EURO").await.unwrap();
    assert_eq!(world.transaction(begun.id).await.status, TransactionStatus::Cancelled);
    // Out again and in again while the ended payment's claim has not been given back: it is their own.
    let second = world.begin(&order).await;
    let order = reprice::remove_code(&world.app, &order).await.unwrap();
    assert_eq!(world.transaction(second.id).await.status, TransactionStatus::Cancelled);
    let order = reprice::enter_code(&world.app, &order, "EURO").await.unwrap();
    world.relay().await;
    let third = world.begin(&order).await;
    assert_eq!((third.amount, world.claims().await.len()), (900, 1));
    // Money is on its way: the price stays.
    let pending = doc! { "$set": { "status": "pending" } };
    world.pretend(Transaction::COLLECTION, third.id, pending).await;
    assert_eq!(code(&reprice::remove_code(&world.app, &order).await), "PAYMENT_RUNNING");
    assert_eq!(world.checkout(order.id).await.amount, 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_leaves_nothing_waits_for_the_customers_word() {
    let world = World::sandbox().await;
    let settings = DiscountSettings {
        code: Some("ALL".to_owned()),
        kind: Some(Kind::Percent),
        percent: Some("100".parse().unwrap()),
        max_redemptions: Some(Some(20)),
        ..DiscountSettings::default()
    };
    discounts::create(&world.app, world.tenant, settings).await.unwrap();
    let order = world.try_order(in_process::ten_euros("ORD-1")).await.unwrap();
    let free = reprice::enter_code(&world.app, &order, "all").await.unwrap();
    assert_eq!(free.amount, 0);
    settle_free(&world.app, &free).await.unwrap();
    assert_eq!(world.checkout(order.id).await.status, CheckoutStatus::Open, "they may take it out again");
    confirm_free(&world.app, &free).await.unwrap();
    let paid = world.checkout(order.id).await;
    assert_eq!((paid.status, paid.amount), (CheckoutStatus::Paid, 0));
    assert_eq!(code(&reprice::remove_code(&world.app, &free).await), "CHECKOUT_ALREADY_PAID");
    // Word and removal at once: never paid for nothing and not free.
    let race = async |n: usize| {
        let order = world.try_order(in_process::ten_euros(&format!("ORD-1{n}"))).await.unwrap();
        let free = reprice::enter_code(&world.app, &order, "ALL").await.unwrap();
        let (_, _) = tokio::join!(confirm_free(&world.app, &free), reprice::remove_code(&world.app, &free));
        let now = world.checkout(order.id).await;
        assert_eq!(now.status == CheckoutStatus::Paid, now.amount == 0, "{:?}", now.status);
        now.status
    };
    let met = join_all((0..16).map(race)).await;
    assert!(met.contains(&CheckoutStatus::Open) || met.contains(&CheckoutStatus::Paid));
}

#[tokio::test(flavor = "multi_thread")]
async fn money_of_before_the_code_buys_at_the_price_of_then() {
    let sim = StripeSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    world.euro_off("EURO", None, None).await;
    let order = world.try_order(in_process::ten_euros("ORD-1")).await.unwrap();
    let begun = world.begin(&order).await;
    world.pretend(Transaction::COLLECTION, begun.id, ended()).await;
    let order = reprice::enter_code(&world.app, &order, "EURO").await.unwrap();
    assert_eq!(order.amount, 900);
    sim.pay(begun.reference("checkout_session").unwrap()).unwrap();
    apply::confirm(&world.app, &begun).await.unwrap();
    world.relay().await;
    let paid = world.checkout(order.id).await;
    assert_eq!((paid.paid_by, paid.amount, &paid.discount), (Some(begun.id), 1000, &None));
    assert_eq!(world.transaction(begun.id).await.needs_review.unwrap().reason, "late_success");
}
