//! Messages to merchants, as people handle them: look, send again, recover in bulk, send a test.
//!
//! All of these only change what is stored; the workers do the sending, so that a request which is cut off
//! loses nothing. Ids stay: a receiver that has seen a message knows it again.

use mongodb::bson::{Document, doc, oid::ObjectId, serialize_to_bson};

use super::{App, AppError, orders};
use crate::{
    domain::{
        CheckoutId, DeliveryId, EndpointId, SiteId, Tenant, Timestamp, TransactionId,
        delivery::{Delivery, DeliveryAttempt, DeliveryKind, DeliveryState},
        endpoint::WebhookEndpoint,
        ipn,
        lane::LaneId,
        site::Site,
    },
    fault,
    jobs::{attempt::TEST_EVENT, lanes, relay},
    outbound::parse_target,
    store::{
        Entity, StoreError,
        codec::oid,
        list::{Page, PageRequest},
    },
};

/// Which deliveries of a tenant.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    /// IPNs or webhooks.
    pub kind: Option<DeliveryKind>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// To this endpoint.
    pub endpoint: Option<EndpointId>,
    /// IPNs of this site.
    pub site: Option<SiteId>,
    /// About this transaction.
    pub transaction: Option<TransactionId>,
    /// About this checkout.
    pub checkout: Option<CheckoutId>,
}

impl DeliveryFilter {
    fn to_document(self) -> Result<Document, AppError> {
        let unreadable = |error: mongodb::bson::error::Error| AppError::internal(error.to_string());
        let mut filter = Document::new();
        if let Some(kind) = self.kind {
            filter.insert("kind", serialize_to_bson(&kind).map_err(unreadable)?);
        }
        if let Some(state) = self.state {
            filter.insert("state", serialize_to_bson(&state).map_err(unreadable)?);
        }
        if let Some(id) = self.endpoint {
            filter.insert("endpointId", oid(id));
        }
        if let Some(id) = self.site {
            filter.insert("siteId", oid(id));
        }
        if let Some(id) = self.transaction {
            filter.insert("transactionId", oid(id));
        }
        if let Some(id) = self.checkout {
            filter.insert("checkoutId", oid(id));
        }
        Ok(filter)
    }
}

/// A page of deliveries, newest first.
pub async fn list(
    app: &App,
    tenant: Tenant,
    filter: DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<Delivery>, AppError> {
    Ok(app.store.for_org(tenant).page(filter.to_document()?, page).await?)
}

/// A delivery.
pub async fn get(app: &App, tenant: Tenant, id: DeliveryId) -> Result<Delivery, AppError> {
    app.store.for_org(tenant).get(id).await?.ok_or(AppError::NotFound("delivery"))
}

/// The address that a delivery was made for.
pub async fn address(app: &App, delivery: &Delivery) -> Result<String, AppError> {
    open(app, delivery, Delivery::URL_FIELD, &delivery.url).await
}

/// The exact bytes of a delivery; `None` where they are not kept any longer.
pub async fn body(app: &App, delivery: &Delivery) -> Result<Option<String>, AppError> {
    match &delivery.body {
        Some(body) => open(app, delivery, Delivery::BODY_FIELD, body).await.map(Some),
        None => Ok(None),
    }
}

/// The beginning of what was answered to an attempt; what is not UTF-8 is replaced.
pub async fn response(app: &App, delivery: &Delivery, attempt: &DeliveryAttempt) -> Result<String, AppError> {
    match &attempt.response {
        Some(sealed) => open(app, delivery, Delivery::RESPONSE_FIELD, sealed).await,
        None => Ok(String::new()),
    }
}

async fn open(
    app: &App,
    delivery: &Delivery,
    field: &str,
    sealed: &crate::crypto::Sealed,
) -> Result<String, AppError> {
    Ok(app.store.for_org(delivery.tenant()).open(Delivery::COLLECTION, delivery.id, field, sealed).await?)
}

/// Sends a message again, whatever became of it, on a new schedule and under its old id.
///
/// Of an order's IPNs only the last one can be sent again: an older one would undo what the shop knows.
pub async fn resend(app: &App, tenant: Tenant, id: DeliveryId) -> Result<Delivery, AppError> {
    let delivery = get(app, tenant, id).await?;
    let on_its_way = || AppError::conflict("DELIVERY_SENDING", "this message is on its way at this moment");
    if delivery.state == DeliveryState::Sending {
        return Err(on_its_way());
    }
    if delivery.body.is_none() {
        let text = "what this message said is not kept any longer, so it cannot be sent again";
        return Err(AppError::conflict("DELIVERY_NOT_KEPT", text));
    }
    let is_about_order = delivery.kind == DeliveryKind::Ipn && delivery.event != TEST_EVENT;
    if is_about_order && !orders::settle::may_be_resent(app, &delivery).await? {
        let text = "a newer message about the same order has taken this one's place: resend that one";
        return Err(AppError::conflict("DELIVERY_SUPERSEDED", text));
    }
    if let Some(endpoint) = delivery.endpoint_id {
        let endpoint = app.store.for_org(tenant).get::<WebhookEndpoint>(endpoint).await?;
        if !endpoint.is_some_and(|endpoint| endpoint.enabled) {
            let text = "the endpoint is disabled or gone: enable it first";
            return Err(AppError::conflict("ENDPOINT_DISABLED", text));
        }
    }
    let now = app.now();
    let store = app.store.for_org(tenant);
    let still = doc! { "state": { "$ne": "sending" } };
    if !store.update::<Delivery>(id, still, anew(now)).await? {
        // It has been picked up since it was read.
        return Err(on_its_way());
    }
    fault::point("resend.after_update");
    // Should the process end here, the workers' look for forgotten lanes finds it.
    lanes::wake(&app.store, tenant, &delivery.lane, now, now).await?;
    get(app, tenant, id).await
}

fn anew(now: Timestamp) -> Document {
    doc! {
        "$set": { "state": "pending", "tries": 0_i64, "due": now, "updatedAt": now },
        "$unset": { "reason": "" },
    }
}

/// Whose failed messages to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recover {
    /// Webhooks to an endpoint.
    Endpoint(EndpointId),
    /// IPNs of a site.
    Site(SiteId),
}

/// Sends all messages again that were made since a moment and have failed for good. Answers how many;
/// calling it again goes on where a failure broke it off.
pub async fn recover(app: &App, tenant: Tenant, whose: Recover, since: Timestamp) -> Result<u64, AppError> {
    let store = app.store.for_org(tenant);
    let now = app.now();
    let mut filter = store.scope();
    // Ids begin with the time in seconds, so that the index by tenant and id bounds the search.
    let mut first = [0; 12];
    first[..4].copy_from_slice(&u32::try_from(since.seconds()).unwrap_or(u32::MAX).to_be_bytes());
    filter.insert("_id", doc! { "$gte": ObjectId::from_bytes(first) });
    match whose {
        Recover::Endpoint(id) => {
            let endpoint =
                store.get::<WebhookEndpoint>(id).await?.ok_or(AppError::NotFound("webhook endpoint"))?;
            if !endpoint.enabled {
                return Err(AppError::conflict(
                    "ENDPOINT_DISABLED",
                    "the endpoint is disabled: enable it first",
                ));
            }
            filter.insert("endpointId", oid(id));
        }
        Recover::Site(id) => {
            app.site(tenant, id).await?.ok_or(AppError::NotFound("site"))?;
            filter.extend(doc! { "siteId": oid(id), "kind": "ipn" });
        }
    }
    let mut failed = filter.clone();
    failed.insert("state", "failed");
    let deliveries = app.store.collection::<Delivery>();
    let recovered = deliveries.update_many(failed, anew(now)).await.map_err(StoreError::from)?.modified_count;
    fault::point("resend.after_update");
    filter.insert("due", doc! { "$exists": true });
    for lane in deliveries.distinct("lane", filter).await.map_err(StoreError::from)? {
        if let Ok(lane) = mongodb::bson::deserialize_from_bson::<LaneId>(lane) {
            lanes::wake(&app.store, tenant, &lane, now, now).await?;
        }
    }
    Ok(recovered)
}

/// Sends the test message of version 2 to an address, or to the site's default one.
pub async fn send_test_ipn(
    app: &App,
    tenant: Tenant,
    site: SiteId,
    url: Option<&str>,
) -> Result<Delivery, AppError> {
    let store = app.store.for_org(tenant);
    let found = app.site(tenant, site).await?.ok_or(AppError::NotFound("site"))?;
    let text = match (url, &found.default_ipn_url) {
        (Some(url), _) => url.to_owned(),
        (None, Some(sealed)) => {
            store.open(Site::COLLECTION, site, Site::DEFAULT_IPN_URL_FIELD, sealed).await?
        }
        (None, None) => {
            return Err(AppError::field("url", "is missing: the site has no default IPN address"));
        }
    };
    let target = parse_target(&text, &app.targets).map_err(|why| AppError::field("url", why.to_string()))?;
    let host = target.host_str().unwrap_or_default();
    let host = target.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let (id, now) = (DeliveryId::generate(), app.now());
    let body = ipn::test_body(&id.to_string(), now);
    let mut delivery =
        relay::new_delivery(&store, id, DeliveryKind::Ipn, target.as_str(), &body, now, now).await?;
    delivery.lane = LaneId::ipn(tenant, &host);
    TEST_EVENT.clone_into(&mut delivery.event);
    delivery.site_id = Some(site);
    delivery.ipn_version = Some(2);
    store.insert(&delivery).await?;
    lanes::wake(&app.store, tenant, &delivery.lane, now, now).await?;
    Ok(delivery)
}
