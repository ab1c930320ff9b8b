//! An installation: a folder as an operator has it, and the commands that are run in it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use testkit::process::{ScratchFolder, free_port};

use super::daemon::{Engine, said};
use super::guide::Guide;
use super::images;
use super::shop::Shop;
use crate::Outcome;
use crate::workspace::root;

/// What an operator would write into `.env`, beside what images need.
const ENV: [(&str, &str); 8] = [
    ("ADMIN_FRONTEND_DOMAIN", "admin.example.com"),
    ("ADMIN_BACKEND_DOMAIN", "api.example.com"),
    ("MAIN_FRONTEND_DOMAIN", "pay.example.com"),
    ("MAIN_BACKEND_DOMAIN", "hooks.example.com"),
    // No authority on the internet gives a certificate for these.
    ("GATEWAY_TLS", "internal"),
    ("MONGO_CACHE_GB", "0.25"),
    // All shops of the test call from one address.
    ("RATE_LIMIT_PER_ADDRESS", "0"),
    // The shop's receiver is on this machine.
    ("IPN_ALLOW_PRIVATE_TARGETS", "true"),
];

/// The installation and what is known of it.
pub struct Site {
    /// The engine that it runs on.
    pub engine: Engine,
    /// Where the commands come from.
    pub guide: Guide,
    /// The shop that uses it; its key comes with the installation.
    pub shop: Shop,
    /// The organization.
    pub organization: String,
    /// The sandbox's account.
    pub sandbox: String,
    /// Checks that have passed.
    pub passed: u32,
    /// When no more commands are begun.
    pub deadline: Option<Instant>,
    folder: ScratchFolder,
}

impl Site {
    /// A folder with what is needed of the repository. Only ports and limits of this machine differ from it.
    pub fn new(engine: Engine, scratch: &std::path::Path) -> Outcome<Self> {
        let folder = ScratchFolder::new(scratch, "site-")?;
        for name in ["docker-compose.yml", ".dockerignore", "deploy"] {
            said("cp", Command::new("cp").arg("-r").arg(root().join(name)).arg(folder.path()))?;
        }
        let port = free_port();
        // A daemon in a sandbox may not give more than it has itself.
        let limits = fs::read_to_string("/proc/self/limits")?;
        let files =
            limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().nth(1));
        let files = files.unwrap_or("20000");
        let here = format!(
            "services:\n  mongo:\n    ulimits: !override\n      nofile: {files}\n  caddy:\n    ports: !override [\"127.0.0.1:{port}:443\"]\n"
        );
        fs::write(folder.path().join("docker-compose.override.yml"), here)?;
        let shop = Shop { port, key: String::new(), site: String::new() };
        Ok(Self {
            engine,
            guide: Guide::read()?,
            shop,
            organization: String::new(),
            sandbox: String::new(),
            passed: 0,
            deadline: None,
            folder,
        })
    }

    /// A file of the installation.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the operator writes into `.env` at the beginning.
    pub fn write_first_env(&self) -> Outcome<()> {
        ENV.into_iter().chain(images::ENV).try_for_each(|(name, value)| self.set(name, value))
    }

    /// Sets a variable in `.env`: in its line where it has one, else behind all.
    pub fn set(&self, name: &str, value: &str) -> Outcome<()> {
        let path = self.file(".env");
        let start = format!("{name}=");
        let text = fs::read_to_string(&path)?;
        let others: Vec<&str> = text.lines().filter(|line| !line.starts_with(&start)).collect();
        let mut file = fs::File::create(&path)?;
        Ok(write!(file, "{}\n{name}={value}\n", others.join("\n"))?)
    }

    /// A variable of `.env`.
    pub fn get(&self, name: &str) -> Outcome<String> {
        let text = fs::read_to_string(self.file(".env"))?;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Ok(found.ok_or_else(|| format!(".env has no {name}"))?.to_owned())
    }

    /// Runs the block of the guide under a heading that holds these words; what it printed.
    pub fn follow(&mut self, heading: &str, words: &str) -> Outcome<String> {
        let commands = self.guide.take(heading, words)?;
        self.shell(&commands)
    }

    /// Runs commands in the installation's folder; one that fails ends them.
    pub fn shell(&mut self, commands: &str) -> Outcome<String> {
        let started = Instant::now();
        if self.deadline.is_some_and(|deadline| started > deadline) {
            return Err("it takes longer than it may".into());
        }
        let mut bash = Command::new("timeout");
        // No step takes this long that is not stuck.
        bash.args(["--kill-after=10", "300", "bash", "-euo", "pipefail", "-c", commands])
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        self.engine.at_this_engine(&mut bash);
        let text = said(commands, &mut bash)?;
        let first = commands.trim().lines().next().unwrap_or_default();
        println!("  {:>6.1} s  {first}", started.elapsed().as_secs_f64());
        self.passed += 1;
        Ok(text)
    }

    /// Notes a check beyond a command's success.
    pub fn check(&mut self, what: &str, holds: bool, found: &str) -> Outcome<()> {
        if !holds {
            return Err(format!("{what}: {found}").into());
        }
        println!("        ok  {what}");
        self.passed += 1;
        Ok(())
    }

    /// Takes organization, site and key from what `bootstrap` printed.
    pub fn know(&mut self, printed: &str) -> Outcome<()> {
        let value = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.map(str::to_owned).ok_or_else(|| format!("bootstrap tells no {name}: {printed}"))
        };
        self.organization = value("organization ")?;
        self.shop.site = value("site ")?;
        self.shop.key = value("API key ")?;
        self.sandbox = value("sandbox ")?;
        Ok(())
    }

    /// The ids of a service's containers.
    pub fn containers(&mut self, service: &str) -> Outcome<Vec<String>> {
        let ids = self.shell(&format!("docker compose ps --quiet {service}"))?;
        Ok(ids.lines().map(str::to_owned).collect())
    }

    /// The image that a service's one container was made of.
    pub fn image(&mut self, service: &str) -> Outcome<String> {
        self.shell(&format!(
            "docker inspect --format '{{{{.Image}}}}' $(docker compose ps --quiet {service})"
        ))
    }

    /// Kills the program in a container as the kernel does when memory runs out; Docker then starts it again.
    pub fn kill(&self, container: &str) -> Outcome<()> {
        let init = self.engine.run(&["inspect", "--format", "{{.State.Pid}}", container])?;
        let children = fs::read_to_string(format!("/proc/{init}/task/{init}/children"))?;
        let program = children.split_whitespace().next().ok_or("a container without a program")?;
        said("kill", Command::new("kill").args(["-KILL", program])).map(drop)
    }

    /// The last lines of every container, for whoever looks for what went wrong.
    pub fn logs(&mut self) -> String {
        let mut bash = Command::new("bash");
        let commands = "docker compose ps --all; docker compose logs --tail 15";
        bash.args(["-c", commands]).current_dir(self.folder.path()).stdin(Stdio::null());
        self.engine.at_this_engine(&mut bash);
        bash.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}
