//! What waits in a lane, and what is marked as on the wire.

use std::{collections::HashSet, time::Duration};

use futures::TryStreamExt;
use mongodb::{
    bson::{Document, doc},
    options::Hint,
};

use super::{attempt, lanes};
use crate::{
    app::App,
    domain::{
        EndpointId, EntityId, IdBytes, Mode, OrganizationId, Tenant, Timestamp,
        delivery::{AttemptOutcome, Delivery, DeliveryAttempt, DeliveryKind},
        lane::LaneId,
    },
    fault::Recovery,
    outbound::Receiver,
    store::{StoreError, codec::oid},
    timing::scaled,
};

/// Rows of attempts kept in a delivery; manual resends add to them without end.
const ATTEMPTS_MAX: i64 = 100;

/// Forgotten deliveries that are taken up in one pass.
const FORGOTTEN_MAX: i64 = 200;

/// What an IPN's order in time is kept within: its order, or its payment where a release before orders made it.
pub(super) fn sequence_of(delivery: &Delivery) -> Option<IdBytes> {
    if delivery.kind != DeliveryKind::Ipn {
        return None;
    }
    delivery.order_id.map(EntityId::bytes).or(delivery.transaction_id.map(EntityId::bytes))
}

/// Who reads at the end of a lane.
pub(super) fn receiver_of(lane: &LaneId) -> Receiver {
    match lane.as_str().split(':').nth(2) {
        Some("ipn") => Receiver::Ipn,
        _ => Receiver::Webhook,
    }
}

/// The endpoint of a webhook lane.
pub(super) fn endpoint_of(lane: &LaneId) -> Option<EndpointId> {
    let mut parts = lane.as_str().split(':').skip(2);
    (parts.next() == Some("endpoint")).then(|| parts.next()?.parse().ok())?
}

/// Whose lane it is.
pub(super) fn tenant_of(lane: &LaneId) -> Tenant {
    let mut parts = lane.as_str().split(':');
    let organization = parts.next().and_then(|id| id.parse().ok());
    let mode = parts.next().and_then(|mode| mode.parse().ok());
    // A lane's name is made by `LaneId` alone; no tenant has the id of zeros.
    Tenant::new(organization.unwrap_or(OrganizationId::from_bytes([0; 12])), mode.unwrap_or(Mode::Test))
}

async fn find(
    app: &App,
    lane: &LaneId,
    due: Document,
    sort: Document,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let filter = doc! { "lane": lane.as_str(), "due": due, "state": "pending" };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(app.store.collection::<Delivery>().find(filter).sort(sort).limit(limit).await?.try_collect().await?)
}

/// What is due and may go, oldest first, at most `room`, none of it of a sequence that is `busy`. Whether an IPN is
/// still the one to be sent is looked at when it is.
pub(super) async fn due(
    app: &App,
    lane: &LaneId,
    now: Timestamp,
    busy: &HashSet<IdBytes>,
    room: usize,
) -> Result<Vec<Delivery>, StoreError> {
    // Some of them may have to wait for others of their sequence.
    let found = find(app, lane, doc! { "$lte": now }, doc! { "due": 1 }, room + busy.len()).await?;
    let mut taken = busy.clone();
    let mut is_free =
        |delivery: &Delivery| sequence_of(delivery).is_none_or(|sequence| taken.insert(sequence));
    Ok(found.into_iter().filter(|delivery| is_free(delivery)).take(room).collect())
}

/// The newest message that is due: the best probe.
pub(super) async fn newest_due(
    app: &App,
    lane: &LaneId,
    now: Timestamp,
) -> Result<Vec<Delivery>, StoreError> {
    find(app, lane, doc! { "$lte": now }, doc! { "due": -1 }, 1).await
}

/// When something is due next.
pub(super) async fn earliest(app: &App, lane: &LaneId) -> Result<Option<Timestamp>, StoreError> {
    let found = find(app, lane, doc! { "$exists": true }, doc! { "due": 1 }, 1).await?;
    Ok(found.into_iter().next().and_then(|delivery| delivery.due))
}

/// Writes down that these are going on the wire: one write for the batch. Answers those that were still
/// waiting, each with its attempt's number.
pub(super) async fn mark(
    app: &App,
    batch: Vec<Delivery>,
    started: Timestamp,
) -> Result<Vec<(Delivery, i64)>, StoreError> {
    let ids: Vec<_> = batch.iter().map(|delivery| oid(delivery.id)).collect();
    let filter = doc! { "_id": { "$in": &ids }, "state": "pending" };
    let number = doc! { "$add": [{ "$ifNull": [{ "$last": "$attempts.number" }, 0_i64] }, 1_i64] };
    let row = doc! { "number": number, "startedAt": started, "outcome": "started" };
    let rows = doc! { "$concatArrays": [{ "$ifNull": ["$attempts", []] }, [row]] };
    let update = vec![
        doc! { "$set": {
            "state": "sending",
            "tries": { "$add": [{ "$ifNull": ["$tries", 0_i64] }, 1_i64] },
            "attempts": { "$slice": [rows, -ATTEMPTS_MAX] },
            "updatedAt": started,
        } },
        doc! { "$unset": "due" },
    ];
    let collection = app.store.collection::<Delivery>();
    let marked = collection.update_many(filter, update).await?;
    let numbered = |delivery: Delivery| {
        let number = delivery.attempts.last().map_or(0, |attempt| attempt.number) + 1;
        (delivery, number)
    };
    if marked.modified_count == u64::try_from(ids.len()).unwrap_or(u64::MAX) {
        return Ok(batch.into_iter().map(numbered).collect());
    }
    // Some were superseded, resent or cancelled meanwhile: ask which are ours. Nobody else marks
    // deliveries of a lane that we hold.
    let ours = collection.find(doc! { "_id": { "$in": ids }, "state": "sending" }).await?;
    let ours: Vec<Delivery> = ours.try_collect().await?;
    let ours: HashSet<_> = ours.into_iter().map(|delivery| delivery.id).collect();
    Ok(batch.into_iter().filter(|delivery| ours.contains(&delivery.id)).map(numbered).collect())
}

/// Takes up what a dead holder had on the wire: nobody knows whether it arrived, so its attempt says
/// `unknown` and it goes out again. Answers how many there were.
pub(super) async fn recover(app: &App, lane: &LaneId) -> Result<usize, StoreError> {
    let collection = app.store.collection::<Delivery>();
    let found = collection.find(doc! { "lane": lane.as_str(), "state": "sending" }).await?;
    let cut_off: Vec<Delivery> = found.try_collect().await?;
    for delivery in &cut_off {
        give_up(app, delivery).await?;
    }
    Ok(cut_off.len())
}

/// How long a message may be on the wire; far longer than any answer is waited for.
pub const ON_WIRE_MAX: Duration = Duration::from_mins(5);

/// Takes up what is on the wire for longer than anything can be, whoever holds its lane: a worker that stood still
/// until its lane was another's may have marked it after that one recovered, and died. Answers how many there were.
///
/// # Errors
///
/// [`StoreError`] of the database.
pub async fn recover_forgotten(app: &App) -> Result<usize, StoreError> {
    if !Recovery::LaneRecovery.is_on() {
        return Ok(0);
    }
    let before = app.now() - scaled(ON_WIRE_MAX);
    let filter = doc! { "state": "sending", "updatedAt": { "$lt": before } };
    let by_state = Hint::Name("sending".to_owned());
    let found = app.store.collection::<Delivery>().find(filter).hint(by_state).limit(FORGOTTEN_MAX).await?;
    let forgotten: Vec<Delivery> = found.try_collect().await?;
    for delivery in &forgotten {
        tracing::warn!(delivery = %delivery.id, lane = %delivery.lane, "recovered a delivery that was forgotten");
        give_up(app, delivery).await?;
        let now = app.now();
        lanes::wake(&app.store, delivery.tenant(), &delivery.lane, now, now).await?;
    }
    Ok(forgotten.len())
}

/// Gives an attempt up of which nobody knows what it came to, and sends again if the schedule goes on.
async fn give_up(app: &App, delivery: &Delivery) -> Result<(), StoreError> {
    let Some(DeliveryAttempt { number, started_at, outcome, .. }) = delivery.attempts.last() else {
        return Ok(());
    };
    let now = app.now();
    // The row counts as an attempt, so that a message that kills its worker ends some day.
    let mut made = Delivery { tries: delivery.tries - 1, ..delivery.clone() };
    made.attempts.pop();
    let again = attempt::after_failure(&made, *started_at, now, None).map(|_| now);
    let mut set = doc! { "updatedAt": now };
    if *outcome == AttemptOutcome::Started {
        set.insert("attempts.$.outcome", "unknown");
    }
    let update = if again.is_some() {
        set.extend(doc! { "state": "pending", "due": now });
        doc! { "$set": set }
    } else {
        set.extend(doc! { "state": "failed", "reason": "every attempt of the schedule has failed" });
        doc! { "$set": set, "$unset": { "due": "" } }
    };
    let filter = doc! { "_id": oid(delivery.id), "state": "sending", "attempts.number": *number };
    app.store.collection::<Delivery>().update_one(filter, update).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_names_tell_receiver_endpoint_and_tenant() {
        let tenant = Tenant::new(OrganizationId::from_bytes([7; 12]), Mode::Live);
        let endpoint = EndpointId::from_bytes([9; 12]);
        let lane = LaneId::endpoint(tenant, endpoint);
        assert_eq!((receiver_of(&lane), endpoint_of(&lane)), (Receiver::Webhook, Some(endpoint)));
        assert_eq!(tenant_of(&lane), tenant);
        let lane = LaneId::ipn(tenant, "[2001:db8::1]:8443");
        assert_eq!((receiver_of(&lane), endpoint_of(&lane)), (Receiver::Ipn, None));
        assert_eq!(tenant_of(&lane), tenant);
    }
}
