//! Settings of a tenant: sites, providers, API keys, webhook endpoints, products, discounts and clients.

pub mod api_keys;
pub mod bank;
pub mod clients;
pub mod discounts;
pub mod domains;
pub mod endpoints;
pub mod invoicing;
pub mod products;
pub mod providers;
pub mod sites;

use super::{App, AppError, CONFLICT_RETRIES, Problem, first_of_each, within};
use crate::{
    domain::Tenant,
    store::{Entity, StoreError, TenantStore, Versioned},
};

/// Longest name of anything, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Reads, changes and saves a setting, again and again until nobody came between. Other nodes see the
/// change after [`super::SETTINGS_CACHE`] at the latest, this one at once.
async fn edit<E: Versioned>(
    app: &App,
    tenant: Tenant,
    id: E::Id,
    what: &'static str,
    change: impl FnMut(&mut E) -> Result<(), AppError> + Send,
) -> Result<E, AppError> {
    edit_unique(app, tenant, id, what, None, change).await
}

/// [`edit`] of what holds a value that the tenant has once: the name of its field, for the refusal.
async fn edit_unique<E: Versioned>(
    app: &App,
    tenant: Tenant,
    id: E::Id,
    what: &'static str,
    unique: Option<&'static str>,
    mut change: impl FnMut(&mut E) -> Result<(), AppError> + Send,
) -> Result<E, AppError> {
    let store = app.store.for_org(tenant);
    for _ in 0..CONFLICT_RETRIES {
        let mut entity = store.get::<E>(id).await?.ok_or(AppError::NotFound(what))?;
        change(&mut entity)?;
        match store.save(&mut entity).await {
            Ok(()) => {
                app.forget_settings(tenant).await;
                return Ok(entity);
            }
            Err(StoreError::Conflict) => {}
            Err(StoreError::Duplicate) => return Err(taken(unique)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}

/// Refuses a change that was decided on another version than the one that stands.
pub(super) fn expect<E: Versioned>(entity: &E, expected: Option<i64>) -> Result<(), AppError> {
    match expected {
        Some(version) if version != entity.version() => Err(AppError::Stale),
        _ => Ok(()),
    }
}

/// The document that an earlier try of the same request has inserted, where an insert met a duplicate. Otherwise
/// another document holds the unique value.
async fn made_before<E: Entity>(
    store: &TenantStore,
    id: E::Id,
    unique: Option<&'static str>,
) -> Result<E, AppError> {
    store.get_majority::<E>(id).await?.ok_or_else(|| taken(unique))
}

/// An earlier try of the same request has made it and shown its secret, which nobody can read again.
fn made_with_secret(what: &str) -> AppError {
    let message = format!("this {what} was created already, and its secret was shown then");
    AppError::conflict("CREATED_BEFORE", message)
}

fn taken(unique: Option<&'static str>) -> AppError {
    match unique {
        Some(field) => AppError::field(field, "is taken: choose another"),
        None => StoreError::Duplicate.into(),
    }
}

/// A name that people gave, trimmed.
fn check_name(name: Option<&str>, problems: &mut Vec<Problem>) -> String {
    let name = name.unwrap_or_default().trim();
    if name.is_empty() {
        problems.push(Problem::new("name", "is required"));
    } else if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        problems.push(Problem::new("name", "must be at most 100 characters, without control characters"));
    }
    name.to_owned()
}

pub(super) fn finish(problems: Vec<Problem>) -> Result<(), AppError> {
    if problems.is_empty() { Ok(()) } else { Err(AppError::Invalid(first_of_each(problems))) }
}
