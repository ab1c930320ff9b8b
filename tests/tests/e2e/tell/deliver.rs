//! Over the wire.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use gateway_core::{
    crypto::random,
    domain::{
        delivery::{
            AttemptOutcome,
            DeliveryState::{Delivered, Failed, Pending, Superseded},
        },
        endpoint::WebhookEndpoint,
        outbox::EventType,
        site::{IpnVersion, Site},
        transaction::TransactionStatus as S,
    },
    jobs::{deliver::SenderConfig, queue},
    store::Entity,
};
use hmac::{Hmac, Mac};
use mongodb::bson::{Document, doc};
use sha2::Sha256;
use testkit::receiver::{Answer, Received};

use super::world::{SITE_SECRET, World};

/// As the published receivers check it, written anew.
pub fn assert_ipn_signature(request: &Received) {
    let timestamp = request.header("x-signature-timestamp").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SITE_SECRET.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    let expected = hex::encode(mac.finalize().into_bytes());
    assert_eq!(request.header("x-signature-hmac-sha256"), Some(expected.as_str()));
    assert_eq!(request.header("content-type"), Some("application/json"));
}

fn quick() -> SenderConfig {
    SenderConfig {
        linger: Duration::from_millis(300),
        poll: Duration::from_millis(50),
        ..SenderConfig::default()
    }
}

#[tokio::test]
async fn ipn_is_retried_with_the_same_bytes_until_exactly_200() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    world.shop.script_statuses("/ipn", [500, 204, 302]);
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.send();
    world.take(&mut transaction, S::Succeeded, &[]).await;
    for attempt in 1..=3 {
        world.shop.wait_for(attempt, Duration::from_secs(5)).await.unwrap();
        world.wait_states(doc! { "tries": i64::try_from(attempt).unwrap() }, &[Pending]).await;
        world.clock.advance(Duration::from_mins(10));
    }
    let [delivery] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    let requests = world.shop.requests();
    assert_eq!(requests.len(), 4);
    let timestamps: HashSet<_> = requests.iter().map(|r| r.header("x-signature-timestamp")).collect();
    assert_eq!(timestamps.len(), 4, "each attempt is signed anew");
    for request in &requests {
        assert_ipn_signature(request);
        assert_eq!(request.body, requests[0].body);
        assert_eq!(request.header("x-ipn-version"), Some("2"));
        assert_eq!(request.header("x-ipn-delivery-id"), Some(delivery.id.to_string().as_str()));
    }
    assert_eq!(requests[0].json()["deliveryId"], delivery.id.to_string());
    let outcomes: Vec<_> = delivery.attempts.iter().map(|a| (a.number, a.outcome, a.status)).collect();
    let rejected = AttemptOutcome::Rejected;
    assert_eq!(
        outcomes,
        [
            (1, rejected, Some(500)),
            (2, rejected, Some(204)),
            (3, rejected, Some(302)),
            (4, AttemptOutcome::Succeeded, Some(200))
        ]
    );
}

#[tokio::test]
async fn one_transaction_goes_out_one_at_a_time_and_only_its_newest_word_is_retried() {
    let mut world = World::start_with(quick(), Duration::from_secs(30)).await;
    // Long enough for a slow machine to say all that follows meanwhile.
    world.shop.script("/ipn", [Answer::status(500).with_delay(Duration::from_secs(4))]);
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.send();
    world.take(&mut transaction, S::Pending, &[]).await;
    world.shop.wait_for(1, Duration::from_secs(5)).await.unwrap();
    // While the first is on the wire: two more, of which the last one counts.
    world.take(&mut transaction, S::Succeeded, &[]).await;
    world.take(&mut transaction, S::Refunded, &[]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.shop.requests().len(), 1, "one at a time");
    world.wait_states(doc! {}, &[Superseded, Superseded, Delivered]).await;
    let sent: Vec<_> = world.shop.requests().iter().map(|r| r.json()["status"].clone()).collect();
    assert_eq!(sent, [0, 3]);
}

#[tokio::test]
async fn a_word_that_waits_is_said_anew_for_a_newer_checkout() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    world.shop.script_statuses("/ipn", [503]);
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.send();
    world.take(&mut transaction, S::Succeeded, &[]).await;
    world.wait_states(doc! { "tries": 1_i64 }, &[Pending]).await;
    // The customer loads the shop's page again, and the shop makes another checkout.
    let newer = world.checkout("ORD-1", "/ipn", IpnVersion::V2).await;
    world.clock.advance(Duration::from_mins(1));
    world.wait_states(doc! {}, &[Superseded, Delivered]).await;
    let [first, again] = world.shop.requests().try_into().unwrap();
    let (first, again) = (first.json(), again.json());
    assert_eq!((&first["status"], &again["status"]), (&1.into(), &1.into()));
    assert_eq!((&first["id"], &again["id"]), (&first["id"], &first["id"]));
    assert_eq!(again["sessionPublicId"], newer.public_id);
    assert!(again["eventVersion"].as_i64() > first["eventVersion"].as_i64());
    assert_ne!(first["deliveryId"], again["deliveryId"]);
}

#[tokio::test]
async fn webhook_is_signed_with_both_secrets_during_a_rotation() {
    let mut world = World::start().await;
    let (endpoint, secret) = world.endpoint("/hook", &[EventType::TransactionSucceeded]).await;
    // Another process rotates it while this one has it in memory.
    assert_eq!(world.app.enabled_endpoints(world.tenant).await.unwrap().len(), 1);
    let old = gateway_core::crypto::random::standard_webhook_secret();
    let store = world.app.store.for_org(world.tenant);
    let sealed = store
        .seal("webhook_endpoints", endpoint, WebhookEndpoint::PREVIOUS_SECRET_FIELD, old.expose().as_bytes())
        .await
        .unwrap();
    let until = world.app.now() + Duration::from_hours(1);
    let sealed = mongodb::bson::serialize_to_bson(&sealed).unwrap();
    let update = doc! { "$set": { "previousSecret": { "secret": sealed, "until": until } } };
    assert!(store.update::<WebhookEndpoint>(endpoint, doc! {}, update).await.unwrap());

    let mut transaction = world.silent("ORD-1").await;
    world.send();
    world.take(&mut transaction, S::Succeeded, &[endpoint]).await;
    let [request] = world.shop.wait_for(1, Duration::from_secs(5)).await.unwrap().try_into().unwrap();
    let header = |name| request.header(name).unwrap();
    let [delivery] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    assert_eq!(header("webhook-id"), format!("msg_{}", delivery.id));
    for secret in [secret.as_str(), old.expose()] {
        gateway_core::crypto::signature::standard_webhooks::verify(
            &[secret],
            header("webhook-id"),
            header("webhook-timestamp"),
            header("webhook-signature"),
            &request.body,
            world.app.now().seconds(),
        )
        .unwrap();
    }
    let body = request.json();
    assert_eq!(body["type"], "transaction.succeeded");
    assert_eq!(body["data"]["id"], transaction.id.to_string());
}

#[tokio::test]
async fn a_new_secret_of_a_site_signs_the_very_next_message() {
    let mut world = World::start().await;
    assert!(world.app.site(world.tenant, world.site).await.unwrap().is_some(), "it is in memory");
    // Another process makes a new one.
    let (fresh, store) = (random::site_webhook_secret(), world.app.store.for_org(world.tenant));
    let sealed =
        store.seal(Site::COLLECTION, world.site, Site::SECRET_FIELD, fresh.expose().as_bytes()).await;
    let sealed = mongodb::bson::serialize_to_bson(&sealed.unwrap()).unwrap();
    let update = doc! { "$set": { "webhookSecret": sealed } };
    assert!(store.update::<Site>(world.site, doc! {}, update).await.unwrap());

    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.send();
    world.take(&mut transaction, S::Succeeded, &[]).await;
    let [request] = world.shop.wait_for(1, Duration::from_secs(5)).await.unwrap().try_into().unwrap();
    let at = request.header("x-signature-timestamp").unwrap().parse().unwrap();
    let wanted = gateway_core::crypto::signature::ipn::ipn_signature(fresh.expose(), at, &request.body);
    assert_eq!(request.header("x-signature-hmac-sha256"), Some(wanted.as_str()));
}

#[tokio::test]
async fn gone_disables_the_endpoint_and_the_others_hear_of_it() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    let (gone, _) = world.endpoint("/gone", &[EventType::TransactionPending]).await;
    let (other, _) = world.endpoint("/other", &[EventType::EndpointDisabled]).await;
    world.shop.always("/gone", Answer::status(410));
    let mut transaction = world.silent("ORD-1").await;
    world.send();
    world.take(&mut transaction, S::Pending, &[gone]).await;
    world.wait_states(doc! { "endpointId": other }, &[Delivered]).await;
    let [failed] = world.wait_states(doc! { "endpointId": gone }, &[Failed]).await.try_into().unwrap();
    assert_eq!(failed.attempts.len(), 1);
    let store = world.app.store.for_org(world.tenant);
    let endpoint = store.get::<WebhookEndpoint>(gone).await.unwrap().unwrap();
    assert!(!endpoint.enabled && endpoint.disabled_reason.is_some());
    let [told] = world.shop.requests_to("/other").try_into().unwrap();
    assert_eq!(told.json()["type"], "webhook_endpoint.disabled");
    assert_eq!(told.json()["data"]["id"], gone.to_string());
}

#[tokio::test]
async fn open_breaker_parks_without_using_up_attempts_and_one_probe_closes_it() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    world.shop.always("/ipn", Answer::status(503));
    let url = world.shop.url("/ipn");
    world.send();
    for number in 0..5 {
        let mut transaction = world.transaction(&number.to_string(), &url, IpnVersion::V2).await;
        world.take(&mut transaction, S::Succeeded, &[]).await;
    }
    world.wait_states(doc! { "tries": 1_i64 }, &[Pending; 5]).await;
    let mut late = world.transaction("late", &url, IpnVersion::V2).await;
    world.take(&mut late, S::Succeeded, &[]).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(world.shop.requests().len(), 5, "the breaker holds the sixth back");
    let [parked] = world.deliveries(doc! { "transactionId": late.id }).await.try_into().unwrap();
    assert_eq!((parked.state, parked.tries), (Pending, 0));
    // Two minutes later one probe goes out, and the first sign of life lets the rest go.
    world.shop.always("/ipn", Answer::ok());
    world.clock.advance(Duration::from_mins(2));
    world.wait_states(doc! {}, &[Delivered; 6]).await;
    assert_eq!(world.shop.requests().len(), 11);
}

#[tokio::test]
async fn what_a_dead_worker_had_on_the_wire_is_recorded_as_unknown_and_sent_again() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.take(&mut transaction, S::Succeeded, &[]).await;
    let now = world.app.now();
    let deliveries = world.app.store.database().collection::<Document>("deliveries");
    let row = doc! { "number": 1_i64, "startedAt": now, "outcome": "started" };
    let sending =
        doc! { "$set": { "state": "sending", "tries": 1_i64, "attempts": [row] }, "$unset": { "due": "" } };
    deliveries.update_many(doc! {}, sending).await.unwrap();
    let lanes = world.app.store.database().collection::<Document>("lanes");
    let held = doc! { "$set": { "token": "of the dead", "next": now + Duration::from_secs(30) } };
    lanes.update_many(doc! {}, held).await.unwrap();
    world.send();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(world.shop.requests().is_empty(), "the lease still runs");
    world.clock.advance(Duration::from_secs(31));
    let [delivery] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    let outcomes: Vec<_> = delivery.attempts.iter().map(|a| (a.number, a.outcome)).collect();
    assert_eq!(outcomes, [(1, AttemptOutcome::Unknown), (2, AttemptOutcome::Succeeded)]);
}

#[tokio::test]
async fn what_was_marked_behind_the_back_of_a_lanes_new_holder_is_taken_up_in_the_end() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.take(&mut transaction, S::Succeeded, &[]).await;
    // As a worker leaves it that stood still, lost its lane, marked the message and died: nobody who takes the
    // lane finds it abandoned.
    let now = world.app.now();
    let row = doc! { "number": 1_i64, "startedAt": now, "outcome": "started" };
    let sending = doc! {
        "$set": { "state": "sending", "tries": 1_i64, "attempts": [row], "updatedAt": now },
        "$unset": { "due": "" },
    };
    let deliveries = world.app.store.database().collection::<Document>("deliveries");
    deliveries.update_many(doc! {}, sending).await.unwrap();
    world.send();
    assert_eq!(queue::recover_forgotten(&world.app).await.unwrap(), 0, "it may still be on the wire");
    world.clock.advance(queue::ON_WIRE_MAX + Duration::from_secs(1));
    assert_eq!(queue::recover_forgotten(&world.app).await.unwrap(), 1);
    let [delivery] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    let outcomes: Vec<_> = delivery.attempts.iter().map(|a| (a.number, a.outcome)).collect();
    assert_eq!(outcomes, [(1, AttemptOutcome::Unknown), (2, AttemptOutcome::Succeeded)]);
}

#[tokio::test]
async fn stopping_finishes_what_is_on_the_wire_and_lets_the_lane_go() {
    let mut world = World::start().await;
    world.shop.always("/ipn", Answer::ok().with_delay(Duration::from_millis(300)));
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.send();
    world.take(&mut transaction, S::Succeeded, &[]).await;
    world.shop.wait_for(1, Duration::from_secs(5)).await.unwrap();
    world.stop().await;
    assert_eq!(world.states(doc! {}).await, [Delivered]);
    let lanes = world.app.store.database().collection::<Document>("lanes");
    let lane = lanes.find_one(doc! {}).await.unwrap().unwrap();
    assert!(lane.get("token").is_none() && lane.get("next").is_none(), "{lane}");
}

#[tokio::test]
async fn endpoint_that_fails_for_five_days_is_noticed_and_then_switched_off() {
    let mut world = World::start_with(quick(), Duration::from_secs(2)).await;
    let (endpoint, _) = world.endpoint("/hook", &[]).await;
    world.shop.always("/hook", Answer::status(500));
    world.send();
    let store = world.app.store.for_org(world.tenant);
    for day in 0..6 {
        let mut transaction = world.silent(&day.to_string()).await;
        let before = world.shop.requests().len();
        world.take(&mut transaction, S::Pending, &[endpoint]).await;
        world.shop.wait_for(before + 1, Duration::from_secs(5)).await.unwrap();
        let wanted = (day < 5, day >= 1);
        let ended = Instant::now() + Duration::from_secs(10);
        // What the answer led to comes a moment after it; what must not come would come then, too.
        let found = loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let found = store.get::<WebhookEndpoint>(endpoint).await.unwrap().unwrap();
            let found = (found.enabled, found.disabled_reason.is_some());
            if found == wanted || Instant::now() > ended {
                break found;
            }
        };
        assert_eq!(found, wanted, "day {day}");
        world.clock.advance(Duration::from_hours(24));
    }
    assert!(world.states(doc! {}).await.iter().all(|state| *state == Failed));
}
