//! `cargo xtask screens`: every screen of the panel and every state of the checkout, as pictures for people, each
//! looked at by rules as well.

use std::process::ExitCode;

use testkit::mongod::TEST_URI_VARIABLE;
use testkit::tools::{self, Tool};

use crate::Outcome;
use crate::stack::say;
use crate::test::{build_services, shared_mongod};
use crate::workspace::{cargo, root};

/// The tests that take the pictures.
const TESTS: &str = "panel::screens";

/// Runs them; the pictures are left in `target/screens`.
pub async fn run() -> Outcome {
    let (mut mongod, uri) = shared_mongod().await?;
    let passed = tokio::task::spawn_blocking(move || take(&uri)).await??;
    if let Some(mongod) = &mut mongod {
        mongod.kill9().await;
    }
    let folder = root().join("target/screens");
    println!("The pictures are in {}", folder.display());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn take(uri: &str) -> Outcome<bool> {
    for tool in [Tool::Node, Tool::Chromium] {
        tools::provide(tool)
            .map_err(|why| format!("without {} there are no pictures: {why}", tool.name()))?;
    }
    build_services()?;
    say("Looking at every screen");
    let mut command = cargo();
    command.args(["test", "-p", "e2e", "--test", "e2e", "--", TESTS]);
    Ok(command.env("PATH", tools::path()).env(TEST_URI_VARIABLE, uri).status()?.success())
}
