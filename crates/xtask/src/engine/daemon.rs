//! A Docker engine of its own: other data, another socket. Whatever runs on this machine already is not touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::process::{Child, Spec};
use testkit::tools::{self, Tool, cache_folder};

use crate::Outcome;
use crate::stack::say;

/// The version of Compose that is built where none is kept from an earlier run.
const COMPOSE: &str = "v2.40.3";

/// How long the daemon may take to start.
const READY: Duration = Duration::from_mins(1);

/// A running engine. Dropping it kills the daemon; [`Engine::stop`] lets it take its containers away first.
pub struct Engine {
    folder: PathBuf,
    daemon: Child,
}

/// Why there can be no engine here; `None` where there can.
pub fn missing() -> Option<String> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0);
    if !is_root {
        return Some("a Docker engine of its own can be started by root alone".to_owned());
    }
    if !Tool::Go.is_there() {
        return Some(
            "Compose is built with Go, which is missing (`cargo xtask tools` installs it)".to_owned(),
        );
    }
    let wanted = [("dockerd", "docker.io"), ("iptables", "iptables"), ("debootstrap", "debootstrap")];
    let absent = wanted.iter().filter(|(program, _)| {
        let sbin = Path::new("/usr/sbin").join(program);
        tools::locate(program).is_none() && !sbin.is_file()
    });
    let packages: Vec<&str> = absent.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return None;
    }
    say(&format!("Installing {}", packages.join(", ")));
    let apt = |words: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive");
        apt.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let install = [&["install", "-y", "--no-install-recommends"], &packages[..]].concat();
    let installed = apt(&["update"]) && apt(&install);
    (!installed).then(|| format!("apt could not install {}", packages.join(", ")))
}

impl Engine {
    /// Starts it, with its data in a folder.
    pub async fn start(folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder.join("config/cli-plugins"))?;
        let plugin = folder.join("config/cli-plugins/docker-compose");
        let _ = fs::remove_file(&plugin);
        symlink(compose()?, &plugin)?;
        say("Starting a Docker engine");
        let spec = Spec::new("dockerd", "dockerd", folder.join("dockerd.log"))
            .arg("--data-root")
            .arg(folder.join("docker"))
            .arg("--exec-root")
            .arg(format!("/run/tollgate-engine-{}", std::process::id()))
            .arg("--pidfile")
            .arg(folder.join("dockerd.pid"))
            .arg("--host")
            .arg(socket(folder))
            // The containers' networks are Compose's; one for all would be in another engine's way.
            .args(["--bridge", "none"])
            .env("PATH", system_path());
        let _ = fs::remove_file(folder.join("dockerd.pid"));
        let mut engine = Self { folder: folder.to_owned(), daemon: Child::spawn(&spec)? };
        let started = Instant::now();
        while !engine.docker(&["version"]).output()?.status.success() {
            if engine.daemon.exit_code().is_some() || started.elapsed() > READY {
                return Err(format!("dockerd does not start:\n{}", engine.daemon.log_text()).into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(engine)
    }

    /// A docker command.
    pub fn docker(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(words).stdin(Stdio::null());
        self.at_this_engine(&mut command);
        command
    }

    /// What makes `docker` in a command's shell speak to this engine.
    pub fn at_this_engine(&self, command: &mut Command) {
        command.env("DOCKER_HOST", socket(&self.folder)).env("DOCKER_CONFIG", self.folder.join("config"));
        command.env("PATH", system_path()).env("NO_COLOR", "1").env("COMPOSE_PROGRESS", "plain");
        // buildx is not there.
        command.env("COMPOSE_BAKE", "false");
    }

    /// Runs a docker command that must succeed; its output, trimmed.
    pub fn run(&self, words: &[&str]) -> Outcome<String> {
        said(words.join(" ").as_str(), &mut self.docker(words))
    }

    /// Makes an image of one archive's files.
    pub fn import(&self, archive: &Path, image: &str, changes: &[&str]) -> Outcome<()> {
        let archive = archive.display().to_string();
        let changes = changes.iter().flat_map(|change| ["--change", change]);
        let words: Vec<&str> =
            ["import"].into_iter().chain(changes).chain([archive.as_str(), image]).collect();
        self.run(&words).map(drop)
    }

    /// Lets the daemon end in order, and takes its gigabytes away.
    pub async fn stop(mut self) {
        self.daemon.sigterm(Duration::from_mins(1)).await;
        if let Err(error) = fs::remove_dir_all(self.folder.join("docker")) {
            eprintln!("the engine's data stays in {}: {error}", self.folder.display());
        }
    }
}

/// Runs a command that must succeed; what it printed, trimmed.
pub fn said(what: &str, command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{what}\n{text}\n{}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

fn socket(folder: &Path) -> String {
    format!("unix://{}/docker.sock", folder.display())
}

/// With the folders that only root has.
fn system_path() -> String {
    format!("{}:/usr/sbin:/sbin", tools::path().display())
}

/// Compose, built from its Go module: Debian has none that is new enough.
fn compose() -> Outcome<PathBuf> {
    let program = cache_folder().join(format!("compose-{COMPOSE}/docker-compose"));
    if program.is_file() {
        return Ok(program);
    }
    say("Building Compose (minutes, once)");
    let module = format!("github.com/docker/compose/v2@{COMPOSE}");
    let download = said("go mod download", tools::command("go").args(["mod", "download", "-json", &module]))?;
    let download: serde_json::Value = serde_json::from_str(&download)?;
    let source = download["Dir"].as_str().ok_or("go tells no folder")?;
    let version = format!("-s -w -X github.com/docker/compose/v2/internal.Version={COMPOSE}");
    let unfinished = program.with_extension("unfinished");
    let mut build = tools::command("go");
    build.args(["build", "-buildvcs=false", "-trimpath", "-ldflags", &version, "-o"]).arg(&unfinished);
    said("go build", build.arg("./cmd").current_dir(source))?;
    fs::rename(unfinished, &program)?;
    Ok(program)
}
