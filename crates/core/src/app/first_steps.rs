//! What an organization has yet to do before its first payment. Nothing is ticked by hand: each step is looked up.

use std::time::Duration;

use mongodb::bson::doc;

use super::{App, AppError};
use crate::{
    domain::{
        CheckoutId, ProviderId, SiteId, Tenant, TransactionId,
        api_key::ApiKey,
        checkout::Checkout,
        delivery::{Delivery, DeliveryState},
        provider_account::{ProviderAccount, ProviderKind},
        provider_event::ProviderEvent,
        site::Site,
        transaction::{Transaction, TransactionStatus},
    },
    store::StoreError,
};

/// How long after the first payment the steps stay, so that its notification can be seen to arrive.
const STAY: Duration = Duration::from_hours(24);

/// Providers that are told of.
const PROVIDERS_MAX: i64 = 10;

/// How far an organization has come.
#[derive(Debug, Clone)]
pub struct FirstSteps {
    /// Its first site.
    pub site: Option<SiteId>,
    /// Its providers.
    pub providers: Vec<ProviderStep>,
    /// Whether there is an API key that can be used.
    pub has_key: bool,
    /// Its newest checkout.
    pub checkout: Option<CheckoutId>,
    /// Its first payment.
    pub paid: Option<TransactionId>,
    /// Whether a message to the shop has arrived.
    pub is_told: bool,
}

/// How far a provider is set up.
#[derive(Debug, Clone)]
pub struct ProviderStep {
    /// Which.
    pub id: ProviderId,
    /// What it is called.
    pub name: String,
    /// Of what kind.
    pub kind: ProviderKind,
    /// The webhook address to register there.
    pub webhook_url: String,
    /// Whether its credentials were tested, and work.
    pub is_tested: bool,
    /// Whether an event of it has arrived.
    pub has_events: bool,
}

impl ProviderStep {
    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        !self.kind.has_account_elsewhere() || (self.is_tested && self.has_events)
    }
}

/// Looks how far a tenant has come; `None` once it takes payments.
pub async fn first_steps(app: &App, tenant: Tenant) -> Result<Option<FirstSteps>, AppError> {
    let (store, now) = (app.store.for_org(tenant), app.now());
    let paid = TransactionStatus::ALL.iter().filter(|status| status.is_paid()).map(|s| s.as_str());
    let paid = doc! { "status": { "$in": paid.collect::<Vec<_>>() } };
    let paid = store.find::<Transaction>(paid, doc! { "_id": 1 }, 1).await?.into_iter().next();
    if paid.as_ref().is_some_and(|first| now.since(first.created_at) > STAY) {
        return Ok(None);
    }
    let oldest = || doc! { "_id": 1 };
    let delivered = mongodb::bson::serialize_to_bson(&DeliveryState::Delivered)
        .map_err(|error| AppError::internal(error.to_string()))?;
    let (sites, providers, keys, checkouts, told) = tokio::try_join!(
        store.find::<Site>(doc! {}, oldest(), 1),
        store.find::<ProviderAccount>(doc! {}, oldest(), PROVIDERS_MAX),
        store.find::<ApiKey>(doc! {}, doc! { "_id": -1 }, 100),
        store.find::<Checkout>(doc! {}, doc! { "_id": -1 }, 1),
        store.find::<Delivery>(doc! { "state": delivered }, doc! { "_id": -1 }, 1),
    )
    .map_err(|error: StoreError| AppError::from(error))?;
    let is_told = !told.is_empty();
    if paid.is_some() && is_told && !providers.is_empty() && !keys.is_empty() {
        return Ok(None);
    }
    let steps = futures::future::try_join_all(providers.iter().map(|account| step(app, account))).await?;
    Ok(Some(FirstSteps {
        site: sites.first().map(|site| site.id),
        providers: steps,
        has_key: keys.iter().any(|key| key.is_usable(now)),
        checkout: checkouts.first().map(|checkout| checkout.id),
        paid: paid.map(|transaction| transaction.id),
        is_told,
    }))
}

async fn step(app: &App, account: &ProviderAccount) -> Result<ProviderStep, AppError> {
    let store = app.store.for_org(account.tenant());
    let event = store.find_one::<ProviderEvent>(doc! { "providerId": account.id }).await?;
    Ok(ProviderStep {
        id: account.id,
        name: account.name.clone(),
        kind: account.kind,
        webhook_url: app.webhook_url(account.kind, account.id).into(),
        is_tested: account.last_test.as_ref().is_some_and(|test| test.problem.is_none()),
        has_events: event.is_some(),
    })
}
