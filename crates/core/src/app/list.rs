//! Lists, with the filters of the API.

use futures::{Stream, TryStreamExt};
use mongodb::bson::{self, Bson, Document, doc};

use super::{
    App, AppError,
    paced::{self, Pace},
};
use crate::{
    crypto::normalize_email,
    domain::{
        CheckoutId, Currency, ProviderId, SiteId, Tenant, Timestamp, TransactionId,
        bank::CreditorReference,
        checkout::{Checkout, CheckoutStatus},
        provider_account::ProviderAccount,
        provider_event::{EventState, ProviderEvent},
        site::Site,
        transaction::{Transaction, TransactionStatus},
    },
    store::{
        Entity,
        list::{self as store_list, Page, PageRequest},
    },
};

/// How many checkouts of a customer a search for their transactions looks at.
pub const CHECKOUTS_MAX: usize = 1000;
/// The pace of an export of rows.
const ROWS: Pace = Pace { ahead: 200, ..paced::EXPORT };

/// A time span: from (inclusive) to (exclusive).
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
}

/// Which checkouts.
#[derive(Debug, Clone, Default)]
pub struct CheckoutFilter {
    /// In one of these states; in any when empty.
    pub statuses: Vec<CheckoutStatus>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// With this reference.
    pub external_reference: Option<String>,
    /// Of this customer, found by a keyed hash.
    pub email: Option<String>,
    /// Of this customer.
    pub client_id: Option<String>,
    /// Made when.
    pub span: Span,
    /// With all of these pairs.
    pub metadata: Vec<(String, String)>,
}

/// Which transactions.
#[derive(Debug, Clone, Default)]
pub struct TransactionFilter {
    /// In one of these states; in any when empty.
    pub statuses: Vec<TransactionStatus>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// Through this provider.
    pub provider: Option<ProviderId>,
    /// Of this customer.
    pub client_id: Option<String>,
    /// With this reference.
    pub external_reference: Option<String>,
    /// Whose transfer bears this reference.
    pub transfer_reference: Option<CreditorReference>,
    /// Of checkouts of this customer, found by a keyed hash; their newest [`CHECKOUTS_MAX`].
    pub email: Option<String>,
    /// Of this checkout.
    pub checkout: Option<CheckoutId>,
    /// Whether a person must look at it.
    pub needs_review: Option<bool>,
    /// Made when.
    pub span: Span,
    /// With all of these pairs.
    pub metadata: Vec<(String, String)>,
}

/// Which events of providers.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter {
    /// In this state.
    pub state: Option<EventState>,
    /// Of this provider.
    pub provider: Option<ProviderId>,
    /// About this transaction.
    pub transaction: Option<TransactionId>,
}

/// A page of checkouts, newest first.
pub async fn checkouts(
    app: &App,
    tenant: Tenant,
    filter: &CheckoutFilter,
    page: &PageRequest,
) -> Result<Page<Checkout>, AppError> {
    let mut wanted = Document::new();
    one_of(&mut wanted, "status", filter.statuses.iter().map(|status| status.as_str()));
    insert(&mut wanted, "siteId", filter.site);
    insert(&mut wanted, "clientId", filter.client_id.as_deref());
    with_reference(app, tenant, &mut wanted, filter.external_reference.as_deref()).await?;
    of_email(app, tenant, &mut wanted, filter.email.as_deref())?;
    within(&mut wanted, filter.span);
    with_pairs(&mut wanted, &filter.metadata);
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

/// A page of transactions, newest first.
pub async fn transactions(
    app: &App,
    tenant: Tenant,
    filter: &TransactionFilter,
    page: &PageRequest,
) -> Result<Page<Transaction>, AppError> {
    let wanted = wanted_transactions(app, tenant, filter).await?;
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

/// All transactions that fit, newest first, read while they are sent on, for as long as somebody takes them.
pub async fn every_transaction(
    app: &App,
    tenant: Tenant,
    filter: &TransactionFilter,
) -> Result<impl Stream<Item = Result<Transaction, AppError>> + Send + use<>, AppError> {
    let wanted = wanted_transactions(app, tenant, filter).await?;
    let rows = app.store.for_org(tenant).stream::<Transaction>(wanted).await?.map_err(AppError::from);
    Ok(paced::while_read(ROWS, rows))
}

async fn wanted_transactions(
    app: &App,
    tenant: Tenant,
    filter: &TransactionFilter,
) -> Result<Document, AppError> {
    let mut wanted = Document::new();
    one_of(&mut wanted, "status", filter.statuses.iter().map(|status| status.as_str()));
    insert(&mut wanted, "currency", filter.currency.as_ref().map(Currency::code));
    insert(&mut wanted, "siteId", filter.site);
    insert(&mut wanted, "providerId", filter.provider);
    insert(&mut wanted, "clientId", filter.client_id.as_deref());
    with_reference(app, tenant, &mut wanted, filter.external_reference.as_deref()).await?;
    if let Some(reference) = &filter.transfer_reference {
        with_transfer(app, tenant, &mut wanted, reference).await?;
    }
    insert(&mut wanted, "checkoutId", filter.checkout);
    if let Some(email) = &filter.email {
        of_customer(app, tenant, &mut wanted, email).await?;
    }
    insert(&mut wanted, "needsReview", filter.needs_review.map(|yes| doc! { "$exists": yes }));
    within(&mut wanted, filter.span);
    with_pairs(&mut wanted, &filter.metadata);
    Ok(wanted)
}

/// Narrows a search to a shop's reference. References are a site's own, and so is their index: naming every site
/// spares another one, which each checkout and each payment would have to be written to.
pub(super) async fn with_reference(
    app: &App,
    tenant: Tenant,
    wanted: &mut Document,
    reference: Option<&str>,
) -> Result<(), AppError> {
    let Some(reference) = reference else { return Ok(()) };
    wanted.insert("externalReference", reference);
    if !wanted.contains_key("siteId") {
        let sites = app.store.for_org(tenant).ids::<Site>(Document::new()).await?;
        let sites: Vec<Bson> = sites.into_iter().map(Bson::from).collect();
        wanted.insert("siteId", doc! { "$in": sites });
    }
    Ok(())
}

/// Narrows a search to a transfer's reference, whose index begins with the provider.
async fn with_transfer(
    app: &App,
    tenant: Tenant,
    wanted: &mut Document,
    reference: &CreditorReference,
) -> Result<(), AppError> {
    wanted.insert("refs", reference.as_ref().as_str());
    if !wanted.contains_key("providerId") {
        let providers = app.store.for_org(tenant).ids::<ProviderAccount>(Document::new()).await?;
        let providers: Vec<Bson> = providers.into_iter().map(Bson::from).collect();
        wanted.insert("providerId", doc! { "$in": providers });
    }
    Ok(())
}

/// Narrows a search to a customer's checkouts: transactions hold no address.
async fn of_customer(app: &App, tenant: Tenant, wanted: &mut Document, email: &str) -> Result<(), AppError> {
    let mut of = Document::new();
    of_email(app, tenant, &mut of, Some(email))?;
    // Ids rise with time: the newest are the last.
    let newest = app.store.for_org(tenant).newest_ids::<Checkout>(of, CHECKOUTS_MAX).await?;
    let ids: Vec<Bson> = newest.into_iter().map(Bson::from).collect();
    wanted.entry("$and".to_owned()).or_insert_with(|| Bson::Array(Vec::new()));
    if let Ok(all) = wanted.get_array_mut("$and") {
        all.push(doc! { "checkoutId": { "$in": ids } }.into());
    }
    Ok(())
}

/// A page of providers' events, newest first.
pub async fn events(
    app: &App,
    tenant: Tenant,
    filter: &EventFilter,
    page: &PageRequest,
) -> Result<Page<ProviderEvent>, AppError> {
    let mut wanted = Document::new();
    if let Some(state) = filter.state {
        let state = bson::serialize_to_bson(&state).map_err(|e| AppError::internal(e.to_string()))?;
        wanted.insert("state", state);
    }
    insert(&mut wanted, "providerId", filter.provider);
    insert(&mut wanted, "transactionId", filter.transaction);
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

/// A page of settings (sites, providers, keys, endpoints), newest first.
pub async fn all<E: Entity>(app: &App, tenant: Tenant, page: &PageRequest) -> Result<Page<E>, AppError> {
    Ok(app.store.for_org(tenant).page(Document::new(), page).await?)
}

/// An event's exact bytes, opened; `None` where they are not kept any longer.
pub async fn raw_event(app: &App, event: &ProviderEvent) -> Result<Option<String>, AppError> {
    let Some(raw) = &event.raw else { return Ok(None) };
    let store = app.store.for_org(event.tenant());
    Ok(Some(store.open(ProviderEvent::COLLECTION, event.id, ProviderEvent::RAW_FIELD, raw).await?))
}

pub(super) fn insert(filter: &mut Document, field: &str, value: Option<impl Into<Bson>>) {
    if let Some(value) = value {
        filter.insert(field, value);
    }
}

pub(super) fn one_of<'a>(filter: &mut Document, field: &str, values: impl Iterator<Item = &'a str>) {
    let values: Vec<&str> = values.collect();
    match values.as_slice() {
        [] => {}
        [one] => {
            filter.insert(field, *one);
        }
        many => {
            filter.insert(field, doc! { "$in": many });
        }
    }
}

/// Narrows a search to an e-mail address, found by its keyed hash.
pub(super) fn of_email(
    app: &App,
    tenant: Tenant,
    wanted: &mut Document,
    email: Option<&str>,
) -> Result<(), AppError> {
    let Some(email) = email else { return Ok(()) };
    let (organization, email) = (tenant.organization.to_string(), normalize_email(email));
    // Every version of the search key, since a rotation rewrites old hashes one by one.
    let hashes = app.store.keys().search().hash_all_versions(&organization, "email", &email);
    let hashes = bson::serialize_to_bson(&hashes).map_err(|e| AppError::internal(e.to_string()))?;
    wanted.insert("emailHash", doc! { "$in": hashes });
    Ok(())
}

pub(super) fn within(filter: &mut Document, span: Span) {
    store_list::within(filter, span.from, span.to);
}

pub(super) fn with_pairs(filter: &mut Document, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    let each = |(k, v): &(String, String)| Bson::from(doc! { "m": { "$elemMatch": { "k": k, "v": v } } });
    filter.entry("$and".to_owned()).or_insert_with(|| Bson::Array(Vec::new()));
    if let Ok(all) = filter.get_array_mut("$and") {
        all.extend(pairs.iter().map(each));
    }
}
