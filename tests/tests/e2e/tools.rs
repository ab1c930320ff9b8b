//! Libraries of other languages, installed at test time into `target/sdk`, once per state of the files that name
//! them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest, Sha256};

const NO_NODE: &str =
    "Node.js is missing: install version 18 or newer with npm (`apt-get install nodejs npm`)";
const NO_PYTHON: &str =
    "Python is missing: install version 3.9 or newer with pip (`apt-get install python3 python3-pip`)";

/// The folder in which `install` has put what these files name, made once per state of the files.
pub fn install(
    name: &str,
    sources: &Path,
    files: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let parent = target.join("sdk");
    std::fs::create_dir_all(&parent).unwrap();
    // Other test processes may come here at the same time; the lock goes with the process.
    let lock = File::create(parent.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let mut state = Sha256::new();
    for file in files {
        state.update(std::fs::read(sources.join(file)).unwrap());
    }
    let done = parent.join(format!("{name}-{}", &hex::encode(state.finalize())[..16]));
    if done.exists() {
        return Ok(done);
    }
    let unfinished = parent.join(format!("{name}.unfinished"));
    let _ = std::fs::remove_dir_all(&unfinished);
    std::fs::create_dir_all(&unfinished).unwrap();
    for file in files {
        std::fs::copy(sources.join(file), unfinished.join(file)).unwrap();
    }
    install(&unfinished)?;
    std::fs::rename(&unfinished, &done).unwrap();
    Ok(done)
}

/// What `package-lock.json` names.
pub fn npm(folder: &Path) -> Result<(), String> {
    let mut npm = testkit::tools::command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    run(npm, NO_NODE)
}

/// What `requirements.txt` names, each by its hash.
pub fn pip(folder: &Path) -> Result<(), String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--require-hashes", "--only-binary", ":all:", "--target", ".", "-r", "requirements.txt"])
        .current_dir(folder);
    run(pip, NO_PYTHON)
}

/// Runs an installer; `missing` is what to say where there is none.
fn run(mut command: Command, missing: &str) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{missing} ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let problem = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} cannot install the libraries of tests/sdk: {problem}", command.get_program().display()))
}
