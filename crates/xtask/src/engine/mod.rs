//! `cargo xtask engine`: every command of docs/operations.md on a real Docker engine, while shops buy.

mod daemon;
mod guide;
mod images;
mod members;
mod shop;
mod site;
mod story;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::stack::say;
use crate::test::build_services;
use crate::workspace::binaries;
use daemon::Engine;
use site::Site;

/// Takes everything away that runs on the engine, which is nobody else's, with its volumes.
const AWAY: &str = "docker compose down --volumes --timeout 5\n\
                    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force --volumes";

/// How long the guide may take: half of that is usual.
const GUIDE_MAX: Duration = Duration::from_mins(13);

/// Options of `engine`.
#[derive(clap::Args)]
pub struct Args {
    /// Checkouts to create during each upgrade, at least
    #[arg(long, default_value_t = 300)]
    creates: usize,
    /// Instead of the guide: kill, stop, freeze and cut off one of each kind, with three MongoDB servers and two of each
    /// service
    #[arg(long)]
    faults: bool,
}

fn skipped(reason: &str) -> ExitCode {
    println!("\nSkipped:\n  {reason}\n    docs/operations.md on an engine\n0 passed, 0 failed, 1 skipped");
    ExitCode::SUCCESS
}

/// Runs them; the last line is `N passed, N failed, N skipped`. Where there can be no engine, that counts as skipped.
pub async fn run(args: Args) -> Outcome {
    if let Some(reason) = daemon::missing() {
        return Ok(skipped(&reason));
    }
    tokio::task::spawn_blocking(build_services).await??;
    let folder = binaries(false).with_file_name("engine");
    // Whether there can be an engine and Debian's files is this machine's affair, what runs on it is ours.
    let engine = match Engine::start(&folder).await {
        Ok(engine) => engine,
        Err(reason) => return Ok(skipped(&reason.to_string())),
    };
    if let Err(reason) = images::bases(&engine).await {
        engine.stop().await;
        return Ok(skipped(&reason.to_string()));
    }
    say("Making images of the programs");
    images::programs(&engine, &folder, 1)?;
    let mut site = Site::new(engine, &folder)?;
    site.deadline = (!args.faults).then(|| Instant::now() + GUIDE_MAX);
    let told = story::tell(&mut site, &folder, args.creates, args.faults).await;
    if told.is_err() {
        println!("{}", site.logs());
    }
    site.deadline = None;
    let away = site.shell(AWAY);
    let passed = site.passed;
    site.engine.stop().await;
    for error in [told.as_ref().err(), away.as_ref().err()].into_iter().flatten() {
        eprintln!("error: {error}");
    }
    let failed = u32::from(told.is_err()) + u32::from(away.is_err());
    println!("{passed} passed, {failed} failed, {} skipped", told.as_ref().map_or(0, |skipped| *skipped));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
