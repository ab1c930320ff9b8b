//! Lists: pages with an exact total up to a cap, and cursors beyond it. Newest first, by id.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::{Entity, StoreError, TenantStore, codec::oid};
use crate::domain::Timestamp;

/// Ids hold the time at which they were made, on the clock of the process that made them; `createdAt` is
/// exact. The index by id narrows the search, with this much to spare.
const ID_CLOCK_SLACK: Duration = Duration::from_mins(5);

/// Exact totals end here.
pub const TOTAL_MAX: u64 = 10_000;

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Counts from 1; ignored when `after` is there.
    pub page: u64,
    /// Rows, 1 to 100.
    pub limit: u64,
    /// Rows after this id.
    pub after: Option<[u8; 12]>,
}

/// A page.
#[derive(Debug, Clone)]
pub struct Page<E> {
    /// The rows.
    pub rows: Vec<E>,
    /// How many fit in all, capped.
    pub total: u64,
    /// Whether there are more than `total`.
    pub total_is_capped: bool,
    /// Whether more rows follow.
    pub has_more: bool,
    /// The id to continue after.
    pub next_cursor: Option<String>,
}

pub(super) async fn page<E: Entity>(
    store: &TenantStore,
    filter: Document,
    request: &PageRequest,
) -> Result<Page<E>, StoreError> {
    let counted = store.count::<E>(filter.clone(), TOTAL_MAX + 1).await?;
    let mut wanted = filter;
    let mut skip = 0;
    if let Some(after) = request.after {
        let bound = doc! { "_id": { "$lt": Bson::ObjectId(ObjectId::from_bytes(after)) } };
        wanted.entry("$and".to_owned()).or_insert_with(|| Bson::Array(Vec::new()));
        if let Ok(all) = wanted.get_array_mut("$and") {
            all.push(bound.into());
        }
    } else {
        skip = (request.page.max(1) - 1).saturating_mul(request.limit);
    }
    let mut scoped = store.scope();
    scoped.extend(wanted);
    let limit = i64::try_from(request.limit + 1).unwrap_or(101);
    let cursor =
        store.store().collection::<E>().find(scoped).sort(doc! { "_id": -1 }).skip(skip).limit(limit).await?;
    let mut rows: Vec<E> = futures::TryStreamExt::try_collect(cursor).await?;
    let keep = usize::try_from(request.limit).unwrap_or(100);
    let has_more = rows.len() > keep;
    rows.truncate(keep);
    let rows = store.store().open_all(rows).await?;
    let next_cursor = if has_more { rows.last().map(|row| oid(row.entity_id()).to_hex()) } else { None };
    Ok(Page {
        rows,
        total: counted.min(TOTAL_MAX),
        total_is_capped: counted > TOTAL_MAX,
        has_more,
        next_cursor,
    })
}

/// Narrows a search to what was made at or after `from` and before `to`.
pub(crate) fn within(filter: &mut Document, from: Option<Timestamp>, to: Option<Timestamp>) {
    let (mut created, mut ids) = (Document::new(), Document::new());
    if let Some(from) = from {
        created.insert("$gte", from);
        ids.insert("$gte", id_at(from - ID_CLOCK_SLACK));
    }
    if let Some(to) = to {
        created.insert("$lt", to);
        ids.insert("$lt", id_at(to + ID_CLOCK_SLACK));
    }
    if !created.is_empty() {
        filter.insert("createdAt", created);
        filter.insert("_id", ids);
    }
}

/// The least id that could have been made at a moment.
fn id_at(time: Timestamp) -> ObjectId {
    let seconds = time.seconds().clamp(0, i64::from(u32::MAX));
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes());
    ObjectId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_exact_and_narrowed_by_id() {
        let mut filter = Document::new();
        let from = Timestamp::from_seconds(1_700_000_000);
        within(&mut filter, Some(from), None);
        assert_eq!(filter.get_document("createdAt").unwrap(), &doc! { "$gte": from });
        let id = filter.get_document("_id").unwrap().get_object_id("$gte").unwrap();
        assert_eq!(id.timestamp().timestamp_millis(), 1_699_999_700_000);
        assert_eq!(id_at(Timestamp::from_seconds(-5)).bytes(), [0; 12]);
        let mut none = Document::new();
        within(&mut none, None, None);
        assert!(none.is_empty());
    }
}
