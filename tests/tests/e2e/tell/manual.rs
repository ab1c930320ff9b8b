//! What people do with deliveries.

use std::time::Duration;

use gateway_core::{
    app::{
        AppError,
        deliveries::{self, DeliveryFilter, Recover},
    },
    domain::{
        delivery::DeliveryState::{Delivered, Failed},
        site::IpnVersion,
        transaction::TransactionStatus as S,
    },
    store::list::PageRequest,
};
use mongodb::bson::doc;
use testkit::receiver::Answer;

use super::world::World;

#[tokio::test]
async fn resend_keeps_the_id_and_the_body_and_starts_a_new_schedule() {
    let mut world = World::start().await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.send();
    world.take(&mut transaction, S::Succeeded, &[]).await;
    let [delivery] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    deliveries::resend(&world.app, world.tenant, delivery.id).await.unwrap();
    let requests = world.shop.wait_for(2, Duration::from_secs(5)).await.unwrap();
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].header("x-ipn-delivery-id"), requests[1].header("x-ipn-delivery-id"));
    let [delivery] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    assert_eq!((delivery.tries, delivery.attempts.len()), (1, 2));

    world.take(&mut transaction, S::Refunded, &[]).await;
    world.wait_states(doc! {}, &[Delivered, Delivered]).await;
    let refused = deliveries::resend(&world.app, world.tenant, delivery.id).await.unwrap_err();
    assert_eq!(refused.code(), "DELIVERY_SUPERSEDED", "a late 1 would undo the refund");
    let foreign =
        gateway_core::domain::Tenant::new(world.tenant.organization, gateway_core::domain::Mode::Live);
    let refused = deliveries::resend(&world.app, foreign, delivery.id).await.unwrap_err();
    assert!(matches!(refused, AppError::NotFound(_)));
}

#[tokio::test]
async fn bulk_recover_sends_what_has_failed_for_good() {
    let mut world = World::start().await;
    let (endpoint, _) = world.endpoint("/hook", &[]).await;
    let since = world.app.now();
    for reference in ["A", "B", "C"] {
        let mut transaction = world.silent(reference).await;
        world.take(&mut transaction, S::Succeeded, &[endpoint]).await;
    }
    let all = world.app.store.database().collection::<mongodb::bson::Document>("deliveries");
    let give_up = doc! { "$set": { "state": "failed" }, "$unset": { "due": "" } };
    all.update_many(doc! {}, give_up).await.unwrap();
    assert_eq!(world.states(doc! {}).await, [Failed; 3]);
    world.send();
    let recovered =
        deliveries::recover(&world.app, world.tenant, Recover::Endpoint(endpoint), since).await.unwrap();
    assert_eq!(recovered, 3);
    world.wait_states(doc! {}, &[Delivered; 3]).await;
    let again =
        deliveries::recover(&world.app, world.tenant, Recover::Endpoint(endpoint), since).await.unwrap();
    assert_eq!(again, 0);
    let page = PageRequest { page: 1, limit: 2, after: None };
    let filter = DeliveryFilter { endpoint: Some(endpoint), ..DeliveryFilter::default() };
    let page = deliveries::list(&world.app, world.tenant, filter, &page).await.unwrap();
    assert_eq!((page.rows.len(), page.total, page.has_more), (2, 3, true));
}

#[tokio::test]
async fn test_message_has_exactly_its_four_fields_and_a_valid_signature() {
    let mut world = World::start().await;
    world.shop.always("/ipn", Answer::ok());
    world.send();
    let url = world.shop.url("/ipn?token=a%20b");
    let delivery = deliveries::send_test_ipn(&world.app, world.tenant, world.site, Some(&url)).await.unwrap();
    let [request] = world.shop.wait_for(1, Duration::from_secs(5)).await.unwrap().try_into().unwrap();
    assert_eq!(request.query, "token=a%20b");
    let expected = format!(
        r#"{{"schemaVersion":2,"eventType":"ipn.test","deliveryId":"{}","occurredAt":"{}"}}"#,
        delivery.id, delivery.created_at
    );
    assert_eq!(request.body, expected);
    super::deliver::assert_ipn_signature(&request);
    let [delivered] = world.wait_states(doc! {}, &[Delivered]).await.try_into().unwrap();
    let answer = deliveries::response(&world.app, &delivered, &delivered.attempts[0]).await.unwrap();
    assert_eq!(answer, "ok");
    world.shop.always("/ipn", Answer::status(500));
    deliveries::send_test_ipn(&world.app, world.tenant, world.site, Some(&url)).await.unwrap();
    world.wait_states(doc! {}, &[Delivered, Failed]).await;
    let nowhere = deliveries::send_test_ipn(&world.app, world.tenant, world.site, None).await.unwrap_err();
    assert_eq!(nowhere.code(), "VALIDATION_FAILED");
}
