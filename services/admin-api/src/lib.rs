//! The Admin API: what merchants' servers call, and the commands of its operator.

pub mod api;
pub mod authority;
pub mod cli;
mod commands;
pub mod config;
pub mod documents;
mod panel;
mod serve;
pub mod state;

use std::process::ExitCode;

use cli::{Cli, Command};
use config::AdminConfig;

/// Whatever ends the program.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves, or runs the command that was given.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let config = AdminConfig::read()?;
    match cli.command {
        None => serve::serve(config).await,
        Some(Command::Bootstrap(arguments)) => commands::bootstrap::run(&config, arguments).await,
        Some(Command::Keys(step)) => commands::keys::run(&config, step).await,
    }
}
