//! How the worker is: can it reach MongoDB, and does work pile up?

use std::time::Duration;

use gateway_core::{app::App, jobs::pulse};
use serde_json::json;
use web_kit::health::{self, HealthReport};

/// Older than this and something is wrong: pick-up takes less than a second.
const LATE: Duration = Duration::from_mins(5);

/// The deep check.
pub async fn report(app: &App) -> HealthReport {
    let report = health::of_database(app).await;
    if !report.is_ok("mongodb") {
        return report;
    }
    let pulse = pulse::measure(app).await.ok();
    if let Some(pulse) = &pulse {
        // Whoever scrapes asks for this report first, so what it scrapes is of this moment.
        pulse.publish();
    }
    let report = add_age(report, "outbox", pulse.map(|pulse| pulse.outbox_oldest));
    let report = add_age(report, "inbox", pulse.map(|pulse| pulse.inbox_oldest));
    add_age(report, "lanes", pulse.map(|pulse| pulse.lanes_oldest))
}

fn add_age(report: HealthReport, name: &str, age: Option<Duration>) -> HealthReport {
    match age {
        Some(age) => report.check(name, age < LATE, json!({ "oldestSeconds": age.as_secs() })),
        None => report.check(name, false, json!({ "error": "no answer" })),
    }
}
