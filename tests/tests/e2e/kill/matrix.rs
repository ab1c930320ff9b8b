//! Every point, with its recovery and without.

use std::time::{Duration, Instant};

use gateway_core::fault::{self, Recovery};
use rand::{Rng, SeedableRng, rngs::StdRng};
use testkit::shared_mongod;

use super::{
    case::{Case, Habits, REFUND, Refusal},
    points::{self, OF_DISCOUNTS, OF_ERASURES, OF_SECOND_PAYMENTS, OF_TRANSFERS, POINTS, Point, Proof, Step},
};
use crate::cluster::{Cluster, Extra, Service};

/// The exit code of `abort` as a shell tells it: 128 + SIGABRT.
const ABORTED: i32 = 134;

/// How long a fault may take to hit.
const FIRES_WITHIN: Duration = Duration::from_secs(20);

/// How long an order may take to settle: every recovery's wait several times over.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);

/// How long is waited for what must not happen: longer than the slowest recovery of the kind takes.
fn hopeless_after(without: &[Recovery]) -> Duration {
    let waits = |recovery: &Recovery| match recovery {
        // The first look comes after 60 s, a take-over after 45 s: 3 s and 2.25 s at this scale.
        Recovery::Reconciler | Recovery::OperationResume => 6,
        // 30 s: 1.5 s at this scale.
        Recovery::LeaseExpiry | Recovery::LaneRecovery => 4,
        // 2 min: 6 s at this scale.
        Recovery::PaperLease => 10,
        _ => 3,
    };
    Duration::from_secs(without.iter().map(waits).max().unwrap_or(3))
}

fn without(recoveries: &[Recovery]) -> Extra {
    let names: Vec<_> = recoveries.iter().map(|recovery| recovery.as_str()).collect();
    if names.is_empty() { Vec::new() } else { vec![("TOLLGATE_WITHOUT".to_owned(), names.join(","))] }
}

/// Runs an order up to its end, with the fault armed before its step. `habits` count from that step on.
/// The answer says whether the fault hit.
async fn live(
    case: &mut Case<'_>,
    point: &Point,
    nth: u32,
    habits: Habits,
    must_fire: bool,
) -> Result<bool, Refusal> {
    let cluster = case.cluster;
    let mut fired = false;
    for step in point.steps() {
        let armed = *step == point.arm;
        let before = cluster.ends(point.service).await;
        if armed {
            if *step != Step::Create {
                case.quiet().await;
            }
            if *step == Step::Resend {
                case.lanes_asleep().await;
            }
            let fault = format!("{}:{nth}", point.name);
            let mut extra = vec![("TOLLGATE_FAULT".to_owned(), fault)];
            if cluster.will_be_without().await {
                // Before the kill, too: what the provider's list brings then is news after it.
                extra.extend(without(&[Recovery::CatchUp]));
            }
            cluster.restart(point.service, extra).await;
            case.habits = habits;
        }
        let done = match step {
            Step::Create => case.create().await,
            Step::Start => case.start().await,
            Step::Pay => case.pay().await,
            Step::Capture => case.capture().await,
            Step::Refund => case.refund(REFUND).await,
            Step::Resend => case.resend().await,
            Step::Credit => case.credit(REFUND).await,
        };
        if armed && must_fire {
            fired = cluster.wait_ended(point.service, before, FIRES_WITHIN).await;
            assert!(fired, "{}: the fault never hit; {done:?}", point.name);
            assert_eq!(cluster.last_code(point.service).await, ABORTED, "{}", point.name);
        }
        done?;
    }
    Ok(fired)
}

/// An organization with what the point needs.
async fn order<'a>(cluster: &'a Cluster, point: &Point, habits: Habits) -> Case<'a> {
    let mut case = Case::new(cluster, point.name, habits, point.manual_capture()).await;
    if point.invoices() {
        case.invoice(point.mails()).await;
    }
    case
}

/// The order of a shop whose gateway is killed once: it ends as if nothing had happened.
async fn comes_through(cluster: &Cluster, point: &Point, seed: u64, nth: u32) {
    let started = Instant::now();
    cluster.set_later(&Vec::new()).await;
    let mut case = order(cluster, point, Habits::good(seed)).await;
    let lived = live(&mut case, point, nth, Habits::good(seed), nth == 1).await;
    case.note_files().await;
    let settled = match lived {
        Ok(_) => case.settles_within(point.end(), SETTLES_WITHIN).await,
        Err(problem) => Err(problem),
    };
    match settled {
        Ok(took) => println!(
            "{} (nth {nth}, seed {seed}): settled {took:.1?} after the last step, {:.1?} in all, {} rows unknown",
            point.name,
            started.elapsed(),
            case.unknown_rows().await
        ),
        Err(problem) => panic!("{} (nth {nth}, seed {seed}): {problem}\n{}", point.name, logs(cluster)),
    }
    if matches!(point.name, "deliver.after_mark" | "deliver.after_send") && nth == 1 {
        assert!(case.unknown_rows().await > 0, "{}: a request was cut off and nothing says so", point.name);
    }
    if nth != 1 {
        // It may not have hit.
        cluster.restart(point.service, Vec::new()).await;
    }
}

fn logs(cluster: &Cluster) -> String {
    Service::ALL.map(|service| format!("{}:\n{}\n", service.name(), cluster.log_tail(service, 25))).concat()
}

/// The same with its recovery taken out: it must not come through.
async fn fails_without_its_recovery(cluster: &Cluster, point: &Point) {
    let started = Instant::now();
    let shown = match point.proof {
        Proof::Stuck(recoveries, habits) => is_stuck(cluster, point, recoveries, habits).await,
        Proof::Wrong(recoveries, habits) => is_wrong(cluster, point, recoveries, habits).await,
        Proof::ClientRepeats => is_nowhere(cluster, point).await,
        Proof::NothingLeft(recoveries) => needs_nothing(cluster, point, recoveries).await,
    };
    println!("{}: {shown} ({:.1?})", point.name, started.elapsed());
}

/// Takes recoveries out: at once of the worker, of the point's own service once it has been killed.
async fn take_out(cluster: &Cluster, point: &Point, recoveries: &[Recovery]) {
    // The provider's own list is a net below all others: whatever it brings is news, whose relay does what was left.
    let mut all = recoveries.to_vec();
    if !all.contains(&Recovery::CatchUp) {
        all.push(Recovery::CatchUp);
    }
    cluster.set_later(&without(&all)).await;
    if point.service != Service::Worker {
        cluster.restart(Service::Worker, without(&all)).await;
    }
}

/// Puts them back.
async fn put_back(cluster: &Cluster, point: &Point) {
    cluster.set_later(&Vec::new()).await;
    cluster.restart(point.service, Vec::new()).await;
    if point.service != Service::Worker {
        cluster.restart(Service::Worker, Vec::new()).await;
    }
}

async fn is_stuck(cluster: &Cluster, point: &Point, recoveries: &[Recovery], habits: Habits) -> String {
    take_out(cluster, point, recoveries).await;
    let mut case = order(cluster, point, Habits::good(1)).await;
    // Whoever does not repeat goes away empty-handed, and that is all right.
    let lived = live(&mut case, point, 1, habits, true).await;
    assert!(lived.is_ok() || !habits.clients_repeat, "{}: {lived:?}", point.name);
    let problem = case.settles_within(point.end(), hopeless_after(recoveries)).await;
    let Err(problem) = problem else {
        panic!("{}: settled without {recoveries:?}: the test proves nothing\n{}", point.name, logs(cluster))
    };
    put_back(cluster, point).await;
    let settled = case.settles_within(point.end(), SETTLES_WITHIN).await;
    let took = settled.unwrap_or_else(|why| {
        panic!("{}: does not settle with {recoveries:?} back: {why}\n{}", point.name, logs(cluster))
    });
    format!("stuck without {recoveries:?} ({problem}), settled {took:.1?} after it was back")
}

async fn is_wrong(cluster: &Cluster, point: &Point, recoveries: &[Recovery], habits: Habits) -> String {
    take_out(cluster, point, recoveries).await;
    let mut case = order(cluster, point, Habits::good(1)).await;
    let lived = live(&mut case, point, 1, habits, true).await;
    let problem = match lived {
        Ok(_) => case.settles_within(point.end(), hopeless_after(recoveries)).await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    let Err(problem) = problem else {
        panic!("{}: right without {recoveries:?}: the test proves nothing", point.name)
    };
    put_back(cluster, point).await;
    format!("wrong without {recoveries:?}: {problem}")
}

async fn is_nowhere(cluster: &Cluster, point: &Point) -> String {
    let mut case = order(cluster, point, Habits::good(1)).await;
    let once = Habits { clients_repeat: false, ..Habits::good(1) };
    let lived = live(&mut case, point, 1, once, true).await;
    assert!(lived.is_err(), "{}: acknowledged what was not stored", point.name);
    assert_eq!(case.checkouts().await, 0, "{}", point.name);
    case.habits = Habits::good(1);
    for step in [Step::Create, Step::Start, Step::Pay] {
        let done = match step {
            Step::Create => case.create().await,
            Step::Start => case.start().await,
            _ => case.pay().await,
        };
        done.unwrap();
    }
    case.settles_within(point.end(), SETTLES_WITHIN).await.unwrap();
    "nothing stored, nothing acknowledged; the client's repetition makes it".to_owned()
}

async fn needs_nothing(cluster: &Cluster, point: &Point, recoveries: &[Recovery]) -> String {
    take_out(cluster, point, recoveries).await;
    let mut case = order(cluster, point, Habits::good(1)).await;
    let habits = Habits { events: super::case::Events::Decisive, ..Habits::good(1) };
    live(&mut case, point, 1, habits, true).await.unwrap();
    let settled = case.settles_within(point.end(), SETTLES_WITHIN).await;
    settled.unwrap_or_else(|why| panic!("{}: {why}\n{}", point.name, logs(cluster)));
    put_back(cluster, point).await;
    format!("settles without {recoveries:?}, too: nothing is left to do")
}

/// Passes over the matrix: `SOAK_PASSES`, else one.
fn passes() -> u64 {
    std::env::var("SOAK_PASSES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn seed() -> u64 {
    std::env::var("SOAK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122)
}

async fn matrix(service: Service) {
    let cluster = Cluster::start(&shared_mongod().await, "kill").await;
    let mut random = StdRng::seed_from_u64(seed());
    for pass in 0..passes() {
        for point in points::of(service) {
            // The first pass hits each point the first time it is passed, so that it hits for certain.
            let nth = if pass == 0 { 1 } else { random.random_range(1..=3) };
            comes_through(&cluster, point, random.random(), nth).await;
        }
    }
}

async fn proofs(service: Service) {
    let cluster = Cluster::start(&shared_mongod().await, "proof").await;
    for point in points::of(service) {
        fails_without_its_recovery(&cluster, point).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_calls_survive_a_kill_at_every_point() {
    matrix(Service::Admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_and_hearing_survive_a_kill_at_every_point() {
    matrix(Service::Main).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telling_survives_a_kill_at_every_point() {
    matrix(Service::Worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_calls_do_not_survive_without_recovery() {
    proofs(Service::Admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paying_and_hearing_do_not_survive_without_recovery() {
    proofs(Service::Main).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telling_does_not_survive_without_recovery() {
    proofs(Service::Worker).await;
}

#[test]
fn every_point_and_every_recovery_is_in_the_matrix() {
    let elsewhere = [OF_SECOND_PAYMENTS, OF_DISCOUNTS, OF_ERASURES, OF_TRANSFERS];
    let covered: Vec<_> = POINTS
        .iter()
        .map(|point| point.name)
        .chain(elsewhere.iter().flat_map(|(points, _)| points.iter().copied()))
        .collect();
    assert_eq!(covered, fault::POINTS);
    for recovery in Recovery::ALL {
        let proven = POINTS.iter().any(|point| match point.proof {
            Proof::Stuck(recoveries, _) | Proof::Wrong(recoveries, _) => recoveries.contains(recovery),
            Proof::ClientRepeats | Proof::NothingLeft(_) => false,
        });
        let proven = proven || elsewhere.iter().any(|(_, recoveries)| recoveries.contains(recovery));
        assert!(proven, "nothing shows that {recovery:?} matters");
    }
}
