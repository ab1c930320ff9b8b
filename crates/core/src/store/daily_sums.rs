//! What the transactions of each day come to, kept so that ninety days need not be added up for every look.
//!
//! Nothing on the way of the money writes here. Whoever wants to read asks first which days have changed since
//! somebody last looked, adds those up anew, and keeps them. So a sum cannot drift: it is a copy that may be thrown
//! away at any time. See ADR 17.

use std::{collections::BTreeMap, time::Duration};

use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Bson, Document, doc},
    options::Hint,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Entity, StoreError, TenantStore, group_commit::DUPLICATE_KEY, majority};
use crate::domain::{
    Currency, ProviderId, SiteId, Timestamp,
    transaction::{Transaction, TransactionStatus},
};

/// The sums' collection.
pub const COLLECTION: &str = "daily_sums";
/// Up to when each tenant's sums have been checked.
pub const MARKS: &str = "daily_sums_marks";
/// The index that tells which days have changed.
pub const CHANGED_INDEX: &str = "changed";
/// Days that are kept: ninety, the ninety before, and today's own.
pub const DAYS_KEPT: i64 = 181;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A change carries the clock of the process that made it, and is seen a little later. What was made this long
/// before the last look is looked at again.
const SLACK: Duration = Duration::from_mins(2);

/// How old a check may be before it is written down that nothing had changed.
const MARK_AGE: Duration = Duration::from_mins(1);

/// What the transactions of a day, in one currency, of one site and through one provider, come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The currency.
    #[serde(rename = "c")]
    pub currency: Currency,
    /// The site.
    #[serde(rename = "s")]
    pub site: SiteId,
    /// The provider, where there is one.
    #[serde(rename = "p", default)]
    pub provider: Option<ProviderId>,
    /// How many were begun.
    #[serde(rename = "n")]
    pub begun: i64,
    /// How many of them were paid.
    #[serde(rename = "ok")]
    pub paid: i64,
    /// How many of them ended unpaid.
    #[serde(rename = "no")]
    pub unpaid: i64,
    /// Minor units taken.
    #[serde(rename = "t")]
    pub taken: i64,
    /// Minor units given back.
    #[serde(rename = "r")]
    pub refunded: i64,
    /// Minor units lost in disputes.
    #[serde(rename = "l")]
    pub lost: i64,
}

/// A day's sums.
#[derive(Debug, Clone, Deserialize)]
pub struct DaySums {
    /// Its first moment, UTC.
    pub day: Timestamp,
    /// The sums.
    pub rows: Vec<Sum>,
}

#[derive(Deserialize)]
struct Mark {
    at: Timestamp,
}

#[derive(Deserialize)]
struct ChangedDay {
    #[serde(rename = "_id")]
    day: Timestamp,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "_id")]
    key: Key,
    n: i64,
    ok: i64,
    no: i64,
    t: i64,
    r: i64,
    l: i64,
}

#[derive(Deserialize)]
struct Key {
    d: Timestamp,
    c: Currency,
    s: SiteId,
    #[serde(default)]
    p: Option<ProviderId>,
}

/// The first moment of the day (UTC) that a moment lies in.
pub const fn day_of(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis().div_euclid(DAY_MS) * DAY_MS)
}

/// The day some days later, or earlier.
pub const fn plus_days(day: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_millis(day.millis() + days * DAY_MS)
}

/// The sums of every day from `from` on that has any, oldest first, as they are now.
pub async fn read(store: &TenantStore, from: Timestamp, now: Timestamp) -> Result<Vec<DaySums>, StoreError> {
    refresh(store, now).await?;
    let mut filter = store.scope();
    filter.insert("day", doc! { "$gte": from });
    let found = sums(store).find(filter).sort(doc! { "day": 1 }).read_concern(majority()).await?;
    Ok(found.try_collect().await?)
}

fn sums(store: &TenantStore) -> Collection<DaySums> {
    store.store().database().collection(COLLECTION)
}

async fn refresh(store: &TenantStore, now: Timestamp) -> Result<(), StoreError> {
    let horizon = plus_days(day_of(now), 1 - DAYS_KEPT);
    let marks = store.store().database().collection::<Mark>(MARKS);
    let checked = marks.find_one(store.scope()).read_concern(majority()).await?.map(|mark| mark.at);
    let stale = match checked {
        // A day's grace, for clocks that go ahead.
        None => vec![(horizon, plus_days(day_of(now), 2))],
        Some(at) => runs(&changed_days(store, at - SLACK, horizon).await?),
    };
    for (from, to) in &stale {
        let groups = aggregate::<Group>(store, sum_up(*from, *to), None).await?;
        keep(store, now, by_day(groups)).await?;
    }
    if !stale.is_empty() || checked.is_none_or(|at| now.since(at) > MARK_AGE) {
        // After the sums, and never backwards: whoever is cut off here leaves the days to be looked at again.
        let update = doc! { "$max": { "at": now } };
        marks
            .clone_with_type::<Document>()
            .update_one(store.scope(), update)
            .upsert(true)
            .await
            .map(drop)
            .or_else(|error| match StoreError::from(error) {
                // Two first looks at once: the other's mark is there.
                StoreError::Duplicate => Ok(()),
                other => Err(other),
            })?;
    }
    Ok(())
}

/// What is asked, to learn which days have changed. Answered from [`CHANGED_INDEX`] alone.
pub fn changed_since(since: Timestamp, horizon: Timestamp) -> Vec<Document> {
    vec![
        doc! { "$match": { "updatedAt": { "$gte": since }, "createdAt": { "$gte": horizon } } },
        doc! { "$group": { "_id": { "$dateTrunc": { "date": "$createdAt", "unit": "day" } } } },
    ]
}

async fn changed_days(
    store: &TenantStore,
    since: Timestamp,
    horizon: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    let hint = Hint::Name(CHANGED_INDEX.to_owned());
    let found = aggregate::<ChangedDay>(store, changed_since(since, horizon), Some(hint)).await?;
    Ok(found.into_iter().map(|changed| changed.day).collect())
}

/// Days that follow each other, as spans from (inclusive) to (exclusive).
fn runs(days: &[Timestamp]) -> Vec<(Timestamp, Timestamp)> {
    let mut days = days.to_vec();
    days.sort();
    let mut runs: Vec<(Timestamp, Timestamp)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, end)) if *end == day => *end = plus_days(day, 1),
            _ => runs.push((day, plus_days(day, 1))),
        }
    }
    runs
}

/// What is asked, to add up the days of a span.
pub fn sum_up(from: Timestamp, to: Timestamp) -> Vec<Document> {
    let words = |is: fn(TransactionStatus) -> bool| {
        let all = TransactionStatus::ALL.iter().filter(|status| is(**status));
        Bson::from(all.map(|status| status.as_str()).collect::<Vec<_>>())
    };
    let count = |words: Bson| doc! { "$sum": { "$cond": [{ "$in": ["$status", words] }, 1_i64, 0_i64] } };
    let lost = doc! { "$eq": ["$status", TransactionStatus::Lost.as_str()] };
    let mut wanted = Document::new();
    super::list::within(&mut wanted, Some(from), Some(to));
    vec![
        doc! { "$match": wanted },
        doc! { "$group": {
            "_id": {
                "d": { "$dateTrunc": { "date": "$createdAt", "unit": "day" } },
                "c": "$currency", "s": "$siteId", "p": "$providerId",
            },
            "n": { "$sum": 1_i64 },
            "ok": count(words(TransactionStatus::is_paid)),
            "no": count(words(|s| s.ended_unpaid() || s == TransactionStatus::Failed)),
            "t": { "$sum": "$captured" },
            "r": { "$sum": "$refunded" },
            "l": { "$sum": { "$cond": [lost, { "$subtract": ["$captured", "$refunded"] }, 0_i64] } },
        } },
    ]
}

async fn aggregate<T: DeserializeOwned + Send + Sync + Unpin>(
    store: &TenantStore,
    mut pipeline: Vec<Document>,
    hint: Option<Hint>,
) -> Result<Vec<T>, StoreError> {
    pipeline.insert(0, doc! { "$match": store.scope() });
    let collection = store.store().database().collection::<Document>(Transaction::COLLECTION);
    let mut asked = collection.aggregate(pipeline).read_concern(majority());
    if let Some(hint) = hint {
        asked = asked.hint(hint);
    }
    Ok(asked.await?.with_type::<T>().try_collect().await?)
}

fn by_day(groups: Vec<Group>) -> BTreeMap<Timestamp, Vec<Sum>> {
    let mut days: BTreeMap<Timestamp, Vec<Sum>> = BTreeMap::new();
    for Group { key, n, ok, no, t, r, l } in groups {
        days.entry(key.d).or_default().push(Sum {
            currency: key.c,
            site: key.s,
            provider: key.p,
            begun: n,
            paid: ok,
            unpaid: no,
            taken: t,
            refunded: r,
            lost: l,
        });
    }
    days
}

/// Keeps sums, unless somebody has kept younger ones: then the unique index refuses the second document of a day.
async fn keep(
    store: &TenantStore,
    as_of: Timestamp,
    days: BTreeMap<Timestamp, Vec<Sum>>,
) -> Result<(), StoreError> {
    if days.is_empty() {
        return Ok(());
    }
    let updates: Vec<Document> = days
        .into_iter()
        .map(|(day, rows)| {
            let mut filter = store.scope();
            filter.insert("day", day);
            filter.insert("asOf", doc! { "$lt": as_of });
            let rows: Vec<Document> = rows.iter().map(row).collect();
            doc! { "q": filter, "u": { "$set": { "asOf": as_of, "rows": rows } }, "upsert": true }
        })
        .collect();
    let command = doc! { "update": COLLECTION, "updates": updates, "ordered": false };
    let reply = store.store().database().run_command(command).await?;
    let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
    let is_expected = |error: &Bson| {
        error.as_document().is_some_and(|error| error.get_i32("code").ok() == Some(DUPLICATE_KEY))
    };
    match errors.iter().find(|error| !is_expected(error)) {
        None => Ok(()),
        Some(error) => Err(StoreError::Unknown(error.to_string())),
    }
}

fn row(sum: &Sum) -> Document {
    doc! {
        "c": sum.currency.code(), "s": sum.site, "p": sum.provider.map_or(Bson::Null, Bson::from),
        "n": sum.begun, "ok": sum.paid, "no": sum.unpaid, "t": sum.taken, "r": sum.refunded, "l": sum.lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_follow_each_other_are_added_up_together() {
        let day = |days: i64| plus_days(Timestamp::from_millis(0), days);
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[day(3), day(1), day(2), day(9)]), [(day(1), day(4)), (day(9), day(10))]);
        assert_eq!(day_of(Timestamp::from_millis(DAY_MS + 1)), day(1));
        assert_eq!(day_of(Timestamp::from_millis(-1)), day(-1));
    }

    #[test]
    fn every_status_is_open_paid_or_unpaid() {
        for status in TransactionStatus::ALL {
            let is_unpaid = status.ended_unpaid() || *status == TransactionStatus::Failed;
            let groups = [status.is_open(), status.is_paid(), is_unpaid];
            assert_eq!(groups.iter().filter(|is| **is).count(), 1, "{}", status.as_str());
        }
    }
}
