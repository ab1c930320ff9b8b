//! Custom checkout domains: host names of merchants under which their sites' checkouts are shown.
//!
//! A certificate is made for each verified host, and the authority that makes them counts those of all organizations
//! together. So an organization registers only so many hosts in a week, whatever it deletes, and a host is verified only
//! for whoever can write into its DNS.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use mongodb::bson::doc;

use super::{App, AppError, edit};
use crate::{
    app::{
        notices,
        quotas::{self, Quota},
    },
    domain::{
        DomainId, OrganizationId, SiteId, Tenant,
        custom_domain::{CustomDomain, DomainState, Found, LOOK_EVERY, normal_host},
        site::Site,
    },
    outbound::names::Unanswered,
    store::StoreError,
};

/// At most this many domains in an organization and mode.
const DOMAINS_MAX: u64 = 100;
/// New ones of an organization. Deleting gives none of them back.
const NEW: Quota = Quota {
    name: "new_domains",
    most: ("an organization registers at most", "new domains in a week"),
    max: 20,
    window: Duration::from_hours(7 * 24),
};
/// Looks that an organization asks for: each asks name servers that somebody else runs.
const CHECKS: Quota = Quota {
    name: "domain_checks",
    most: ("an organization has at most", "domains checked in an hour"),
    max: 120,
    window: Duration::from_hours(1),
};
/// Domains looked at again in one pass.
pub const BATCH: usize = 20;
/// What the texts of organizations are hashed for.
const CHALLENGE: &str = "challenge of a domain";

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
    // What is there already is none more: neither the same request again nor the same host.
    if let Some(first) = store.find_one::<CustomDomain>(doc! { "host": &host }).await? {
        return if first.id == id { Ok(first) } else { Err(exists()) };
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
        elsewhere_since: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let taken = quotas::take(app, &[(NEW, tenant.organization.to_string())]).await??;
    match store.insert(&domain).await {
        Ok(()) => Ok(domain),
        Err(StoreError::Duplicate) => {
            taken.give_back(app).await?;
            if let Some(first) = store.get_majority::<CustomDomain>(id).await? {
                return Ok(first);
            }
            Err(exists())
        }
        Err(error) => Err(error.into()),
    }
}

fn exists() -> AppError {
    AppError::conflict("DOMAIN_EXISTS", "this host is registered already")
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

/// A TXT record that proves a host to be an organization's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What an organization must have written into the DNS of a host before it is verified. It follows from both and is no
/// secret: nobody but who may write there can put it there, and it proves nothing for anybody else.
pub fn challenge(app: &App, organization: OrganizationId, host: &str) -> Challenge {
    let hash = app.store.keys().tokens().hash(CHALLENGE, &format!("{organization} {host}"));
    Challenge { name: challenge_name(host), text: challenge_text(&hash) }
}

fn challenge_name(host: &str) -> String {
    format!("_tollgate-challenge.{host}")
}

fn challenge_text(hash: &crate::crypto::TokenHash) -> String {
    format!("tollgate={}", hex::encode(&hash.digest()[..16]))
}

/// Looks where the host points, and notes what was found.
pub async fn check(app: &App, tenant: Tenant, id: DomainId) -> Result<CustomDomain, AppError> {
    let domain = get(app, tenant, id).await?;
    quotas::take(app, &[(CHECKS, tenant.organization.to_string())]).await??;
    let found = look(app, &domain).await;
    record(app, tenant, id, found).await
}

/// Looks at verified hosts again that were not looked at for a day; answers how many.
pub async fn check_due(app: &App) -> Result<usize, AppError> {
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let due = app.store.due_domain_checks(app.now() - LOOK_EVERY, limit).await?;
    for domain in &due {
        let found = look(app, domain).await;
        if let Err(error) = record(app, domain.tenant(), domain.id, found).await {
            tracing::warn!(domain = %domain.id, ?error, "what was found of a domain was not noted");
        }
    }
    Ok(due.len())
}

async fn look(app: &App, domain: &CustomDomain) -> Found {
    let ours = app.urls.main_frontend.host_str().unwrap_or_default();
    let (theirs, own) = tokio::join!(app.names.addresses(&domain.host), app.names.addresses(ours));
    match points_here(theirs, own, ours) {
        Err(found) => found,
        // A verified host need not keep its text.
        Ok(()) if domain.state == DomainState::Verified => Found::Here(unproven(app, domain)),
        Ok(()) => prove(app, domain).await,
    }
}

/// Whether the text is there, under any of the keys that may have made it.
async fn prove(app: &App, domain: &CustomDomain) -> Found {
    let (name, of) = (challenge_name(&domain.host), format!("{} {}", domain.org, domain.host));
    let known = app.store.keys().tokens().hash_all_versions(CHALLENGE, &of);
    let texts: Vec<String> = known.iter().map(challenge_text).collect();
    match app.names.texts(&name).await {
        Ok(found) if found.iter().any(|text| texts.iter().any(|known| known == text.trim())) => Found::Proven,
        Ok(_) => Found::Here(unproven(app, domain)),
        Err(Unanswered) => Found::Unanswered,
    }
}

fn unproven(app: &App, domain: &CustomDomain) -> String {
    let Challenge { name, text } = challenge(app, domain.org, &domain.host);
    format!(
        "the host points here, and nothing proves it to be yours: add a TXT record {name} with the text {text}"
    )
}

/// Notes what a check found. A host belongs to whoever verified it first.
pub async fn record(app: &App, tenant: Tenant, id: DomainId, found: Found) -> Result<CustomDomain, AppError> {
    let (now, mut is_lost) = (app.now(), false);
    let changed = edit::<CustomDomain>(app, tenant, id, "domain", |domain| {
        is_lost = domain.note(&found, now);
        Ok(())
    });
    let domain = match changed.await {
        Err(AppError::Internal(error)) if is_duplicate(&*error) => {
            return Err(AppError::conflict("DOMAIN_TAKEN", "this host was verified by somebody else before"));
        }
        other => other?,
    };
    if is_lost {
        tracing::warn!(domain = %id, organization = %tenant.organization, "a host is not verified any more");
        notices::domain_lost(app, &domain).await?;
    }
    Ok(domain)
}

fn is_duplicate(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Duplicate))
}

/// Whether every address of theirs is one of ours: a second one would take customers elsewhere now and then.
/// This sees through CNAME, ALIAS and plain addresses alike.
fn points_here(
    theirs: Result<BTreeSet<IpAddr>, Unanswered>,
    ours: Result<BTreeSet<IpAddr>, Unanswered>,
    own_host: &str,
) -> Result<(), Found> {
    let (Ok(theirs), Ok(ours)) = (theirs, ours) else { return Err(Found::Unanswered) };
    if ours.is_empty() {
        return Err(Found::Unanswered);
    }
    if theirs.is_empty() {
        let told = format!("the host has no address: add a CNAME record to {own_host}");
        return Err(Found::Elsewhere(told));
    }
    if theirs.is_subset(&ours) {
        return Ok(());
    }
    Err(Found::Elsewhere(format!(
        "not every address of the host is the gateway's: point it to {own_host} with a CNAME record, and take its \
         other A and AAAA records out"
    )))
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
    fn every_address_must_be_one_of_ours_and_none_is_told() {
        let ours = || set(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
        let of = |theirs| points_here(Ok(theirs), Ok(ours()), "pay.example.com");
        assert_eq!(of(set(&["192.0.2.1"])), Ok(()));
        assert_eq!(of(set(&["192.0.2.2", "2001:db8::1"])), Ok(()));
        let Err(Found::Elsewhere(told)) = of(set(&["192.0.2.1", "198.51.100.7"])) else { panic!() };
        assert!(!told.contains("198.51.100.7") && told.contains("pay.example.com"), "{told}");
        let Err(Found::Elsewhere(told)) = of(set(&[])) else { panic!() };
        assert!(told.contains("CNAME"), "{told}");
        let unknown = [
            (Ok(set(&["192.0.2.1"])), Ok(set(&[]))),
            (Err(Unanswered), Ok(ours())),
            (Ok(set(&[])), Err(Unanswered)),
        ];
        for (theirs, ours) in unknown {
            assert_eq!(points_here(theirs, ours, "pay.example.com"), Err(Found::Unanswered));
        }
    }
}
