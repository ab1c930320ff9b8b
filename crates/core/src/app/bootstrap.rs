//! Bootstrap: an organization with what it needs to take its first payment. Harmless to repeat: what exists
//! is used, and only credentials that are given are changed.

use mongodb::bson::doc;

use super::{
    App, AppError,
    settings::{
        api_keys::{self, NewKey},
        providers::{self, NewCredentials, ProviderSettings},
        sites::{self, SiteSettings},
    },
};
use crate::{
    crypto::{ApiKeyToken, Secret},
    domain::{
        Mode, OrganizationId, ProviderId, Tenant,
        api_key::ApiKey,
        organization::Organization,
        provider_account::{ProviderAccount, ProviderKind},
        scope::Scope,
        site::Site,
    },
};

/// What the first key is called.
const KEY_NAME: &str = "bootstrap";

/// A provider to make or to bring up to date.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whether it should exist.
    pub wanted: bool,
    /// Its credentials.
    pub credentials: NewCredentials,
}

/// What should be there.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The organization's name.
    pub organization: String,
    /// The site's name.
    pub site: String,
    /// Live or test.
    pub mode: Mode,
    /// The built-in sandbox.
    pub sandbox: Wanted,
    /// Stripe.
    pub stripe: Wanted,
    /// GoCardless.
    pub gocardless: Wanted,
}

/// A provider that is there.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Its id.
    pub id: ProviderId,
    /// The webhook secret that it accepts, the first of several.
    pub webhook_secret: Option<Secret>,
}

/// What is there.
#[derive(Debug)]
pub struct Bootstrapped {
    /// The organization, in its mode.
    pub tenant: Tenant,
    /// The site.
    pub site: Site,
    /// Signs the site's IPNs.
    pub site_webhook_secret: Secret,
    /// The key, when it was made now.
    pub api_key: Option<ApiKeyToken>,
    /// The sandbox.
    pub sandbox: Option<Ready>,
    /// Stripe.
    pub stripe: Option<Ready>,
    /// GoCardless.
    pub gocardless: Option<Ready>,
}

/// Makes what is missing.
pub async fn bootstrap(app: &App, plan: &Plan) -> Result<Bootstrapped, AppError> {
    let organization = organization(app, &plan.organization).await?;
    let tenant = Tenant::new(organization, plan.mode);
    let site = site(app, tenant, &plan.site).await?;
    let sandbox = provider(app, tenant, ProviderKind::Sandbox, &plan.sandbox).await?;
    let stripe = provider(app, tenant, ProviderKind::Stripe, &plan.stripe).await?;
    let gocardless = provider(app, tenant, ProviderKind::GoCardless, &plan.gocardless).await?;
    let api_key = first_key(app, tenant).await?;
    let site_webhook_secret = sites::secrets(app, tenant, site.id).await?.current;
    Ok(Bootstrapped { tenant, site, site_webhook_secret, api_key, sandbox, stripe, gocardless })
}

async fn organization(app: &App, name: &str) -> Result<OrganizationId, AppError> {
    if name.trim().is_empty() {
        return Err(AppError::field("organization", "is required"));
    }
    if let Some(found) = app.store.organizations().await?.into_iter().find(|o| o.name == name) {
        return Ok(found.id);
    }
    let organization = Organization::new(OrganizationId::generate(), name.to_owned(), app.now());
    app.store.insert_organization(&organization).await?;
    Ok(organization.id)
}

async fn site(app: &App, tenant: Tenant, name: &str) -> Result<Site, AppError> {
    if let Some(site) = app.store.for_org(tenant).find_one::<Site>(doc! { "name": name }).await? {
        Ok(site)
    } else {
        let settings = SiteSettings { name: Some(name.to_owned()), ..SiteSettings::default() };
        sites::create(app, tenant, settings).await
    }
}

async fn provider(
    app: &App,
    tenant: Tenant,
    kind: ProviderKind,
    wanted: &Wanted,
) -> Result<Option<Ready>, AppError> {
    let store = app.store.for_org(tenant);
    let found = store.find_one::<ProviderAccount>(doc! { "type": kind.as_str() }).await?;
    let credentials = wanted.credentials.clone();
    let given = credentials.api_key.is_some() || credentials.webhook_secrets.is_some();
    let settings = ProviderSettings { credentials, ..ProviderSettings::default() };
    let account = match found {
        Some(account) if given => providers::update(app, tenant, account.id, settings).await?,
        Some(account) => account,
        None if wanted.wanted => providers::create(app, tenant, kind, settings).await?,
        None => return Ok(None),
    };
    let opened = providers::open(&store.keys().await?, &account)?;
    Ok(Some(Ready { id: account.id, webhook_secret: opened.webhook_secrets.first().map(Secret::new) }))
}

/// A key for everything, unless there is one: its secret is not known any more.
async fn first_key(app: &App, tenant: Tenant) -> Result<Option<ApiKeyToken>, AppError> {
    let keys: Vec<ApiKey> =
        app.store.for_org(tenant).find(doc! { "name": KEY_NAME }, doc! { "_id": 1 }, 1000).await?;
    if keys.iter().any(|key| key.is_usable(app.now())) {
        return Ok(None);
    }
    let new = NewKey { name: KEY_NAME.to_owned(), scopes: vec![Scope::All], ..NewKey::default() };
    Ok(Some(api_keys::create(app, tenant, new, None).await?.1))
}
