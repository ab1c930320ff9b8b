//! A database of the release before: payments told the shop by themselves, and there are no orders.

use gateway_core::{
    app::{migrations, orders},
    domain::{
        Tenant,
        delivery::{Delivery, DeliveryKind, DeliveryState, DeliveryState::Delivered},
        lane::LaneId,
        order::{NotificationState, Order, OrderKey, OrderStatus},
        site::IpnVersion,
        transaction::{Transaction, TransactionStatus as S},
    },
    store::Entity,
};
use mongodb::bson::{Document, doc};

use crate::tell::world::{World, set_facts};

/// What the release before stored of a payment beside what this one stores.
async fn as_before(world: &World, transaction: &mut Transaction, status: S, told: i64) {
    let now = world.app.now();
    set_facts(transaction, status, now);
    transaction.status_version = 3;
    world.app.store.for_org(world.tenant).insert(&*transaction).await.unwrap();
    let transactions = world.app.store.database().collection::<Document>(Transaction::COLLECTION);
    let before = doc! { "$set": { "ipnStatus": told, "sendInitiated": false } };
    transactions.update_one(doc! { "_id": transaction.id }, before).await.unwrap();
}

/// An IPN as the release before made it: of a payment, without an order.
async fn told(world: &World, transaction: &Transaction, number: i64, status: i64, state: DeliveryState) {
    let (store, now) = (world.app.store.for_org(world.tenant), world.app.now());
    let id = gateway_core::domain::DeliveryId::generate();
    let url = world.shop.url("/ipn");
    let body = format!(r#"{{"id":"{}","externalReference":"ORD-1","status":{status}}}"#, transaction.id);
    let seal = async |field, text: &str| store.seal("deliveries", id, field, text.as_bytes()).await.unwrap();
    let parsed = url::Url::parse(&url).unwrap();
    let host = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap());
    let raw = mongodb::bson::serialize_to_vec(&doc! {
        "_id": id, "org": world.tenant.organization, "mode": world.tenant.mode, "kind": "ipn",
        "lane": LaneId::ipn(world.tenant, &host).as_str(), "event": "ipn",
        "url": mongodb::bson::serialize_to_bson(&seal(Delivery::URL_FIELD, &url).await).unwrap(),
        "body": mongodb::bson::serialize_to_bson(&seal(Delivery::BODY_FIELD, &body).await).unwrap(),
        "state": "pending", "attempts": [], "tries": 0_i64,
        "createdAt": now, "updatedAt": now,
    })
    .unwrap();
    let mut delivery: Delivery = mongodb::bson::deserialize_from_slice(&raw).unwrap();
    delivery.state = state;
    delivery.site_id = Some(world.site);
    delivery.transaction_id = Some(transaction.id);
    delivery.checkout_id = Some(transaction.checkout_id);
    delivery.external_reference = transaction.external_reference.clone();
    (delivery.ipn_status, delivery.event_version, delivery.ipn_version) =
        (Some(status), Some(number), Some(1));
    assert_eq!(delivery.kind, DeliveryKind::Ipn);
    if state == DeliveryState::Pending {
        delivery.due = Some(now);
    }
    store.insert(&delivery).await.unwrap();
}

async fn migrate(world: &World) {
    while migrations::step(&world.app).await.unwrap() {}
    assert_eq!(migrations::pending(&world.app).await.unwrap(), 0);
}

async fn order_of(world: &World, tenant: Tenant, reference: &str) -> Order {
    let key = OrderKey::Reference(tenant, world.site, reference.to_owned());
    world.app.store.for_org(tenant).order(&key).await.unwrap().unwrap()
}

#[tokio::test]
async fn orders_are_made_of_what_is_there_and_nobody_is_told_anew() {
    let mut world = World::start().await;
    let url = world.shop.url("/ipn");
    // Paid twice; both were told, as it was done then, and the second was refunded, which undid the order in the shop.
    let mut first = world.transaction("ORD-1", &url, IpnVersion::V1).await;
    as_before(&world, &mut first, S::Succeeded, 1).await;
    told(&world, &first, 2, 1, Delivered).await;
    let mut second = world.transaction("ORD-1", &url, IpnVersion::V1).await;
    as_before(&world, &mut second, S::Refunded, 3).await;
    told(&world, &second, 2, 1, Delivered).await;
    told(&world, &second, 3, 3, Delivered).await;
    // Ended long ago, silently, in a checkout that a newer one replaced.
    let mut ended = world.transaction("ORD-2", &url, IpnVersion::V1).await;
    as_before(&world, &mut ended, S::Expired, -2).await;
    let checkouts = world.app.store.database().collection::<Document>("checkouts");
    let over = doc! { "$set": { "status": "expired" } };
    checkouts.update_one(doc! { "_id": ended.checkout_id }, over).await.unwrap();

    migrate(&world).await;
    migrate(&world).await;
    world.send();
    let order = order_of(&world, world.tenant, "ORD-1").await;
    assert_eq!((order.status, order.state.booked), (OrderStatus::Paid, Some(first.id)));
    assert!(order.state.counter >= 3, "above every number that was used: {}", order.state.counter);
    assert!(order.state.head().is_none() && order.state.flags.is_empty());
    let ended_order = order_of(&world, world.tenant, "ORD-2").await;
    assert_eq!(ended_order.status, OrderStatus::Cancelled);
    assert!(ended_order.state.notifications.is_empty(), "no −2 of long ago");

    // What happens from now on follows the rules: the booked payment goes back, and its number is a new one.
    first.version = 1;
    world.take(&mut first, S::Refunded, &[]).await;
    let found = world.shop.wait_for(1, std::time::Duration::from_secs(10)).await.unwrap();
    assert_eq!(found[0].json()["status"], 3);
    let order = order_of(&world, world.tenant, "ORD-1").await;
    assert_eq!(order.state.notifications.last().unwrap().number, order.state.counter);
    let view = orders::view::get(&world.app, world.tenant, order.id).await.unwrap();
    assert_eq!((view.transactions.len(), view.deliveries.len(), view.checkouts.len()), (2, 4, 2));
}

#[tokio::test]
async fn a_notification_of_the_release_before_that_waits_is_taken_over() {
    let mut world = World::start().await;
    let url = world.shop.url("/ipn");
    let mut transaction = world.transaction("ORD-1", &url, IpnVersion::V1).await;
    as_before(&world, &mut transaction, S::Succeeded, 1).await;
    told(&world, &transaction, 2, 1, DeliveryState::Pending).await;
    world.send();
    gateway_core::jobs::lanes::wake_forgotten(&world.app.store, world.app.now()).await.unwrap();
    // No migration has run yet: the worker that is about to send makes the order.
    world.wait_states(doc! {}, &[Delivered]).await;
    let [request] = world.shop.requests().try_into().unwrap();
    assert_eq!(request.json()["status"], 1);
    let order = order_of(&world, world.tenant, "ORD-1").await;
    assert_eq!(order.state.booked, Some(transaction.id));
    migrate(&world).await;
    world.take(&mut transaction, S::Refunded, &[]).await;
    world.wait_states(doc! {}, &[Delivered, Delivered]).await;
    let order = order_of(&world, world.tenant, "ORD-1").await;
    let states: Vec<_> = order.state.notifications.iter().map(|n| (n.status, n.state)).collect();
    assert_eq!(states[0], (1, NotificationState::Answered));
}

#[tokio::test]
async fn indexes_that_nothing_reads_any_more_are_dropped() {
    let world = World::start().await;
    let events = world.app.store.database().collection::<Document>("provider_events");
    let old = mongodb::options::IndexOptions::builder().name("due".to_owned()).build();
    events
        .create_index(mongodb::IndexModel::builder().keys(doc! { "due": 1 }).options(old).build())
        .await
        .unwrap();
    let before = events.list_index_names().await.unwrap();
    migrate(&world).await;
    let after = events.list_index_names().await.unwrap();
    assert!(before.contains(&"due".to_owned()) && !after.contains(&"due".to_owned()), "{after:?}");
    assert_eq!(after.len(), before.len() - 1);
}
