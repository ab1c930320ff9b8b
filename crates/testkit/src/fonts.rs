//! Fonts for documents in scripts that the gateway does not bundle (Chinese, Japanese, Korean, Arabic, Hebrew, Thai,
//! Devanagari and others), for `cargo xtask up`: the system's, else those of two packages of PyPI, fetched once into
//! the cache folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::tools::cache_folder;

/// What is fetched, with its hashes.
const REQUIREMENTS: &str = include_str!("fonts.txt");

/// Folders that the worker looks at by itself.
const SYSTEM: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];

/// A family that stands for all: where it is installed, so are its kin.
const SIGN: &str = "NotoSansCJK";

/// The folder of the fonts; `None` where the system has them.
///
/// # Errors
///
/// A sentence that says why there are none. Documents in the bundled scripts need none.
pub fn locate() -> Result<Option<PathBuf>, String> {
    if SYSTEM.iter().any(|folder| holds(Path::new(folder), 3)) {
        return Ok(None);
    }
    let cache = cache_folder();
    let state = Sha256::digest(REQUIREMENTS.as_bytes());
    let folder = cache.join(format!("fonts-{}", &hex::encode(state)[..16]));
    if folder.exists() {
        return Ok(Some(folder));
    }
    let text = |error: std::io::Error| format!("{}: {error}", cache.display());
    std::fs::create_dir_all(&cache).map_err(text)?;
    // The lock goes with the process, so a killed fetch blocks nobody.
    let lock = File::create(cache.join("fonts.lock")).map_err(text)?;
    lock.lock().map_err(text)?;
    if !folder.exists() {
        fetch(&cache, &folder)?;
    }
    Ok(Some(folder))
}

fn holds(folder: &Path, depth: usize) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let is_sign = entry.file_name().to_string_lossy().starts_with(SIGN);
        is_sign || depth > 0 && entry.path().is_dir() && holds(&entry.path(), depth - 1)
    })
}

fn fetch(cache: &Path, folder: &Path) -> Result<(), String> {
    eprintln!("Fetching fonts (23 MB, once) into {} …", cache.display());
    let problem = |problem: String| format!("fonts could not be fetched with python3 and pip: {problem}");
    let scratch = tempfile::tempdir_in(cache).map_err(|error| problem(error.to_string()))?;
    let requirements = scratch.path().join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS).map_err(|error| problem(error.to_string()))?;
    let target = scratch.path().join("fonts");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--require-hashes", "--only-binary", ":all:", "--target"])
        .arg(&target)
        .arg("-r")
        .arg(&requirements);
    let output = pip.stdin(Stdio::null()).output().map_err(|error| problem(error.to_string()))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(problem(stderr.lines().next_back().unwrap_or("no message").to_owned()));
    }
    // A rename is atomic: nobody ever sees half a folder.
    std::fs::rename(&target, folder).map_err(|error| problem(error.to_string()))
}
