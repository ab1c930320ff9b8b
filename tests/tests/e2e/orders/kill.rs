//! The worker dies after it has flagged a second payment and before the order forgets that it had to.

use std::time::Duration;

use gateway_core::domain::{
    delivery::DeliveryState::Delivered,
    order::{Attention, Order},
    site::IpnVersion,
    transaction::{Transaction, TransactionStatus as S},
};
use mongodb::bson::doc;

use crate::tell::{kill::worker, world::World};

async fn order(world: &World) -> Order {
    let found = world.app.store.for_org(world.tenant).find_one::<Order>(doc! {}).await.unwrap();
    found.unwrap()
}

/// Payments that are flagged as a second one, by their flags.
async fn flagged(world: &World) -> usize {
    let store = world.app.store.for_org(world.tenant);
    let transactions = store.find::<Transaction>(doc! {}, doc! { "_id": 1 }, 10).await.unwrap();
    let is_second = |reason: &str| reason == Attention::SecondPayment.as_str();
    transactions.iter().flat_map(Transaction::reviews).filter(|review| is_second(&review.reason)).count()
}

async fn is_passed_on(world: &World) -> bool {
    for _ in 0..150 {
        if order(world).await.state.effects.is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_payment_is_flagged_once_by_workers_that_die() {
    let world = World::start().await;
    let logs = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut paid = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
        world.announce(&mut paid, S::Succeeded, &[]).await;
    }
    let mut first = worker(&world, logs.path(), &[("TOLLGATE_FAULT", "order.after_flags")]);
    let died = tokio::time::timeout(Duration::from_secs(20), first.wait()).await;
    assert!(died.is_ok(), "the point was not passed: {}", first.log_text());
    assert!(!order(&world).await.state.effects.is_empty());

    let without = ("TOLLGATE_WITHOUT", "order_sweep,outbox_poll");
    let mut second = worker(&world, logs.path(), &[without]);
    assert!(!is_passed_on(&world).await, "settled without its recovery: this test proves nothing");
    assert_eq!(second.sigterm(Duration::from_secs(20)).await, 0, "{}", second.log_text());

    let mut third = worker(&world, logs.path(), &[]);
    assert!(is_passed_on(&world).await, "{}", third.log_text());
    assert_eq!(flagged(&world).await, 1);
    world.wait_states(doc! {}, &[Delivered]).await;
    assert_eq!(third.sigterm(Duration::from_secs(20)).await, 0, "{}", third.log_text());
}
