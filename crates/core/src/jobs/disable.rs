//! Endpoints that do nothing but fail: notices, and the end.

use mongodb::bson::doc;
use serde_json::json;

use super::{lanes::HeldLanes, queue, relay};
use crate::{
    app::{App, AppError},
    domain::{delivery::Delivery, endpoint::WebhookEndpoint, lane::LaneId, outbox::EventType},
    outbound::breaker::{DISABLED_AFTER_MS, NOTICE_DAYS},
    store::StoreError,
};

const MS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// An endpoint that has failed for less has no notice to be taken back.
pub(super) const FIRST_NOTICE_MS: i64 = NOTICE_DAYS[0] as i64 * MS_PER_DAY;

/// Whether the endpoint of a lane is there and switched on.
pub(super) async fn is_enabled_again(app: &App, lane: &LaneId) -> Result<bool, StoreError> {
    let Some(id) = queue::endpoint_of(lane) else { return Ok(true) };
    let endpoint = app.store.for_org(queue::tenant_of(lane)).get::<WebhookEndpoint>(id).await?;
    Ok(endpoint.is_some_and(|endpoint| endpoint.enabled))
}

/// Ends everything that waits in a lane; bulk recover brings it back.
pub(super) async fn fail_waiting(app: &App, lane: &LaneId, reason: &str) -> Result<(), StoreError> {
    let filter = doc! { "lane": lane.as_str(), "due": { "$exists": true }, "state": "pending" };
    let update = doc! {
        "$set": { "state": "failed", "reason": reason, "updatedAt": app.now() },
        "$unset": { "due": "" },
    };
    app.store.collection::<Delivery>().update_many(filter, update).await?;
    Ok(())
}

/// Notes beside an endpoint that it is failing; the panel shows it.
pub(super) async fn notice(app: &App, lane: &LaneId, failing_days: u8) -> Result<(), StoreError> {
    let Some(id) = queue::endpoint_of(lane) else { return Ok(()) };
    let limit_days = DISABLED_AFTER_MS / MS_PER_DAY;
    let text = format!(
        "nothing could be delivered for {failing_days} days; the endpoint is switched off after {limit_days}"
    );
    tracing::warn!(%lane, failing_days, "a webhook endpoint keeps failing");
    set_reason(app, lane, id, doc! { "$set": { "disabledReason": text } }).await
}

/// The endpoint works again.
pub(super) async fn take_notice_back(app: &App, lane: &LaneId) -> Result<(), StoreError> {
    let Some(id) = queue::endpoint_of(lane) else { return Ok(()) };
    set_reason(app, lane, id, doc! { "$unset": { "disabledReason": "" } }).await
}

async fn set_reason(
    app: &App,
    lane: &LaneId,
    id: crate::domain::EndpointId,
    update: mongodb::bson::Document,
) -> Result<(), StoreError> {
    let mut update = update;
    update.insert("$inc", doc! { "version": 1_i64 });
    let noticed = doc! { "enabled": true };
    app.store.for_org(queue::tenant_of(lane)).update::<WebhookEndpoint>(id, noticed, update).await?;
    Ok(())
}

/// Switches an endpoint off, ends what waits for it, and tells the tenant's other endpoints.
pub(super) async fn disable(app: &App, held: &HeldLanes, lane: &LaneId) -> Result<(), StoreError> {
    let Some(id) = queue::endpoint_of(lane) else { return Ok(()) };
    let (tenant, now) = (queue::tenant_of(lane), app.now());
    let store = app.store.for_org(tenant);
    let Some(endpoint) = store.get::<WebhookEndpoint>(id).await?.filter(|endpoint| endpoint.enabled) else {
        return fail_waiting(app, lane, "the endpoint is disabled").await;
    };
    let reason = "it answered 410 Gone, or nothing could be delivered for days";
    let update = doc! {
        "$set": { "enabled": false, "disabledReason": reason, "updatedAt": now },
        "$inc": { "version": 1_i64 },
    };
    let unchanged = doc! { "version": endpoint.version };
    if !store.update::<WebhookEndpoint>(id, unchanged, update).await? {
        // Somebody edits it at this moment; the next failure comes back to it.
        return Err(StoreError::Conflict);
    }
    tracing::warn!(%lane, "a webhook endpoint was disabled");
    app.forget_settings(tenant).await;
    fail_waiting(app, lane, "the endpoint is disabled").await?;
    let data = json!({ "id": id, "description": endpoint.description, "reason": reason });
    match relay::announce(app, held, tenant, EventType::EndpointDisabled, now, &id.to_string(), &data).await {
        Ok(()) => Ok(()),
        Err(AppError::Busy) => Err(StoreError::Conflict),
        Err(error) => Err(StoreError::Unknown(error.to_string())),
    }
}
