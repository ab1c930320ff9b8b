//! Tollgate's Admin API.

use std::process::ExitCode;

use admin_api::{cli::Cli, run};
use clap::Parser;
use web_kit::shutdown::block_on;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let _telemetry = gateway_core::telemetry::init("admin-api");
    match block_on(run(cli)) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => failed(&*error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "ended");
    eprintln!("admin-api: {error}");
    ExitCode::FAILURE
}
