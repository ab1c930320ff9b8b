//! Caddy: built as `deploy/caddy` pins it where Go is there, else the one that is installed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::Spec;
use crate::tools;

/// The first version that knows everything in `deploy/Caddyfile` but the storage.
const CURRENT: (u32, u32) = (2, 11);

/// A Caddy that can be run, and what of `deploy/Caddyfile` it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caddy {
    /// The program.
    pub program: PathBuf,
    /// As it says itself.
    pub version: String,
    /// What it can do.
    pub edition: Edition,
    /// Why it is not the pinned one.
    pub instead: Option<String>,
}

/// The value of `CADDY_EDITION` that a Caddy needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// The pinned one, with its storage in MongoDB.
    Mongodb,
    /// The same version without.
    Stock,
    /// Older.
    Old,
}

impl Edition {
    /// As the Caddyfile reads it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mongodb => "mongodb",
            Self::Stock => "stock",
            Self::Old => "2.6",
        }
    }
}

/// The best Caddy there is; `None` where there is none at all. `root` is the repository. Building takes a
/// minute the first time, and a second from then on.
///
/// # Panics
/// When the folder `target` cannot be written.
pub fn locate(root: &Path) -> Option<Caddy> {
    let reason = match build(root) {
        Ok(program) => {
            let version = version_of(&program)?;
            return Some(Caddy { program, version, edition: Edition::Mongodb, instead: None });
        }
        Err(reason) => reason,
    };
    let program = tools::locate("caddy")?;
    let version = version_of(&program)?;
    let edition = if number_of(&version)? >= CURRENT { Edition::Stock } else { Edition::Old };
    Some(Caddy { program, version, edition, instead: Some(reason) })
}

/// Whether [`locate`] would have to build first.
pub fn is_built(root: &Path) -> bool {
    root.join("target/caddy/caddy").is_file()
}

/// Runs `deploy/Caddyfile`, its own state in `state`.
pub fn spec(root: &Path, caddy: &Caddy, state: &Path, log: PathBuf) -> Spec {
    let state = state.display().to_string();
    Spec::new("caddy", &caddy.program, log)
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(root.join("deploy/Caddyfile"))
        .env("CADDY_ADMIN", "off")
        .env("XDG_DATA_HOME", &state)
        .env("XDG_CONFIG_HOME", &state)
}

fn build(root: &Path) -> Result<PathBuf, String> {
    // Go is started in another folder: a relative path would name another place there.
    let folder = std::path::absolute(root.join("target/caddy")).map_err(|error| error.to_string())?;
    std::fs::create_dir_all(&folder).expect("target can be written");
    // One at a time: test programs run side by side.
    let lock = File::create(folder.join("lock")).expect("target can be written");
    lock.lock().expect("a file of our own can be locked");
    let program = folder.join("caddy");
    let building = tools::command("go")
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o"])
        .args([program.as_path(), Path::new(".")])
        .current_dir(root.join("deploy/caddy"))
        .stdin(Stdio::null())
        .output();
    match building {
        Err(_) => Err("Go is not installed".to_owned()),
        Ok(output) if !output.status.success() => {
            let text = String::from_utf8_lossy(&output.stderr);
            let first = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default().trim();
            Err(format!("Go could not build it: {first}"))
        }
        Ok(_) => Ok(program),
    }
}

fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.split_whitespace().next().unwrap_or_default().to_owned())
}

fn number_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(number_of("v2.11.9"), Some((2, 11)));
        assert!(number_of("2.6.2").unwrap() < CURRENT);
        assert_eq!(number_of("unknown"), None);
    }
}
