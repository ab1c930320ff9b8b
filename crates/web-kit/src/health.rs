//! The internal listener: `/health`, `/internal/health`, `/metrics`. A proxy never routes to it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gateway_core::app::App;
use http::{StatusCode, header};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{error, request_id};

/// What a deep check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Whether the service can do its work.
    pub healthy: bool,
    /// One entry per thing checked, by name: `{"mongodb": {"ok": true, "latencyMs": 1}}`.
    pub checks: Map<String, Value>,
}

impl HealthReport {
    /// A report without checks yet: healthy.
    pub fn new() -> Self {
        Self { healthy: true, checks: Map::new() }
    }

    /// Adds a check; one that is not ok makes the report unhealthy. `facts` must be an object.
    pub fn check(mut self, name: &str, ok: bool, facts: Value) -> Self {
        let mut facts = match facts {
            Value::Object(facts) => facts,
            Value::Null => Map::new(),
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        facts.insert("ok".to_owned(), ok.into());
        self.healthy &= ok;
        self.checks.insert(name.to_owned(), facts.into());
        self
    }

    /// Whether a check was made and is ok.
    pub fn is_ok(&self, name: &str) -> bool {
        self.checks.get(name).is_some_and(|facts| facts["ok"] == true)
    }
}

/// What every service checks: whether MongoDB answers, whether the clocks agree, and whether it has the keys of what is
/// stored.
pub async fn of_database(app: &App) -> HealthReport {
    let started = Instant::now();
    let ping = app.store.ping().await;
    let facts = match &ping {
        Ok(()) => json!({ "latencyMs": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }),
        Err(_) => json!({ "error": "no answer" }),
    };
    let report = HealthReport::new().check("mongodb", ping.is_ok(), facts);
    if ping.is_err() {
        return report;
    }
    let report = match app.clock_skew().await {
        Ok(skew) => report.check("clock", skew.is_tolerable(), json!({ "aheadMs": skew.ahead_ms })),
        Err(_) => report.check("clock", false, json!({ "error": "no answer" })),
    };
    match app.store.keys().missing_system_key().await {
        Ok(None) => report.check("keys", true, Value::Null),
        Ok(Some(version)) => {
            let error =
                format!("SYSTEM_ENCRYPTION_KEY lacks version {version}, under which data keys are wrapped");
            report.check("keys", false, json!({ "error": error }))
        }
        Err(_) => report.check("keys", false, json!({ "error": "no answer" })),
    }
}

impl Default for HealthReport {
    fn default() -> Self {
        Self::new()
    }
}

impl IntoResponse for HealthReport {
    fn into_response(self) -> Response {
        let status = if self.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, axum::Json(self)).into_response()
    }
}

/// `/health` of any listener: the process answers.
pub async fn live() -> axum::Json<Value> {
    axum::Json(json!({"status": "ok"}))
}

/// The internal listener's routes. `deep` is asked anew for each `GET /internal/health`.
pub fn router<Check, Checking>(deep: Check, metrics: Option<PrometheusHandle>) -> Router
where
    Check: Fn() -> Checking + Clone + Send + Sync + 'static,
    Checking: Future<Output = HealthReport> + Send + 'static,
{
    let report = move || {
        let running = deep();
        async move {
            let limit = Duration::from_secs(5);
            let timely = tokio::time::timeout(limit, running).await;
            // A check that hangs is told by name: nearly always it is the database that does not answer.
            timely.unwrap_or_else(|_| {
                HealthReport::new().check(
                    "mongodb",
                    false,
                    json!({"error": "no answer", "seconds": limit.as_secs()}),
                )
            })
        }
    };
    let check = report.clone();
    let scrape = move || async move {
        // First, so that what it finds is scraped with the rest.
        for (name, facts) in &check().await.checks {
            let ok = facts["ok"].as_bool().unwrap_or(false);
            metrics::gauge!("health_check_ok", "check" => name.clone()).set(u8::from(ok));
        }
        let text = metrics.map(|handle| handle.render()).unwrap_or_default();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
    };
    Router::new()
        .route("/health", get(live))
        .route("/internal/health", get(report))
        .route("/metrics", get(scrape))
        .fallback(error::unknown_route)
        .method_not_allowed_fallback(error::method_not_allowed)
}

/// Makes Prometheus the process's recorder of metrics. Fails when there is one already.
pub fn install_prometheus() -> Result<PrometheusHandle, BuildError> {
    // Seconds, from a fast read to a provider that hangs.
    const SECONDS: &[f64] =
        &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    // Documents in one write.
    const DOCUMENTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    // From commit to the merchant's 200, retries of days included.
    const LAG: &[f64] = &[0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0, 600.0, 3600.0, 86_400.0];
    let handle = PrometheusBuilder::new()
        .set_buckets(SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_documents".to_owned()), DOCUMENTS)?
        .set_buckets_for_metric(Matcher::Full("delivery_lag_seconds".to_owned()), LAG)?
        .install_recorder()?;
    request_id::count_from_zero();
    gateway_core::app::audit::count_from_zero();
    Ok(handle)
}

/// Folds observations into the histograms until `stop`, so that memory stays flat while nobody scrapes; to be
/// spawned.
pub async fn metrics_upkeep_until(handle: PrometheusHandle, stop: CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt;

    #[tokio::test]
    async fn an_unhealthy_part_makes_503() {
        let app =
            router(async || HealthReport::new().check("mongodb", false, json!({"error": "timeout"})), None);
        let ask = |uri: &str| app.clone().oneshot(Request::get(uri).body(Body::empty()).unwrap());
        assert_eq!(ask("/health").await.unwrap().status(), 200);
        assert_eq!(ask("/metrics").await.unwrap().status(), 200);
        assert_eq!(ask("/other").await.unwrap().status(), 404);
        let answer = ask("/internal/health").await.unwrap();
        assert_eq!(answer.status(), 503);
        let body = axum::body::to_bytes(answer.into_body(), 1000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({"healthy": false, "checks": {"mongodb": {"ok": false, "error": "timeout"}}}));
    }
}
