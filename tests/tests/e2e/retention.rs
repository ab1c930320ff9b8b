//! What is kept for a while is gone after it, and what must stay stays.

use std::time::Duration;

use gateway_core::{
    app::{App, AppError, deliveries, intake, list, retention},
    domain::{
        DeliveryId, ProviderEventId, ProviderId, Tenant, Timestamp,
        delivery::{Delivery, DeliveryState},
        organization::Organization,
        provider_event::ProviderEvent,
        site::IpnVersion,
        transaction::TransactionStatus,
    },
    store::Entity,
};
use mongodb::bson::{Document, doc};

use crate::tell::world::World;

const DAY: Duration = Duration::from_hours(24);

/// An id as it was made then.
fn id_of(at: Timestamp) -> [u8; 12] {
    let mut id: [u8; 12] = gateway_core::crypto::random::bytes();
    id[..4].copy_from_slice(&u32::try_from(at.seconds()).unwrap().to_be_bytes());
    id
}

struct Archive {
    app: App,
    tenant: Tenant,
    _world: World,
}

/// The organization of a world, which has none by itself.
async fn register(world: &World) {
    let name = "Example GmbH".to_owned();
    let organization = Organization::new(world.tenant.organization, name, world.app.now());
    world.app.store.insert_organization(&organization).await.unwrap();
}

impl Archive {
    async fn open() -> Self {
        let world = Box::pin(World::start()).await;
        register(&world).await;
        Self { app: world.app.clone(), tenant: world.tenant, _world: world }
    }

    async fn event(&self, age: Duration, state: &str) -> ProviderEventId {
        let (store, at) = (self.app.store.for_org(self.tenant), self.app.now() - age);
        let id = ProviderEventId::from_bytes(id_of(at));
        let raw = store.seal(ProviderEvent::COLLECTION, id, ProviderEvent::RAW_FIELD, b"{}").await.unwrap();
        let event = doc! {
            "_id": id, "org": self.tenant.organization, "mode": self.tenant.mode,
            "providerId": ProviderId::from_bytes([7; 12]), "type": "stripe",
            "eventId": format!("evt_{id}"), "name": "payment_intent.succeeded",
            "raw": mongodb::bson::serialize_to_bson(&raw).unwrap(),
            "origin": "webhook", "state": state, "attempts": 0_i64, "receivedAt": at,
        };
        self.insert(ProviderEvent::COLLECTION, event).await;
        id
    }

    async fn insert(&self, collection: &str, document: Document) {
        self.app.store.database().collection::<Document>(collection).insert_one(document).await.unwrap();
    }

    async fn has_raw(&self, id: ProviderEventId) -> bool {
        let store = self.app.store.for_org(self.tenant);
        let event = store.get::<ProviderEvent>(id).await.unwrap().expect("the event itself stays");
        list::raw_event(&self.app, &event).await.unwrap().is_some()
    }

    async fn keep(&self, field: &str, days: i64) {
        let set = doc! { field: days };
        assert!(self.app.store.change_organization(self.tenant.organization, set, None).await.unwrap());
    }
}

#[tokio::test]
async fn bodies_of_events_go_when_their_time_has_come_and_the_events_stay() {
    let archive = Box::pin(Archive::open()).await;
    let old = archive.event(DAY * 91, "applied").await;
    let parked = archive.event(DAY * 92, "parked").await;
    let waiting = archive.event(DAY * 93, "received").await;
    let young = archive.event(DAY * 89, "applied").await;
    assert!(!retention::sweep(&archive.app).await.unwrap());
    let kept = async |ids: [ProviderEventId; 4]| {
        let mut kept = Vec::new();
        for id in ids {
            kept.push(archive.has_raw(id).await);
        }
        kept
    };
    let ids = [old, parked, waiting, young];
    assert_eq!(kept(ids).await, [false, false, true, true], "what is not applied yet needs its body");
    // An organization that keeps less loses more, and one that keeps more again gets nothing back.
    archive.keep("retention.providerEvents", 30).await;
    retention::sweep(&archive.app).await.unwrap();
    assert_eq!(kept(ids).await, [false, false, true, false]);
    archive.keep("retention.providerEvents", 365).await;
    retention::sweep(&archive.app).await.unwrap();
    assert_eq!(kept(ids).await, [false, false, true, false]);
    // The provider says the same again: it is known.
    let mut again: Document = {
        let events = archive.app.store.database().collection::<Document>(ProviderEvent::COLLECTION);
        events.find_one(doc! { "_id": old }).await.unwrap().unwrap()
    };
    again.insert("_id", ProviderEventId::generate());
    let events = archive.app.store.database().collection::<Document>(ProviderEvent::COLLECTION);
    assert!(events.insert_one(again).await.is_err(), "its id is still taken");
    // Whoever wants it applied again hears why that cannot be.
    let replayed = intake::replay_event(&archive.app, archive.tenant, parked).await.unwrap();
    assert_eq!(replayed.reason.as_deref(), Some("what the provider said is not kept any longer"));
}

#[tokio::test]
async fn an_upgraded_installation_has_a_week_to_set_its_own_times() {
    let world = Box::pin(World::start()).await;
    assert!(!retention::has_begun(&world.app).await.unwrap());
    world.clock.advance(retention::GRACE / 2);
    assert!(!retention::has_begun(&world.app).await.unwrap());
    world.clock.advance(retention::GRACE);
    assert!(retention::has_begun(&world.app).await.unwrap());
}

#[tokio::test]
async fn bodies_of_notifications_go_and_cannot_be_sent_again() {
    let mut world = Box::pin(World::start()).await;
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.take(&mut transaction, TransactionStatus::Succeeded, &[]).await;
    world.send();
    let [delivery] = world.wait_states(doc! {}, &[DeliveryState::Delivered]).await.try_into().unwrap();
    register(&world).await;
    retention::sweep(&world.app).await.unwrap();
    let read = async |id: DeliveryId| {
        world.app.store.for_org(world.tenant).get::<Delivery>(id).await.unwrap().unwrap()
    };
    assert!(deliveries::body(&world.app, &read(delivery.id).await).await.unwrap().is_some());
    world.clock.advance(DAY * 31);
    retention::sweep(&world.app).await.unwrap();
    let emptied = read(delivery.id).await;
    assert_eq!(deliveries::body(&world.app, &emptied).await.unwrap(), None);
    assert_eq!(emptied.attempts.len(), 1, "that it was sent, and when, stays");
    assert!(emptied.attempts[0].response.is_none());
    match deliveries::resend(&world.app, world.tenant, delivery.id).await {
        Err(AppError::Conflict { code, .. }) => assert_eq!(code, "DELIVERY_NOT_KEPT"),
        other => panic!("{other:?}"),
    }
}
