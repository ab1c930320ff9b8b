//! `cargo xtask test`: every test of the workspace, and how many passed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use testkit::mongod::{self, Mongod, Source, TEST_URI_VARIABLE};
use testkit::tools::{self, SKIPPED_VARIABLE};

use crate::Outcome;
use crate::settings::from_caller;
use crate::stack::say;
use crate::tools::{Missing, provide_all};
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

/// Runs the tests; the last line of its output is `N passed, N failed, N skipped`, and before it stands why tests were
/// skipped. A test whose tool is missing is skipped: it has neither passed nor failed.
pub async fn run(args: Args) -> Outcome {
    let (mut mongod, uri) = shared_mongod().await?;
    let missing = tokio::task::spawn_blocking(provide_all).await?;
    let counts = tokio::task::spawn_blocking(move || build_and_test(&args, &uri, &missing)).await??;
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

fn build_and_test(args: &Args, uri: &str, missing: &[Missing]) -> Outcome<Counts> {
    build_services()?;
    let notes = tempfile::NamedTempFile::new()?;
    say("Building and running the tests");
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).args(&args.filter);
    command.arg("--").args(&args.rest).env(TEST_URI_VARIABLE, uri).stdout(Stdio::piped());
    command.env("PATH", tools::path()).env(SKIPPED_VARIABLE, notes.path());
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
    let skipped = Skipped::read(&std::fs::read_to_string(notes.path())?, &counts.ok);
    print!("{}", skipped.told(missing));
    counts.set_aside(skipped.tests);
    Ok(counts)
}

/// What the test programs reported.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// The tests that are said to have passed, by their names, and how many have each.
    ok: BTreeMap<String, u64>,
}

/// Tests that came back without having run, by reason.
#[derive(Debug, Default, PartialEq, Eq)]
struct Skipped {
    reasons: BTreeMap<String, BTreeSet<String>>,
    tests: u64,
}

impl Skipped {
    /// Reads the tests' notes: lines of a name and a reason. One that failed all the same is no skipped one.
    fn read(notes: &str, ok: &BTreeMap<String, u64>) -> Self {
        let mut skipped = Self::default();
        let mut seen = BTreeSet::new();
        for (test, reason) in notes.lines().filter_map(|line| line.split_once('\t')) {
            if !ok.contains_key(test) {
                continue;
            }
            skipped.tests += u64::from(seen.insert(test));
            skipped.reasons.entry(reason.to_owned()).or_default().insert(test.to_owned());
        }
        skipped
    }

    /// For people: each reason with its tests, and why a tool is missing.
    fn told(&self, missing: &[Missing]) -> String {
        let mut text = if self.tests > 0 { "\nSkipped:\n".to_owned() } else { String::new() };
        for (reason, tests) in &self.reasons {
            let why = missing.iter().find(|(tool, _)| tool.name() == reason);
            let reason = why
                .map_or_else(|| reason.clone(), |(tool, why)| format!("{} is missing: {why}", tool.name()));
            let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
            text += format!("  {reason}\n    {}\n", tests.join("\n    ")).as_str();
        }
        text
    }
}

impl Counts {
    /// Takes tests that did not run out of those that passed.
    fn set_aside(&mut self, skipped: u64) {
        self.passed = self.passed.saturating_sub(skipped);
        self.skipped += skipped;
    }

    /// Adds the figures of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or notes the name in
    /// one such as `test money::adds ... ok`.
    fn add(&mut self, line: &str) {
        let name = line.strip_prefix("test ").and_then(|rest| rest.trim_end().strip_suffix(" ... ok"));
        if let Some(name) = name {
            let name = name.strip_suffix(" - should panic").unwrap_or(name);
            *self.ok.entry(name.to_owned()).or_default() += 1;
        }
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
    use testkit::tools::Tool;

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
        assert_eq!(counts.ok.into_iter().collect::<Vec<_>>(), [("money::adds".to_owned(), 1)]);
    }

    #[test]
    fn a_test_without_its_tool_has_neither_passed_nor_failed() {
        let mut counts = Counts::default();
        for line in [
            "test page::reads ... ok\n",
            "test page::speaks ... ok\n",
            "test page::breaks ... FAILED\n",
            "test page::adds ... ok\n",
            "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        ] {
            counts.add(line);
        }
        let browser = Tool::Chromium.name();
        let notes = format!(
            "page::reads\t{browser}\npage::reads\t{browser}\npage::speaks\tit is Sunday\npage::breaks\t{browser}\n"
        );
        let skipped = Skipped::read(&notes, &counts.ok);
        let told = skipped.told(&[(Tool::Chromium, "nobody may install it".to_owned())]);
        assert!(told.contains("chromedriver is missing: nobody may install it\n    page::reads\n"), "{told}");
        assert!(told.contains("it is Sunday\n    page::speaks\n") && !told.contains("breaks"), "{told}");
        counts.set_aside(skipped.tests);
        assert_eq!(counts.to_string(), "1 passed, 1 failed, 4 skipped");
    }
}
