//! Providers' webhooks, over HTTP: what is forged leaves no trace, what is answered is stored.

use std::time::Duration;

use futures::future::join_all;
use gateway_core::{
    app::settings::providers::{self, NewCredentials, ProviderSettings},
    crypto::signature,
    domain::{
        Clock, SystemClock,
        provider_account::ProviderAccount,
        provider_event::{EventState, ProviderEvent},
        provider_health::{ProviderHealth, RefusalReason},
    },
    store::Entity,
};
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::{
    gocardless_sim::{self, GoCardlessSim},
    stripe_sim::signature_header,
};

use crate::front::{Answer, Front, GOCARDLESS_SECRET, STRIPE_SECRET, Setup};

fn now() -> i64 {
    SystemClock.now().seconds()
}

/// An event of a payment that is none of ours.
fn stripe_event(id: &str) -> Vec<u8> {
    let event = json!({
        "id": id, "object": "event", "type": "payment_intent.succeeded", "created": now(),
        "livemode": false, "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "pi_foreign", "object": "payment_intent", "amount": 1000,
            "amount_received": 1000, "currency": "eur", "status": "succeeded", "metadata": {}}},
    });
    serde_json::to_vec_pretty(&event).unwrap()
}

fn gocardless_batch(ids: std::ops::Range<usize>) -> Vec<u8> {
    let events: Vec<Value> = ids
        .map(|id| {
            json!({
                "id": format!("EV{id:06}"), "created_at": "2026-11-21T10:00:00.000Z",
                "resource_type": "payments", "action": "confirmed",
                "links": {"payment": format!("PM{id:06}")},
                "details": {"origin": "gocardless", "cause": "payment_confirmed", "description": "Confirmed."},
            })
        })
        .collect();
    serde_json::to_vec(&json!({"events": events, "meta": {"webhook_id": "WB000001"}})).unwrap()
}

impl Front {
    async fn deliver(&self, url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Answer {
        let mut request = self.client.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Answer::of(request).await
    }

    async fn deliver_stripe(&self, account: &str, secret: &str, at: i64, body: Vec<u8>) -> u16 {
        let signed = signature_header(secret, at, &body);
        let url = self.hook("stripe", account);
        self.deliver(&url, &[("stripe-signature", signed)], body).await.status.as_u16()
    }

    async fn deliver_gocardless(&self, secret: &str, body: Vec<u8>) -> u16 {
        let signed = gocardless_sim::signature(secret, &body);
        let url = self.hook("gocardless", &self.provider("gocardless"));
        self.deliver(&url, &[("webhook-signature", signed)], body).await.status.as_u16()
    }

    async fn events(&self) -> Vec<ProviderEvent> {
        self.app.store.for_org(self.seed.tenant).find(doc! {}, doc! { "_id": 1 }, 1000).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_stale_or_nobodys_writes_nothing() {
    let front = Front::start().await;
    let (stripe, gocardless) = (front.provider("stripe"), front.provider("gocardless"));
    let body = stripe_event("evt_forged");
    assert_eq!(front.deliver_stripe(&stripe, "whsec_wrong", now(), body.clone()).await, 400);
    assert_eq!(front.deliver_stripe(&stripe, STRIPE_SECRET, now() - 301, body.clone()).await, 400, "stale");
    assert_eq!(front.deliver_stripe(&stripe, STRIPE_SECRET, now() + 301, body.clone()).await, 400, "early");
    assert_eq!(front.deliver_stripe(&gocardless, STRIPE_SECRET, now(), body.clone()).await, 400, "type");
    let nobody = "0123456789abcdef01234567";
    assert_eq!(front.deliver_stripe(nobody, STRIPE_SECRET, now(), body.clone()).await, 400, "nobody");
    assert_eq!(front.deliver_stripe("_", STRIPE_SECRET, now(), body.clone()).await, 400, "no single tenant");
    let unsigned = front.deliver(&front.hook("stripe", &stripe), &[], body.clone()).await;
    assert_eq!(unsigned.status, 400);
    let mut tampered = body.clone();
    let signed = signature_header(STRIPE_SECRET, now(), &tampered);
    tampered.push(b' ');
    let url = front.hook("stripe", &stripe);
    assert_eq!(front.deliver(&url, &[("stripe-signature", signed)], tampered).await.status, 400);
    assert_eq!(front.deliver_gocardless("wrong", gocardless_batch(0..1)).await, 498);
    let sandbox = front.hook("sandbox", &front.provider("sandbox"));
    let forged = signature::sandbox::sign("whsec_wrong", now(), b"{}");
    assert_eq!(front.deliver(&sandbox, &[("sandbox-signature", forged)], b"{}".to_vec()).await.status, 400);
    assert!(front.events().await.is_empty());
}

/// Secrets that were stored before there was a shortest length.
#[tokio::test(flavor = "multi_thread")]
async fn a_stored_secret_that_is_guessed_is_not_believed() {
    let front = Front::start().await;
    let (app, tenant) = (&front.app, front.seed.tenant);
    let (store, id) = (app.store.for_org(tenant), front.seed.gocardless.as_ref().unwrap().id);
    let credentials =
        json!({ "apiKey": "sandbox_x", "webhookSecrets": ["a", GOCARDLESS_SECRET] }).to_string();
    let (collection, field) = (ProviderAccount::COLLECTION, ProviderAccount::CREDENTIALS_FIELD);
    let sealed = store.seal(collection, id, field, credentials.as_bytes()).await.unwrap();
    let mut account = providers::get(app, tenant, id).await.unwrap();
    account.credentials = sealed;
    store.save(&mut account).await.unwrap();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    assert_eq!(front.deliver_gocardless("a", gocardless_batch(0..1)).await, 498);
    assert!(front.events().await.is_empty());
    assert_eq!(front.deliver_gocardless(GOCARDLESS_SECRET, gocardless_batch(0..1)).await, 204);
    let shape = providers::shape(app, &account).await.unwrap();
    assert_eq!((shape.webhook_secrets, shape.weak_webhook_secrets), (1, 1));
    // Another credential is changed: those that are stored stay as they are.
    let key = NewCredentials { api_key: Some("sandbox_y".to_owned()), ..NewCredentials::default() };
    let change = ProviderSettings { credentials: key, ..ProviderSettings::default() };
    let changed = providers::update(app, tenant, id, change).await.unwrap();
    assert_eq!(providers::shape(app, &changed).await.unwrap().weak_webhook_secrets, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_there_are_told_in_json() {
    let front = Front::start().await;
    let id = front.provider("stripe");
    for (kind, account, field) in [("paypal", id.as_str(), "type"), ("stripe", "nonsense", "providerId")] {
        let answer = front.deliver(&front.hook(kind, account), &[], Vec::new()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["details"][0]["field"]), (400, &field.into()));
    }
    let answer = Answer::of(front.client.get(front.hook("stripe", &id))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (405, &"METHOD_NOT_ALLOWED".into()));
    assert_eq!(answer.headers["allow"], "POST");
    let large = vec![b'x'; 1024 * 1024 + 1];
    let answer = front.deliver(&front.hook("stripe", &id), &[], large).await;
    assert_eq!(answer.status, 413);
    let answer = Answer::of(front.client.get(front.api("/.well-known/x"))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &"ROUTE_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_copies_at_once_are_one_event() {
    let front = Front::start().await;
    let account = front.provider("stripe");
    let body = stripe_event("evt_copied");
    let copies = (0..100).map(|_| front.deliver_stripe(&account, STRIPE_SECRET, now(), body.clone()));
    assert!(join_all(copies).await.iter().all(|status| *status == 200));
    let events = front.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_id, "evt_copied");
    // A replay is answered like the first and changes nothing.
    assert_eq!(front.deliver_stripe(&account, STRIPE_SECRET, now(), body).await, 200);
    assert_eq!(front.events().await.len(), 1);
    // The account tells that its provider is heard.
    let store = front.app.store.for_org(front.seed.tenant);
    for _ in 0..100 {
        let account = store.get::<ProviderAccount>(front.provider("stripe").parse().unwrap()).await.unwrap();
        if account.unwrap().last_event_at.is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nobody has noted that the provider was heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_250_is_stored_answered_and_applied_before_the_service_stops() {
    let sim = GoCardlessSim::start().await;
    let setup = Setup { gocardless: Some(sim.base_url()), ..Setup::default() };
    let mut front = Front::start_with(setup).await;
    assert_eq!(front.deliver_gocardless(GOCARDLESS_SECRET, gocardless_batch(0..250)).await, 204);
    assert_eq!(front.stop().await, 0, "{}", front.log());
    let events = front.events().await;
    assert_eq!(events.len(), 250);
    // Nobody's payments, as GoCardless says when it is asked.
    let done = |event: &ProviderEvent| event.state == EventState::Ignored;
    assert!(events.iter().all(done), "what was answered is looked at before the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_overlap_store_each_event_once() {
    let front = Front::start().await;
    let batches = [0..40, 20..60, 0..60].map(gocardless_batch);
    let sent = batches.map(|batch| front.deliver_gocardless(GOCARDLESS_SECRET, batch));
    assert!(join_all(sent).await.iter().all(|status| *status == 204));
    assert_eq!(front.events().await.len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environments_provider_exists_for_the_single_tenant_alone() {
    let front = Front::start_with(Setup { single_tenant: true, ..Setup::default() }).await;
    let account = front.provider("stripe");
    // The account's own secret opens it under either name.
    assert_eq!(front.deliver_stripe("_", STRIPE_SECRET, now(), stripe_event("evt_1")).await, 200);
    assert_eq!(front.deliver_stripe(&account, STRIPE_SECRET, now(), stripe_event("evt_2")).await, 200);
    // It has one, so it does not fall back to the environment's.
    let of_environment = "whsec_of_the_environment";
    assert_eq!(front.deliver_stripe("_", of_environment, now(), stripe_event("evt_3")).await, 400);
    assert_eq!(front.events().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_and_fill_no_log() {
    let front = Front::start().await;
    let url = front.hook("stripe", &front.provider("stripe")) + "?key=very-secret-query";
    for _ in 0..50 {
        let headers = [("stripe-signature", "t=1,v1=very-secret-header".to_owned())];
        assert_eq!(front.deliver(&url, &headers, b"{}".to_vec()).await.status, 400);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let log = front.log();
    assert!(!log.contains("very-secret"), "{log}");
    let lines = log.lines().filter(|line| line.contains("webhooks refused")).count();
    assert_eq!(lines, 1, "one line in ten seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_is_wrong_and_is_noted_with_the_account() {
    let front = Front::start().await;
    let (stripe, gocardless) = (front.provider("stripe"), front.provider("gocardless"));
    let refused = async |url: String, name: &'static str, signed: String, body: &[u8]| {
        let answer = front.deliver(&url, &[(name, signed)], body.to_vec()).await;
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        assert!(!answer.body.contains(STRIPE_SECRET) && !answer.body.contains(GOCARDLESS_SECRET));
        (answer.status.as_u16(), code)
    };
    let body = stripe_event("evt_1");
    let sign = |secret: &str| signature_header(secret, now(), &body);
    let nobody = front.hook("stripe", "0123456789abcdef01234567");
    let answer = refused(nobody, "stripe-signature", sign(STRIPE_SECRET), &body).await;
    assert_eq!(answer, (400, "WEBHOOK_PROVIDER_UNKNOWN".to_owned()));
    let url = front.hook("stripe", &stripe);
    let answer = refused(url.clone(), "stripe-signature", sign("whsec_wrong"), &body).await;
    assert_eq!(answer, (400, "WEBHOOK_SIGNATURE_INVALID".to_owned()));
    let signed = signature_header(STRIPE_SECRET, now(), b"[]");
    let answer = refused(url, "stripe-signature", signed, b"[]").await;
    assert_eq!(answer, (400, "WEBHOOK_BODY_UNREADABLE".to_owned()));
    let url = front.hook("gocardless", &gocardless);
    let answer = refused(url, "webhook-signature", "00".repeat(32), &gocardless_batch(0..1)).await;
    assert_eq!(answer, (498, "WEBHOOK_SIGNATURE_INVALID".to_owned()));

    let store = front.app.store.for_org(front.seed.tenant);
    let health = async || store.get::<ProviderHealth>(stripe.parse().unwrap()).await.unwrap().unwrap();
    for _ in 0..100 {
        if health().await.refusals.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut reasons: Vec<&str> = health().await.refusals.iter().map(|one| one.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [RefusalReason::Body.as_str(), RefusalReason::Signature.as_str()]);
    assert_eq!(health().await.refused_run, 2);
    // A good one ends the run.
    assert_eq!(front.deliver_stripe(&stripe, STRIPE_SECRET, now(), body.clone()).await, 200);
    for _ in 0..100 {
        if health().await.refused_run == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("refused webhooks are still counted after a good one");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_odd_event_takes_no_neighbour_with_it() {
    let mut front = Front::start().await;
    let mut batch: Value = serde_json::from_slice(&gocardless_batch(0..3)).unwrap();
    batch["events"][1] = json!({ "id": "EV_ODD", "links": ["not", "an", "object"], "created_at": 7 });
    let sent = serde_json::to_vec(&batch).unwrap();
    assert_eq!(front.deliver_gocardless(GOCARDLESS_SECRET, sent).await, 204);
    assert_eq!(front.stop().await, 0, "{}", front.log());
    let events = front.events().await;
    let mut ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["EV000000", "EV000002", "EV_ODD"]);
    let odd = events.iter().find(|event| event.event_id == "EV_ODD").unwrap();
    assert_eq!(
        (odd.state, odd.attempts),
        (EventState::Received, 1),
        "it is tried again, and parked in the end"
    );
}
