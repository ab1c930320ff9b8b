//! Logs: JSON lines in production (`LOG_FORMAT=json`, the default), text for people (`LOG_FORMAT=text`).

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging to standard error. `RUST_LOG` chooses what; the default is `info`.
pub fn init(service: &'static str) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,hyper=warn,mongodb=warn,rustls=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let text = std::env::var("LOG_FORMAT").is_ok_and(|format| format == "text");
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
