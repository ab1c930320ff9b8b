//! Child processes that never outlive the process that started them.
//!
//! Each child runs under a small `sh` that holds the read end of a pipe. When the starting process ends,
//! by whatever cause (SIGKILL included), the pipe closes and the shell kills its child. This needs neither
//! `unsafe` nor a platform crate. Signals travel down the same pipe, so that a pid that has been reused can
//! never be hit.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Pause between two looks at a child's state.
const POLL: Duration = Duration::from_millis(5);

/// Ports handed out lie below the range from which Linux takes outgoing ports (32768 and up), so that no
/// connection of a test can occupy the port of a server that is down for a restart.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The supervising shell: `$1` is the log file, the rest is the command.
/// Descriptor 3 is the pipe: a line is the name of a signal to pass on, its end means SIGKILL.
const SUPERVISOR: &str = r#"
exec 3<&0
log=$1
shift
"$@" </dev/null >>"$log" 2>&1 3<&- &
pid=$!
echo "$pid"
exec >/dev/null 2>&1
(
  while read -r signal; do kill -s "$signal" "$pid"; done
  kill -s KILL "$pid"
) <&3 &
watcher=$!
wait "$pid"
code=$?
kill -s KILL "$watcher"
exit "$code"
"#;

/// Removes the folder `$1` when the pipe closes; again, should a dying process still write there.
const JANITOR: &str = r#"
cat >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$1" && [ ! -e "$1" ] && exit
  sleep 0.2
done
"#;

/// Why a child could not be started or did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The operating system refused to start it.
    #[error("cannot start {name}: {source}")]
    Start {
        /// The child's name.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended with code {code} before it was ready; the end of {}:\n{log_tail}", log.display())]
    Ended {
        /// The child's name.
        name: String,
        /// Exit code; 128 + n for signal n.
        code: i32,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        log_tail: String,
    },
    /// It runs but did not answer in time.
    #[error("{name} was not ready within {} s; the end of {}:\n{log_tail}", limit.as_secs(), log.display())]
    NotReady {
        /// The child's name.
        name: String,
        /// How long was waited.
        limit: Duration,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        log_tail: String,
    },
}

/// A signal that a child can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: please end.
    Term,
    /// SIGKILL: end now.
    Kill,
    /// SIGSTOP: freeze, as a long pause of the machine would.
    Stop,
    /// SIGCONT: thaw.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Spec {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    log: PathBuf,
}

impl Spec {
    /// `program` (a path or a name on PATH), with output appended to the file `log`, whose folder is made.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            log: log.into(),
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable on top of the inherited environment; a later one wins.
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Sets variables on top of the inherited environment.
    pub fn envs<K: Into<String>, V: Into<String>>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(vars.into_iter().map(|(k, v)| (k.into(), v.into())));
        self
    }

    /// The child's name, used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that collects its output.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// A running (or ended) child process. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Child {
    name: String,
    log: PathBuf,
    pid: u32,
    supervisor: std::process::Child,
    pipe: Option<ChildStdin>,
}

impl Child {
    /// Starts `spec`. A program that does not exist shows as exit code 127, its reason in the log.
    pub fn spawn(spec: &Spec) -> Result<Self, ProcessError> {
        let fail = |source| ProcessError::Start { name: spec.name.clone(), source };
        if let Some(folder) = spec.log.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&spec.log)
            .arg(&spec.program)
            .args(&spec.args)
            .envs(spec.env.iter().map(|(k, v)| (k, v)))
            // A group of its own: Ctrl-C in a terminal reaches the starter alone, which then ends its
            // children in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(fail)?;
        let pipe = supervisor.stdin.take();
        let stdout = supervisor.stdout.take().expect("stdout is piped three lines above");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(fail)?;
        let pid = line.trim().parse().map_err(|_| fail(std::io::Error::other("its shell told no pid")))?;
        Ok(Self { name: spec.name.clone(), log: spec.log.clone(), pid, supervisor, pipe })
    }

    /// The child's name, used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The child's own process id (not its supervisor's). Read it, never signal it: use [`Child::signal`].
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file that collects its output.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All output so far; bytes that are not UTF-8 are replaced.
    pub fn log_text(&self) -> String {
        std::fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Resident memory in bytes, from `/proc`; `None` when it has ended.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }

    /// Exit code if it has ended (128 + n for signal n), else `None`. Never blocks.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.supervisor.try_wait().ok().flatten()?;
        Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    /// Sends a signal. Does nothing when the child has ended.
    pub fn signal(&mut self, signal: Signal) {
        if let Some(pipe) = self.pipe.as_mut() {
            // A broken pipe means that it has ended, which is what the caller will see next anyway.
            let _ = writeln!(pipe, "{}", signal.name());
        }
    }

    /// Waits for its end and returns the exit code (128 + n for signal n).
    pub async fn wait(&mut self) -> i32 {
        loop {
            if let Some(code) = self.exit_code() {
                return code;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// SIGKILL, then waits for the end.
    pub async fn sigkill(&mut self) -> i32 {
        self.signal(Signal::Kill);
        self.wait().await
    }

    /// SIGTERM, then waits for the end; after `grace` SIGKILL.
    pub async fn sigterm(&mut self, grace: Duration) -> i32 {
        self.signal(Signal::Term);
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(code) => code,
            Err(_) => self.sigkill().await,
        }
    }

    /// Waits until `GET path` at `address` answers 200, for at most `limit`.
    pub async fn wait_healthy(
        &mut self,
        address: SocketAddr,
        path: &str,
        limit: Duration,
    ) -> Result<(), ProcessError> {
        let start = Instant::now();
        while http_status(address, path).await != Some(200) {
            self.still_starting(start, limit)?;
            tokio::time::sleep(POLL * 4).await;
        }
        Ok(())
    }

    /// Waits until something accepts connections at `address`, for at most `limit`.
    pub async fn wait_listening(&mut self, address: SocketAddr, limit: Duration) -> Result<(), ProcessError> {
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            self.still_starting(start, limit)?;
            tokio::time::sleep(POLL * 2).await;
        }
        Ok(())
    }

    /// An error if it has ended or if `limit` has passed since `start`.
    pub(crate) fn still_starting(&mut self, start: Instant, limit: Duration) -> Result<(), ProcessError> {
        let (name, log) = (self.name.clone(), self.log.clone());
        if let Some(code) = self.exit_code() {
            return Err(ProcessError::Ended { name, code, log, log_tail: self.log_tail() });
        }
        if start.elapsed() >= limit {
            return Err(ProcessError::NotReady { name, limit, log, log_tail: self.log_tail() });
        }
        Ok(())
    }

    fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.pipe = None;
        // SIGKILL cannot be refused, so this wait is short; it frees the port and the folder for the next.
        let _ = self.supervisor.wait();
    }
}

/// A new folder that is removed when this value is dropped or when this process ends by whatever cause.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    janitor: std::process::Child,
}

impl ScratchFolder {
    /// Makes a folder in `parent` with a name of its own that starts with `prefix`.
    pub fn new(parent: &Path, prefix: &str) -> std::io::Result<Self> {
        let path = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?.keep();
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "janitor"])
            .arg(&path)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { path, janitor })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Waiting closes the pipe first.
        let _ = self.janitor.wait();
    }
}

/// The status code of `GET path`, or `None` when nobody answers properly within 2 s.
pub async fn http_status(address: SocketAddr, path: &str) -> Option<u16> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let mut request = String::new();
        let _ = write!(request, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = Vec::new();
        while head.len() < 12 {
            if stream.read_buf(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        // "HTTP/1.1 200"
        std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.ok().flatten()
}

/// The binary `name` of this workspace, in the folder where cargo put the running test (or above it).
///
/// `cargo xtask test` builds the services first; for a plain `cargo test` run `cargo build --workspace` before.
///
/// # Panics
/// When it has not been built.
pub fn workspace_binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let found = test.ancestors().skip(1).take(3).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"))
}

/// Whether nobody listens on this loopback port.
pub fn port_is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A loopback port that is free now, and not handed out before by this process.
pub fn free_port() -> u16 {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().expect("nothing panics while it holds this lock");
    loop {
        let port = rand::rng().random_range(PORTS);
        if !taken.contains(&port) && port_is_free(port) {
            taken.insert(port);
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(folder: &Path, script: &str) -> Spec {
        Spec::new("child", "sh", folder.join("child.log")).args(["-c", script])
    }

    fn alive(pid: u32) -> bool {
        // A killed process may linger as a zombie until it is reaped.
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
    }

    #[tokio::test]
    async fn exit_code_and_output_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let spec = spec(folder.path(), "echo $COLOUR; echo bad >&2; exit 3").env("COLOUR", "green");
        let mut child = Child::spawn(&spec).unwrap();
        assert_eq!(child.wait().await, 3);
        assert_eq!(child.log_text(), "green\nbad\n");
    }

    #[tokio::test]
    async fn signals_reach_the_child_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Child::spawn(&spec(folder.path(), "exec sleep 60")).unwrap();
        assert!(child.resident_bytes().unwrap() > 0);
        assert_eq!(child.sigkill().await, 137);

        let polite = spec(folder.path(), "trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done");
        let mut child = Child::spawn(&polite).unwrap();
        while !child.log_text().contains("up") {
            tokio::time::sleep(POLL).await;
        }
        assert_eq!(child.sigterm(Duration::from_secs(5)).await, 7);

        let stubborn = spec(folder.path(), "trap '' TERM; while :; do sleep 0.02; done");
        let mut child = Child::spawn(&stubborn).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(child.sigterm(Duration::from_millis(100)).await, 137);
    }

    #[tokio::test]
    async fn a_dropped_child_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let child = Child::spawn(&spec(folder.path(), "exec sleep 60")).unwrap();
        let pid = child.pid();
        assert!(alive(pid));
        drop(child);
        assert!(!alive(pid));
    }

    #[test]
    #[should_panic(expected = "no-such-service is not built")]
    fn a_binary_that_is_not_built_is_named() {
        workspace_binary("no-such-service");
    }

    #[test]
    fn a_scratch_folder_is_removed_with_what_is_in_it() {
        let scratch = ScratchFolder::new(&std::env::temp_dir(), "tollgate-test-").unwrap();
        let path = scratch.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    /// What a killed test process leaves behind is a closed pipe, and the shell sees exactly that.
    #[tokio::test]
    async fn a_child_ends_with_its_starter() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Child::spawn(&spec(folder.path(), "trap '' TERM HUP; exec sleep 60")).unwrap();
        child.pipe = None;
        assert_eq!(child.wait().await, 137);
    }

    #[tokio::test]
    async fn a_child_that_ends_early_is_named_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Child::spawn(&spec(folder.path(), "echo no key; exit 1")).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let error = child.wait_healthy(address, "/health", Duration::from_secs(5)).await.unwrap_err();
        assert!(error.to_string().contains("child ended with code 1"), "{error}");
        assert!(error.to_string().contains("no key"), "{error}");
    }
}
