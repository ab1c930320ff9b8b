//! How the worker is: can it reach MongoDB, and does work pile up?

use std::time::{Duration, Instant};

use gateway_core::{
    app::App,
    jobs::{lanes, relay},
};
use serde_json::json;
use web_kit::health::HealthReport;

/// Older than this and something is wrong: pick-up takes less than a second.
const LATE: Duration = Duration::from_mins(5);

/// The deep check.
pub async fn report(app: &App) -> HealthReport {
    let started = Instant::now();
    let ping = app.store.ping().await;
    let latency_ms = started.elapsed().as_millis();
    let facts = match &ping {
        Ok(()) => json!({ "latencyMs": latency_ms }),
        Err(_) => json!({ "error": "no answer" }),
    };
    let report = HealthReport::new().check("mongodb", ping.is_ok(), facts);
    if ping.is_err() {
        return report;
    }
    let outbox = relay::oldest_outbox(app).await.ok();
    let lane = lanes::oldest_due(&app.store, app.now()).await.ok();
    add_age(add_age(report, "outbox", outbox), "lanes", lane)
}

fn add_age(report: HealthReport, name: &str, age: Option<Duration>) -> HealthReport {
    match age {
        Some(age) => report.check(name, age < LATE, json!({ "oldestSeconds": age.as_secs() })),
        None => report.check(name, false, json!({ "error": "no answer" })),
    }
}
