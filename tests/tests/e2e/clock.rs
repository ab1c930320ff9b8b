//! Services rely on their clocks: one that differs from MongoDB's is not relied on.

use std::{path::Path, time::Duration};

use testkit::{
    process::{Child, ScratchFolder, Spec, workspace_binary},
    shared_mongod,
};
use web_kit::health::of_database;

use crate::{
    front::{Front, Setup},
    tell::world::{TestClock, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_wrong_clock_does_not_start_and_one_that_goes_wrong_says_so() {
    let world = World::start().await;
    for (by_ms, way) in [(60_000, "ahead of"), (-60_000, "behind")] {
        let told = world.start_refused_by(TestClock::ahead(by_ms)).await.unwrap();
        assert!(told.contains(way) && told.contains("NTP"), "{told}");
    }
    assert_eq!(world.start_refused_by(TestClock::ahead(300)).await, None);

    let report = of_database(&world.app).await;
    assert!(report.healthy && report.is_ok("clock"), "{report:?}");
    world.clock.advance(Duration::from_mins(2));
    let report = of_database(&world.app).await;
    assert!(!report.healthy && report.is_ok("mongodb") && !report.is_ok("clock"), "{report:?}");
    assert!(report.checks["clock"]["aheadMs"].as_i64().unwrap() > 100_000, "{report:?}");
}

/// Each of the three programs by itself, since each has its own start.
#[tokio::test(flavor = "multi_thread")]
async fn no_service_starts_with_a_clock_that_is_more_than_a_second_off() {
    shared_mongod().await;
    let front = Front::start_with(Setup::default()).await;
    let folder = ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "clock-").unwrap();
    for (service, ahead_ms, way) in [
        ("admin-api", 3_000, "ahead of MongoDB's"),
        ("main-backend", -3_000, "behind MongoDB's"),
        ("worker", 3_000, "ahead of MongoDB's"),
        ("worker", -3_000, "behind MongoDB's"),
    ] {
        let log = folder.path().join(format!("{service}{ahead_ms}.log"));
        let spec = Spec::new(service, workspace_binary(service), log)
            .envs(front.variables())
            .env("TOLLGATE_CLOCK_AHEAD_MS", ahead_ms.to_string());
        let mut child = Child::spawn(&spec).unwrap();
        let code = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
        let told = child.log_text();
        assert_eq!(code, Ok(1), "{service} runs: {told}");
        assert!(told.contains(way) && told.contains("NTP"), "{service}: {told}");
    }
}
