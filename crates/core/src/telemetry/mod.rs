//! What the services tell of themselves: logs on standard error, and traces where a collector is named.
//!
//! Logs are JSON lines in production (`LOG_FORMAT=json`, the default), text for people (`LOG_FORMAT=text`).
//! Traces go out over OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` is set; without it nothing of them runs.
//!
//! | Module | Does |
//! |---|---|
//! | [`config`] | the `OTEL_*` variables, checked |
//! | `export` | spans to the collector, in OpenTelemetry's words and nothing but what is listed there |
//! | `lines` | ids in every log line |
//! | `trail` | which request is served, in this task and in what it causes elsewhere |

pub mod config;
mod export;
mod lines;
mod trail;

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::filter_fn,
    fmt::{self, format::JsonFields},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

pub use trail::{
    TRACEPARENT, continue_from, follow, link_to, request_id, traceparent, trail, with_request_id,
};

use crate::config::Reader;

/// Longest wait for the last spans when the process ends: a collector that hangs must not hold it up.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Whose spans are traced. Of a library's we do not know what they hold.
const TRACED: [&str; 6] =
    ["gateway_core", "gateway_providers", "web_kit", "admin_api", "main_backend", "worker"];

/// Keeps traces going. Dropping it, last of all in `main`, sends what is still held.
#[derive(Debug)]
#[must_use = "dropping it ends the sending of traces"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(FLUSH_MAX)
        {
            tracing::warn!(%error, "the last spans may not have been sent");
        }
    }
}

/// Starts logging to standard error, and traces where they are configured. `RUST_LOG` chooses what is logged;
/// the default is `info`. It has no say in traces.
///
/// Wrong settings of traces are told with all others by [`crate::config::CommonConfig::read`], which ends the
/// start; until then there are logs alone.
pub fn init(service: &'static str) -> Telemetry {
    let mut reader = Reader::from_env();
    let config = config::TraceConfig::read(&mut reader).filter(|_| reader.problems().is_empty());
    let exporting = config.map(|config| export::start(service, config));
    let (provider, problem) = match exporting {
        Some(Ok(provider)) => (Some(provider), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    let filter = reader.text("RUST_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info,hyper=warn,mongodb=warn,rustls=warn"));
    let text = reader.text("LOG_FORMAT").is_some_and(|format| format == "text");
    // A second call (tests start several services in one process) keeps the first.
    let started = match &provider {
        None => tracing_subscriber::registry().with(filter).with(logs(text)).try_init(),
        Some(provider) => {
            let spans = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("tollgate"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false);
            let registry = tracing_subscriber::registry().with(logs(text).with_filter(filter));
            registry.with(spans.with_filter(filter_fn(is_traced))).try_init()
        }
    };
    if started.is_err() {
        return Telemetry(None);
    }
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), traces = provider.is_some(), "starting");
    if let Some(problem) = problem {
        tracing::error!(%problem, "no traces");
    }
    Telemetry(provider)
}

/// What is wrong with the settings of logs and traces. Until the configuration is read, logs go on with the
/// defaults and there are no traces.
pub fn check(reader: &mut Reader) {
    if let Some(Err(error)) = reader.text("RUST_LOG").map(EnvFilter::try_new) {
        reader.problem(format!("RUST_LOG: {error}"));
    }
    if reader.text("LOG_FORMAT").is_some_and(|format| format != "json" && format != "text") {
        reader.problem("LOG_FORMAT: use json or text");
    }
    config::TraceConfig::read(reader);
}

/// Spans only: what happened within them is told by the logs, which carry their ids.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let of = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span() && *metadata.level() <= tracing::Level::INFO && TRACED.contains(&of)
}

/// The layer of logs.
fn logs<S>(text: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if text {
        return fmt::layer().with_writer(std::io::stderr).boxed();
    }
    let json = lines::WithIds(fmt::format().json().flatten_event(true));
    fmt::layer().event_format(json).fmt_fields(JsonFields::new()).with_writer(std::io::stderr).boxed()
}
