//! Logs: JSON lines in production (`LOG_FORMAT=json`, the default), text for people (`LOG_FORMAT=text`).

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::Reader;

/// Starts logging to standard error. `RUST_LOG` chooses what; the default is `info`.
pub fn init(service: &'static str) {
    let settings = Reader::from_env();
    let filter = settings.text("RUST_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info,hyper=warn,mongodb=warn,rustls=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let text = settings.text("LOG_FORMAT").is_some_and(|format| format == "text");
    // A second call (tests start several services in one process) keeps the first.
    let started = if text {
        registry.with(fmt::layer().with_writer(std::io::stderr)).try_init()
    } else {
        let json = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
        registry.with(json).try_init()
    };
    if started.is_ok() {
        tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
    }
}

/// What is wrong with the settings of the log, which goes on with the defaults until the configuration is read.
pub fn check(reader: &mut Reader) {
    if let Some(Err(error)) = reader.text("RUST_LOG").map(EnvFilter::try_new) {
        reader.problem(format!("RUST_LOG: {error}"));
    }
    if reader.text("LOG_FORMAT").is_some_and(|format| format != "json" && format != "text") {
        reader.problem("LOG_FORMAT: use json or text");
    }
}
