//! The script that asks other people's libraries, and where it finds them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const MISSING: &str =
    "Python is missing: install version 3.11 or newer with pip (`apt-get install python3 python3-pip`)";

/// The folder with the libraries, or what is in the way.
static LIBRARIES: LazyLock<Result<PathBuf, String>> =
    LazyLock::new(|| install("papers", &source("requirements.txt")));

/// The folder with fonts of other scripts.
static FONTS: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    install("fonts", &Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/src/fonts.txt"))
});

/// A folder of fonts for every script.
pub fn fonts() -> PathBuf {
    FONTS.as_ref().unwrap_or_else(|missing| panic!("{missing}")).clone()
}

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/truth").join(file)
}

fn temporary() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Installs what a file of requirements names, once per state of that file.
fn install(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let parent = temporary().parent().unwrap().join("sdk");
    std::fs::create_dir_all(&parent).unwrap();
    // Other test processes may come here at the same time; the lock goes with the process.
    let lock = File::create(parent.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let state = Sha256::digest(std::fs::read(requirements).unwrap());
    let done = parent.join(format!("{name}-{}", &hex::encode(state)[..16]));
    if done.exists() {
        return Ok(done);
    }
    let unfinished = parent.join(format!("{name}.unfinished"));
    let _ = std::fs::remove_dir_all(&unfinished);
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--require-hashes", "--only-binary", ":all:", "--target"])
        .arg(&unfinished)
        .arg("-r")
        .arg(requirements)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{MISSING} ({error})"))?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        return Err(format!("pip cannot install the libraries of crates/documents/tests/truth: {problem}"));
    }
    std::fs::rename(&unfinished, &done).unwrap();
    Ok(done)
}

/// Asks all of it in one process; one answer per question.
pub fn ask(questions: &[Value]) -> Vec<Value> {
    let libraries = LIBRARIES.as_ref().unwrap_or_else(|missing| panic!("{missing}"));
    let mut child = Command::new("python3")
        .arg(source("check.py"))
        .env("PYTHONPATH", libraries)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(questions).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "check.py ended with {}", output.status);
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// A folder of a test's own, gone with the value.
pub fn folder(test: &str) -> TempDir {
    tempfile::Builder::new().prefix(&format!("papers-{test}-")).tempdir_in(temporary()).unwrap()
}

/// The path of a file with this content.
pub fn written(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}
