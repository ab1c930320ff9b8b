//! The worker: tells merchants, and picks up what a crash or a silence left behind.

mod press;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let _telemetry = gateway_core::telemetry::init("worker");
    match web_kit::shutdown::block_on(start()) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&*error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "the worker ends");
    ExitCode::FAILURE
}

async fn start() -> Result<(), Box<dyn std::error::Error>> {
    // Fails only where it has been installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = web_kit::health::install_prometheus()?;
    let config = worker::config::WorkerConfig::from_env()?;
    let stop = web_kit::shutdown::stop_on_signal()?;
    let renderer = std::sync::Arc::new(press::Press::start(&config.font_paths)?);
    worker::runner::run(config, renderer, metrics, stop).await
}
