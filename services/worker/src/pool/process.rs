//! One rendering process, as the worker holds it.

use std::{
    env::JoinPathsError,
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
};

use super::message::{self, Answer, Reply, Task};

/// What a process may say on its way out, in bytes; it is read on, and forgotten.
const LAST_WORDS_BYTES_MAX: usize = 4096;

/// How long to wait for the end of a process that was killed, and for its last words.
const END_LIMIT: Duration = Duration::from_secs(5);

/// The worker's subcommand that makes it a rendering process.
pub const COMMAND: &str = "render";

/// Folders of fonts, as the worker's own variable has them.
pub const FONTS: &str = "FONT_PATHS";

/// A task may take so many times its limit by the clock: what the machine does for others is not the task's fault.
const CLOCK_FACTOR: u32 = 2;

/// Between two looks at how much of its time a process has used.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The worker's own binary.
    path: PathBuf,
    /// All of its environment: it is told nothing else of the worker's, so it holds no key and no address.
    environment: Vec<(OsString, OsString)>,
}

impl Program {
    /// This very binary, also where an upgrade has put another in its place meanwhile.
    ///
    /// # Errors
    ///
    /// A folder with a colon in its name.
    pub fn own(font_folders: &[PathBuf]) -> Result<Self, JoinPathsError> {
        Self::at("/proc/self/exe", font_folders)
    }

    /// A worker's binary.
    ///
    /// # Errors
    ///
    /// A folder with a colon in its name.
    pub fn at(path: impl Into<PathBuf>, font_folders: &[PathBuf]) -> Result<Self, JoinPathsError> {
        let environment = [
            (FONTS.into(), std::env::join_paths(font_folders)?),
            // The allocator would reserve a gigabyte at its start, out of which it could go on beyond the limit.
            ("MIMALLOC_ARENA_RESERVE".into(), "16M".into()),
            // The C library would reserve 64 MB of addresses for each thread that asks it for a byte.
            ("MALLOC_ARENA_MAX".into(), "1".into()),
        ];
        Ok(Self { path: path.into(), environment: environment.into() })
    }
}

/// Why a process is there no more. The first two are as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It had nothing to do for a while.
    Idle,
    /// It had grown, and another takes its place.
    Worn,
    /// A task took too long.
    Deadline,
    /// A task took too much memory, or the machine had none left.
    Memory,
    /// It ended by itself.
    Crash,
    /// It did not get as far as its first task.
    Start,
}

impl Reason {
    /// Every one.
    pub const ALL: &[Self] =
        &[Self::Idle, Self::Worn, Self::Deadline, Self::Memory, Self::Crash, Self::Start];

    /// As it stands in the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Worn => "worn",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Crash => "crash",
            Self::Start => "start",
        }
    }
}

/// A process that is lost, and what is known of why.
#[derive(Debug)]
pub struct Lost {
    pub reason: Reason,
    /// For the log: nothing of what it worked on.
    pub detail: String,
}

/// A process that waits for tasks. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
    last_words: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

impl Process {
    /// Starts one, and waits until it is ready.
    pub async fn start(program: &Program, limit: Duration) -> Result<Self, Lost> {
        let lost = |detail: String| Lost { reason: Reason::Start, detail };
        let mut child = Command::new(&program.path)
            .arg0("worker")
            .arg(COMMAND)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // A group of its own: Ctrl-C is for the worker, which lets its processes end their tasks.
            .process_group(0)
            .spawn()
            .map_err(|error| lost(format!("{}: {error}", program.path.display())))?;
        let (Some(tasks), Some(answers), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(lost("a process without its pipes".to_owned()));
        };
        let last_words = Arc::default();
        let listener = tokio::spawn(listen(stderr, Arc::clone(&last_words)));
        let mut process = Self { child, tasks, answers: BufReader::new(answers), last_words, listener };
        match process.receive::<Answer>(limit).await {
            Ok((Answer { reply: Reply::Ready, .. }, _)) => Ok(process),
            Ok(_) => Err(process.lost_for(Reason::Start).await),
            Err(reason) => {
                let found = process.lost_for(reason).await;
                Err(lost(format!("{}, {}", found.reason.as_str(), found.detail)))
            }
        }
    }

    /// Has a task done, within `limit` of the process's own time. Whatever goes wrong, the process is lost; what stands
    /// against the task is an answer like any other.
    pub async fn work(
        mut self,
        task: &Task,
        body: &[u8],
        limit: Duration,
    ) -> Result<(Self, Answer, Vec<u8>), Lost> {
        let (begun, pid) = (tokio::time::Instant::now(), self.child.id());
        let before = processor_time(pid).unwrap_or_default();
        let answered = {
            let (tasks, answers) = (&mut self.tasks, &mut self.answers);
            let exchange = async {
                // A process that has ended reads no more; that there is no answer says as much.
                let _ = message::send(tasks, task, body).await;
                message::receive::<Answer>(answers).await
            };
            tokio::pin!(exchange);
            let mut left = limit;
            loop {
                match tokio::time::timeout(left, &mut exchange).await {
                    Ok(answer) => break answer.map_err(|_| Reason::Crash),
                    Err(_) if begun.elapsed() >= limit * CLOCK_FACTOR => break Err(Reason::Deadline),
                    Err(_) => {}
                }
                let used = processor_time(pid).map_or(limit, |now| now.saturating_sub(before));
                if used >= limit {
                    break Err(Reason::Deadline);
                }
                left = limit.saturating_sub(used).max(LOOK_AGAIN);
            }
        };
        match answered {
            Ok((answer, body)) => Ok((self, answer, body)),
            Err(reason) => Err(self.lost_for(reason).await),
        }
    }

    /// Whether it has ended by itself meanwhile.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Ends it: it has nothing to do.
    pub async fn end(self) {
        let Self { mut child, tasks, .. } = self;
        // The end of what comes is its sign; dropping it would do as well.
        drop(tasks);
        let _ = tokio::time::timeout(END_LIMIT, child.wait()).await;
    }

    async fn receive<T: DeserializeOwned>(&mut self, limit: Duration) -> Result<(T, Vec<u8>), Reason> {
        match tokio::time::timeout(limit, message::receive(&mut self.answers)).await {
            Ok(Ok(received)) => Ok(received),
            Ok(Err(_)) => Err(Reason::Crash),
            Err(_) => Err(Reason::Deadline),
        }
    }

    /// Kills what is left of it and finds out why it is lost.
    pub async fn lost_for(mut self, reason: Reason) -> Lost {
        // One that has ended, or is about to, keeps the status of its own end.
        let ended = match reason {
            Reason::Deadline => None,
            _ => tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await.ok(),
        };
        let ended_by_itself = ended.is_some();
        let status = if let Some(status) = ended {
            status.ok()
        } else {
            let _ = self.child.start_kill();
            tokio::time::timeout(END_LIMIT, self.child.wait()).await.ok().and_then(Result::ok)
        };
        let _ = tokio::time::timeout(END_LIMIT, &mut self.listener).await;
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words = String::from_utf8_lossy(&words);
        let reason = match reason {
            Reason::Crash if ended_by_itself && was_memory(status, &words) => Reason::Memory,
            reason => reason,
        };
        Lost { reason, detail: format!("{}{}", ended_how(status), place(&words)) }
    }
}

/// What a process has used of the processors so far (proc(5), `stat`); `None` where it has ended.
fn processor_time(pid: Option<u32>) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid?)).ok()?;
    // The name may hold anything; what follows it are numbers, from the third field on.
    let mut fields = stat.rsplit(") ").next()?.split(' ').skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

/// Reads what a process has to say, so that it never waits for a reader; the beginning is kept.
async fn listen(mut stderr: ChildStderr, words: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        let room = LAST_WORDS_BYTES_MAX.saturating_sub(words.len());
        words.extend(piece.iter().take(read.min(room)));
    }
}

/// Whether memory was what it ended of: its own limit, or the kernel's choice when the machine had none left.
fn was_memory(status: Option<ExitStatus>, words: &str) -> bool {
    const SIGKILL: i32 = 9;
    words.contains("memory allocation of") || status.is_some_and(|status| status.signal() == Some(SIGKILL))
}

fn ended_how(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "it does not end".to_owned(), |status| status.to_string())
}

/// Where it panicked, or what of: without the message itself, which may hold a customer's name.
fn place(words: &str) -> String {
    let tells = ["panicked at ", "memory allocation of ", "has overflowed its stack", "cannot"];
    let line = words.lines().find(|line| tells.iter().any(|tell| line.contains(tell)));
    line.map_or_else(String::new, |line| format!(", {}", line.trim()))
}
