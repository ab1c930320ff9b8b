//! Lanes: who may send to which receiver, by lease.
//!
//! A lane's `next` says when it wants a worker: the earliest due message, or the end of the lease while
//! one holds it. One index finds both, and a dead worker's lane comes back by itself. The `token` fences
//! the holder's writes to the lane.
//!
//! Waking a lane costs a write, so a process first looks among the lanes that it holds itself
//! ([`HeldLanes`]) and taps its own worker on the shoulder.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{Bson, Document, doc},
    options::ReturnDocument,
};
use tokio::sync::Notify;

use super::queue::tenant_of;
use crate::{
    crypto::random,
    domain::{
        OrganizationId, Tenant, Timestamp,
        delivery::Delivery,
        lane::{Lane, LaneId},
    },
    fault::Recovery,
    outbound::Breaker,
    store::{Entity, Store, StoreError, codec::oid},
    timing::scaled,
};

/// How long a claim holds without renewal; a dead worker's messages wait this long at most.
pub const LEASE: Duration = Duration::from_secs(30);

/// How often a holder renews.
pub const RENEWAL: Duration = Duration::from_secs(10);

/// The collection of lanes.
const COLLECTION: &str = "lanes";

fn collection(store: &Store) -> Collection<Lane> {
    store.database().collection(COLLECTION)
}

/// Says that a lane has a message that is due at `due`. Makes the lane if it is not there.
///
/// While somebody holds it, the lane is only marked: the holder looks again before it lets go.
pub async fn wake(
    store: &Store,
    tenant: Tenant,
    lane: &LaneId,
    now: Timestamp,
    due: Timestamp,
) -> Result<(), StoreError> {
    let held = doc! { "$and": [{ "$gt": ["$token", Bson::Null] }, { "$gt": ["$next", now] }] };
    // `$min` skips what is missing, so it is right for a lane that sleeps and for one that is new.
    let update = vec![doc! { "$set": {
        "org": oid(tenant.organization),
        "dirty": { "$cond": [held.clone(), true, { "$ifNull": ["$dirty", false] }] },
        "next": { "$cond": [held, "$next", { "$min": ["$next", due] }] },
    } }];
    let woken = collection(store).update_one(doc! { "_id": lane.as_str() }, update).upsert(true).await;
    match woken.map_err(StoreError::from) {
        // Two upserts at once: the other one has made it, and this one may not have been heard.
        Err(StoreError::Duplicate) => Box::pin(wake(store, tenant, lane, now, due)).await,
        other => other.map(|_| ()),
    }
}

/// A lane that this process holds.
#[derive(Debug)]
pub struct Claim {
    /// The lane.
    pub lane: LaneId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Whether the receiver is believed to be well.
    pub breaker: Option<Breaker>,
    /// The holder before let its lease run out: what it had on the wire must be recovered.
    pub abandoned: bool,
    token: String,
}

/// Claims lanes that want a worker, at most `limit`, and none of organizations that hold `full` many.
pub async fn claim(
    store: &Store,
    now: Timestamp,
    limit: usize,
    held: &HeldLanes,
    full: usize,
) -> Result<Vec<Claim>, StoreError> {
    let mut filter = doc! { "next": { "$lte": now } };
    let except: Vec<_> = held.organizations_with(full).into_iter().map(oid).collect();
    if !except.is_empty() {
        filter.insert("org", doc! { "$nin": except });
    }
    if !Recovery::LeaseExpiry.is_on() {
        filter.insert("token", doc! { "$exists": false });
    }
    let found: Vec<Lane> = collection(store)
        .find(filter)
        .sort(doc! { "next": 1 })
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .await?
        .try_collect()
        .await?;
    // A lane of our own may look free when its renewal is late: taking it from ourselves helps nobody.
    let free = found.into_iter().filter(|lane| !held.holds(&lane.id));
    let claims = free.map(|lane| claim_one(store, lane, now));
    // One that fails must not take those with it that were claimed: nobody would work on them.
    let mut claimed = Vec::new();
    let mut failure = None;
    for claim in futures::future::join_all(claims).await {
        match claim {
            Ok(claim) => claimed.extend(claim),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if claimed.is_empty() => Err(error),
        Some(error) => {
            tracing::warn!(%error, "a lane could not be claimed");
            Ok(claimed)
        }
        None => Ok(claimed),
    }
}

/// Takes one lane if nobody came between reading and taking: every claim, wake and renewal moves `next`.
async fn claim_one(store: &Store, read: Lane, now: Timestamp) -> Result<Option<Claim>, StoreError> {
    let token = hex::encode(random::bytes::<12>());
    let filter = doc! { "_id": read.id.as_str(), "next": read.next };
    let update = doc! { "$set": { "token": &token, "next": now + scaled(LEASE), "dirty": false } };
    let lanes = collection(store);
    let claimed = lanes.find_one_and_update(filter, update).return_document(ReturnDocument::After).await?;
    Ok(claimed.map(|lane| Claim {
        lane: lane.id,
        organization: lane.org,
        breaker: lane.breaker,
        abandoned: read.token.is_some(),
        token,
    }))
}

fn mine(claim: &Claim) -> Document {
    doc! { "_id": claim.lane.as_str(), "token": &claim.token }
}

fn breaker_bson(breaker: &Breaker) -> Result<Bson, StoreError> {
    mongodb::bson::serialize_to_bson(breaker).map_err(|error| StoreError::Malformed(error.to_string()))
}

/// Holds on to a lane; false when it has been lost.
pub async fn renew(store: &Store, claim: &Claim, now: Timestamp) -> Result<bool, StoreError> {
    let update = doc! { "$set": { "next": now + scaled(LEASE) } };
    Ok(collection(store).update_one(mine(claim), update).await?.matched_count == 1)
}

/// Stores the breaker of a lane; false when the lane has been lost.
pub async fn save_breaker(store: &Store, claim: &Claim, breaker: &Breaker) -> Result<bool, StoreError> {
    let update = doc! { "$set": { "breaker": breaker_bson(breaker)? } };
    Ok(collection(store).update_one(mine(claim), update).await?.matched_count == 1)
}

/// Lets a lane go until `next`, or until it is woken. Marked meanwhile → it wants a worker at once.
/// Harmless when the lane has been lost.
pub async fn release(
    store: &Store,
    claim: &Claim,
    breaker: &Breaker,
    now: Timestamp,
    next: Option<Timestamp>,
) -> Result<(), StoreError> {
    let next = next.map_or_else(|| Bson::from("$$REMOVE"), Bson::from);
    let update = vec![
        doc! { "$set": {
            "next": { "$cond": ["$dirty", now, next] },
            "breaker": { "$literal": breaker_bson(breaker)? },
            "dirty": false,
        } },
        doc! { "$unset": "token" },
    ];
    collection(store).update_one(mine(claim), update).await?;
    Ok(())
}

/// Wakes lanes whose waking was cut off by a crash: they have messages, and nobody is going to look.
pub async fn wake_forgotten(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    if !Recovery::ForgottenLanes.is_on() {
        return Ok(0);
    }
    let deliveries = store.database().collection::<Delivery>(Delivery::COLLECTION);
    let waiting = deliveries.distinct("lane", doc! { "due": { "$exists": true } }).await?;
    let watched = doc! { "_id": { "$in": &waiting }, "next": { "$exists": true } };
    let watched = collection(store).distinct("_id", watched).await?;
    let forgotten: Vec<_> = waiting.into_iter().filter(|lane| !watched.contains(lane)).collect();
    for lane in &forgotten {
        let Some(lane) = mongodb::bson::deserialize_from_bson::<LaneId>(lane.clone()).ok() else { continue };
        wake(store, tenant_of(&lane), &lane, now, now).await?;
    }
    Ok(forgotten.len())
}

/// How long the lane that waits longest has been due; zero when none is.
pub async fn oldest_due(store: &Store, now: Timestamp) -> Result<Duration, StoreError> {
    let oldest =
        collection(store).find_one(doc! { "next": { "$lte": now } }).sort(doc! { "next": 1 }).await?;
    Ok(oldest.and_then(|lane| lane.next).map_or(Duration::ZERO, |next| now.since(next)))
}

/// The lanes that this process holds.
///
/// A tap here instead of a write is safe because a holder first takes its lane out of here and only then
/// looks whether something is due: a message that was committed before the tap is seen by that look, and
/// a later one finds no holder and writes. Should the process die, the lease brings the lane back.
#[derive(Debug, Default)]
pub struct HeldLanes {
    lanes: Mutex<HashMap<LaneId, (OrganizationId, Arc<Notify>)>>,
    /// Tapped when a lane was woken in the database: somebody should claim it.
    pub(super) unclaimed: Notify,
}

impl HeldLanes {
    fn with<R>(&self, act: impl FnOnce(&mut HashMap<LaneId, (OrganizationId, Arc<Notify>)>) -> R) -> R {
        act(&mut self.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes a lane: its holder, if that is this process, else in the database.
    pub async fn wake(
        &self,
        store: &Store,
        tenant: Tenant,
        lane: &LaneId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tapped = self.with(|lanes| lanes.get(lane).map(|(_, holder)| holder.notify_one()).is_some());
        if !tapped {
            wake(store, tenant, lane, now, now).await?;
            self.unclaimed.notify_one();
        }
        Ok(())
    }

    /// How many lanes are held.
    pub fn count(&self) -> usize {
        self.with(|lanes| lanes.len())
    }

    pub(super) fn add(&self, claim: &Claim) -> Arc<Notify> {
        let holder = Arc::new(Notify::new());
        self.with(|lanes| lanes.insert(claim.lane.clone(), (claim.organization, Arc::clone(&holder))));
        holder
    }

    /// Takes a lane out, if `holder` is still the one who holds it.
    pub(super) fn remove(&self, lane: &LaneId, holder: &Arc<Notify>) {
        self.with(|lanes| {
            if lanes.get(lane).is_some_and(|(_, held)| Arc::ptr_eq(held, holder)) {
                lanes.remove(lane);
            }
        });
    }

    fn holds(&self, lane: &LaneId) -> bool {
        self.with(|lanes| lanes.contains_key(lane))
    }

    fn organizations_with(&self, full: usize) -> Vec<OrganizationId> {
        let mut counts: HashMap<OrganizationId, usize> = HashMap::new();
        self.with(|lanes| {
            for (organization, _) in lanes.values() {
                *counts.entry(*organization).or_default() += 1;
            }
        });
        counts.into_iter().filter(|(_, count)| *count >= full).map(|(organization, _)| organization).collect()
    }
}
