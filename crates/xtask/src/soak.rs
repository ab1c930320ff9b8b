//! `cargo xtask soak`: the kill tests, again and again, from another seed each time.

use std::process::ExitCode;

use crate::Outcome;
use crate::stack::say;
use crate::workspace::cargo;

/// Options of `soak`.
#[derive(clap::Args)]
pub struct Args {
    /// Passes over the kill matrix
    #[arg(long, default_value_t = 20)]
    passes: u32,
    /// Kills of mongod while shops go on selling; a third as many fail-overs of three
    #[arg(long, default_value_t = 50)]
    mongod_kills: u32,
    /// Repeats an earlier run; a random one when absent
    #[arg(long)]
    seed: Option<u64>,
    /// Only these fault points, such as `deliver` or `relay.after_pull`
    #[arg(long)]
    point: Option<String>,
}

/// The tests that take part: everything below the module `kill` that grows with the passes.
const TESTS: [&str; 2] = ["kill::matrix::", "kill::database::"];

/// Runs them one after the other, with their figures shown.
pub async fn run(args: Args) -> Outcome {
    tokio::task::spawn_blocking(move || soak(&args)).await?
}

fn soak(args: &Args) -> Outcome {
    say("Building the services");
    if !cargo().args(["build", "--workspace", "--bins"]).status()?.success() {
        return Err("the workspace did not build (see above)".into());
    }
    let seed = args.seed.unwrap_or_else(rand::random);
    println!("seed {seed}: `cargo xtask soak --seed {seed}` repeats this run");
    let mut command = cargo();
    command.args(["test", "--package", "e2e", "--test", "e2e", "--"]).args(TESTS);
    // One at a time: a machine that is busy with one of them must not slow the other's recoveries down.
    command.args(["--nocapture", "--test-threads", "1"]);
    command.env("SOAK_PASSES", args.passes.to_string());
    command.env("SOAK_MONGOD_KILLS", args.mongod_kills.to_string());
    command.env("SOAK_SEED", seed.to_string());
    if let Some(point) = &args.point {
        command.env("KILL_POINT", point);
    }
    Ok(if command.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
