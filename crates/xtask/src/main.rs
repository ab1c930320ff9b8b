//! `cargo xtask`: the commands that a person who works on Tollgate, or tries it, needs.

mod bench;
mod demo;
mod engine;
mod gateway;
mod mailbox;
mod screens;
mod seed;
mod settings;
mod soak;
mod stack;
mod test;
mod tools;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command ends with: its exit code, or an error that is printed as one line.
type Outcome<T = ExitCode> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Run, try and test Tollgate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build and start everything on this machine; Ctrl-C stops it
    Up(up::Args),
    /// Fill the organization of `up` with example data
    Seed(seed::Args),
    /// Play merchant, customer and receiver against a running gateway
    Demo(demo::Args),
    /// Run every test of the workspace, with a MongoDB of their own
    Test(test::Args),
    /// Run every command of docs/operations.md on a Docker engine of its own, while shops buy (root, Linux)
    Engine(engine::Args),
    /// Say which programs the tests need beside Rust, and install those that are missing
    Tools,
    /// Take a picture of every screen, on a desk and on a phone, and check them all
    Screens,
    /// Measure speed, size and memory, beside the bare database
    Bench(bench::Args),
    /// Kill services and databases again and again, and see that nothing is lost or done twice
    Soak(soak::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    // Fails only where a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Cli::parse().command {
        Command::Up(args) => up::run(args).await,
        Command::Seed(args) => seed::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Test(args) => test::run(args).await,
        Command::Engine(args) => engine::run(args).await,
        Command::Tools => tools::run().await,
        Command::Screens => screens::run().await,
        Command::Bench(args) => bench::run(args).await,
        Command::Soak(args) => soak::run(args).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
