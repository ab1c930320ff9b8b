//! Custom checkout domains: host names of merchants under which their sites' checkouts are shown.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use mongodb::bson::doc;

use super::{App, AppError, edit};
use crate::{
    domain::{
        DomainId, SiteId, Tenant,
        custom_domain::{CustomDomain, DomainState, normal_host},
        site::Site,
    },
    store::StoreError,
};

/// At most this many domains in an organization and mode.
const DOMAINS_MAX: u64 = 100;

/// How long the names of both sides may take to be resolved.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// Registers a host for a site. Until a check finds that it points here it does nothing.
pub async fn create(app: &App, tenant: Tenant, site: SiteId, host: &str) -> Result<CustomDomain, AppError> {
    create_as(app, tenant, site, host, DomainId::generate()).await
}

/// [`create`] under an id that is the same for every try of one request.
pub async fn create_as(
    app: &App,
    tenant: Tenant,
    site: SiteId,
    host: &str,
    id: DomainId,
) -> Result<CustomDomain, AppError> {
    let host = normal_host(host).map_err(|error| AppError::field("host", error.to_string()))?;
    if own_hosts(app).any(|own| own == host) {
        return Err(AppError::field("host", "is a host of the gateway itself"));
    }
    let store = app.store.for_org(tenant);
    if store.get::<Site>(site).await?.is_none() {
        return Err(AppError::NotFound("site"));
    }
    if store.count::<CustomDomain>(doc! {}, DOMAINS_MAX).await? >= DOMAINS_MAX {
        return Err(AppError::conflict("TOO_MANY_DOMAINS", "an organization takes at most 100 domains"));
    }
    let now = app.now();
    let domain = CustomDomain {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        site_id: site,
        host,
        state: DomainState::Pending,
        problem: None,
        checked_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    match store.insert(&domain).await {
        Ok(()) => Ok(domain),
        Err(StoreError::Duplicate) => {
            if let Some(first) = store.get_majority::<CustomDomain>(id).await? {
                return Ok(first);
            }
            Err(AppError::conflict("DOMAIN_EXISTS", "this host is registered already"))
        }
        Err(error) => Err(error.into()),
    }
}

/// A domain; another tenant's is not there.
pub async fn get(app: &App, tenant: Tenant, id: DomainId) -> Result<CustomDomain, AppError> {
    app.store.for_org(tenant).get::<CustomDomain>(id).await?.ok_or(AppError::NotFound("domain"))
}

/// A site's domains, newest first.
pub async fn of_site(app: &App, tenant: Tenant, site: SiteId) -> Result<Vec<CustomDomain>, AppError> {
    let store = app.store.for_org(tenant);
    let most = i64::try_from(DOMAINS_MAX).unwrap_or(i64::MAX);
    Ok(store.find(doc! { "siteId": site }, doc! { "_id": -1 }, most).await?)
}

/// Takes a domain out. Other nodes serve it for [`crate::app::SETTINGS_CACHE`] at most; its certificate is not
/// renewed any more.
pub async fn delete(app: &App, tenant: Tenant, id: DomainId) -> Result<(), AppError> {
    if !app.store.for_org(tenant).delete::<CustomDomain>(id, doc! {}).await? {
        return Err(AppError::NotFound("domain"));
    }
    app.forget_settings(tenant).await;
    Ok(())
}

/// Looks where the host points, and notes what was found.
pub async fn check(app: &App, tenant: Tenant, id: DomainId) -> Result<CustomDomain, AppError> {
    let host = get(app, tenant, id).await?.host;
    let ours = app.urls.main_frontend.host_str().unwrap_or_default().to_owned();
    let (theirs, own) = tokio::join!(addresses(&host), addresses(&ours));
    record(app, tenant, id, verdict(&theirs, &own, &ours)).await
}

/// Notes what a check found. A host that points here belongs to whoever verified it first.
pub async fn record(
    app: &App,
    tenant: Tenant,
    id: DomainId,
    found: Result<(), String>,
) -> Result<CustomDomain, AppError> {
    let now = app.now();
    let changed = edit::<CustomDomain>(app, tenant, id, "domain", |domain| {
        domain.state = if found.is_ok() { DomainState::Verified } else { DomainState::Pending };
        domain.problem = found.as_ref().err().cloned();
        domain.checked_at = Some(now);
        domain.updated_at = now;
        Ok(())
    });
    match changed.await {
        Err(AppError::Internal(error)) if is_duplicate(&*error) => {
            Err(AppError::conflict("DOMAIN_TAKEN", "this host was verified by somebody else before"))
        }
        other => other,
    }
}

fn is_duplicate(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Duplicate))
}

/// Whether every address of theirs is one of ours: a second one would take customers elsewhere now and then.
/// This sees through CNAME, ALIAS and plain addresses alike.
fn verdict(theirs: &BTreeSet<IpAddr>, ours: &BTreeSet<IpAddr>, own_host: &str) -> Result<(), String> {
    if ours.is_empty() {
        return Err(format!("{own_host} itself could not be resolved: try again later"));
    }
    if theirs.is_empty() {
        return Err(format!("the host has no address: add a CNAME record to {own_host}"));
    }
    match theirs.difference(ours).next() {
        None => Ok(()),
        Some(other) => Err(format!(
            "the host points to {other}, which is not the gateway: point it to {own_host} with a CNAME record"
        )),
    }
}

async fn addresses(host: &str) -> BTreeSet<IpAddr> {
    // The port is only what the resolver asks for.
    let looking = tokio::time::timeout(RESOLVE_LIMIT, tokio::net::lookup_host((host, 443)));
    let found = looking.await.ok().and_then(Result::ok);
    found.into_iter().flatten().map(|address| address.ip().to_canonical()).collect()
}

fn own_hosts(app: &App) -> impl Iterator<Item = &str> {
    let urls = &app.urls;
    [&urls.admin_frontend, &urls.admin_backend, &urls.main_frontend, &urls.main_backend]
        .into_iter()
        .filter_map(url::Url::host_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_address_must_be_one_of_ours() {
        let ours = set(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
        assert_eq!(verdict(&set(&["192.0.2.1"]), &ours, "pay.example.com"), Ok(()));
        assert_eq!(verdict(&set(&["192.0.2.2", "2001:db8::1"]), &ours, "pay.example.com"), Ok(()));
        let elsewhere = verdict(&set(&["192.0.2.1", "198.51.100.7"]), &ours, "pay.example.com").unwrap_err();
        assert!(elsewhere.contains("198.51.100.7") && elsewhere.contains("pay.example.com"), "{elsewhere}");
        assert!(verdict(&set(&[]), &ours, "pay.example.com").unwrap_err().contains("CNAME"));
        assert!(verdict(&set(&["192.0.2.1"]), &set(&[]), "pay.example.com").is_err());
    }
}
