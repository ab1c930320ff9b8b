//! The service that customers and payment providers talk to.

use std::process::ExitCode;

use gateway_core::telemetry;
use web_kit::shutdown::block_on;

/// Returns memory sooner than the system's allocator does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Fails only where a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _telemetry = telemetry::init("main-backend");
    match block_on(main_backend::run()) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "cannot run");
    ExitCode::FAILURE
}
