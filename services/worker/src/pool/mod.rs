//! Rendering and work on pictures, in processes of their own.
//!
//! What merchants hand in is decoded, drawn and typeset where it can harm nobody: in processes with a limit of memory,
//! ended at a deadline, which know no key, no database and no network. They are started when there is something
//! to do, as many as there are cores, serve one task after another, and end when there is nothing to do for a
//! while. Of an organization one task is done at a time ([`queue`]), so that nobody waits behind what another has
//! sent. docs/adr says why.

pub mod message;
mod process;
mod queue;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use gateway_core::{
    app::invoices::{PaperRenderer, RenderError, Rendered},
    domain::{
        OrganizationId,
        image::Jpeg,
        invoice::{Paper, paper::Logo},
    },
};
use tokio::sync::oneshot;

use message::{Answer, Done, Files, Reply, Task};
pub use process::{COMMAND, FONTS, Program};
use process::{Lost, Process, Reason};
use queue::{FairQueue, Rank};

/// How a task waits for its turn.
#[derive(Debug, Clone, Copy)]
struct Urgency {
    rank: Rank,
    patience: Duration,
}

/// Of what the gateway owes.
const OWED: Urgency = Urgency { rank: Rank::Owed, patience: PATIENCE };
/// Of what somebody looks at while they work.
const ASKED: Urgency = Urgency { rank: Rank::Asked, patience: SHORT_PATIENCE };

/// How long an issued document or a product's picture waits for its turn before it is given back.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long somebody who waits for the answer is kept waiting for the turn.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);

/// How many processes, and for how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Processes at once.
    pub processes: usize,
    /// One task, of the process's own time; twice as long by the clock.
    pub task: Duration,
    /// Until a process is ready for its first task.
    pub start: Duration,
    /// Without a task, until a process is ended.
    pub idle: Duration,
}

impl Limits {
    /// As many processes as this, 10 s for a task, ended after 60 s without one.
    pub const fn of(processes: usize) -> Self {
        Self {
            processes,
            task: Duration::from_secs(10),
            start: Duration::from_secs(20),
            idle: Duration::from_mins(1),
        }
    }
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There was no turn, or no process to be had: nothing was tried.
    #[error("{0}")]
    Busy(String),
    /// The task is at fault, and says how.
    #[error("{0}")]
    Refused(String),
    /// The task cost its process.
    #[error("{0}")]
    Lost(String),
}

type Outcome = Result<(Done, Vec<u8>), Failure>;

struct Waiting {
    task: Task,
    body: Vec<u8>,
    answer: oneshot::Sender<Outcome>,
}

/// A process without a task.
struct Resting {
    process: Process,
    since: Instant,
}

#[derive(Default)]
struct State {
    queue: FairQueue<Waiting>,
    /// The one that rested last is taken first, so that those who are not needed come to their end.
    resting: Vec<Resting>,
    working: usize,
    /// Whether somebody looks after those who rest.
    is_tended: bool,
}

struct Shared {
    program: Program,
    limits: Limits,
    state: Mutex<State>,
}

/// The processes. Cloning shares them; they end with the last clone.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Pool({})", self.0.limits.processes)
    }
}

impl Pool {
    /// A pool without a process yet.
    pub fn new(program: Program, limits: Limits) -> Self {
        for reason in Reason::ALL {
            metrics::counter!("render_children_ended_total", "reason" => reason.as_str()).absolute(0);
        }
        Self(Arc::new(Shared { program, limits, state: Mutex::default() }))
    }

    /// A pool of which is known that its processes start: one did, and was ended again.
    ///
    /// # Errors
    ///
    /// What it said, such as which folder of fonts cannot be read.
    pub async fn start(program: Program, limits: Limits) -> Result<Self, String> {
        let pool = Self::new(program, limits);
        match Process::start(&pool.0.program, pool.0.limits.start).await {
            Ok(process) => {
                process.end().await;
                Ok(pool)
            }
            Err(lost) => Err(format!("a rendering process does not start: {}", lost.detail)),
        }
    }

    /// Makes a small JPEG of a picture's file.
    pub async fn shrink(&self, organization: OrganizationId, file: Vec<u8>) -> Result<Jpeg, Failure> {
        match self.run(organization, Task::Picture, file, OWED).await? {
            (Done::Picture, jpeg) => Ok(Jpeg(jpeg)),
            _ => Err(confused()),
        }
    }

    /// Tries whether a logo can be printed.
    pub async fn try_it(&self, organization: OrganizationId, logo: Logo) -> Result<(), Failure> {
        match self.run(organization, Task::Logo(logo), Vec::new(), ASKED).await? {
            (Done::Logo, _) => Ok(()),
            _ => Err(confused()),
        }
    }

    async fn document(
        &self,
        organization: OrganizationId,
        paper: Paper,
        urgency: Urgency,
    ) -> Result<Rendered, Failure> {
        match self.run(organization, Task::Document(Box::new(paper)), Vec::new(), urgency).await? {
            (Done::Document(files), body) => rendered(files, body).ok_or_else(confused),
            _ => Err(confused()),
        }
    }

    /// Has a task done when its organization's turn has come. Whoever stops waiting takes it out of the queue; what
    /// has begun is ended.
    async fn run(
        &self,
        organization: OrganizationId,
        task: Task,
        body: Vec<u8>,
        Urgency { rank, patience }: Urgency,
    ) -> Outcome {
        let (answer, mut outcome) = oneshot::channel();
        let pushed = self.state().queue.push(organization, rank, Waiting { task, body, answer });
        let Some(ticket) = pushed else {
            return Err(Failure::Busy("too much of this organization waits already".to_owned()));
        };
        let place = Place { pool: self, organization, ticket };
        self.begin();
        let lost = |_| Err(Failure::Busy("the worker is stopping".to_owned()));
        match tokio::time::timeout(patience, &mut outcome).await {
            Ok(outcome) => outcome.unwrap_or_else(lost),
            Err(_) if place.leave() => Err(Failure::Busy(format!("no turn within {} s", patience.as_secs()))),
            Err(_) => outcome.await.unwrap_or_else(lost),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins as many tasks as may be done at once.
    fn begin(&self) {
        // There is none where the worker has ended and its tasks are thrown away.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut state = self.state();
        while state.working < self.0.limits.processes {
            let Some((organization, task)) = state.queue.next() else { break };
            state.working += 1;
            runtime.spawn(self.clone().serve(organization, task));
        }
        tell(&state);
    }

    async fn serve(self, organization: OrganizationId, Waiting { task, body, answer }: Waiting) {
        let turn = Turn { pool: self.clone(), organization, begun: Instant::now() };
        // Whoever asked may have gone since.
        if !answer.is_closed() {
            let outcome = self.work(organization, &task, &body).await;
            let label = match &outcome {
                Ok(_) => "done",
                Err(Failure::Busy(_)) => "busy",
                Err(Failure::Refused(_)) => "refused",
                Err(Failure::Lost(_)) => "lost",
            };
            let took = turn.begun.elapsed();
            metrics::histogram!("render_seconds", "kind" => task.kind(), "outcome" => label).record(took);
            drop(turn);
            let _ = answer.send(outcome);
        }
    }

    async fn work(&self, organization: OrganizationId, task: &Task, body: &[u8]) -> Outcome {
        let process = match self.process().await {
            Ok(process) => process,
            Err(lost) => {
                note(task.kind(), Some(organization), &lost);
                return Err(Failure::Busy("a rendering process does not start".to_owned()));
            }
        };
        match process.work(task, body, self.0.limits.task).await {
            Ok((process, Answer { reply, worn }, body)) => {
                if worn {
                    count(Reason::Worn);
                    tokio::spawn(process.end());
                } else {
                    self.rest(process);
                }
                match reply {
                    Reply::Done(done) => Ok((done, body)),
                    Reply::Refused(problem) => Err(Failure::Refused(problem)),
                    Reply::Ready => Err(confused()),
                }
            }
            Err(lost) => {
                note(task.kind(), Some(organization), &lost);
                Err(Failure::Lost(self.problem(lost.reason)))
            }
        }
    }

    /// What a task did, for those who sent it.
    fn problem(&self, reason: Reason) -> String {
        match reason {
            Reason::Deadline => format!("it took longer than {} s", self.0.limits.task.as_secs()),
            Reason::Memory => "it took too much memory".to_owned(),
            _ => "the process that worked on it broke down".to_owned(),
        }
    }

    /// A process that rests, else a new one.
    async fn process(&self) -> Result<Process, Lost> {
        while let Some(Resting { mut process, .. }) = self.rested() {
            if !process.has_ended() {
                return Ok(process);
            }
            // While it had nothing to do: no task is to blame.
            note("none", None, &process.lost_for(Reason::Crash).await);
        }
        Process::start(&self.0.program, self.0.limits.start).await
    }

    fn rested(&self) -> Option<Resting> {
        self.state().resting.pop()
    }

    fn rest(&self, process: Process) {
        let mut state = self.state();
        state.resting.push(Resting { process, since: Instant::now() });
        if !std::mem::replace(&mut state.is_tended, true) {
            tokio::spawn(tend(Arc::downgrade(&self.0)));
        }
    }
}

/// Ends processes that have had nothing to do for a while, until none rests.
async fn tend(pool: std::sync::Weak<Shared>) {
    loop {
        let Some(pool) = pool.upgrade().map(Pool) else { return };
        let idle = pool.0.limits.idle;
        let (ended, next) = {
            let mut state = pool.state();
            // The one that has rested longest is at the front.
            let ended: Vec<Resting> =
                state.resting.extract_if(.., |one| one.since.elapsed() >= idle).collect();
            let next = state.resting.iter().map(|one| idle.saturating_sub(one.since.elapsed())).min();
            state.is_tended = next.is_some();
            tell(&state);
            (ended, next)
        };
        for resting in ended {
            count(Reason::Idle);
            resting.process.end().await;
        }
        drop(pool);
        let Some(next) = next else { return };
        tokio::time::sleep(next).await;
    }
}

/// A task that waits; it is taken out of the queue when nobody waits for it any more.
struct Place<'a> {
    pool: &'a Pool,
    organization: OrganizationId,
    ticket: u64,
}

impl Place<'_> {
    /// Whether it had not begun.
    fn leave(&self) -> bool {
        let mut state = self.pool.state();
        let left = state.queue.withdraw(self.organization, self.ticket).is_some();
        tell(&state);
        left
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A task that has begun: its end lets the next one begin, however it comes about.
struct Turn {
    pool: Pool,
    organization: OrganizationId,
    begun: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut state = self.pool.state();
            state.working -= 1;
            state.queue.ended(self.organization, self.begun.elapsed());
        }
        self.pool.begin();
    }
}

fn tell(state: &State) {
    let processes = state.working + state.resting.len();
    metrics::gauge!("render_children").set(u32::try_from(processes).unwrap_or(u32::MAX));
    metrics::gauge!("render_tasks_waiting").set(u32::try_from(state.queue.waiting()).unwrap_or(u32::MAX));
}

fn count(reason: Reason) {
    metrics::counter!("render_children_ended_total", "reason" => reason.as_str()).increment(1);
}

fn note(task: &str, organization: Option<OrganizationId>, lost: &Lost) {
    count(lost.reason);
    let (reason, detail) = (lost.reason.as_str(), &lost.detail);
    let organization = organization.map(tracing::field::display);
    tracing::warn!(task, organization, reason, detail, "a rendering process was lost");
}

fn confused() -> Failure {
    Failure::Lost("the process that worked on it answered something else".to_owned())
}

fn rendered(files: Files, mut body: Vec<u8>) -> Option<Rendered> {
    if files.pdf_bytes > body.len() {
        return None;
    }
    let xml = body.split_off(files.pdf_bytes);
    let xml = if files.has_xml { Some(String::from_utf8(xml).ok()?) } else { None };
    let Files { no_xml, missing_glyphs, notes, .. } = files;
    Some(Rendered { pdf: body, xml, no_xml, missing_glyphs, notes })
}

impl From<Failure> for RenderError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy(reason) => Self::Busy(reason),
            Failure::Refused(reason) | Failure::Lost(reason) => Self::Failed(reason),
        }
    }
}

#[async_trait]
impl PaperRenderer for Pool {
    async fn render(&self, organization: OrganizationId, paper: &Paper) -> Result<Rendered, RenderError> {
        Ok(self.document(organization, paper.clone(), OWED).await?)
    }

    async fn preview(&self, organization: OrganizationId, paper: &Paper) -> Result<Rendered, RenderError> {
        Ok(self.document(organization, paper.clone(), ASKED).await?)
    }

    async fn try_logo(&self, organization: OrganizationId, logo: &Logo) -> Result<(), RenderError> {
        Ok(self.try_it(organization, logo.clone()).await?)
    }
}
