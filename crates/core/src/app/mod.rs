//! Use cases: a file per verb. The JSON API, the pages and the jobs all call these.

pub mod apply;
pub mod audit;
pub mod authenticate;
pub mod bootstrap;
pub mod catch_up;
pub mod checkouts;
pub mod confirm_manual;
pub mod create_checkout;
pub mod customer;
pub mod dashboard;
pub mod deliveries;
pub mod discount_claims;
pub mod edit;
pub mod error;
pub mod first_steps;
pub mod form_submissions;
pub mod health;
pub mod images;
pub mod intake;
pub mod invoices;
pub mod list;
pub mod mail_quotas;
pub mod migrations;
pub mod notices;
pub mod operate;
pub mod orders;
pub mod organizations;
mod paced;
pub mod people;
pub mod personal;
pub mod project;
mod quotas;
pub mod receipts;
pub mod record_refund;
mod referenced_products;
pub mod refund;
pub mod reprice;
pub mod retention;
pub mod rotate;
pub mod settings;
pub mod start_payment;
mod supersede;
mod urls;

use std::{collections::HashSet, sync::Arc, time::Duration};

use moka::future::Cache;

pub use error::{AppError, Problem};
pub(crate) use error::{first_of_each, within};

use crate::{
    config::{CommonConfig, MailLimits, PublicUrls, SingleTenant},
    domain::{
        ApiKeyId, Clock, OrganizationId, PersonId, ProviderId, SiteId, Tenant, Timestamp,
        api_key::ApiKey,
        bank::BankAccount,
        custom_domain::CustomDomain,
        discount::Discount,
        endpoint::WebhookEndpoint,
        invoice::InvoiceSettings,
        organization::Organization,
        person::Person,
        provider_account::{Credentials, ProviderAccount, ProviderKind, is_strong_secret},
        site::Site,
    },
    outbound::{
        TargetPolicy,
        names::{Names, SystemNames},
    },
    provider::{Account, PaymentProvider, ProviderRegistry},
    store::{ClockSkew, Entity, Store, StoreError, Versioned},
    telemetry, timing,
};
use mongodb::bson::doc;

/// How long settings (sites, providers, endpoints, keys) may be read from memory: revocation must reach
/// every node within 5 s.
pub const SETTINGS_CACHE: Duration = Duration::from_secs(3);

/// How often a compare-and-set is tried again before the caller is told to come back.
pub const CONFLICT_RETRIES: usize = 20;

/// Between two looks whether a majority has what the primary has.
pub(crate) const MAJORITY_PAUSE: Duration = Duration::from_millis(10);

/// What use cases work with. Cloning shares it.
#[derive(Clone, Debug)]
pub struct App {
    /// MongoDB.
    pub store: Store,
    /// Providers' adapters.
    pub providers: ProviderRegistry,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Public addresses.
    pub urls: PublicUrls,
    /// Whoever is asked where hosts point.
    pub names: Arc<dyn Names>,
    /// How many mails leave.
    pub mail_limits: MailLimits,
    /// Where IPNs and webhooks may go.
    pub targets: TargetPolicy,
    /// The provider `_`.
    pub single_tenant: Option<SingleTenant>,
    /// Countries for which certified invoicing software stands behind the gateway.
    pub certified_invoicing: Arc<Vec<String>>,
    passwords: people::Passwords,
    passkeys: people::Passkeys,
    caches: Caches,
    superseder: supersede::Superseder,
}

#[derive(Clone, Debug)]
struct Caches {
    keys: Cache<ApiKeyId, Option<Arc<ApiKey>>>,
    sites: Cache<(Tenant, SiteId), Option<Arc<Site>>>,
    providers: Cache<ProviderId, Option<Arc<ProviderAccount>>>,
    offered: Cache<Tenant, Arc<Vec<ProviderAccount>>>,
    endpoints: Cache<Tenant, Arc<Vec<WebhookEndpoint>>>,
    /// By provider and version, so that new credentials are seen as soon as the provider itself is.
    accounts: Cache<(ProviderId, i64), Arc<Account>>,
    invoicing: Cache<Tenant, Option<Arc<InvoiceSettings>>>,
    codes: Cache<Tenant, bool>,
    domains: Cache<String, Option<Arc<CustomDomain>>>,
    /// Every verified host of the installation, so that any other name costs nothing.
    hosts: Cache<(), Arc<HashSet<String>>>,
    organizations: Cache<OrganizationId, Option<Arc<Organization>>>,
    people: Cache<(PersonId, String), Option<Arc<Person>>>,
    /// Providers whose last event has been noted a moment ago.
    heard: Cache<ProviderId, ()>,
    /// Lists of providers that were noted as unreadable a moment ago.
    unread: Cache<(ProviderId, &'static str), ()>,
}

fn cache<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(20_000).time_to_live(SETTINGS_CACHE).build()
}

impl App {
    /// Connects to MongoDB and makes what is missing there. `providers` makes the adapters; the sandbox's needs
    /// the store.
    pub async fn start(
        config: &CommonConfig,
        providers: impl FnOnce(&CommonConfig, &Store, &Arc<dyn Clock>) -> ProviderRegistry,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        timing::begin();
        let store = Store::connect(&config.store, config.keys.clone()).await?;
        store.refuse_wrong_clock(&*clock).await?;
        // No reason to end: what is sealed for other organizations can be read, and the health check says so, too.
        if let Some(version) = store.keys().missing_system_key().await? {
            tracing::error!(
                version,
                "SYSTEM_ENCRYPTION_KEY lacks a version under which data keys are wrapped"
            );
        }
        let providers = providers(config, &store, &clock);
        crate::store::indexes::ensure(&store).await?;
        let targets =
            if config.allow_private_targets { TargetPolicy::DEVELOPMENT } else { TargetPolicy::STRICT };
        let superseder = supersede::Superseder::start(store.clone(), Arc::clone(&clock));
        Ok(Self {
            superseder,
            passwords: people::Passwords::start(),
            passkeys: people::Passkeys::at(&config.urls.admin_frontend),
            store,
            providers,
            clock,
            urls: config.urls.clone(),
            names: Arc::new(SystemNames::default()),
            mail_limits: config.mail_limits,
            targets,
            single_tenant: config.single_tenant.clone(),
            certified_invoicing: Arc::new(config.certified_invoicing.clone()),
            caches: Caches {
                keys: cache(),
                sites: cache(),
                providers: cache(),
                offered: cache(),
                endpoints: cache(),
                accounts: cache(),
                invoicing: cache(),
                codes: cache(),
                domains: cache(),
                hosts: cache(),
                organizations: cache(),
                people: cache(),
                heard: Cache::builder().max_capacity(20_000).time_to_live(intake::HEARD_EVERY).build(),
                unread: Cache::builder().max_capacity(20_000).time_to_live(Duration::from_mins(10)).build(),
            },
        })
    }

    /// How far this service's clock is from MongoDB's. A service with a wrong one does not start; it may go wrong later.
    pub async fn clock_skew(&self) -> Result<ClockSkew, StoreError> {
        self.store.clock_skew(&*self.clock).await
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An API key, at most [`SETTINGS_CACHE`] old.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, AppError> {
        let load = async { Ok::<_, StoreError>(self.store.lookup_api_key(id).await?.map(Arc::new)) };
        Ok(self.caches.keys.try_get_with(id, load).await?)
    }

    /// A site, at most [`SETTINGS_CACHE`] old.
    pub async fn site(&self, tenant: Tenant, id: SiteId) -> Result<Option<Arc<Site>>, AppError> {
        let load =
            async { Ok::<_, StoreError>(self.store.for_org(tenant).get::<Site>(id).await?.map(Arc::new)) };
        Ok(self.caches.sites.try_get_with((tenant, id), load).await?)
    }

    /// An organization, at most [`SETTINGS_CACHE`] old.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<Arc<Organization>>, AppError> {
        let load = async { Ok::<_, StoreError>(self.store.lookup_organization(id).await?.map(Arc::new)) };
        Ok(self.caches.organizations.try_get_with(id, load).await?)
    }

    /// A provider account, at most [`SETTINGS_CACHE`] old.
    pub async fn provider(&self, id: ProviderId) -> Result<Option<Arc<ProviderAccount>>, AppError> {
        let load = async { Ok::<_, StoreError>(self.store.lookup_provider(id).await?.map(Arc::new)) };
        Ok(self.caches.providers.try_get_with(id, load).await?)
    }

    /// Who has verified a host, at most [`SETTINGS_CACHE`] old. A host that nobody has verified is not looked up: names
    /// come from whoever opens a connection, as many as they like.
    pub async fn verified_domain(&self, host: &str) -> Result<Option<Arc<CustomDomain>>, AppError> {
        let all = async { Ok::<_, StoreError>(Arc::new(self.store.verified_hosts().await?)) };
        if !self.caches.hosts.try_get_with((), all).await?.contains(host) {
            return Ok(None);
        }
        let load =
            async { Ok::<_, StoreError>(self.store.lookup_verified_domain(host).await?.map(Arc::new)) };
        Ok(self.caches.domains.try_get_with_by_ref(host, load).await?)
    }

    /// A tenant's enabled providers, oldest first.
    pub async fn enabled_providers(&self, tenant: Tenant) -> Result<Arc<Vec<ProviderAccount>>, AppError> {
        let load = async {
            let found =
                self.store.for_org(tenant).find(doc! { "enabled": true }, doc! { "_id": 1 }, 100).await?;
            Ok::<_, StoreError>(Arc::new(found))
        };
        Ok(self.caches.offered.try_get_with(tenant, load).await?)
    }

    /// A tenant's enabled webhook endpoints.
    pub async fn enabled_endpoints(&self, tenant: Tenant) -> Result<Arc<Vec<WebhookEndpoint>>, AppError> {
        let load = async {
            let found =
                self.store.for_org(tenant).find(doc! { "enabled": true }, doc! { "_id": 1 }, 100).await?;
            Ok::<_, StoreError>(Arc::new(found))
        };
        Ok(self.caches.endpoints.try_get_with(tenant, load).await?)
    }

    /// A tenant's invoice settings, at most [`SETTINGS_CACHE`] old; `None` where it has never made any.
    pub async fn invoice_settings(&self, tenant: Tenant) -> Result<Option<Arc<InvoiceSettings>>, AppError> {
        let id = InvoiceSettings::id_of(tenant);
        let load = async {
            Ok::<_, StoreError>(self.store.for_org(tenant).get::<InvoiceSettings>(id).await?.map(Arc::new))
        };
        Ok(self.caches.invoicing.try_get_with(tenant, load).await?)
    }

    /// Whether a tenant has a discount code that could be entered, as of [`SETTINGS_CACHE`] ago at most.
    pub async fn has_codes(&self, tenant: Tenant) -> Result<bool, AppError> {
        let now = self.now();
        let load = async {
            let ends = doc! { "$or": [{ "endsAt": { "$exists": false } }, { "endsAt": { "$gt": now } }] };
            let mut filter = doc! { "codeKey": { "$exists": true }, "active": true };
            filter.extend(ends);
            Ok::<_, StoreError>(self.store.for_org(tenant).find_one::<Discount>(filter).await?.is_some())
        };
        Ok(self.caches.codes.try_get_with(tenant, load).await?)
    }

    /// Forgets cached settings of this process after it changed them.
    pub async fn forget_settings(&self, tenant: Tenant) {
        self.caches.offered.invalidate(&tenant).await;
        self.caches.endpoints.invalidate(&tenant).await;
        self.caches.invoicing.invalidate(&tenant).await;
        self.caches.codes.invalidate(&tenant).await;
        self.caches.sites.invalidate_all();
        self.caches.providers.invalidate_all();
        self.caches.keys.invalidate_all();
        self.caches.domains.invalidate_all();
        self.caches.hosts.invalidate_all();
        self.caches.organizations.invalidate(&tenant.organization).await;
    }

    /// Forgets a cached organization of this process after it changed it.
    pub(crate) async fn forget_organization(&self, id: OrganizationId) {
        self.caches.organizations.invalidate(&id).await;
    }

    /// The adapter of a kind.
    pub fn adapter(&self, kind: ProviderKind) -> Result<&Arc<dyn PaymentProvider>, AppError> {
        self.providers.get(kind).ok_or_else(|| AppError::internal(format!("no adapter for {kind}")))
    }

    /// Opens a provider account for a call, or to check a webhook.
    pub async fn open_account(&self, account: &ProviderAccount) -> Result<Arc<Account>, AppError> {
        let key = (account.id, account.version);
        Ok(self.caches.accounts.try_get_with(key, self.decrypt_account(account)).await?)
    }

    async fn decrypt_account(&self, account: &ProviderAccount) -> Result<Arc<Account>, StoreError> {
        let text = self
            .store
            .for_org(account.tenant())
            .open(
                ProviderAccount::COLLECTION,
                account.id,
                ProviderAccount::CREDENTIALS_FIELD,
                &account.credentials,
            )
            .await?;
        let mut credentials: Credentials = serde_json::from_str(&text)
            .map_err(|_| StoreError::Malformed("credentials of a provider".to_owned()))?;
        // The provider's page tells of those that are left out.
        credentials.webhook_secrets.retain(|secret| is_strong_secret(secret));
        self.fall_back_to_environment(account, &mut credentials);
        if !account.mode.is_live() {
            // Whatever is told of it from here on, nobody can pay to it.
            credentials.bank = credentials.bank.map(BankAccount::for_testing);
        }
        let account =
            Account { id: account.id, mode: account.mode, account: account.account.clone(), credentials };
        Ok(Arc::new(account))
    }

    /// In single-tenant mode that organization's providers fall back to the environment's secrets.
    fn fall_back_to_environment(&self, account: &ProviderAccount, credentials: &mut Credentials) {
        let Some(single) = self.single_tenant.as_ref().filter(|s| s.organization == account.org) else {
            return;
        };
        let (key, secret) = match account.kind {
            ProviderKind::Stripe => (&single.stripe_secret_key, &single.stripe_webhook_secret),
            ProviderKind::GoCardless => (&single.gocardless_access_token, &single.gocardless_webhook_secret),
            ProviderKind::Sandbox | ProviderKind::Wire => return,
        };
        if credentials.api_key.is_none() {
            credentials.api_key.clone_from(key);
        }
        if credentials.webhook_secrets.is_empty() {
            credentials.webhook_secrets.extend(secret.clone());
        }
    }
}

/// A document that announces what happens to it.
pub(crate) trait Announcing: Versioned {
    /// Its outbox.
    fn outbox(&self) -> &crate::domain::outbox::Outbox;
    /// Its outbox.
    fn outbox_mut(&mut self) -> &mut crate::domain::outbox::Outbox;
}

impl Announcing for crate::domain::checkout::Checkout {
    fn outbox(&self) -> &crate::domain::outbox::Outbox {
        &self.outbox
    }
    fn outbox_mut(&mut self) -> &mut crate::domain::outbox::Outbox {
        &mut self.outbox
    }
}

impl Announcing for crate::domain::transaction::Transaction {
    fn outbox(&self) -> &crate::domain::outbox::Outbox {
        &self.outbox
    }
    fn outbox_mut(&mut self) -> &mut crate::domain::outbox::Outbox {
        &mut self.outbox
    }
}

impl Announcing for crate::domain::invoice::Invoice {
    fn outbox(&self) -> &crate::domain::outbox::Outbox {
        &self.outbox
    }
    fn outbox_mut(&mut self) -> &mut crate::domain::outbox::Outbox {
        &mut self.outbox
    }
}

impl App {
    /// Fixes the receivers of announcements made since `seq`, and the request that they are due to.
    pub(crate) async fn address<E: Announcing>(
        &self,
        entity: &mut E,
        since_seq: i64,
    ) -> Result<(), AppError> {
        if entity.outbox().seq == since_seq {
            return Ok(());
        }
        let endpoints = self.enabled_endpoints(entity.entity_tenant()).await?;
        let trail = telemetry::trail();
        for entry in entity.outbox_mut().entries.iter_mut().filter(|entry| entry.seq > since_seq) {
            entry.endpoints = endpoints.iter().filter(|e| e.wants(entry.event)).map(|e| e.id).collect();
            entry.trail.clone_from(&trail);
        }
        Ok(())
    }

    /// Reads, decides and saves, again and again until nobody came between. `decide` may be called several
    /// times and must be pure; its answer of `None` means that there is nothing to change.
    pub(crate) async fn change<E, T, F>(
        &self,
        tenant: Tenant,
        id: E::Id,
        what: &'static str,
        mut decide: F,
    ) -> Result<(E, T), AppError>
    where
        E: Announcing,
        E::Id: Copy,
        F: FnMut(&mut E) -> Result<(bool, T), AppError> + Send,
        T: Send,
    {
        let store = self.store.for_org(tenant);
        for _ in 0..CONFLICT_RETRIES {
            let mut entity = store.get::<E>(id).await?.ok_or(AppError::NotFound(what))?;
            let seq = entity.outbox().seq;
            if !entity.outbox().has_room() {
                return Err(AppError::Busy);
            }
            let (changed, answer) = decide(&mut entity)?;
            if !changed {
                // "It is done already" must not rest on what a fail-over would take back.
                if store.is_committed(&entity).await? {
                    return Ok((entity, answer));
                }
                tokio::time::sleep(MAJORITY_PAUSE).await;
                continue;
            }
            self.address(&mut entity, seq).await?;
            match store.save(&mut entity).await {
                Ok(()) => return Ok((entity, answer)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Busy)
    }
}
