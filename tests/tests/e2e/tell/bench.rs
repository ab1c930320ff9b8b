//! Fairness and pace. Figures hold for the machine that runs them, so the bounds here are wide; the module
//! prints what it measured.

use std::time::{Duration, Instant};

use gateway_core::{
    domain::{
        Mode, OrganizationId, SiteId, Tenant, delivery::DeliveryState::Pending, site::IpnVersion,
        transaction::TransactionStatus as S,
    },
    jobs::deliver::SenderConfig,
};
use mongodb::bson::doc;
use testkit::receiver::{Answer, Receiver};
use tokio_util::sync::CancellationToken;

use super::world::World;

fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    sorted[(sorted.len() * per_cent / 100).min(sorted.len() - 1)]
}

/// Sends `count` IPNs of one tenant at a steady pace, from commit to arrival; answers sorted latencies.
async fn pace(
    world: &World,
    tenant: Tenant,
    site: SiteId,
    path: &str,
    count: u32,
    every: Duration,
) -> Vec<Duration> {
    let before = world.shop.requests_to(path).len();
    let mut committed = std::collections::HashMap::new();
    let mut ticks = tokio::time::interval(every);
    for number in 0..count {
        let url = world.shop.url(path);
        // Each is an order of its own.
        let reference = format!("{number}-{}", hex::encode(gateway_core::crypto::random::bytes::<4>()));
        let mut transaction = world.transaction_of(tenant, site, &reference, &url, IpnVersion::V2).await;
        ticks.tick().await;
        world.announce(&mut transaction, S::Succeeded, &[]).await;
        committed.insert(transaction.id.to_string(), Instant::now());
    }
    let wanted = before + usize::try_from(count).unwrap();
    let ended = Instant::now() + Duration::from_secs(30);
    while world.shop.requests_to(path).len() < wanted {
        assert!(Instant::now() < ended, "{} of {wanted} arrived", world.shop.requests_to(path).len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut latencies = Vec::new();
    for request in &world.shop.requests_to(path)[before..] {
        let id = request.json()["id"].as_str().unwrap().to_owned();
        latencies.push(request.at.saturating_duration_since(committed[&id]));
    }
    latencies.sort();
    latencies
}

/// A world whose relay follows the change stream, as in the worker.
async fn working(config: SenderConfig, deadline: Duration) -> (World, CancellationToken) {
    let mut world = World::start_with(config, deadline).await;
    world.send();
    let stop = CancellationToken::new();
    tokio::spawn(worker::jobs::relay::run(world.relay.clone(), world.app.clone(), stop.clone()));
    // The stream is open once something comes through quickly; the poll covers the time before.
    pace(&world, world.tenant, world.site, "/warm", 20, Duration::from_millis(50)).await;
    (world, stop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn black_hole_of_one_merchant_does_not_slow_another() {
    // No request may run out of time before the last one is queued, however slow the machine is.
    let config = SenderConfig { slots: 16, ..SenderConfig::default() };
    let (world, stop) = Box::pin(working(config, Duration::from_mins(5))).await;
    let alone = pace(&world, world.tenant, world.site, "/ipn", 100, Duration::from_millis(20)).await;

    // Another merchant: receivers on many ports that never answer, and a long queue for each.
    let other = Tenant::new(OrganizationId::generate(), Mode::Test);
    let site = SiteId::generate();
    world.add_site(other, site).await;
    let mut holes = Vec::new();
    for _ in 0..4 {
        let hole = Receiver::start().await;
        hole.always("/", Answer::hang());
        for number in 0..100 {
            let url = hole.url("/hole");
            let reference = format!("hole {} {number}", hole.port());
            let mut transaction = world.transaction_of(other, site, &reference, &url, IpnVersion::V2).await;
            world.take(&mut transaction, S::Succeeded, &[]).await;
        }
        holes.push(hole);
    }
    let on_wire: usize = holes.iter().map(|hole| hole.requests().len()).sum();
    assert_eq!(on_wire, 12, "three quarters of the slots, and not one more");
    let beside = pace(&world, world.tenant, world.site, "/ipn", 100, Duration::from_millis(20)).await;
    stop.cancel();
    let (alone, beside) = (percentile(&alone, 99), percentile(&beside, 99));
    println!("p99 alone {alone:?}, beside a black hole {beside:?}");
    // A floor under the bound: with a few milliseconds a single hiccup doubles them.
    assert!(beside <= (alone * 2).max(Duration::from_millis(250)), "{alone:?} → {beside:?}");
    let waiting = world.app.store.for_org(other);
    let waiting =
        waiting.count::<gateway_core::domain::delivery::Delivery>(doc! { "state": "pending" }, 1000);
    assert!(waiting.await.unwrap() > 300, "the queue is still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_arrives_soon_after_its_commit() {
    let (world, stop) = Box::pin(working(SenderConfig::default(), Duration::from_secs(15))).await;
    let mut commits = Vec::new();
    for number in 0..20 {
        let url = world.shop.url("/measure");
        let mut transaction = world.transaction(&format!("M-{number}"), &url, IpnVersion::V2).await;
        let begin = Instant::now();
        world.announce(&mut transaction, S::Succeeded, &[]).await;
        commits.push(begin.elapsed());
    }
    commits.sort();
    let commit = percentile(&commits, 50);
    let latencies = pace(&world, world.tenant, world.site, "/ipn", 300, Duration::from_millis(10)).await;
    stop.cancel();
    let (half, most) = (percentile(&latencies, 50), percentile(&latencies, 99));
    println!("commit to receiver at 100/s: p50 {half:?}, p99 {most:?}, a commit alone {commit:?}");
    // Without any stream it takes half a second and more. A machine that is busy elsewhere is slow at all of it.
    let bound = (commit * 20).max(Duration::from_millis(500));
    assert!(half < bound, "the stream does not tell: {half:?}, a commit takes {commit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backlog_of_many_receivers_drains() {
    let mut world = World::start().await;
    let mut shops = Vec::new();
    for _ in 0..8 {
        shops.push(Receiver::start().await);
    }
    for number in 0..400 {
        let url = shops[number % shops.len()].url("/ipn");
        let mut transaction = world.transaction(&number.to_string(), &url, IpnVersion::V2).await;
        world.take(&mut transaction, S::Succeeded, &[]).await;
    }
    assert!(world.states(doc! {}).await.iter().all(|state| *state == Pending));
    let started = Instant::now();
    world.send();
    while shops.iter().map(|shop| shop.requests().len()).sum::<usize>() < 400 {
        assert!(started.elapsed() < Duration::from_mins(1), "too slow");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = started.elapsed();
    println!("400 messages to 8 receivers in {took:?}: {}/s", 400_000 / took.as_millis().max(1));
}
