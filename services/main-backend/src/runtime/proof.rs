//! The customer's proof: `ObjectId`s are guessable, the session's public id is not. Whatever is wrong with it
//! is 404.

use std::sync::Arc;

use gateway_core::app::AppError;
use gateway_core::domain::checkout::Checkout;
use gateway_core::domain::site::Site;
use gateway_core::domain::transaction::Transaction;
use gateway_core::domain::{SiteId, Tenant, TransactionId};
use http::HeaderMap;
use serde::Deserialize;
use web_kit::ApiError;
use web_kit::csrf::proves_session;

use super::origin::Reader;
use crate::gateway::{Gateway, Shared};

/// Longest public id, in bytes.
const PUBLIC_ID_BYTES_MAX: usize = 128;

/// `?session=` of requests about a transaction.
#[derive(Debug, Deserialize)]
pub(super) struct SessionQuery {
    /// The session's public id.
    #[serde(default)]
    pub(super) session: String,
}

/// The checkout of a session, and who may read the answer.
pub(super) async fn checkout(
    gateway: &Shared,
    headers: &HeaderMap,
    session: &str,
) -> Result<(Checkout, Arc<Site>, Reader), ApiError> {
    let unknown = || ApiError::not_found("checkout");
    if session.is_empty() || session.len() > PUBLIC_ID_BYTES_MAX {
        return Err(unknown());
    }
    let found = gateway.app.store.lookup_checkout_by_public_id(session).await.map_err(AppError::from)?;
    let checkout = found.ok_or_else(unknown)?;
    proves_session(session, &checkout.public_id)?;
    let site = site_of(gateway, checkout.tenant(), checkout.site_id).await?;
    let reader = Reader::check(headers, &gateway.app.urls, &site)?;
    Ok((checkout, site, reader))
}

/// A transaction that belongs to a session, and who may read the answer.
pub(super) async fn transaction(
    gateway: &Shared,
    headers: &HeaderMap,
    id: &str,
    session: &str,
) -> Result<(Transaction, Reader), ApiError> {
    let unknown = || ApiError::not_found("transaction");
    let id: TransactionId = id.parse().map_err(|_| unknown())?;
    let found = gateway.app.store.lookup_transaction(id).await.map_err(AppError::from)?;
    let transaction = found.ok_or_else(unknown)?;
    // The same text as for an id that is not there.
    proves_session(session, &transaction.session_public_id).map_err(|_| unknown())?;
    let site = site_of(gateway, transaction.tenant(), transaction.site_id).await?;
    let reader = Reader::check(headers, &gateway.app.urls, &site)?;
    Ok((transaction, reader))
}

async fn site_of(gateway: &Gateway, tenant: Tenant, id: SiteId) -> Result<Arc<Site>, ApiError> {
    gateway.app.site(tenant, id).await?.ok_or_else(|| ApiError::not_found("checkout"))
}
