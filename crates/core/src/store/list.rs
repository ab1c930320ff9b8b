//! Lists: pages with an exact total up to a cap, and cursors beyond it. Newest first, by id.

use mongodb::bson::{Bson, Document, doc, oid::ObjectId};

use super::{Entity, StoreError, TenantStore, codec::oid};

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
    let next_cursor = if has_more { rows.last().map(|row| oid(row.entity_id()).to_hex()) } else { None };
    Ok(Page {
        rows,
        total: counted.min(TOTAL_MAX),
        total_is_capped: counted > TOTAL_MAX,
        has_more,
        next_cursor,
    })
}
