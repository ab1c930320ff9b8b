//! Where things lie, and cargo itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;

/// The three services, in the order in which they are started.
pub const SERVICES: [&str; 3] = ["admin-api", "main-backend", "worker"];

/// The workspace's root folder.
pub fn root() -> PathBuf {
    // `cargo run` tells where this package lies: two folders below the root.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = package.as_deref().and_then(Path::parent).and_then(Path::parent);
    root.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// What `up` keeps from one run to the next.
pub fn dev_folder() -> PathBuf {
    root().join("target/dev")
}

/// Where cargo puts the binaries.
pub fn binaries(release: bool) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(if release { "release" } else { "debug" })
}

/// A cargo command in the root folder, without the variables that `cargo run` gave to this process: they
/// would look like changes to build scripts.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_CRATE_NAME"
        {
            command.env_remove(&*name);
        }
    }
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Builds the three services; cargo's progress is shown.
pub async fn build_services(release: bool) -> Outcome<()> {
    let mut command = cargo();
    command.arg("build");
    for service in SERVICES {
        command.args(["--bin", service]);
    }
    if release {
        command.arg("--release");
    }
    let status = tokio::task::spawn_blocking(move || command.status()).await??;
    if status.success() { Ok(()) } else { Err("the services did not build (see above)".into()) }
}

/// Writes a file that only its owner may read, all of it or nothing.
pub fn write_private(path: &Path, text: &str) -> Outcome<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(Path::new("."));
    let fail = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    std::fs::create_dir_all(folder).map_err(fail)?;
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.persist(path).map_err(|e| fail(e.error))?;
    Ok(())
}
