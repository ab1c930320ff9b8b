//! From outbox to deliveries.

use std::time::Duration;

use gateway_core::{
    app::project::project_checkout,
    domain::{
        checkout::Checkout,
        delivery::DeliveryState::{Failed, Pending, Superseded},
        outbox::EventType,
        site::IpnVersion,
        transaction::{Transaction, TransactionStatus as S},
    },
};
use mongodb::bson::doc;

use super::world::World;

#[tokio::test]
async fn relaying_again_makes_nothing_new() {
    let world = World::start().await;
    let (endpoint, _) = world.endpoint("/hook", &[]).await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.announce(&mut transaction, S::Pending, &[endpoint]).await;
    for _ in 0..3 {
        world.relay.relay(&transaction).await.unwrap();
    }
    assert_eq!(world.states(doc! {}).await, [Pending, Pending]);
    // A compare-and-set that ran meanwhile writes the pulled entry back.
    world.announce(&mut transaction, S::Succeeded, &[endpoint]).await;
    assert_eq!(transaction.outbox.entries.len(), 2);
    world.relay.relay(&transaction).await.unwrap();
    assert_eq!(world.deliveries(doc! { "kind": "webhook" }).await.len(), 2);
    assert_eq!(world.states(doc! { "kind": "ipn" }).await, [Superseded, Pending]);
    let stored =
        world.app.store.for_org(world.tenant).get::<Transaction>(transaction.id).await.unwrap().unwrap();
    assert!(stored.outbox.entries.is_empty() && stored.outbox.due.is_none());
    assert_eq!(stored.version, transaction.version, "the use cases' compare-and-set is not disturbed");
    // The checkout's own announcements: that it is paid, then that it is completed.
    for left in [1, 1, 0] {
        assert_eq!(world.relay.poll(100, Duration::ZERO).await.unwrap(), left);
    }
}

#[tokio::test]
async fn polling_finds_what_no_stream_told_of() {
    let world = World::start().await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V1).await;
    world.announce(&mut transaction, S::Pending, &[]).await;
    assert_eq!(world.relay.poll(100, Duration::ZERO).await.unwrap(), 1);
    assert_eq!(world.relay.poll(100, Duration::ZERO).await.unwrap(), 0);
    let [delivery] = world.deliveries(doc! {}).await.try_into().unwrap();
    let body = gateway_core::app::deliveries::body(&world.app, &delivery).await.unwrap().unwrap();
    assert_eq!(body, format!(r#"{{"id":"{}","externalReference":"ORD-1","status":0}}"#, transaction.id));
}

#[tokio::test]
async fn failure_of_a_try_is_not_told_once_the_order_is_paid() {
    let world = World::start().await;
    let url = world.shop.url("/ipn");
    // Two sessions of one order: only the reference is the same.
    let mut first = world.transaction("ORD-1", &url, IpnVersion::V2).await;
    let mut second = world.transaction("ORD-1", &url, IpnVersion::V2).await;
    world.take(&mut first, S::Pending, &[]).await;
    assert_eq!(world.states(doc! {}).await, [Pending]);
    world.take(&mut second, S::Succeeded, &[]).await;
    assert_eq!(world.states(doc! { "transactionId": first.id }).await, [Superseded], "0 gives way to 1");
    world.take(&mut first, S::Failed, &[]).await;
    assert_eq!(world.states(doc! { "transactionId": first.id }).await, [Superseded], "and no 2 follows");
    world.take(&mut second, S::Refunded, &[]).await;
    assert_eq!(world.states(doc! { "transactionId": second.id }).await, [Superseded, Pending]);
}

#[tokio::test]
async fn checkouts_without_a_reference_are_orders_of_their_own() {
    let world = World::start().await;
    let url = world.shop.url("/ipn");
    let mut first = world.transaction("", &url, IpnVersion::V1).await;
    let mut second = world.transaction("", &url, IpnVersion::V1).await;
    world.take(&mut second, S::Succeeded, &[]).await;
    world.take(&mut first, S::Succeeded, &[]).await;
    assert_eq!(world.states(doc! { "transactionId": first.id }).await, [Pending]);
    assert_eq!(world.states(doc! { "transactionId": second.id }).await, [Pending]);
}

#[tokio::test]
async fn disabled_endpoint_keeps_its_messages_for_recovery_and_a_deleted_one_gets_none() {
    let world = World::start().await;
    let (off, _) = world.endpoint("/off", &[EventType::TransactionPending]).await;
    let update = doc! { "$set": { "enabled": false } };
    let endpoints = world.app.store.database().collection::<mongodb::bson::Document>("webhook_endpoints");
    endpoints.update_one(doc! { "_id": off }, update).await.unwrap();
    world.app.forget_settings(world.tenant).await;
    let gone = gateway_core::domain::EndpointId::generate();
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.take(&mut transaction, S::Pending, &[off, gone]).await;
    assert_eq!(world.states(doc! { "kind": "webhook" }).await, [Failed]);
}

#[tokio::test]
async fn paid_checkout_is_completed_and_told_as_session_and_as_order() {
    let world = World::start().await;
    let types = [EventType::SessionPaid, EventType::SessionCompleted, EventType::OrderCompleted];
    world.endpoint("/hook", &types).await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    let store = world.app.store.for_org(world.tenant);
    let customer = serde_json::json!({ "email": "customer@example.com" }).to_string();
    let id = transaction.checkout_id;
    let sealed = store.seal("checkouts", id, Checkout::CUSTOMER_FIELD, customer.as_bytes()).await.unwrap();
    let sealed = mongodb::bson::serialize_to_bson(&sealed).unwrap();
    store.update::<Checkout>(id, doc! {}, doc! { "$set": { "customer": sealed } }).await.unwrap();

    world.take(&mut transaction, S::Succeeded, &[]).await;
    while world.relay.poll(100, Duration::ZERO).await.unwrap() > 0 {}

    let mut told = std::collections::BTreeMap::new();
    for delivery in world.deliveries(doc! { "kind": "webhook" }).await {
        let body = gateway_core::app::deliveries::body(&world.app, &delivery).await.unwrap().unwrap();
        told.insert(delivery.event.clone(), serde_json::from_str::<serde_json::Value>(&body).unwrap());
    }
    assert_eq!(told.keys().collect::<Vec<_>>(), ["order.completed", "session.completed", "session.paid"]);
    let (paid, completed, order) =
        (&told["session.paid"]["data"], &told["session.completed"]["data"], &told["order.completed"]["data"]);
    assert_eq!((&paid["status"], &completed["status"]), (&"paid".into(), &"completed".into()));
    assert_eq!(paid["paidBy"], transaction.id.to_string());
    assert_eq!(paid["transaction"]["amountCaptured"], 4900);
    assert_eq!(paid["email"], "customer@example.com");
    assert_eq!(paid["metadata"]["a.b$c"], "1");
    assert_eq!(order["total"], 4900);
    assert_eq!(order["tax"], 916, "23 % within 49.00, half up");
    assert_eq!(order["products"].as_array().unwrap().len(), 2);
    assert_eq!(order["customer"]["email"], "customer@example.com");
}

#[tokio::test]
async fn a_checkout_that_is_paid_says_no_end_before_its_payment_was_heard_of() {
    let world = World::start().await;
    let store = world.app.store.for_org(world.tenant);
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.take(&mut transaction, S::Initiated, &[]).await;
    world.announce(&mut transaction, S::Succeeded, &[]).await;
    project_checkout(&world.app, &transaction).await.unwrap();
    let checkout = store.get::<Checkout>(transaction.checkout_id).await.unwrap().unwrap();
    assert_eq!(checkout.paid_by, Some(transaction.id));
    world.relay.relay(&checkout).await.unwrap();
    assert!(world.deliveries(doc! { "kind": "ipn" }).await.is_empty(), "its payment is not heard of yet");
    world.relay.relay(&transaction).await.unwrap();
    let told: Vec<_> =
        world.deliveries(doc! { "kind": "ipn" }).await.iter().map(|one| one.ipn_status).collect();
    assert_eq!(told, [Some(1)]);
}
