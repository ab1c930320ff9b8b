//! Restoring a backup.

use std::{
    io::{self, Read},
    mem,
};

use futures::TryStreamExt;
use mongodb::{
    Database,
    bson::{self, Document, RawDocumentBuf, doc},
};
use serde::de::DeserializeOwned;

use super::{
    FORMAT, Head, Summary, Tail, checks,
    frame::{Frame, Reader, damaged},
};
use crate::{
    domain::OrganizationId,
    store::{Store, StoreError, keys::KEYS_COLLECTION, keys::KeyConfig},
};

/// Documents, and their bytes, that are inserted at once.
const BATCH_DOCUMENTS: usize = 1000;
const BATCH_BYTES: usize = 8 << 20;

/// Why a backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file cannot be read, or is not what was written. Nothing was changed if it was found beforehand.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The database holds something.
    #[error("the database {0} is not empty: nothing was changed")]
    NotEmpty(String),
    /// The keys of this configuration are not those of the backup.
    #[error(
        "{0} is not the key (or holds not all versions) that the backup was made under: nothing was changed"
    )]
    WrongKey(String),
    /// The database did not do it, or is not what the file says.
    #[error("{0}; the database is incomplete: do not start the services on it")]
    Incomplete(#[from] StoreError),
}

/// Puts a backup into an empty database, or instead of what is there with `replace`. `open` opens the file: it is
/// read twice, first to its end, so that a damaged one changes nothing.
pub async fn restore<R: Read>(
    store: &Store,
    keys: &KeyConfig,
    replace: bool,
    open: impl Fn() -> io::Result<R>,
) -> Result<Summary, RestoreError> {
    let (head, counts) = check(open()?)?;
    let known = checks(keys);
    for (name, needed) in &head.keys {
        let has = known.get(name).map(Vec::as_slice).unwrap_or_default();
        if needed.iter().any(|value| !has.contains(value)) {
            return Err(RestoreError::WrongKey(name.clone()));
        }
    }
    let database = store.database();
    if !replace && !is_empty(database).await? {
        return Err(RestoreError::NotEmpty(database.name().to_owned()));
    }
    for name in names(database).await? {
        database.collection::<Document>(&name).drop().await.map_err(StoreError::from)?;
    }
    for collection in &head.collections {
        let mut create = doc! { "create": &collection.name };
        create.extend(collection.options.clone());
        database.run_command(create).await.map_err(StoreError::from)?;
    }
    load(database, &head, open()?).await?;
    for collection in head.collections.iter().filter(|collection| !collection.indexes.is_empty()) {
        let command = doc! { "createIndexes": &collection.name, "indexes": collection.indexes.clone() };
        database.run_command(command).await.map_err(StoreError::from)?;
    }
    verify(store, &head, &counts).await?;
    Ok(Summary::of(&head, &counts))
}

/// Reads the file to its end: its head, and how many documents of each collection it holds.
fn check<R: Read>(file: R) -> io::Result<(Head, Vec<u64>)> {
    let mut reader = Reader::new(file)?;
    let Some(Frame::Head(head)) = reader.next()? else { return Err(damaged("it has no head")) };
    let head: Head = decoded(&head)?;
    if head.format != FORMAT {
        return Err(damaged("it was made by another version"));
    }
    let mut counts = vec![0_u64; head.collections.len()];
    let mut tail = None;
    while let Some(frame) = reader.next()? {
        match (frame, &tail) {
            (Frame::Document(number, _), None) => {
                let count = usize::try_from(number).ok().and_then(|number| counts.get_mut(number));
                *count.ok_or_else(|| damaged("a document is of no collection"))? += 1;
            }
            (Frame::Tail(bytes), None) => tail = Some(decoded::<Tail>(&bytes)?),
            _ => return Err(damaged("its parts are out of order")),
        }
    }
    let told = tail.map(|tail| tail.counts).unwrap_or_default();
    if !told.iter().map(|count| u64::try_from(*count).unwrap_or(u64::MAX)).eq(counts.iter().copied()) {
        return Err(damaged("documents are missing"));
    }
    Ok((head, counts))
}

async fn load<R: Read>(database: &Database, head: &Head, file: R) -> Result<(), RestoreError> {
    let mut reader = Reader::new(file)?;
    let mut batch = Batch::default();
    while let Some(frame) = reader.next()? {
        let Frame::Document(number, bytes) = frame else { continue };
        if batch.number != number || batch.documents.len() == BATCH_DOCUMENTS || batch.bytes > BATCH_BYTES {
            batch.insert(database, head).await?;
            batch.number = number;
        }
        batch.bytes += bytes.len();
        let document = RawDocumentBuf::from_bytes(bytes);
        batch.documents.push(document.map_err(|_| damaged("a document is malformed"))?);
    }
    Ok(batch.insert(database, head).await?)
}

/// Documents of one collection on their way.
#[derive(Default)]
struct Batch {
    number: u32,
    documents: Vec<RawDocumentBuf>,
    bytes: usize,
}

impl Batch {
    async fn insert(&mut self, database: &Database, head: &Head) -> Result<(), StoreError> {
        self.bytes = 0;
        let documents = mem::take(&mut self.documents);
        let collection = usize::try_from(self.number).ok().and_then(|number| head.collections.get(number));
        let Some(collection) = collection.filter(|_| !documents.is_empty()) else { return Ok(()) };
        database.collection::<RawDocumentBuf>(&collection.name).insert_many(documents).await?;
        Ok(())
    }
}

/// Whether what is in the database now is what the file says, and can be opened.
async fn verify(store: &Store, head: &Head, counts: &[u64]) -> Result<(), StoreError> {
    let database = store.database();
    for (collection, wanted) in head.collections.iter().zip(counts) {
        let documents = database.collection::<Document>(&collection.name);
        let found = documents.count_documents(doc! {}).read_concern(crate::store::majority()).await?;
        let indexes = documents.list_index_names().await?.len();
        if found != *wanted || indexes != collection.indexes.len() + 1 {
            let name = &collection.name;
            let text = format!(
                "{name} has {found} documents and {indexes} indexes, which is not what the file says"
            );
            return Err(StoreError::Malformed(text));
        }
    }
    // Each organization's data keys open only under the right system key.
    let wrapped = database.collection::<Document>(KEYS_COLLECTION).find(doc! {}).await?;
    let wrapped: Vec<Document> = wrapped.try_collect().await?;
    for document in wrapped {
        let id = document.get_object_id("_id");
        let id = id.map_err(|error| StoreError::Malformed(error.to_string()))?;
        store.keys().of(OrganizationId::from_bytes(id.bytes())).await?;
    }
    Ok(())
}

async fn names(database: &Database) -> Result<Vec<String>, StoreError> {
    let mut names = database.list_collection_names().await?;
    names.retain(|name| !name.starts_with("system."));
    Ok(names)
}

async fn is_empty(database: &Database) -> Result<bool, StoreError> {
    for name in names(database).await? {
        if database.collection::<Document>(&name).find_one(doc! {}).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    bson::deserialize_from_slice(bytes).map_err(|_| damaged("a part cannot be read"))
}
