//! How the worker is: can it reach MongoDB, and does work pile up?

use std::time::Duration;

use gateway_core::{app::App, jobs::pulse};
use serde_json::json;
use web_kit::health::{self, HealthReport};

use crate::passes::Passes;

/// Older than this and something is wrong: pick-up takes less than a second.
const LATE: Duration = Duration::from_mins(5);

/// The deep check.
pub async fn report(app: &App, passes: &Passes) -> HealthReport {
    let report = add_jobs(health::of_database(app).await, passes);
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

/// Jobs that stand still: what they do is not done, however well all else looks.
fn add_jobs(report: HealthReport, passes: &Passes) -> HealthReport {
    let late = passes.late();
    let named: Vec<_> =
        late.iter().map(|late| json!({ "job": late.job, "ageSeconds": late.age.as_secs() })).collect();
    report.check("jobs", late.is_empty(), json!({ "late": named }))
}

fn add_age(report: HealthReport, name: &str, age: Option<Duration>) -> HealthReport {
    match age {
        Some(age) => report.check(name, age < LATE, json!({ "oldestSeconds": age.as_secs() })),
        None => report.check(name, false, json!({ "error": "no answer" })),
    }
}
