//! Webhook endpoints of an organization.

use std::time::Duration;

use mongodb::bson::doc;

use super::{App, AppError, Problem, edit, expect, finish, made_with_secret};
use crate::{
    crypto::{OrganizationKeys, Sealed, Secret, random},
    domain::{
        EndpointId, Tenant,
        endpoint::{ENDPOINTS_MAX, PreviousEndpointSecret, WebhookEndpoint},
        lane::LaneId,
        outbox::EventType,
    },
    jobs::lanes,
    outbound::parse_target,
    store::{Entity, StoreError, open_with, seal_with},
};

/// Longest overlap of a rotation.
pub const OVERLAP_MAX: Duration = Duration::from_hours(720);
/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// What an endpoint is made or changed with; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct EndpointSettings {
    /// The id of a new endpoint, the same for every try of one request; made where absent.
    pub id: Option<EndpointId>,
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// The address.
    pub url: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The event types wanted; all of them when empty.
    pub event_types: Option<Vec<EventType>>,
}

/// Makes an endpoint; answers its secret too.
pub async fn create(
    app: &App,
    tenant: Tenant,
    settings: EndpointSettings,
) -> Result<(WebhookEndpoint, Secret), AppError> {
    finish(problems(app, &settings, true))?;
    let store = app.store.for_org(tenant);
    let limit = u64::try_from(ENDPOINTS_MAX).unwrap_or(u64::MAX);
    if store.count::<WebhookEndpoint>(doc! {}, limit).await? >= limit {
        let message = format!("an organization takes at most {ENDPOINTS_MAX} webhook endpoints");
        return Err(AppError::conflict("TOO_MANY_ENDPOINTS", message));
    }
    let id = settings.id.unwrap_or_else(EndpointId::generate);
    let (keys, now) = (store.keys().await?, app.now());
    let secret = random::standard_webhook_secret();
    let url = settings.url.unwrap_or_default();
    let mut event_types = settings.event_types.unwrap_or_default();
    event_types.sort_unstable();
    event_types.dedup();
    let endpoint = WebhookEndpoint {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        url: seal(&keys, tenant, id, WebhookEndpoint::URL_FIELD, &url),
        description: settings.description.unwrap_or_default(),
        event_types,
        secret: seal(&keys, tenant, id, WebhookEndpoint::SECRET_FIELD, secret.expose()),
        previous_secret: None,
        enabled: true,
        disabled_reason: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    match store.insert(&endpoint).await {
        Ok(()) => {}
        Err(StoreError::Duplicate) => return Err(made_with_secret("endpoint")),
        Err(error) => return Err(error.into()),
    }
    app.forget_settings(tenant).await;
    Ok((endpoint, secret))
}

/// Changes an endpoint.
pub async fn update(
    app: &App,
    tenant: Tenant,
    id: EndpointId,
    settings: EndpointSettings,
) -> Result<WebhookEndpoint, AppError> {
    finish(problems(app, &settings, false))?;
    let (keys, now) = (app.store.for_org(tenant).keys().await?, app.now());
    edit::<WebhookEndpoint>(app, tenant, id, "webhook endpoint", |endpoint| {
        expect(endpoint, settings.expected_version)?;
        if let Some(url) = &settings.url {
            endpoint.url = seal(&keys, tenant, id, WebhookEndpoint::URL_FIELD, url);
        }
        if let Some(description) = &settings.description {
            endpoint.description.clone_from(description);
        }
        if let Some(types) = &settings.event_types {
            endpoint.event_types.clone_from(types);
            endpoint.event_types.sort_unstable();
            endpoint.event_types.dedup();
        }
        endpoint.updated_at = now;
        Ok(())
    })
    .await
}

/// Switches an endpoint on or off. Switched on, its lane is looked at anew: the worker forgets what it held
/// against the receiver.
pub async fn set_enabled(
    app: &App,
    tenant: Tenant,
    id: EndpointId,
    enabled: bool,
) -> Result<WebhookEndpoint, AppError> {
    let now = app.now();
    let endpoint = edit::<WebhookEndpoint>(app, tenant, id, "webhook endpoint", |endpoint| {
        endpoint.enabled = enabled;
        endpoint.disabled_reason = (!enabled).then(|| "switched off by the merchant".to_owned());
        endpoint.updated_at = now;
        Ok(())
    })
    .await?;
    if enabled {
        lanes::wake(&app.store, tenant, &LaneId::endpoint(tenant, id), now, now).await?;
    }
    Ok(endpoint)
}

/// An endpoint; another tenant's is not there.
pub async fn get(app: &App, tenant: Tenant, id: EndpointId) -> Result<WebhookEndpoint, AppError> {
    app.store.for_org(tenant).get::<WebhookEndpoint>(id).await?.ok_or(AppError::NotFound("webhook endpoint"))
}

/// The endpoint's address, opened.
pub async fn url(app: &App, endpoint: &WebhookEndpoint) -> Result<String, AppError> {
    let keys = app.store.for_org(endpoint.tenant()).keys().await?;
    let field = WebhookEndpoint::URL_FIELD;
    Ok(open(&keys, endpoint.tenant(), endpoint.id, field, &endpoint.url)?.expose().to_owned())
}

/// Makes a new secret. The old one signs beside it for `overlap` more.
pub async fn rotate_secret(
    app: &App,
    tenant: Tenant,
    id: EndpointId,
    overlap: Duration,
) -> Result<(WebhookEndpoint, Secret), AppError> {
    if overlap > OVERLAP_MAX {
        return Err(AppError::field("overlapSeconds", "must be at most 30 days"));
    }
    let (keys, now) = (app.store.for_org(tenant).keys().await?, app.now());
    let fresh = random::standard_webhook_secret();
    let endpoint = edit::<WebhookEndpoint>(app, tenant, id, "webhook endpoint", |endpoint| {
        let old = open(&keys, tenant, id, WebhookEndpoint::SECRET_FIELD, &endpoint.secret)?;
        let secret = seal(&keys, tenant, id, WebhookEndpoint::PREVIOUS_SECRET_FIELD, old.expose());
        endpoint.previous_secret =
            (!overlap.is_zero()).then(|| PreviousEndpointSecret { secret, until: now + overlap });
        endpoint.secret = seal(&keys, tenant, id, WebhookEndpoint::SECRET_FIELD, fresh.expose());
        endpoint.updated_at = now;
        Ok(())
    })
    .await?;
    Ok((endpoint, fresh))
}

/// Takes an endpoint out. What still waits for it is given up by the worker. Harmless to repeat.
pub async fn delete(app: &App, tenant: Tenant, id: EndpointId) -> Result<(), AppError> {
    if !app.store.for_org(tenant).delete::<WebhookEndpoint>(id, doc! {}).await? {
        return Err(AppError::NotFound("webhook endpoint"));
    }
    app.forget_settings(tenant).await;
    Ok(())
}

/// What is wrong with settings, all at once: of a new endpoint, or of a change.
pub fn problems(app: &App, settings: &EndpointSettings, is_new: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if is_new && settings.url.is_none() {
        problems.push(Problem::new("url", "is required"));
    }
    if let Some(url) = &settings.url
        && let Err(refusal) = parse_target(url, &app.targets)
    {
        problems.push(Problem::new("url", refusal.to_string()));
    }
    if settings.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        problems.push(Problem::new("description", "must be at most 500 characters"));
    }
    problems
}

fn seal(keys: &OrganizationKeys, tenant: Tenant, id: EndpointId, field: &str, text: &str) -> Sealed {
    seal_with(keys, tenant, WebhookEndpoint::COLLECTION, &id.to_string(), field, text.as_bytes())
}

fn open(
    keys: &OrganizationKeys,
    tenant: Tenant,
    id: EndpointId,
    field: &str,
    sealed: &Sealed,
) -> Result<Secret, AppError> {
    let collection = WebhookEndpoint::COLLECTION;
    Ok(Secret::new(open_with(keys, tenant, collection, &id.to_string(), field, sealed)?))
}
