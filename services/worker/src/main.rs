//! The worker: tells merchants, and picks up what a crash or a silence left behind. As `worker render` it is one of
//! its own rendering processes.

mod commands;

use std::process::ExitCode;

use worker::{config::WorkerConfig, pool, runner};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == pool::COMMAND) {
        return commands::render::run();
    }
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
    let config = WorkerConfig::from_env()?;
    let stop = web_kit::shutdown::stop_on_signal()?;
    let program = pool::Program::own(&config.font_paths)?;
    let pool = pool::Pool::start(program, config.render_limits()).await?;
    runner::run(config, pool, metrics, stop).await
}
