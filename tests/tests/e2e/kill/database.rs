//! MongoDB is killed, loses its primary and refuses commands, while shops go on selling.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mongodb::bson::{Document, doc};
use testkit::mongod::{Mongod, Options, ReplicaSet};
use tokio_util::sync::CancellationToken;

use super::{
    case::{Case, End, Habits, REFUND},
    load::Shop,
};
use crate::cluster::{Cluster, Service};

/// How long everything may take to settle once MongoDB is well: retries of messages double their pauses.
const SETTLES_WITHIN: Duration = Duration::from_secs(90);

/// Kills of mongod under load: `SOAK_MONGOD_KILLS`, else a few.
fn kills() -> u32 {
    std::env::var("SOAK_MONGOD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// A moment of a length that differs from turn to turn.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(300..1500))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_when_mongod_is_killed_under_load() {
    let mut mongod = Mongod::start(Options::default()).await.unwrap();
    let cluster = Arc::new(Cluster::start(&mongod.uri(), "mongod_kill").await);
    let shop = Shop::open(&cluster).await;
    let closing = CancellationToken::new();
    let customers = shop.customers(4, &closing);
    for _ in 0..kills() {
        a_while().await;
        mongod.kill9().await;
        a_while().await;
        mongod.restart().await.unwrap();
    }
    a_while().await;
    closing.cancel();
    futures::future::try_join_all(customers).await.unwrap();
    println!("{} kills: {}", kills(), shop.settles_within(SETTLES_WITHIN).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_when_the_primary_is_killed_or_steps_down_under_load() {
    let mut set = ReplicaSet::start(3).await.unwrap();
    let cluster = Arc::new(Cluster::start(&set.uri(), "failover").await);
    let shop = Shop::open(&cluster).await;
    let closing = CancellationToken::new();
    let customers = shop.customers(4, &closing);
    for _ in 0..kills().div_ceil(3) {
        a_while().await;
        step_down(&mut set).await;
        a_while().await;
        set.kill_primary().await.unwrap();
        a_while().await;
        set.revive().await.unwrap();
    }
    a_while().await;
    closing.cancel();
    futures::future::try_join_all(customers).await.unwrap();
    println!("fail-overs: {}", shop.settles_within(SETTLES_WITHIN).await);
}

/// Refused while no secondary has caught up yet, as after a fail-over a moment ago.
async fn step_down(set: &mut ReplicaSet) {
    for _ in 0..10 {
        match set.step_down().await {
            Ok(_) => return,
            Err(problem) => println!("no step-down yet: {problem}"),
        }
        a_while().await;
    }
    panic!("no secondary catches up");
}

/// What `failCommand` does to a command. Errors that say that the primary is going away are left to the
/// fail-overs of a real one: after such an answer of a node that stays, a driver looks away for up to 10 s.
fn failures() -> Vec<(&'static str, Document)> {
    let concern = doc! { "code": 64, "errmsg": "waiting for replication timed out" };
    vec![
        ("the connection breaks", doc! { "closeConnection": true }),
        ("an error that may be tried again", doc! { "errorCode": 262 }),
        ("an error that may not", doc! { "errorCode": 50 }),
        ("the majority was not awaited", doc! { "writeConcernError": concern }),
    ]
}

/// There are no multi-document transactions, so `commitTransaction` meets nothing: it is here for the day
/// when there are, and the services use `findAndModify` for claims only.
const COMMANDS: [&[&str]; 3] = [&["insert"], &["update"], &["findAndModify", "commitTransaction"]];

/// Each service meets each failure of each command before each step of an order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_come_through_when_commands_fail() {
    let mongod = Mongod::start(Options::default()).await.unwrap();
    let cluster = Cluster::start(&mongod.uri(), "fail_command").await;
    for (service, name) in
        [(Service::Admin, "admin-api"), (Service::Main, "main-backend"), (Service::Worker, "tollgate-worker")]
    {
        for command in COMMANDS {
            for (what, failure) in failures() {
                let mut data = failure;
                data.insert("appName", name);
                let told = format!("{command:?} of {}: {what}", service.name());
                an_order_comes_through(&mongod, &cluster, command, &data, &told).await;
            }
        }
    }
}

async fn an_order_comes_through(
    mongod: &Mongod,
    cluster: &Cluster,
    commands: &[&str],
    data: &Document,
    told: &str,
) {
    let started = Instant::now();
    let mut case = Case::new(cluster, "failing", Habits::good(7), false).await;
    for step in 0..4 {
        // The driver repeats a write once: three failures get past that.
        mongod.fail_command(commands, 3, data.clone()).await.unwrap();
        let done = match step {
            0 => case.create().await,
            1 => case.start().await,
            2 => case.pay().await,
            _ => {
                case.quiet().await;
                case.refund(REFUND).await
            }
        };
        done.unwrap_or_else(|problem| panic!("{told}, step {step}: {problem}"));
    }
    mongod.fail_nothing().await.unwrap();
    let end = End { ipns: &[1], status: "partially_refunded", captures: 0, refunds: 1 };
    let settled = case.settles_within(end, SETTLES_WITHIN).await;
    let took = settled.unwrap_or_else(|problem| panic!("{told}: {problem}"));
    println!("{told}: settled {took:.1?} after the last step, {:.1?} in all", started.elapsed());
}
