//! Group commit for small updates: what many tasks mark at once goes out in few `update` commands.
//!
//! Marking an event of the inbox costs mongod as much as taking it in; gathered like the inserts
//! (docs/adr/0002-group-commit.md) it costs a fraction. Every update must be harmless to repeat, since a batch
//! whose fate is not known is sent once more.

use mongodb::{
    Database,
    bson::{Document, RawArrayBuf, RawDocumentBuf, rawdoc},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    GroupCommitConfig, QueueFull, StoreError,
    group_commit::{Gathered, gather},
};

struct Job {
    statement: RawDocumentBuf,
    answer: oneshot::Sender<Result<(), String>>,
}

impl Gathered for Job {
    fn bytes(&self) -> usize {
        self.statement.as_bytes().len()
    }
}

/// Gathers updates of one collection. Cloning shares it.
#[derive(Clone, Debug)]
pub struct GroupUpdate {
    queue: mpsc::Sender<Job>,
}

impl GroupUpdate {
    /// Starts a writer; it ends when the last clone is dropped and the queue is empty.
    pub fn start(database: &Database, collection: &'static str, config: GroupCommitConfig) -> Self {
        let (queue, jobs) = mpsc::channel(config.queue_documents_max);
        let database = database.clone();
        let send = move |batch| {
            let database = database.clone();
            async move { commit(&database, collection, config, batch).await }
        };
        tokio::spawn(gather("group_update_batch_documents", collection.to_owned(), config, jobs, send));
        Self { queue }
    }

    /// Updates one document where it fits `filter`, and answers once a majority has it or it did not fit.
    /// Waits while the queue is full: what comes here has been acknowledged already.
    pub async fn update(&self, filter: Document, update: Document) -> Result<(), StoreError> {
        let raw = |document: Document| {
            RawDocumentBuf::try_from(&document).map_err(|error| StoreError::Malformed(error.to_string()))
        };
        let statement = rawdoc! { "q": raw(filter)?, "u": raw(update)? };
        let (answer, outcome) = oneshot::channel();
        self.queue.send(Job { statement, answer }).await.map_err(|_| StoreError::Busy(QueueFull))?;
        match outcome.await {
            Ok(outcome) => outcome.map_err(StoreError::Unknown),
            Err(_) => Err(StoreError::Unknown("the writer stopped".to_owned())),
        }
    }
}

async fn commit(database: &Database, collection: &str, config: GroupCommitConfig, batch: Vec<Job>) {
    let statements: Vec<&RawDocumentBuf> = batch.iter().map(|job| &job.statement).collect();
    let mut outcomes = attempt(database, collection, config, &statements).await;
    if outcomes.iter().any(Result::is_err) {
        // The very same updates: what did arrive the first time fits no more, or changes nothing.
        outcomes = attempt(database, collection, config, &statements).await;
    }
    for (job, outcome) in batch.into_iter().zip(outcomes) {
        // The task may be gone; the update is not.
        let _ = job.answer.send(outcome);
    }
}

async fn attempt(
    database: &Database,
    collection: &str,
    config: GroupCommitConfig,
    statements: &[&RawDocumentBuf],
) -> Vec<Result<(), String>> {
    let mut updates = RawArrayBuf::new();
    for statement in statements {
        updates.push(statement.as_ref());
    }
    let timeout_ms = i64::try_from(config.write_timeout.as_millis()).unwrap_or(i64::MAX);
    let command = rawdoc! {
        "update": collection,
        "updates": updates,
        "ordered": false,
        "writeConcern": { "w": "majority", "j": true, "wtimeout": timeout_ms },
    };
    match database.run_raw_command(command).await {
        Ok(answer) => outcomes_of(&answer, statements.len()),
        Err(error) => vec![Err(error.to_string()); statements.len()],
    }
}

/// Reads an answer: what is said of one index is that update's alone; a write-concern error leaves everyone
/// else unknown.
fn outcomes_of(answer: &Document, count: usize) -> Vec<Result<(), String>> {
    let text = |error: &Document| error.get_str("errmsg").unwrap_or("no reason given").to_owned();
    let rest = match answer.get_document("writeConcernError") {
        Ok(error) => Err(text(error)),
        Err(_) => Ok(()),
    };
    let mut outcomes = vec![rest; count];
    let errors = answer.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
    for error in errors.iter().filter_map(mongodb::bson::Bson::as_document) {
        let index = error.get_i32("index").ok().and_then(|index| usize::try_from(index).ok());
        if let Some(outcome) = index.and_then(|index| outcomes.get_mut(index)) {
            *outcome = Err(text(error));
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn an_error_of_one_update_is_its_own() {
        let answer = doc! { "n": 1, "writeErrors": [{ "index": 1, "code": 2, "errmsg": "no" }] };
        assert_eq!(outcomes_of(&answer, 3), [Ok(()), Err("no".to_owned()), Ok(())]);
    }

    #[test]
    fn without_a_majority_nothing_is_known_to_be_done() {
        let answer = doc! {
            "n": 2, "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" },
        };
        assert!(outcomes_of(&answer, 2).iter().all(Result::is_err));
    }
}
