//! What is noted of a provider account besides its settings: refused webhooks, and what its credentials may not read.
//! Nothing but pages depends on it, so that a failure here is a log line.

use std::time::Duration;

use mongodb::bson::{Bson, doc};

use super::{App, AppError};
use crate::{
    domain::{
        ProviderId, Tenant, Timestamp,
        provider_account::ProviderAccount,
        provider_health::{MissingPermission, ProviderHealth, REFUSALS_MAX, Refusal, RefusalReason},
        transaction::Unread,
    },
    store::{StoreError, TenantStore},
};

/// Between two writes about one account: whoever forges webhooks must not make the database write for each.
pub const NOTE_EVERY: Duration = Duration::from_secs(10);

/// The health of an account; nothing is known of one that was just made.
pub async fn get(app: &App, account: &ProviderAccount) -> Result<ProviderHealth, AppError> {
    let found = app.store.for_org(account.tenant()).get::<ProviderHealth>(account.id).await?;
    Ok(found.unwrap_or_else(|| ProviderHealth::of(account, None)))
}

/// Notes refused webhooks of an account, gathered by whoever counted them.
pub async fn note_refusals(app: &App, id: ProviderId, reason: RefusalReason, count: u64) {
    let Ok(Some(account)) = app.provider(id).await else { return };
    let refusal = Refusal { at: app.now(), reason, count: i64::try_from(count).unwrap_or(i64::MAX) };
    let noted = async {
        let Refusal { at, reason, count } = refusal;
        let fresh = doc! { "at": at, "reason": reason.as_str(), "count": count };
        let kept = i32::try_from(REFUSALS_MAX).unwrap_or(i32::MAX);
        let change = doc! {
            "$push": { "refusals": { "$each": [fresh], "$slice": -kept } },
            "$inc": { "refusedRun": count },
        };
        change_health(app, &account, change).await
    };
    if let Err(error) = noted.await {
        tracing::warn!(provider = %id, %error, "refused webhooks were not noted");
    }
}

/// Notes that a good webhook came: what was refused before is over.
pub(super) async fn note_good(store: &TenantStore, id: ProviderId) -> Result<(), StoreError> {
    let filter = doc! { "refusedRun": { "$gt": 0 } };
    store.update::<ProviderHealth>(id, filter, doc! { "$set": { "refusedRun": 0_i64 } }).await.map(drop)
}

/// Notes lists that the credentials may not read, seen while a payment was looked at.
pub(super) async fn note_unread(app: &App, account: &ProviderAccount, unread: &[Unread]) {
    for unread in unread {
        let Unread::Forbidden(list) = unread else { continue };
        if app.caches.unread.contains_key(&(account.id, *list)) {
            continue;
        }
        app.caches.unread.insert((account.id, *list), ()).await;
        tracing::warn!(provider = %account.id, list, "the credentials may not read a list");
        if let Err(error) = note_missing(app, account, list).await {
            tracing::warn!(provider = %account.id, %error, "a missing permission was not noted");
        }
    }
}

async fn note_missing(app: &App, account: &ProviderAccount, what: &str) -> Result<(), AppError> {
    let mut missing = get(app, account).await?.missing;
    if missing.iter().any(|known| known.what == what) {
        return Ok(());
    }
    missing.push(MissingPermission { what: what.to_owned(), at: app.now() });
    keep_missing(app, account, &missing).await
}

/// What a test of the credentials found takes the place of what was noted before.
pub(super) async fn replace_missing(
    app: &App,
    account: &ProviderAccount,
    missing: &[String],
    now: Timestamp,
) -> Result<(), AppError> {
    let missing: Vec<_> =
        missing.iter().map(|what| MissingPermission { what: what.clone(), at: now }).collect();
    keep_missing(app, account, &missing).await
}

async fn keep_missing(
    app: &App,
    account: &ProviderAccount,
    missing: &[MissingPermission],
) -> Result<(), AppError> {
    let missing: Vec<_> = missing.iter().map(|one| doc! { "what": &one.what, "at": one.at }).collect();
    change_health(app, account, doc! { "$set": { "missing": missing } }).await
}

/// Changes the document, which is made where it is not there yet.
async fn change_health(
    app: &App,
    account: &ProviderAccount,
    change: mongodb::bson::Document,
) -> Result<(), AppError> {
    let store = app.store.for_org(account.tenant());
    if store.update::<ProviderHealth>(account.id, doc! {}, change.clone()).await? {
        return Ok(());
    }
    make(app, account).await?;
    store.update::<ProviderHealth>(account.id, doc! {}, change).await?;
    Ok(())
}

/// Makes the document of an account, unless it is there.
pub(super) async fn make(app: &App, account: &ProviderAccount) -> Result<(), AppError> {
    let lists = app.adapter(account.kind)?.capabilities().lists_events;
    let health = ProviderHealth::of(account, lists.then(|| app.now()));
    match app.store.for_org(account.tenant()).insert(&health).await {
        Ok(()) | Err(StoreError::Duplicate) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Forgets an account that was taken out.
pub(super) async fn forget(app: &App, tenant: Tenant, id: ProviderId) -> Result<(), AppError> {
    app.store.for_org(tenant).delete::<ProviderHealth>(id, doc! {}).await?;
    Ok(())
}

/// An optional value as it is set, or taken out, of a document.
pub(super) fn set_or_unset(
    set: &mut mongodb::bson::Document,
    unset: &mut mongodb::bson::Document,
    field: &str,
    value: Option<impl Into<Bson>>,
) {
    match value {
        Some(value) => {
            set.insert(field, value);
        }
        None => {
            unset.insert(field, "");
        }
    }
}
