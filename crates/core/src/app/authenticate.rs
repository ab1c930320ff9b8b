//! Who calls: from a Bearer token to an API key.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{App, AppError};
use crate::{
    crypto::{KeyMode, api_key as codec},
    domain::{ApiKeyId, Mode, Timestamp, api_key::ApiKey},
    store::Entity,
};
use mongodb::bson::{self, doc};

/// How exactly a key's last use is known. A finer one would be a write per request.
const USE_KNOWN_TO: Duration = Duration::from_hours(1);

const REFUSED: AppError = AppError::Unauthorized("the API key is not valid");

/// Authenticates a merchant's server. Equal work is done whether the key exists or not.
pub async fn authenticate(app: &App, bearer: &str, address: IpAddr) -> Result<Arc<ApiKey>, AppError> {
    let presented = codec::parse(bearer).map_err(|_| REFUSED)?;
    let pepper = app.store.keys().pepper();
    let Some(key) = app.api_key(ApiKeyId::from_bytes(presented.key_id)).await? else {
        codec::verify_unknown(pepper, &presented.key_id, &presented.secret);
        return Err(REFUSED);
    };
    let now = app.now();
    let current = codec::verify(pepper, &presented.key_id, &presented.secret, &key.hash);
    let previous = key.previous.as_ref().is_some_and(|previous| {
        codec::verify(pepper, &presented.key_id, &presented.secret, &previous.hash) && previous.until > now
    });
    let mode_fits = presented.mode.is_none_or(|mode| mode == key_mode(key.mode));
    if !(current || previous) || !mode_fits || !key.is_usable(now) {
        return Err(REFUSED);
    }
    if !key.allows_address(address) {
        return Err(AppError::Forbidden {
            code: "ADDRESS_NOT_ALLOWED",
            message: format!("this API key may not be used from {address}"),
        });
    }
    if current && key.hash.version() != pepper.current().0 {
        let hash = codec::hash(pepper, &presented.key_id, &presented.secret);
        rehash(app, &key, hash).await?;
    }
    if key.last_used_at.is_none_or(|at| now.since(at) >= USE_KNOWN_TO) {
        note_use(app, &key, now).await;
    }
    Ok(key)
}

/// The mode as it is written in a key.
pub const fn key_mode(mode: Mode) -> KeyMode {
    match mode {
        Mode::Live => KeyMode::Live,
        Mode::Test => KeyMode::Test,
    }
}

/// Notes that a key is in use, for whoever wonders whether it may be revoked. Not worth failing a request for.
async fn note_use(app: &App, key: &ApiKey, now: Timestamp) {
    let before = doc! { "lastUsedAt": { "$lt": now - USE_KNOWN_TO } };
    let filter = doc! { "$or": [{ "lastUsedAt": { "$exists": false } }, before] };
    let update = doc! { "$set": { "lastUsedAt": now } };
    match app.store.for_org(key.tenant()).update::<ApiKey>(key.id, filter, update).await {
        // The next request finds the key as it is now, and writes nothing.
        Ok(_) => app.forget_settings(key.tenant()).await,
        Err(error) => tracing::debug!(key = %key.id, ?error, "a key's use was not noted"),
    }
}

/// A pepper rotates as keys are used: only their holders have what is needed for a new hash.
async fn rehash(app: &App, key: &ApiKey, hash: crate::crypto::KeyHash) -> Result<(), AppError> {
    let bson_of = |hash: &crate::crypto::KeyHash| {
        bson::serialize_to_bson(hash).map_err(|e| AppError::internal(e.to_string()))
    };
    let (old, new) = (bson_of(&key.hash)?, bson_of(&hash)?);
    let tenant = app.store.for_org(key.tenant());
    tenant.update::<ApiKey>(key.entity_id(), doc! { "hash": old }, doc! { "$set": { "hash": new } }).await?;
    Ok(())
}
