//! Spans on their way to the collector.
//!
//! A thread of the SDK's own gathers spans and sends them; whoever ends a span only puts it into a bounded
//! queue, and what does not fit is dropped. So neither a collector that hangs nor one that is gone is felt by
//! a request.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue, Value,
    trace::{SpanKind, Status},
};
use opentelemetry_otlp::{Compression, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter},
};

use super::config::{Choice, TraceConfig};

/// Between two lines about a collector that cannot be reached.
const LINE_EVERY: Duration = Duration::from_mins(1);

/// What may leave of a span's fields, and as what. Any other field stays in the logs: a new one is told to a
/// collector only once somebody has thought about it here.
const TOLD: &[(&str, &str)] = &[
    ("method", "http.request.method"),
    ("route", "http.route"),
    ("status", "http.response.status_code"),
    ("host", "server.address"),
    ("request_id", "tollgate.request_id"),
    ("organization", "tollgate.organization"),
    ("mode", "tollgate.mode"),
    ("provider", "tollgate.provider"),
    ("transaction", "tollgate.transaction"),
    ("checkout", "tollgate.checkout"),
    ("delivery", "tollgate.delivery"),
    ("invoice", "tollgate.invoice"),
    ("mail", "tollgate.mail"),
    ("image", "tollgate.image"),
    ("event", "tollgate.event"),
    ("kind", "tollgate.kind"),
    ("collection", "tollgate.collection"),
    ("id", "tollgate.id"),
    ("attempt", "tollgate.attempt"),
    ("outcome", "tollgate.outcome"),
];

/// Starts sending.
pub(super) fn start(service: &str, config: TraceConfig) -> Result<SdkTracerProvider, String> {
    // The client is blocking, for the SDK's thread, and must be made outside of any runtime.
    let timeout = config.timeout;
    let made = std::thread::spawn(move || client(timeout)).join();
    let client = made.map_err(|_| "the client of the collector could not be made".to_owned())??;
    let resource = resource(service, &config);
    let sampler = sampler(&config);
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(config.endpoint)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(timeout)
        .with_headers(config.headers.into_iter().collect());
    if config.gzip {
        exporter = exporter.with_compression(Compression::Gzip);
    }
    let exporter =
        Exporter { inner: exporter.build().map_err(|error| error.to_string())?, told_at: Arc::default() };
    let processor = BatchSpanProcessor::builder(exporter).build();
    let provider = SdkTracerProvider::builder();
    Ok(provider.with_resource(resource).with_sampler(sampler).with_span_processor(processor).build())
}

/// Follows no redirect and no proxy of the environment: the headers may hold a key.
fn client(timeout: Duration) -> Result<reqwest::blocking::Client, String> {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .user_agent(concat!("Tollgate/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

fn resource(service: &str, config: &TraceConfig) -> Resource {
    let attributes = config.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let named = config.attributes.iter().find(|(name, _)| name == "service.name").map(|(_, value)| value);
    let name = config.service.as_ref().or(named).cloned().unwrap_or_else(|| format!("tollgate-{service}"));
    Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(attributes)
        .with_service_name(name)
        .build()
}

fn sampler(config: &TraceConfig) -> Sampler {
    let root = match config.choice {
        Choice::All => Sampler::AlwaysOn,
        Choice::None => Sampler::AlwaysOff,
        Choice::Part(part) => Sampler::TraceIdRatioBased(part),
    };
    if config.follows_parent { Sampler::ParentBased(Box::new(root)) } else { root }
}

/// Puts spans into OpenTelemetry's words, and tells of a collector that does not take them: now and then in
/// the log, always in the metrics.
#[derive(Debug)]
struct Exporter<E> {
    inner: E,
    told_at: Arc<Mutex<Option<Instant>>>,
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let batch: Vec<SpanData> = batch.into_iter().map(in_its_words).filter(is_worth_telling).collect();
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if batch.is_empty() {
            return Ok(());
        }
        let sent = self.inner.export(batch).await;
        let outcome = if sent.is_ok() { "sent" } else { "lost" };
        metrics::counter!("trace_spans_total", "outcome" => outcome).increment(count);
        if let Err(error) = &sent
            && self.is_time_for_a_line()
        {
            tracing::warn!(%error, spans = count, "spans were lost: the collector did not take them");
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E> Exporter<E> {
    fn is_time_for_a_line(&self) -> bool {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told_at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if due {
            *told_at = Some(Instant::now());
        }
        due
    }
}

/// Health checks come every few seconds and say nothing.
fn is_worth_telling(span: &SpanData) -> bool {
    let health = Value::from("/health");
    !span.attributes.iter().any(|field| field.key.as_str() == "http.route" && field.value == health)
}

/// The span as it leaves: kind, name, status, and the fields of [`TOLD`]. Its events stay here.
fn in_its_words(mut span: SpanData) -> SpanData {
    let text = |name: &str| {
        let found = span.attributes.iter().find(|field| field.key.as_str() == name);
        found.map(|field| field.value.as_str().into_owned())
    };
    let outcome = text("outcome");
    let (kind, failed) = match span.name.as_ref() {
        "request" => (SpanKind::Server, text("status").is_some_and(|status| status.starts_with('5'))),
        "provider call" => (SpanKind::Client, !matches!(outcome.as_deref(), Some("ok" | "refused"))),
        "deliver" => (SpanKind::Client, outcome.as_deref() != Some("succeeded")),
        _ => (SpanKind::Consumer, outcome.as_deref() == Some("failed")),
    };
    let name = match (kind == SpanKind::Server, text("method"), text("route")) {
        (true, Some(method), Some(route)) => Some(format!("{method} {route}").into()),
        _ => None,
    };
    span.name = name.unwrap_or(span.name);
    span.span_kind = kind;
    if failed {
        span.status = Status::error("");
    }
    span.attributes.retain_mut(|field| {
        let told = TOLD.iter().find(|(ours, _)| *ours == field.key.as_str());
        told.map(|(_, name)| field.key = (*name).into()).is_some()
    });
    span.events = opentelemetry_sdk::trace::SpanEvents::default();
    span
}

#[cfg(test)]
mod tests {
    use opentelemetry::{InstrumentationScope, SpanId, trace::SpanContext};

    use super::*;

    fn span(name: &'static str, fields: &[(&'static str, &'static str)]) -> SpanData {
        let now = std::time::SystemTime::UNIX_EPOCH;
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: now,
            end_time: now,
            attributes: fields.iter().map(|(name, value)| KeyValue::new(*name, *value)).collect(),
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links: opentelemetry_sdk::trace::SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn only_what_is_listed_leaves() {
        let fields = [("method", "GET"), ("route", "/a/{b}"), ("status", "503"), ("url", "?key=seeded")];
        let told = in_its_words(span("request", &fields));
        assert_eq!((told.name.as_ref(), &told.span_kind), ("GET /a/{b}", &SpanKind::Server));
        assert_eq!(told.status, Status::error(""));
        let names: Vec<_> = told.attributes.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(names, ["http.request.method", "http.route", "http.response.status_code"]);
    }

    #[test]
    fn a_refusal_is_an_answer_and_silence_a_failure() {
        for (outcome, status) in
            [("ok", Status::Unset), ("refused", Status::Unset), ("unknown", Status::error(""))]
        {
            assert_eq!(
                in_its_words(span("provider call", &[("outcome", outcome)])).status,
                status,
                "{outcome}"
            );
        }
        assert_eq!(in_its_words(span("apply", &[])).status, Status::Unset);
    }

    #[test]
    fn health_checks_are_left_out() {
        let health = [("method", "GET"), ("route", "/health")];
        assert!(!is_worth_telling(&in_its_words(span("request", &health))));
        assert!(is_worth_telling(&in_its_words(span("request", &[("route", "/healthy")]))));
    }
}
