//! Counts of what may be done only so often.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::{Store, StoreError, codec::binary};
use crate::{crypto::TokenHash, domain::Timestamp};

/// The collection.
const COLLECTION: &str = "quotas";
/// How often a use is counted anew that met another.
const RETRIES: usize = 8;

impl Store {
    /// Counts a use of `slot`, of which there may be `max` in a window that begins with the first of them. Answers when
    /// it goes on instead, where there were as many. Counted before anything is done, so that many at once are many.
    pub(crate) async fn take_use(
        &self,
        slot: &TokenHash,
        max: i64,
        window: Duration,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let quotas = self.database().collection::<Document>(COLLECTION);
        let id = binary::to_bson(&slot.to_bytes());
        // Nothing, where there is no document yet, comes before every moment.
        let is_running = doc! { "$gt": ["$expiresAt", now] };
        let update = vec![doc! { "$set": {
            "uses": { "$cond": [is_running.clone(), { "$add": ["$uses", 1_i64] }, 1_i64] },
            "expiresAt": { "$cond": [is_running, "$expiresAt", now + window] },
        } }];
        let free = vec![doc! { "expiresAt": { "$lte": now } }, doc! { "uses": { "$lt": max } }];
        let filter = doc! { "_id": &id, "$or": free };
        for _ in 0..RETRIES {
            let counted = quotas.update_one(filter.clone(), update.clone()).upsert(true).await;
            match counted.map_err(StoreError::from) {
                Ok(_) => return Ok(None),
                // It is there: used up, or another first use was a moment faster.
                Err(StoreError::Duplicate) => {}
                Err(error) => return Err(error),
            }
            let found = quotas.find_one(doc! { "_id": &id }).await?;
            let found = found.filter(|row| row.get_i64("uses").is_ok_and(|uses| uses >= max));
            let until = found.and_then(|row| row.get_datetime("expiresAt").ok().copied());
            let until = until.map_or(now, |at| Timestamp::from_millis(at.timestamp_millis()));
            if until > now {
                return Ok(Some(until));
            }
        }
        Ok(Some(now + Duration::from_secs(1)))
    }

    /// Takes a use back, of which nothing came.
    pub(crate) async fn give_use_back(&self, slot: &TokenHash) -> Result<(), StoreError> {
        let quotas = self.database().collection::<Document>(COLLECTION);
        let filter = doc! { "_id": binary::to_bson(&slot.to_bytes()), "uses": { "$gt": 0_i64 } };
        quotas.update_one(filter, doc! { "$inc": { "uses": -1_i64 } }).await?;
        Ok(())
    }
}
