//! `cargo xtask test`: every test of the workspace, and how many passed.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use testkit::mongod::{self, Mongod, Source, TEST_URI_VARIABLE};

use crate::Outcome;
use crate::settings::from_caller;
use crate::stack::say;
use crate::workspace::cargo;

/// Options of `test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// What to hand to the test programs, after `--`
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Runs the tests; the last line of its output is `N passed, N failed, N skipped`.
pub async fn run(args: Args) -> Outcome {
    let (mut mongod, uri) = shared_mongod().await?;
    let counts = tokio::task::spawn_blocking(move || build_and_test(&args, &uri)).await??;
    if let Some(mongod) = &mut mongod {
        mongod.kill9().await;
    }
    drop(mongod);
    println!("{counts}");
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A MongoDB for tests: the caller's own, or one that lives as long as it is held.
pub async fn shared_mongod() -> Outcome<(Option<Mongod>, String)> {
    if let Some(uri) = from_caller(TEST_URI_VARIABLE) {
        return Ok((None, uri));
    }
    match mongod::locate().await? {
        Source::Uri(uri) => Ok((None, uri)),
        Source::Binary(_) => {
            say("Starting MongoDB");
            let mongod = Mongod::start(mongod::Options::default()).await?;
            let uri = mongod.uri();
            Ok((Some(mongod), uri))
        }
    }
}

/// Builds what the end-to-end tests start, which `cargo test` alone would not bring up to date.
pub fn build_services() -> Outcome<()> {
    say("Building the services");
    let built = cargo().args(["build", "--workspace", "--bins"]).status()?;
    if !built.success() {
        return Err("the workspace did not build (see above)".into());
    }
    Ok(())
}

fn build_and_test(args: &Args, uri: &str) -> Outcome<Counts> {
    build_services()?;
    say("Building and running the tests");
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(&args.filter);
    command.arg("--").args(&args.rest).env(TEST_URI_VARIABLE, uri).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut counts = Counts::default();
    let stdout = child.stdout.take().expect("stdout is piped two lines above");
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        counts.add(&text);
        line.clear();
    }
    if !child.wait()?.success() && counts.failed == 0 {
        // A test program that did not build, or that ended without its last line.
        eprintln!("error: a test program did not finish (see above); it counts as one failure");
        counts.failed = 1;
    }
    Ok(counts)
}

/// What the test programs reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Adds the figures of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        for figure in result.split(['.', ';']) {
            let Some((number, what)) = figure.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_all_programs_are_added() {
        let mut counts = Counts::default();
        for line in [
            "test money::adds ... ok\n",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 6.61s\n",
            "test result: \u{1b}[31mFAILED\u{1b}[0m. 9 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        ] {
            counts.add(line);
        }
        assert_eq!(counts.to_string(), "21 passed, 2 failed, 1 skipped");
    }
}
