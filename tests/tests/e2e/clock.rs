//! Services rely on their clocks: one that differs from MongoDB's is not relied on.

use std::time::Duration;

use web_kit::health::of_database;

use crate::tell::world::{TestClock, World};

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
