//! `cargo xtask tools`: what tests use beside Rust, and has what is missing installed.

use std::process::ExitCode;

use testkit::mongod;
use testkit::tools::{Tool, provide};

use crate::Outcome;
use crate::settings::from_caller;
use crate::stack::say;

/// A tool that cannot be had, and why.
pub type Missing = (Tool, String);

/// Installs what is missing and tells of each how it stands. What cannot be installed is no failure: the tests that
/// need it are skipped.
pub async fn run() -> Outcome {
    if from_caller("MONGODB_URI").is_none() {
        let binary = mongod::binary().await?;
        println!("  {:<28}{}", "mongod", binary.display());
    }
    tokio::task::spawn_blocking(provide_all).await?;
    Ok(ExitCode::SUCCESS)
}

/// The same for the tests; answers what is missing.
pub fn provide_all() -> Vec<Missing> {
    say("Looking for the tools of the tests; what is missing is installed (minutes, once)");
    let mut missing = Vec::new();
    for tool in Tool::ALL.iter().copied() {
        let outcome = provide(tool);
        let word = outcome.as_ref().map_or_else(|why| format!("missing: {why}"), |how| (*how).to_owned());
        println!("  {:<28}{word}", tool.name());
        if let Err(why) = outcome {
            missing.push((tool, why));
        }
    }
    missing
}
