//! The worker dies between any two steps, and nothing is lost: it goes on where it was. Each recovery is
//! then taken out, to show that it is what saves the message.

use std::time::Duration;

use gateway_core::domain::{
    delivery::{
        AttemptOutcome, Delivery,
        DeliveryState::{self, Delivered},
    },
    site::IpnVersion,
    transaction::{Transaction, TransactionStatus as S},
};
use mongodb::bson::{Document, doc};
use testkit::process::{Child, Spec, workspace_binary};

use super::world::World;

const POINTS: [&str; 8] = [
    "relay.after_load",
    "relay.after_insert",
    "relay.after_wake",
    "relay.after_pull",
    "deliver.after_claim",
    "deliver.after_mark",
    "deliver.after_send",
    "deliver.after_save",
];

pub fn worker(world: &World, logs: &std::path::Path, variables: &[(&'static str, &str)]) -> Child {
    let spec = Spec::new("worker", workspace_binary("worker"), logs.join("worker.log"));
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Child::spawn(&spec.envs(world.environment.clone()).envs(variables)).unwrap()
}

/// A worker dies at `point`; the next one is started with `variables`.
async fn killed_at(
    point: &str,
    variables: &[(&'static str, &str)],
) -> (World, Transaction, Child, tempfile::TempDir) {
    let world = World::start().await;
    let logs = tempfile::tempdir().unwrap();
    let mut transaction = world.transaction("ORD-1", &world.shop.url("/ipn"), IpnVersion::V2).await;
    world.announce(&mut transaction, S::Succeeded, &[]).await;
    let mut first = worker(&world, logs.path(), &[("TOLLGATE_FAULT", point)]);
    let died = tokio::time::timeout(Duration::from_secs(20), first.wait()).await;
    assert!(died.is_ok(), "{point} was not passed: {}", first.log_text());
    // The dead worker's lease would run for half a minute more.
    let lanes = world.app.store.database().collection::<Document>("lanes");
    let held = doc! { "token": { "$exists": true } };
    lanes.update_many(held, doc! { "$set": { "next": world.app.now() } }).await.unwrap();
    let second = worker(&world, logs.path(), variables);
    (world, transaction, second, logs)
}

/// Waits until a worker runs and holds the lane, or has let it go.
async fn wait_idle(world: &World, worker: &Child) {
    let lanes = world.app.store.database().collection::<Document>("lanes");
    let ended = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let open = lanes.count_documents(doc! { "next": { "$lte": world.app.now() } }).await.unwrap();
        if open == 0 && worker.log_text().contains("ready") {
            return;
        }
        assert!(tokio::time::Instant::now() < ended, "{}", worker.log_text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_survives_a_kill_at_every_point() {
    for point in POINTS {
        let (world, transaction, mut second, _logs) = Box::pin(killed_at(point, &[])).await;
        let found = world.wait_states(doc! {}, &[Delivered]).await;
        let outcomes: Vec<_> = found[0].attempts.iter().map(|attempt| attempt.outcome).collect();
        let (unknown, succeeded) = (AttemptOutcome::Unknown, AttemptOutcome::Succeeded);
        match point {
            "deliver.after_mark" | "deliver.after_send" => {
                assert_eq!(outcomes, [unknown, succeeded], "{point}");
            }
            // The sender was at work beside the relay when it died.
            "relay.after_wake" | "relay.after_pull" => {
                assert_eq!(outcomes.last(), Some(&succeeded), "{point}");
            }
            _ => assert_eq!(outcomes, [succeeded], "{point}"),
        }
        let requests = world.shop.requests();
        assert!(requests.len() <= outcomes.len(), "{point}: each request on the wire has its row");
        assert!(requests.iter().all(|request| request.body == requests[0].body), "{point}");
        wait_idle(&world, &second).await;
        assert_eq!(second.sigterm(Duration::from_secs(20)).await, 0, "{point}: {}", second.log_text());
        let store = world.app.store.for_org(world.tenant);
        let stored = store.get::<Transaction>(transaction.id).await.unwrap().unwrap();
        assert!(stored.outbox.entries.is_empty(), "{point}");
        let lanes = world.app.store.database().collection::<Document>("lanes");
        let held = lanes.count_documents(doc! { "token": { "$exists": true } }).await.unwrap();
        assert_eq!(held, 0, "{point}: the lane was let go");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_recovery_the_message_is_lost() {
    for (point, recovery, stuck) in [
        ("relay.after_load", "outbox_poll", None),
        ("deliver.after_mark", "lane_recovery", Some(DeliveryState::Sending)),
    ] {
        let (world, _, _second, _logs) = Box::pin(killed_at(point, &[("TOLLGATE_WITHOUT", recovery)])).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let states: Vec<_> = world.deliveries(doc! {}).await.iter().map(|d: &Delivery| d.state).collect();
        assert_eq!(states, stuck.into_iter().collect::<Vec<_>>(), "{point} without {recovery}");
        assert!(world.shop.requests().is_empty(), "{point} without {recovery}");
    }
}
