//! The Admin API: what merchants' servers call, and the commands of its operator.

pub mod api;
pub mod audit;
pub mod authority;
pub mod cli;
mod commands;
pub mod config;
pub mod documents;
pub mod panel;
mod proofs;
mod serve;
pub mod state;

use std::process::ExitCode;

use cli::{Audit, Cli, Command, Database, Keys};
use config::AdminConfig;

/// Whatever ends the program.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves, or runs the command that was given.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        None => serve::serve(AdminConfig::read()?).await,
        Some(Command::Bootstrap(arguments)) => {
            commands::bootstrap::run(&AdminConfig::read()?, arguments).await
        }
        // These two come before there is a configuration.
        Some(Command::Keys(Keys::Generate)) => Ok(commands::keys::generate()),
        Some(Command::Database(Database::Init)) => commands::database::init().await,
        Some(Command::Backup { file }) => commands::backup::backup(&AdminConfig::read()?, &file).await,
        Some(Command::Restore { file, replace }) => {
            commands::backup::restore(&AdminConfig::read()?, &file, replace).await
        }
        Some(Command::Audit(Audit::Verify { organization, head })) => {
            commands::audit::verify(&AdminConfig::read()?, organization, &head).await
        }
        Some(Command::People(step)) => commands::people::run(&AdminConfig::read()?, step).await,
        Some(Command::Keys(step)) => commands::keys::run(&AdminConfig::read()?, step).await,
    }
}
