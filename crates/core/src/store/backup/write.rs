//! Making a backup.

use std::io::Write;

use futures::TryStreamExt;
use mongodb::{
    ClientSession, Database,
    bson::{self, Document, RawDocumentBuf, doc},
    results::CollectionType,
};

use super::{CollectionHead, FORMAT, Head, Summary, Tail, checks, frame};
use crate::{
    domain::Timestamp,
    store::{Store, StoreError, keys::KeyConfig},
};

/// Documents asked for at once.
const BATCH: u32 = 1000;

/// Writes all that the database holds at one moment, and hands `to` back.
pub async fn backup<W: Write>(
    store: &Store,
    keys: &KeyConfig,
    now: Timestamp,
    to: W,
) -> Result<(Summary, W), StoreError> {
    let database = store.database();
    let head =
        Head { format: FORMAT, created_at: now, keys: checks(keys), collections: heads(database).await? };
    let mut writer = frame::Writer::new(to).map_err(unwritable)?;
    writer.frame(b'H', &[&encoded(&head)?]).map_err(unwritable)?;
    let mut session = store.client().start_session().snapshot(true).await?;
    let mut counts = Vec::with_capacity(head.collections.len());
    for (number, collection) in (0_u32..).zip(&head.collections) {
        counts.push(documents(database, &collection.name, number, &mut session, &mut writer).await?);
    }
    let tail =
        Tail { counts: counts.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX)).collect() };
    writer.frame(b'T', &[&encoded(&tail)?]).map_err(unwritable)?;
    Ok((Summary::of(&head, &counts), writer.finish().map_err(unwritable)?))
}

async fn heads(database: &Database) -> Result<Vec<CollectionHead>, StoreError> {
    let mut found: Vec<_> = database.list_collections().await?.try_collect().await?;
    found.retain(|one| one.collection_type == CollectionType::Collection && !one.name.starts_with("system."));
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let mut heads = Vec::with_capacity(found.len());
    for one in found {
        let listed = database.run_cursor_command(doc! { "listIndexes": &one.name }).await?;
        let mut indexes: Vec<Document> = listed.try_collect().await?;
        indexes.retain(|index| index.get_str("name").is_ok_and(|name| name != "_id_"));
        let options = bson::serialize_to_document(&one.options)
            .map_err(|error| StoreError::Malformed(error.to_string()))?;
        heads.push(CollectionHead { name: one.name, options, indexes });
    }
    Ok(heads)
}

async fn documents<W: Write>(
    database: &Database,
    name: &str,
    number: u32,
    session: &mut ClientSession,
    writer: &mut frame::Writer<W>,
) -> Result<u64, StoreError> {
    let collection = database.collection::<RawDocumentBuf>(name);
    let mut cursor = collection.find(doc! {}).batch_size(BATCH).session(&mut *session).await?;
    let mut count = 0;
    while cursor.advance(session).await? {
        writer.frame(b'D', &[&number.to_le_bytes(), cursor.current().as_bytes()]).map_err(unwritable)?;
        count += 1;
    }
    Ok(count)
}

fn encoded<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    bson::serialize_to_vec(value).map_err(|error| StoreError::Malformed(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err asks for")]
fn unwritable(error: std::io::Error) -> StoreError {
    StoreError::Unsafe(format!("the backup cannot be written: {error}"))
}
