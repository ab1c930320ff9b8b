//! What providers say and how they are asked, through the store: news that comes over other ways than a webhook that
//! names our payment, and refusals that teach how to ask again.

use std::time::Duration;

use gateway_core::{
    app::{
        AppError,
        apply::{apply_event, apply_fresh, confirm, sweep_events},
        catch_up,
        create_checkout::create_checkout,
        migrations,
        orders::gate::SecondPayment,
        refund::{NewRefund, Refunded, refund},
        settings::providers::{self, ProviderSettings},
        start_payment::{StartedPayment, amount_out_of_range, offered_providers, start_payment},
    },
    domain::{
        CheckoutId, Mode, Money, RefundId, TransactionId,
        checkout::{Address, Checkout},
        provider_account::ProviderKind,
        provider_event::{EventState, ProviderEvent},
        provider_health::{EventOrigin, ProviderHealth},
        transaction::{NextStep, RefundState, Transaction, TransactionStatus},
    },
    provider::NotTaken,
    store::Entity,
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use testkit::{gocardless_sim::GoCardlessSim, sim::Fault, stripe_sim::StripeSim};

use crate::{
    in_process,
    permutations::{SECRET, World, account, post_to},
};

async fn stripe() -> (StripeSim, World) {
    let sim = StripeSim::start().await;
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    (sim, world)
}

async fn gocardless() -> (GoCardlessSim, World) {
    let sim = GoCardlessSim::start().await;
    let world = World::start(ProviderKind::GoCardless, &sim.base_url()).await;
    (sim, world)
}

fn name<'a>(transaction: &'a Transaction, kind: &str) -> &'a str {
    transaction.reference(kind).unwrap_or_else(|| panic!("no {kind} in {:?}", transaction.refs))
}

/// A payment at Stripe that was paid, and its intent.
async fn paid_at_stripe(sim: &StripeSim, world: &World, reference: &str) -> (Transaction, String) {
    let begun = world.begin(reference).await;
    let intent = sim.pay(name(&begun, "checkout_session")).unwrap();
    for event in sim.take_events() {
        world.deliver(&[event]).await;
    }
    let paid = world.transaction(begun.id).await;
    assert_eq!(paid.status, TransactionStatus::Succeeded);
    (paid, intent)
}

/// A payment at GoCardless that was confirmed, and its id there.
async fn paid_at_gocardless(sim: &GoCardlessSim, world: &World, reference: &str) -> (Transaction, String) {
    let begun = world.begin(reference).await;
    let payment = sim.fulfil(name(&begun, "billing_request")).unwrap().payment.unwrap();
    sim.confirm(&payment).unwrap();
    world.deliver(&sim.take_events()).await;
    let paid = world.transaction(begun.id).await;
    assert_eq!(paid.status, TransactionStatus::Succeeded);
    (paid, payment)
}

async fn events_named(world: &World, name: &str) -> Vec<ProviderEvent> {
    let store = world.app.store.for_org(world.tenant);
    store.find(doc! { "name": name }, doc! { "_id": 1 }, 100).await.unwrap()
}

/// The worker's sweep, with time made to pass.
async fn apply_what_waits(world: &World) {
    let store = world.app.store.for_org(world.tenant);
    for _ in 0..10 {
        let waiting = doc! { "state": "received" };
        let waiting: Vec<ProviderEvent> = store.find(waiting, doc! { "_id": 1 }, 100).await.unwrap();
        if waiting.is_empty() {
            return;
        }
        for event in waiting {
            apply_event(&world.app, event.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_gocardless_refund_made_in_the_dashboard_is_followed_to_its_payment() {
    let (sim, world) = gocardless().await;
    let (paid, payment) = paid_at_gocardless(&sim, &world, "ORD-1").await;
    let refund = sim.dashboard_refund(&payment, 300).unwrap();
    sim.refund_paid(&refund).unwrap();
    // As GoCardless writes it: the refund alone is named, and nothing of ours.
    let mut events = sim.take_events();
    for event in &mut events {
        assert_eq!(event["links"], json!({ "refund": refund }));
        event.as_object_mut().unwrap().remove("resource_metadata");
    }
    world.deliver(&events).await;
    let found = world.transaction(paid.id).await;
    assert_eq!((found.refunded, found.status), (300, TransactionStatus::PartiallyRefunded));
    assert!(found.refunds[0].imported);
    // The way is remembered: the next event of this refund needs no question.
    let asked = sim.requests_to(&format!("GET /refunds/{refund}")).len();
    assert_eq!(asked, 1);
    sim.refund_bounced(&refund).unwrap();
    world.deliver(&sim.take_events()).await;
    assert_eq!(world.transaction(paid.id).await.refunded, 0);
    assert_eq!(sim.requests_to(&format!("GET /refunds/{refund}")).len(), asked);
}

#[tokio::test]
async fn stripe_events_that_name_only_a_charge_or_an_intent_are_followed() {
    let (sim, world) = stripe().await;
    let (paid, intent) = paid_at_stripe(&sim, &world, "ORD-1").await;
    // As if the events that named intent and charge had never come.
    let forget = doc! { "$pull": { "refs": { "$regex": "^(payment_intent|charge):" } } };
    let store = world.app.store.for_org(world.tenant);
    store.update::<Transaction>(paid.id, doc! {}, forget).await.unwrap();
    sim.open_dispute(&intent, 1000).unwrap();
    let mut events = sim.take_events();
    events[0]["data"]["object"]["payment_intent"] = Value::Null;
    world.deliver(&events[..1]).await;
    assert_eq!(world.transaction(paid.id).await.status, TransactionStatus::Disputed);
}

#[tokio::test]
async fn payments_that_are_not_ours_are_left_alone_after_one_look() {
    let (sim, world) = gocardless().await;
    let (_, payment) = paid_at_gocardless(&sim, &world, "ORD-1").await;
    sim.tamper_object(payment.clone(), |payment| payment["metadata"] = json!({}));
    let store = world.app.store.for_org(world.tenant);
    let everything = doc! { "$set": { "refs": [] } };
    let ours: Vec<Transaction> = store.find(doc! {}, doc! { "_id": 1 }, 10).await.unwrap();
    store.update::<Transaction>(ours[0].id, doc! {}, everything).await.unwrap();
    sim.dashboard_refund(&payment, 100).unwrap();
    world.deliver(&sim.take_events()).await;
    let event = events_named(&world, "refunds.created").await.remove(0);
    assert_eq!((event.state, event.attempts), (EventState::Ignored, 0));
}

#[tokio::test]
async fn two_accounts_here_that_are_one_at_the_provider_leave_each_others_payments_alone() {
    let (sim, world) = stripe().await;
    let (other_tenant, _) = in_process::tenant(&world.app, Mode::Test).await;
    let begun = world.begin("ORD-1").await;
    sim.pay(name(&begun, "checkout_session")).unwrap();
    let events = sim.take_events();
    for tenant in [world.tenant, other_tenant] {
        let other = account(&world.app, tenant, ProviderKind::Stripe).await;
        let mut ids = Vec::new();
        for event in &events {
            for fresh in
                post_to(&world.app, world.kind, other, SECRET, std::slice::from_ref(event)).await.fresh
            {
                ids.push(fresh.id());
                apply_fresh(&world.app, fresh).await.unwrap();
            }
        }
        let store = world.app.store.for_org(tenant);
        for id in ids {
            let heard = store.get::<ProviderEvent>(id).await.unwrap().unwrap();
            assert_eq!((heard.state, heard.attempts), (EventState::Ignored, 0), "{:?}", heard.reason);
        }
    }
    assert_eq!(world.transaction(begun.id).await.status, TransactionStatus::Initiated);
    // One that is switched off may not hear of it itself: a person looks.
    let off = ProviderSettings { enabled: Some(false), ..ProviderSettings::default() };
    providers::update(&world.app, world.tenant, world.provider, off).await.unwrap();
    let other = account(&world.app, world.tenant, ProviderKind::Stripe).await;
    let names_it = |event: &&Value| event["type"] == "checkout.session.completed";
    let event = events.iter().find(names_it).unwrap().clone();
    let receipt = post_to(&world.app, world.kind, other, SECRET, &[event]).await;
    apply_fresh(&world.app, receipt.fresh[0].clone()).await.unwrap();
    apply_what_waits(&world).await;
    let heard = world.app.store.for_org(world.tenant).get::<ProviderEvent>(receipt.fresh[0].id()).await;
    let heard = heard.unwrap().unwrap();
    assert_eq!(heard.state, EventState::Parked, "{:?}", heard.reason);
}

#[tokio::test]
async fn an_event_whose_snapshot_fails_is_not_done_with() {
    let (sim, world) = gocardless().await;
    let (paid, payment) = paid_at_gocardless(&sim, &world, "ORD-1").await;
    let refund = sim.dashboard_refund(&payment, 300).unwrap();
    // The way to the payment is found, and then the provider goes down.
    sim.inject(Fault::Drop, 30, "GET /billing_requests");
    world.deliver(&sim.take_events()).await;
    let event = events_named(&world, "refunds.created").await.remove(0);
    assert_eq!((event.state, event.attempts), (EventState::Received, 1));
    assert_eq!(world.transaction(paid.id).await.refunds.len(), 0, "it does not say how much");
    sim.clear_faults();
    apply_what_waits(&world).await;
    let found = world.transaction(paid.id).await;
    assert_eq!((found.refunds.len(), found.refunds[0].amount), (1, 300));
    assert_eq!(events_named(&world, "refunds.created").await[0].state, EventState::Applied);
    // Where it never answers, a person is told.
    let second = sim.dashboard_refund(&payment, 200).unwrap();
    sim.inject(Fault::Drop, 1000, "GET /billing_requests");
    world.deliver(&sim.take_events()).await;
    apply_what_waits(&world).await;
    let parked = events_named(&world, "refunds.created").await.pop().unwrap();
    assert_eq!((parked.state, parked.transaction_id), (EventState::Parked, Some(paid.id)));
    assert_ne!(refund, second);
}

#[tokio::test]
async fn what_refused_webhooks_missed_is_read_from_stripes_list() {
    let (sim, world) = stripe().await;
    let (paid, intent) = paid_at_stripe(&sim, &world, "ORD-1").await;
    // The endpoint's secret was rolled at Stripe alone: for four days everything is refused.
    sim.dashboard_refund(&intent, 200).unwrap();
    sim.dashboard_refund(&intent, 300).unwrap();
    sim.open_dispute(&intent, 500).unwrap();
    let missed = sim.take_events();
    let untouched = world.transaction(paid.id).await;
    assert_eq!((untouched.refunded, untouched.disputes.len()), (0, 0));
    let done = catch_up::catch_up(&world.app, world.tenant, world.provider).await.unwrap();
    // The account's own events of objects that this gateway does not act on are not even asked for.
    assert!(done.complete && done.found <= missed.len() && done.found >= 5, "{done:?}");
    sweep_events(&world.app).await.unwrap();
    apply_what_waits(&world).await;
    let found = world.transaction(paid.id).await;
    assert_eq!((found.refunded, found.status), (500, TransactionStatus::Disputed));
    let listed: Vec<ProviderEvent> = world
        .app
        .store
        .for_org(world.tenant)
        .find(doc! { "origin": "list" }, doc! { "_id": 1 }, 100)
        .await
        .unwrap();
    assert_eq!(listed.len(), done.found);
    assert!(listed.iter().all(|event| event.origin == EventOrigin::List));
    // Once is enough, and what a webhook brings as well is known.
    let again = catch_up::catch_up(&world.app, world.tenant, world.provider).await.unwrap();
    assert_eq!(again.found, 0);
    assert!(world.receive(&missed[missed.len() - 1..]).await.fresh.is_empty());
}

#[tokio::test]
async fn gocardless_events_are_caught_up_over_pages_and_outages() {
    let (sim, world) = gocardless().await;
    let (paid, payment) = paid_at_gocardless(&sim, &world, "ORD-1").await;
    let refund = sim.dashboard_refund(&payment, 400).unwrap();
    sim.refund_paid(&refund).unwrap();
    sim.charge_back(&payment).unwrap();
    sim.take_events();
    let due = doc! { "$set": { "feed.due": world.app.now() } };
    let store = world.app.store.for_org(world.tenant);
    store.update::<ProviderHealth>(world.provider, doc! {}, due.clone()).await.unwrap();
    sim.outage(true);
    catch_up::sweep(&world.app).await.unwrap();
    let health = store.get::<ProviderHealth>(world.provider).await.unwrap().unwrap();
    assert!(health.feed.problem.is_some() && health.feed.read_at.is_none(), "{health:?}");
    assert!(health.feed.due.unwrap() > world.app.now(), "not asked again at once");
    sim.outage(false);
    store.update::<ProviderHealth>(world.provider, doc! {}, due).await.unwrap();
    assert_eq!(catch_up::sweep(&world.app).await.unwrap(), 1);
    let health = store.get::<ProviderHealth>(world.provider).await.unwrap().unwrap();
    assert_eq!((health.feed.problem, health.feed.turn, health.feed.found > 0), (None, None, true));
    apply_what_waits(&world).await;
    let found = world.transaction(paid.id).await;
    assert_eq!((found.refunded, found.status), (400, TransactionStatus::Disputed));
}

#[tokio::test]
async fn a_list_is_read_by_one_at_a_time_and_taken_up_where_it_was_cut_off() {
    let (sim, world) = stripe().await;
    let (_, intent) = paid_at_stripe(&sim, &world, "ORD-1").await;
    for _ in 0..3 {
        sim.dashboard_refund(&intent, 10).unwrap();
    }
    let store = world.app.store.for_org(world.tenant);
    let taken = doc! { "$set": {
        "feed.turn": "another", "feed.due": world.app.now() + Duration::from_mins(10),
    } };
    store.update::<ProviderHealth>(world.provider, doc! {}, taken).await.unwrap();
    let error = catch_up::catch_up(&world.app, world.tenant, world.provider).await.unwrap_err();
    assert_eq!(error.code(), "CATCH_UP_RUNNING");
    // Whoever had it died on the second page.
    let newest = sim.events().last().unwrap()["id"].as_str().unwrap().to_owned();
    let died = doc! { "$set": {
        "feed.due": world.app.now(), "feed.after": &newest, "feed.began": world.app.now() - Duration::from_secs(5),
    } };
    store.update::<ProviderHealth>(world.provider, doc! {}, died).await.unwrap();
    assert_eq!(catch_up::sweep(&world.app).await.unwrap(), 1);
    let asked = sim.requests_to("GET /v1/events");
    assert_eq!(asked.last().unwrap().params.get("starting_after"), Some(&newest));
    let health = store.get::<ProviderHealth>(world.provider).await.unwrap().unwrap();
    assert_eq!((health.feed.after, health.feed.turn, health.feed.began), (None, None, None));
}

#[tokio::test]
async fn accounts_of_an_older_version_are_caught_up_as_well() {
    let (_sim, world) = stripe().await;
    let store = world.app.store.for_org(world.tenant);
    store.delete::<ProviderHealth>(world.provider, doc! {}).await.unwrap();
    assert_eq!(catch_up::adopt(&world.app).await.unwrap(), 1);
    assert_eq!(catch_up::adopt(&world.app).await.unwrap(), 0);
    assert!(store.get::<ProviderHealth>(world.provider).await.unwrap().unwrap().feed.due.is_some());
}

fn rendered(transaction: &Transaction, id: RefundId) -> String {
    format!("{id} {:?}", transaction.refund(id).map(|refund| refund.state))
}

async fn refund_all(world: &World, id: TransactionId) -> (Transaction, RefundId) {
    let done = refund(&world.app, world.tenant, id, NewRefund::default(), None, &rendered).await.unwrap();
    let Refunded::Done(transaction, id) = done else { panic!("no key was sent") };
    (*transaction, id)
}

#[tokio::test]
async fn a_refund_that_is_refused_is_followed_by_a_look() {
    let (sim, world) = stripe().await;
    let (refunded, intent) = paid_at_stripe(&sim, &world, "ORD-1").await;
    sim.dashboard_refund(&intent, 1000).unwrap();
    sim.take_events();
    let (disputed, intent) = paid_at_stripe(&sim, &world, "ORD-2").await;
    sim.open_dispute(&intent, 1000).unwrap();
    // Their webhooks are still to come.
    for (id, status) in
        [(refunded.id, TransactionStatus::Refunded), (disputed.id, TransactionStatus::Disputed)]
    {
        let (transaction, refund) = refund_all(&world, id).await;
        assert_eq!(transaction.status, status);
        assert!(transaction.refusal_of(refund).is_some());
        assert_eq!(transaction.refund(refund).unwrap().state, RefundState::Failed);
    }
    assert_eq!(world.transaction(refunded.id).await.refunded, 1000);
}

#[tokio::test]
async fn a_refund_answered_in_another_currency_is_flagged_and_not_repeated() {
    let (sim, world) = stripe().await;
    let (paid, _) = paid_at_stripe(&sim, &world, "ORD-1").await;
    sim.tamper_object("re_*", |refund| refund["currency"] = json!("usd"));
    let (transaction, id) = refund_all(&world, paid.id).await;
    let refund = transaction.refund(id).unwrap();
    assert_eq!(refund.state, RefundState::Unknown);
    assert!(refund.reference.is_some());
    assert_eq!(transaction.needs_review.as_ref().unwrap().reason, "refund_mismatch");
    for _ in 0..2 {
        let again = gateway_core::app::operate::resume(&world.app, &aged(&world, paid.id).await).await;
        again.unwrap();
    }
    assert_eq!(sim.effects().refunds_created, 1);
    assert_eq!(sim.requests_to("POST /v1/refunds").len(), 1);
}

/// The transaction as if its refunds had been made long ago.
async fn aged(world: &World, id: TransactionId) -> Transaction {
    let old = doc! { "$set": { "refunds.0.updatedAt": world.app.now() - Duration::from_hours(1) } };
    let store = world.app.store.for_org(world.tenant);
    store.update::<Transaction>(id, doc! {}, old).await.unwrap();
    world.transaction(id).await
}

/// A checkout of ten euros for a customer of whom something is known.
async fn checkout_of(world: &World, reference: &str, email: &str, address: Option<Address>) -> Checkout {
    let mut new = in_process::ten_euros(reference);
    new.customer.email = Some(email.to_owned());
    new.customer.billing_address = address;
    let reply = create_checkout(&world.app, world.tenant, world.site, new, None).await.unwrap();
    let reply: Value = serde_json::from_str(&reply).unwrap();
    let id: CheckoutId = reply["id"].as_str().unwrap().parse().unwrap();
    world.app.store.for_org(world.tenant).get::<Checkout>(id).await.unwrap().unwrap()
}

async fn start(world: &World, checkout: &Checkout) -> Result<StartedPayment, AppError> {
    start_payment(&world.app, checkout, world.provider, SecondPayment::Ask).await
}

#[tokio::test]
async fn what_stripe_refuses_of_a_customer_stops_no_payment() {
    let (sim, world) = stripe().await;
    for (index, (email, filled)) in [
        (" customer@example.com ", Some("customer@example.com")),
        ("kunde@müller.example", Some("kunde@xn--mller-kva.example")),
        ("max@localhost", None),
        // Plausible here, and refused there.
        ("max@shop.gmile", None),
    ]
    .into_iter()
    .enumerate()
    {
        let checkout = checkout_of(&world, &format!("ORD-{index}"), email, None).await;
        let started = start(&world, &checkout).await.unwrap();
        let session = sim.object(name(&started.transaction, "checkout_session")).unwrap();
        assert_eq!(session["customer_email"].as_str(), filled, "{email}");
    }
    let keys: Vec<String> = sim
        .requests_to("POST /v1/checkout/sessions")
        .iter()
        .map(|entry| entry.idempotency_key().unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 5, "the refused one twice");
    assert_eq!(keys[4], format!("{}-plain", keys[3]));
}

#[tokio::test]
async fn a_start_without_the_customer_is_resumed_without_the_customer() {
    let (sim, world) = stripe().await;
    let checkout = checkout_of(&world, "ORD-1", "max@shop.gmile", None).await;
    // Cut off after it was decided, and before the provider was asked so.
    sim.outage(true);
    assert!(start(&world, &checkout).await.is_err());
    sim.outage(false);
    let store = world.app.store.for_org(world.tenant);
    let begun: Vec<Transaction> = store.find(doc! {}, doc! { "_id": 1 }, 10).await.unwrap();
    let decided = doc! { "$set": { "startPlan": { "withoutCustomer": true, "round": 0_i64 } } };
    store.update::<Transaction>(begun[0].id, doc! {}, decided).await.unwrap();
    let started = start(&world, &checkout).await.unwrap();
    let session = sim.object(name(&started.transaction, "checkout_session")).unwrap();
    assert_eq!(session["customer_email"], Value::Null);
    let asked = sim.requests_to("POST /v1/checkout/sessions");
    assert!(asked.last().unwrap().idempotency_key().unwrap().ends_with("-plain"));
    assert_eq!(sim.effects().sessions_created, 1, "nothing else was made");
}

#[tokio::test]
async fn what_gocardless_refuses_of_a_customer_stops_no_payment() {
    let (sim, world) = gocardless().await;
    let with = |change: fn(&mut Address)| {
        let mut address = Address { city: Some("Lisboa".to_owned()), ..Address::default() };
        change(&mut address);
        Some(address)
    };
    let cases: [(&str, Option<Address>); 4] = [
        ("customer@example.com", with(|address| address.city = Some("x".repeat(400)))),
        ("customer@example.com", with(|address| address.postcode = Some("1000!".to_owned()))),
        ("customer@example.com", with(|address| address.country = Some("XK".to_owned()))),
        ("a@b", with(|_| {})),
    ];
    let mut plain = 0;
    for (index, (email, address)) in cases.into_iter().enumerate() {
        let checkout = checkout_of(&world, &format!("ORD-{index}"), email, address).await;
        let started = start(&world, &checkout).await.unwrap();
        let stored = world.transaction(started.transaction.id).await;
        plain += usize::from(stored.start_plan.is_some_and(|plan| plan.without_customer));
    }
    assert_eq!(plain, 2, "two were refused, two were made to fit");
    let effects = sim.effects();
    assert_eq!((effects.billing_requests_created, effects.flows_created), (4, 4));
}

#[tokio::test]
async fn a_key_that_leads_nowhere_is_replaced() {
    let (sim, world) = stripe().await;
    // The answer was lost, and the order was described otherwise meanwhile.
    let checkout = world.checkout("ORD-1").await;
    sim.inject(Fault::DropAfterEffect, 3, "POST /v1/checkout/sessions");
    assert!(start(&world, &checkout).await.is_err());
    let later = doc! { "$set": { "expiresAt": world.app.now() + Duration::from_hours(3) } };
    let store = world.app.store.for_org(world.tenant);
    store.update::<Checkout>(checkout.id, doc! {}, later).await.unwrap();
    let changed = store.get::<Checkout>(checkout.id).await.unwrap().unwrap();
    let started = start(&world, &changed).await.unwrap();
    assert_eq!(sim.effects().sessions_created, 2, "the first was shown to nobody");
    assert_eq!(world.transaction(started.transaction.id).await.start_plan.unwrap().round, 1);

    // Stripe remembers a 500 under its key.
    let checkout = world.checkout("ORD-2").await;
    sim.inject(Fault::Status(500), 3, "POST /v1/checkout/sessions");
    start(&world, &checkout).await.unwrap();

    // While Stripe is down, one other key a click is tried and no more.
    let checkout = world.checkout("ORD-3").await;
    let before = sim.requests_to("POST /v1/checkout/sessions").len();
    sim.inject(Fault::Status(503), 1000, "POST /v1/checkout/sessions");
    assert!(start(&world, &checkout).await.is_err());
    assert_eq!(sim.requests_to("POST /v1/checkout/sessions").len() - before, 6, "two keys, three calls each");
    sim.clear_faults();
    start(&world, &checkout).await.unwrap();
}

fn address_of(started: &StartedPayment) -> &str {
    let Some(NextStep::Redirect { url }) = &started.next else { panic!("{:?}", started.next) };
    url
}

#[tokio::test]
async fn a_page_that_has_died_is_made_anew() {
    let (sim, world) = gocardless().await;
    let checkout = world.checkout("ORD-1").await;
    let first = start(&world, &checkout).await.unwrap();
    let again = start(&world, &checkout).await.unwrap();
    assert_eq!(address_of(&first), address_of(&again), "it lives");
    let id = first.transaction.id;
    assert!(world.transaction(id).await.next_until.is_some());
    spend(&world, id).await;
    let renewed = start(&world, &checkout).await.unwrap();
    assert_ne!(address_of(&renewed), address_of(&first));
    assert_eq!(renewed.transaction.id, id);
    let effects = sim.effects();
    assert_eq!((effects.billing_requests_created, effects.flows_created), (1, 2), "the same request");
    // A payment that was made meanwhile is seen first.
    sim.fulfil(name(&renewed.transaction, "billing_request")).unwrap();
    spend(&world, id).await;
    let running = start(&world, &checkout).await.unwrap();
    assert_eq!((running.transaction.status, running.next), (TransactionStatus::Pending, None));
    assert_eq!(sim.effects().flows_created, 2);
}

/// As if the time of the provider's page had run out.
async fn spend(world: &World, id: TransactionId) {
    let over = doc! { "$set": { "nextUntil": world.app.now() } };
    world.app.store.for_org(world.tenant).update::<Transaction>(id, doc! {}, over).await.unwrap();
}

#[tokio::test]
async fn a_session_that_has_run_out_gives_way_to_another_while_the_checkout_is_open() {
    let (sim, world) = stripe().await;
    let checkout = world.checkout("ORD-1").await;
    let first = start(&world, &checkout).await.unwrap();
    sim.expire(name(&first.transaction, "checkout_session")).unwrap();
    spend(&world, first.transaction.id).await;
    let second = start(&world, &checkout).await.unwrap();
    assert_ne!(second.transaction.id, first.transaction.id);
    assert_eq!(world.transaction(first.transaction.id).await.status, TransactionStatus::Expired);
    assert_eq!(sim.effects().sessions_created, 2);
    // One that still lives at Stripe is ended there, so that nobody pays twice.
    spend(&world, second.transaction.id).await;
    let third = start(&world, &checkout).await.unwrap();
    assert_ne!(third.transaction.id, second.transaction.id);
    let session = sim.object(name(&second.transaction, "checkout_session")).unwrap();
    assert_eq!(session["status"], "expired");
}

#[tokio::test]
async fn an_event_in_another_version_gives_way_to_what_the_provider_says_when_asked() {
    let (sim, world) = stripe().await;
    let begun = world.begin("ORD-1").await;
    sim.pay(name(&begun, "checkout_session")).unwrap();
    let mut events = sim.take_events();
    let completed = events.iter_mut().find(|event| event["type"] == "checkout.session.completed").unwrap();
    completed["api_version"] = json!("2024-06-20");
    completed["data"]["object"]["currency"] = json!("usd");
    completed["data"]["object"]["amount_total"] = json!(1090);
    let completed = completed.clone();
    world.deliver(std::slice::from_ref(&completed)).await;
    let found = world.transaction(begun.id).await;
    assert_eq!((found.status, found.needs_review), (TransactionStatus::Succeeded, None));
    let event = events_named(&world, "checkout.session.completed").await.remove(0);
    assert_eq!(event.state, EventState::Applied);

    // Not asked, it is not held against the payment; where the provider says the same, it is.
    let begun = world.begin("ORD-2").await;
    let session = name(&begun, "checkout_session").to_owned();
    sim.pay(&session).unwrap();
    sim.take_events();
    let mut odd = completed;
    odd["id"] = json!("evt_odd");
    odd["data"]["object"]["id"] = json!(session);
    odd["data"]["object"]["metadata"] = sim.object(&session).unwrap()["metadata"].clone();
    odd["data"]["object"]["client_reference_id"] = json!(begun.session_public_id);
    sim.outage(true);
    world.deliver(&[odd]).await;
    assert_eq!(world.transaction(begun.id).await.needs_review, None);
    sim.outage(false);
    let event = |events: Vec<ProviderEvent>| events.into_iter().find(|e| e.event_id == "evt_odd").unwrap();
    let waiting = event(events_named(&world, "checkout.session.completed").await);
    assert_eq!(waiting.state, EventState::Received);
    let usd = |object: &mut serde_json::Value| object["currency"] = json!("usd");
    let intent = sim.intent_of(&session).unwrap();
    let charge = sim.object(&intent).unwrap()["latest_charge"].as_str().unwrap().to_owned();
    sim.tamper_object(charge.clone(), usd);
    apply_event(&world.app, waiting.id).await.unwrap();
    assert_eq!(world.transaction(begun.id).await.needs_review.unwrap().reason, "currency_mismatch");
    assert_eq!(event(events_named(&world, "checkout.session.completed").await).state, EventState::Parked);
    // It was the tampered one that was wrong: once it agrees, the flag goes.
    sim.tamper_object(charge, |charge| charge["currency"] = json!("eur"));
    confirm(&world.app, &world.transaction(begun.id).await).await.unwrap();
    let found = world.transaction(begun.id).await;
    assert_eq!((found.status, found.needs_review), (TransactionStatus::Succeeded, None));
}

#[tokio::test]
async fn a_key_without_permission_for_disputes_loses_no_payment() {
    let (sim, world) = stripe().await;
    sim.configure(|config| config.forbidden = vec!["GET /v1/disputes"]);
    let begun = world.begin("ORD-1").await;
    let intent = sim.pay(name(&begun, "checkout_session")).unwrap();
    sim.dashboard_refund(&intent, 200).unwrap();
    let confirmed = confirm(&world.app, &begun).await.unwrap();
    assert_eq!((confirmed.status, confirmed.refunded), (TransactionStatus::PartiallyRefunded, 200));
    let store = world.app.store.for_org(world.tenant);
    let health = store.get::<ProviderHealth>(world.provider).await.unwrap().unwrap();
    assert_eq!(health.missing.iter().map(|m| m.what.as_str()).collect::<Vec<_>>(), ["disputes"]);
    // A dispute that an event has told of is not taken for none.
    sim.open_dispute(&intent, 500).unwrap();
    for event in sim.take_events() {
        world.deliver(&[event]).await;
    }
    assert_eq!(world.transaction(begun.id).await.status, TransactionStatus::Disputed);
    confirm(&world.app, &world.transaction(begun.id).await).await.unwrap();
    assert_eq!(world.transaction(begun.id).await.status, TransactionStatus::Disputed);
    let tested = providers::test(&world.app, world.tenant, world.provider).await.unwrap();
    assert_eq!(tested.missing, ["Disputes"]);
    sim.configure(|config| config.forbidden.clear());
    assert!(providers::test(&world.app, world.tenant, world.provider).await.unwrap().missing.is_empty());
    assert!(store.get::<ProviderHealth>(world.provider).await.unwrap().unwrap().missing.is_empty());
}

#[tokio::test]
async fn one_unreadable_refund_takes_no_neighbour_with_it() {
    let (sim, world) = stripe().await;
    let (paid, intent) = paid_at_stripe(&sim, &world, "ORD-1").await;
    let odd = sim.dashboard_refund(&intent, 100).unwrap();
    sim.dashboard_refund(&intent, 200).unwrap();
    sim.tamper_object(odd.clone(), |refund| refund["amount"] = json!("a lot"));
    confirm(&world.app, &paid).await.unwrap();
    let found = world.transaction(paid.id).await;
    assert_eq!(found.refunds.iter().map(|refund| refund.amount).collect::<Vec<_>>(), [200]);
    let review = found.needs_review.unwrap();
    assert!(review.reason == "unreadable" && review.detail.as_str().contains(&odd));
    sim.tamper_object(odd, |refund| refund["amount"] = json!(100));
    confirm(&world.app, &world.transaction(paid.id).await).await.unwrap();
    let found = world.transaction(paid.id).await;
    assert_eq!((found.refunded, found.needs_review), (300, None));
}

#[tokio::test]
async fn an_older_api_versions_release_of_an_authorization_is_no_refund() {
    let (sim, world) = stripe().await;
    sim.configure(|config| (config.release_shows_as_refund, config.release_makes_refund) = (true, true));
    let mut new = in_process::ten_euros("ORD-1");
    new.capture_method = gateway_core::domain::checkout::CaptureMethod::Manual;
    let reply = create_checkout(&world.app, world.tenant, world.site, new, None).await.unwrap();
    let id: Value = serde_json::from_str(&reply).unwrap();
    let id: CheckoutId = id["id"].as_str().unwrap().parse().unwrap();
    let checkout = world.app.store.for_org(world.tenant).get::<Checkout>(id).await.unwrap().unwrap();
    let begun = start(&world, &checkout).await.unwrap().transaction;
    let intent = sim.authorize(name(&begun, "checkout_session")).unwrap();
    sim.dashboard_capture(&intent, 400).unwrap();
    for event in sim.take_events() {
        world.deliver(&[event]).await;
    }
    let found = world.transaction(begun.id).await;
    assert_eq!((found.captured, found.refunded, found.refunds.len()), (400, 0, 0));
    assert_eq!(found.status, TransactionStatus::Succeeded);
    sim.dashboard_refund(&intent, 100).unwrap();
    for event in sim.take_events() {
        world.deliver(&[event]).await;
    }
    let found = world.transaction(begun.id).await;
    assert_eq!((found.refunded, found.refunds.len()), (100, 1));
}

#[tokio::test]
async fn a_settled_chargeback_is_lost_and_one_that_is_given_back_is_for_a_person() {
    let (sim, world) = gocardless().await;
    let (paid, payment) = paid_at_gocardless(&sim, &world, "ORD-1").await;
    sim.pay_out(&payment).unwrap();
    sim.charge_back(&payment).unwrap();
    world.deliver(&sim.take_events()).await;
    assert_eq!(world.transaction(paid.id).await.status, TransactionStatus::Disputed);
    sim.settle_charge_back(&payment).unwrap();
    world.deliver(&sim.take_events()).await;
    let lost = world.transaction(paid.id).await;
    assert_eq!((lost.status, lost.reconcile), (TransactionStatus::Lost, None), "nobody polls it any more");
    sim.charge_back_cancelled(&payment).unwrap();
    world.deliver(&sim.take_events()).await;
    let found = world.transaction(paid.id).await;
    assert_eq!(found.status, TransactionStatus::Lost, "final in the books");
    assert_eq!(found.needs_review.unwrap().reason, "dispute_returned");
}

#[tokio::test]
async fn a_batch_with_an_odd_event_is_taken_in_whole() {
    let (sim, world) = gocardless().await;
    let begun = world.begin("ORD-1").await;
    let payment = sim.fulfil(name(&begun, "billing_request")).unwrap().payment.unwrap();
    sim.confirm(&payment).unwrap();
    let mut events = sim.take_events();
    let mut odd = events.last().unwrap().clone();
    odd["details"] = Value::Null;
    odd["metadata"] = json!({ "n": 1 });
    odd["links"]["others"] = json!(["PM1"]);
    odd["will_attempt_retry"] = json!("true");
    odd["id"] = json!("EVODD");
    let mut nameless = odd.clone();
    nameless.as_object_mut().unwrap().remove("id");
    let mut untimed = odd.clone();
    untimed["id"] = json!("EVUNTIMED");
    untimed["created_at"] = json!(7);
    events.extend([odd, nameless, untimed]);
    let receipt = world.deliver(&events).await;
    assert_eq!((receipt.status, receipt.fresh.len()), (204, events.len()));
    assert_eq!(world.transaction(begun.id).await.status, TransactionStatus::Succeeded);
    apply_what_waits(&world).await;
    let store = world.app.store.for_org(world.tenant);
    let parked: Vec<ProviderEvent> =
        store.find(doc! { "state": "parked" }, doc! { "_id": 1 }, 10).await.unwrap();
    assert_eq!(parked.len(), 2, "{parked:?}");
    assert!(world.receive(&events).await.fresh.is_empty(), "each is known again");
}

#[tokio::test]
async fn amounts_that_a_provider_never_takes_are_not_offered() {
    let (_sim, world) = stripe().await;
    for (amount, offered, why) in [
        (30, 0, Some(NotTaken::TooSmall(Money::new(50, "EUR".parse().unwrap())))),
        (100_000_000, 0, Some(NotTaken::TooLarge(Money::new(99_999_999, "EUR".parse().unwrap())))),
        (50, 1, None),
    ] {
        let mut new = in_process::ten_euros(&format!("ORD-{amount}"));
        new.amount = Some(amount);
        new.items.clear();
        let reply = create_checkout(&world.app, world.tenant, world.site, new, None).await.unwrap();
        let id: Value = serde_json::from_str(&reply).unwrap();
        let id: CheckoutId = id["id"].as_str().unwrap().parse().unwrap();
        let checkout = world.app.store.for_org(world.tenant).get::<Checkout>(id).await.unwrap().unwrap();
        assert_eq!(offered_providers(&world.app, &checkout).await.unwrap().len(), offered, "{amount}");
        assert_eq!(amount_out_of_range(&world.app, &checkout).await.unwrap(), why, "{amount}");
    }
}

/// Every string that stands readable in a document.
fn texts_of(document: &Document) -> String {
    document.to_string()
}

async fn raw(world: &World, id: TransactionId) -> Document {
    let all = world.app.store.database().collection::<Document>(Transaction::COLLECTION);
    let id = mongodb::bson::oid::ObjectId::parse_str(id.to_string()).unwrap();
    all.find_one(doc! { "_id": id }).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_providers_words_are_sealed_and_read_only_where_they_may_be() {
    let (sim, world) = stripe().await;
    let words = "max.mustermann@example.com";
    // A refusal that repeats what the customer entered, at the start of a payment.
    let checkout = world.checkout("ORD-1").await;
    sim.configure(|config| config.refuse_sessions = Some(format!("Not allowed: {words}")));
    let refused = start(&world, &checkout).await.unwrap_err();
    assert!(!refused.to_string().contains(words) && !format!("{refused:?}").contains(words));
    let store = world.app.store.for_org(world.tenant);
    let all: Vec<Transaction> = store.find(doc! {}, doc! { "_id": 1 }, 10).await.unwrap();
    assert!(all[0].failure.as_ref().unwrap().message.as_str().contains(words), "people of the shop read it");
    assert!(!texts_of(&raw(&world, all[0].id).await).contains(words), "the database holds it sealed");
    // What an older version stored is read, and sealed by the migration.
    let clear = doc! { "$set": {
        "failure": { "code": "email_invalid", "message": format!("Invalid: {words}") },
        "needsReview": { "reason": "late_success", "detail": words, "at": world.app.now() },
    } };
    store.update::<Transaction>(all[0].id, doc! {}, clear).await.unwrap();
    assert!(texts_of(&raw(&world, all[0].id).await).contains(words));
    assert!(world.transaction(all[0].id).await.failure.unwrap().message.as_str().contains(words));
    while migrations::step(&world.app).await.unwrap() {}
    assert_eq!(world.app.store.migration(2).await.unwrap().unwrap().changed, 1);
    assert!(!texts_of(&raw(&world, all[0].id).await).contains(words));
    let read = world.transaction(all[0].id).await;
    assert_eq!(read.needs_review.unwrap().detail.as_str(), words);
    assert_eq!(read.failure.unwrap().code, "email_invalid");
}

#[tokio::test]
async fn a_snapshot_that_says_the_same_is_no_news() {
    let (sim, world) = stripe().await;
    let begun = world.begin("ORD-1").await;
    sim.decline(name(&begun, "checkout_session")).unwrap();
    let first = confirm(&world.app, &begun).await.unwrap();
    let failure = |transaction: &Transaction| transaction.payment.as_ref().unwrap().failure.clone().unwrap();
    assert!(!failure(&first).message.is_empty());
    let second = confirm(&world.app, &first).await.unwrap();
    // Sealed words are compared as they read.
    assert_eq!(failure(&second), failure(&first));
    assert_eq!((second.outbox.seq, second.status), (first.outbox.seq, first.status));
}
