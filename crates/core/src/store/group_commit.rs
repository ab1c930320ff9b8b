//! Group commit: durable inserts of many requests gathered into few `insert_many` calls.
//!
//! A majority insert costs mongod about the same whether it carries one document or fifty, so gathering
//! multiplies throughput without giving up durability: nobody is answered before their own document is
//! majority-committed. See docs/adr/0002-group-commit.md.
//!
//! The writer owns the documents, so a request that is dropped half-way cancels nothing. Each document
//! must carry an `_id` of its own making: that is what makes sending it twice harmless, and how a lost
//! answer is told from a collision.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{RawDocumentBuf, doc, oid::ObjectId},
    error::{Error, ErrorKind},
    options::{Acknowledgment, FindOptions, InsertManyOptions, ReadConcern, WriteConcern},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How a writer gathers.
#[derive(Debug, Clone, Copy)]
pub struct GroupCommitConfig {
    /// Most documents in a batch.
    pub batch_documents_max: usize,
    /// Most bytes in a batch.
    pub batch_bytes_max: usize,
    /// Most documents that wait; one more is refused.
    pub queue_documents_max: usize,
    /// Batches on their way at once. Two keep mongod busy while one's answer is read.
    pub batches_in_flight: usize,
    /// How long a batch may wait for the majority.
    pub write_timeout: Duration,
}

impl Default for GroupCommitConfig {
    fn default() -> Self {
        Self {
            batch_documents_max: 500,
            batch_bytes_max: 8 * 1024 * 1024,
            queue_documents_max: 8192,
            batches_in_flight: 2,
            write_timeout: Duration::from_secs(5),
        }
    }
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertOutcome {
    /// Majority-committed.
    Committed,
    /// A unique index holds another document; the caller finds out which.
    Duplicate,
    /// The server refused this document alone.
    Rejected(String),
    /// Nobody knows: an error of the whole batch, twice.
    Unknown(String),
}

/// The queue is full: come back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the write queue is full")]
pub struct QueueFull;

struct Job {
    id: ObjectId,
    document: RawDocumentBuf,
    answer: oneshot::Sender<InsertOutcome>,
}

impl Gathered for Job {
    fn bytes(&self) -> usize {
        self.document.as_bytes().len()
    }
}

/// What is gathered into batches.
pub(super) trait Gathered: Send + 'static {
    /// Its share of a batch's byte cap.
    fn bytes(&self) -> usize;
}

/// A writer of one collection. Cloning shares it.
#[derive(Clone, Debug)]
pub struct GroupCommit {
    queue: mpsc::Sender<Job>,
}

impl GroupCommit {
    /// Starts a writer; it ends when the last clone is dropped and the queue is empty.
    pub fn start(collection: Collection<RawDocumentBuf>, config: GroupCommitConfig) -> Self {
        let (queue, jobs) = mpsc::channel(config.queue_documents_max);
        let name = collection.name().to_owned();
        let send = move |batch| {
            let collection = collection.clone();
            async move { commit(&collection, config, batch).await }
        };
        tokio::spawn(gather("group_commit_batch_documents", name, config, jobs, send));
        Self { queue }
    }

    /// Inserts a document; answers once its fate is known. Dropping the future cancels nothing.
    pub async fn insert(&self, id: ObjectId, document: RawDocumentBuf) -> Result<InsertOutcome, QueueFull> {
        let (answer, outcome) = oneshot::channel();
        self.queue.try_send(Job { id, document, answer }).map_err(|_| QueueFull)?;
        Ok(outcome.await.unwrap_or_else(|_| InsertOutcome::Unknown("the writer stopped".to_owned())))
    }

    /// Inserts several documents; all are queued or none.
    pub async fn insert_all(
        &self,
        documents: Vec<(ObjectId, RawDocumentBuf)>,
    ) -> Result<Vec<InsertOutcome>, QueueFull> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let permits = self.queue.try_reserve_many(documents.len()).map_err(|_| QueueFull)?;
        let mut answers = Vec::with_capacity(documents.len());
        for (permit, (id, document)) in permits.zip(documents) {
            let (answer, outcome) = oneshot::channel();
            permit.send(Job { id, document, answer });
            answers.push(outcome);
        }
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.push(
                answer.await.unwrap_or_else(|_| InsertOutcome::Unknown("the writer stopped".to_owned())),
            );
        }
        Ok(outcomes)
    }
}

/// Takes what waits, up to the caps, whenever there is room for another batch. Nothing waits for company:
/// while the batches in flight are on their way, company comes by itself.
pub(super) async fn gather<J, S, F>(
    metric: &'static str,
    collection: String,
    config: GroupCommitConfig,
    mut jobs: mpsc::Receiver<J>,
    write: S,
) where
    J: Gathered,
    S: Fn(Vec<J>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(config.batches_in_flight));
    let mut left_over: Option<J> = None;
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let first = match left_over.take() {
            Some(job) => job,
            None => match jobs.recv().await {
                Some(job) => job,
                None => return,
            },
        };
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while batch.len() < config.batch_documents_max {
            let Ok(job) = jobs.try_recv() else { break };
            bytes += job.bytes();
            if bytes > config.batch_bytes_max {
                left_over = Some(job);
                break;
            }
            batch.push(job);
        }
        metrics::histogram!(metric, "collection" => collection.clone())
            .record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        metrics::gauge!("group_queue_waiting", "collection" => collection.clone())
            .set(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        let writing = write(batch);
        tokio::spawn(async move {
            writing.await;
            drop(permit);
        });
    }
}

async fn commit(collection: &Collection<RawDocumentBuf>, config: GroupCommitConfig, batch: Vec<Job>) {
    let (ids, mut documents, mut answers) = (
        batch.iter().map(|job| job.id).collect::<Vec<_>>(),
        Vec::with_capacity(batch.len()),
        Vec::with_capacity(batch.len()),
    );
    for job in batch {
        documents.push(job.document);
        answers.push(Some(job.answer));
    }
    let mut outcomes = attempt(collection, config, &documents).await;
    let unknown: Vec<usize> = positions(&outcomes, |o| matches!(o, InsertOutcome::Unknown(_)));
    if !unknown.is_empty() {
        // The very same documents: what did arrive the first time collides with itself by `_id`.
        let again: Vec<_> = unknown.iter().map(|&index| documents[index].clone()).collect();
        for (index, outcome) in unknown.into_iter().zip(attempt(collection, config, &again).await) {
            outcomes[index] = outcome;
        }
    }
    let collided: Vec<usize> = positions(&outcomes, |o| *o == InsertOutcome::Duplicate);
    if !collided.is_empty() {
        let wanted: Vec<ObjectId> = collided.iter().map(|&index| ids[index]).collect();
        for (index, outcome) in collided.into_iter().zip(judge_collisions(collection, &wanted).await) {
            outcomes[index] = outcome;
        }
    }
    for (answer, outcome) in answers.iter_mut().zip(outcomes) {
        if let Some(answer) = answer.take() {
            // The request may be gone; the document is not.
            let _ = answer.send(outcome);
        }
    }
}

fn positions(outcomes: &[InsertOutcome], wanted: impl Fn(&InsertOutcome) -> bool) -> Vec<usize> {
    outcomes.iter().enumerate().filter(|(_, o)| wanted(o)).map(|(index, _)| index).collect()
}

async fn attempt(
    collection: &Collection<RawDocumentBuf>,
    config: GroupCommitConfig,
    documents: &[RawDocumentBuf],
) -> Vec<InsertOutcome> {
    let concern = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(config.write_timeout)
        .build();
    let options = InsertManyOptions::builder().ordered(false).write_concern(concern).build();
    match collection.insert_many(documents).with_options(options).await {
        Ok(_) => vec![InsertOutcome::Committed; documents.len()],
        Err(error) => outcomes_of(&error, documents.len()),
    }
}

/// Reads a batch's error: what is said of one index is that document's alone; a write-concern error or one
/// of the whole batch leaves everyone else unknown.
fn outcomes_of(error: &Error, count: usize) -> Vec<InsertOutcome> {
    let ErrorKind::InsertMany(failure) = error.kind.as_ref() else {
        return vec![InsertOutcome::Unknown(error.to_string()); count];
    };
    let rest = match &failure.write_concern_error {
        Some(concern) => InsertOutcome::Unknown(concern.message.clone()),
        None => InsertOutcome::Committed,
    };
    let mut outcomes = vec![rest; count];
    for failed in failure.write_errors.iter().flatten() {
        if let Some(outcome) = outcomes.get_mut(failed.index) {
            *outcome = match failed.code {
                DUPLICATE_KEY => InsertOutcome::Duplicate,
                _ => InsertOutcome::Rejected(failed.message.clone()),
            };
        }
    }
    outcomes
}

/// The server's code for a unique index that is taken.
pub const DUPLICATE_KEY: i32 = 11000;

/// How long a document that is there may take to become majority-committed.
const MAJORITY_WAIT: Duration = Duration::from_secs(2);

/// Tells a document that collided with itself (it had arrived the first time) from one that met another.
///
/// Majority reads matter: with replication stopped a local read shows what a fail-over would erase. A document
/// that only the primary has is waited for, then unknown.
async fn judge_collisions(collection: &Collection<RawDocumentBuf>, ids: &[ObjectId]) -> Vec<InsertOutcome> {
    let deadline = tokio::time::Instant::now() + MAJORITY_WAIT;
    loop {
        let found = futures::try_join!(
            present(collection, ids, ReadConcern::local()),
            present(collection, ids, ReadConcern::majority()),
        );
        let (here, committed) = match found {
            Ok(found) => found,
            Err(error) => return vec![InsertOutcome::Unknown(error.to_string()); ids.len()],
        };
        let is_late = tokio::time::Instant::now() >= deadline;
        if is_late || here.is_subset(&committed) {
            let outcome_of = |id: &ObjectId| match (committed.contains(id), here.contains(id)) {
                (true, _) => InsertOutcome::Committed,
                (false, true) => InsertOutcome::Unknown("not acknowledged by a majority".to_owned()),
                (false, false) => InsertOutcome::Duplicate,
            };
            return ids.iter().map(outcome_of).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn present(
    collection: &Collection<RawDocumentBuf>,
    ids: &[ObjectId],
    concern: ReadConcern,
) -> Result<HashSet<ObjectId>, Error> {
    let options = FindOptions::builder()
        .read_concern(concern)
        .projection(doc! { "_id": 1 })
        .max_time(Duration::from_secs(5))
        .build();
    let found = collection.find(doc! { "_id": { "$in": ids } }).with_options(options).await?;
    let found: Vec<RawDocumentBuf> = found.try_collect().await?;
    Ok(found.iter().filter_map(|d| d.get_object_id("_id").ok()).collect())
}
