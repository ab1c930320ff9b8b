//! API keys of merchants' servers. A key's secret is shown when it is made and never again.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use mongodb::bson::{self, Bson, doc};

use super::{App, AppError, Problem, check_name, finish, made_with_secret, within};
use crate::{
    app::{authenticate::key_mode, people::Authority},
    crypto::{ApiKeyToken, KeyHash, api_key as codec, random},
    domain::{
        ApiKeyId, Tenant, Timestamp,
        api_key::{ALLOWED_NETWORKS_MAX, ApiKey},
        scope::Scope,
    },
    store::StoreError,
};

/// At most this many keys in an organization and mode, revoked ones included.
const KEYS_MAX: u64 = 1000;
/// Longest overlap of a rotation.
pub const OVERLAP_MAX: Duration = Duration::from_hours(30 * 24);

/// A key as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Its id, the same for every try of one request; made where absent.
    pub id: Option<ApiKeyId>,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Networks or addresses that it may be used from; everywhere when empty.
    pub allowed_networks: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Makes a key. `grantor` is who asks: nobody hands out more than they hold. Without one the
/// operator asks, who may hand out everything.
pub async fn create(
    app: &App,
    tenant: Tenant,
    new: NewKey,
    grantor: Option<&Authority>,
) -> Result<(ApiKey, ApiKeyToken), AppError> {
    let (store, now) = (app.store.for_org(tenant), app.now());
    let (problems, name, allowed_networks) = check(app, &new);
    finish(problems)?;
    may_hand_out(grantor, &new.scopes)?;
    if store.count::<ApiKey>(doc! {}, KEYS_MAX).await? >= KEYS_MAX {
        return Err(AppError::conflict("TOO_MANY_API_KEYS", "an organization takes at most 1000 API keys"));
    }
    let id = new.id.unwrap_or_else(ApiKeyId::generate);
    let made = codec::generate_with_id(
        key_mode(tenant.mode),
        id.bytes(),
        app.store.keys().pepper(),
        &mut random::os_rng(),
    );
    let mut scopes = new.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    let key = ApiKey {
        id,
        org: tenant.organization,
        mode: tenant.mode,
        name,
        hash: made.hash,
        previous: None,
        scopes,
        allowed_networks,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        created_at: now,
    };
    match store.insert(&key).await {
        Ok(()) => {}
        Err(StoreError::Duplicate) => return Err(made_with_secret("API key")),
        Err(error) => return Err(error.into()),
    }
    app.forget_settings(tenant).await;
    Ok((key, made.token))
}

/// What is wrong with a new key, all at once.
pub fn problems(app: &App, new: &NewKey) -> Vec<Problem> {
    check(app, new).0
}

fn check(app: &App, new: &NewKey) -> (Vec<Problem>, String, Vec<IpNet>) {
    let mut problems = Vec::new();
    let name = check_name(Some(&new.name), &mut problems);
    if new.scopes.is_empty() {
        problems.push(Problem::new("scopes", "must name at least one scope"));
    }
    let allowed_networks = check_networks(&new.allowed_networks, &mut problems);
    if new.expires_at.is_some_and(|at| at <= app.now()) {
        problems.push(Problem::new("expiresAt", "must lie in the future"));
    }
    (problems, name, allowed_networks)
}

/// A key; another tenant's is not there.
pub async fn get(app: &App, tenant: Tenant, id: ApiKeyId) -> Result<ApiKey, AppError> {
    app.store.for_org(tenant).get::<ApiKey>(id).await?.ok_or(AppError::NotFound("API key"))
}

/// Gives a key a new secret. The old one is accepted for `overlap` more. Whoever rotates a key learns its
/// secret, and so must hold all that it may do.
pub async fn rotate(
    app: &App,
    tenant: Tenant,
    id: ApiKeyId,
    overlap: Duration,
    grantor: Option<&Authority>,
) -> Result<(ApiKey, ApiKeyToken), AppError> {
    if overlap > OVERLAP_MAX {
        return Err(AppError::field("overlapSeconds", "must be at most 30 days"));
    }
    let (key, now) = (get(app, tenant, id).await?, app.now());
    may_hand_out(grantor, &key.scopes)?;
    if !key.is_usable(now) {
        return Err(AppError::conflict("API_KEY_ENDED", "the key is revoked or expired: make a new one"));
    }
    let pepper = app.store.keys().pepper();
    let made = codec::generate_with_id(key_mode(tenant.mode), id.bytes(), pepper, &mut random::os_rng());
    let filter = doc! { "hash": bson_of(&key.hash)?, "revokedAt": { "$exists": false } };
    let previous = doc! { "hash": bson_of(&key.hash)?, "until": now + overlap };
    let update = doc! { "$set": { "hash": bson_of(&made.hash)?, "previous": previous } };
    if !app.store.for_org(tenant).update::<ApiKey>(id, filter, update).await? {
        let message = "the key was changed meanwhile: read it and try again";
        return Err(AppError::conflict("API_KEY_CHANGED", message));
    }
    app.forget_settings(tenant).await;
    Ok((get(app, tenant, id).await?, made.token))
}

/// Ends a key, on every node within 5 s. Harmless to repeat.
pub async fn revoke(app: &App, tenant: Tenant, id: ApiKeyId) -> Result<ApiKey, AppError> {
    let filter = doc! { "revokedAt": { "$exists": false } };
    let update = doc! { "$set": { "revokedAt": app.now() }, "$unset": { "previous": "" } };
    app.store.for_org(tenant).update::<ApiKey>(id, filter, update).await?;
    app.forget_settings(tenant).await;
    get(app, tenant, id).await
}

fn may_hand_out(grantor: Option<&Authority>, scopes: &[Scope]) -> Result<(), AppError> {
    let Some(grantor) = grantor else { return Ok(()) };
    match scopes.iter().find(|scope| !grantor.grants(**scope)) {
        Some(scope) => Err(AppError::MissingScope(*scope)),
        None => Ok(()),
    }
}

fn bson_of(hash: &KeyHash) -> Result<Bson, AppError> {
    bson::serialize_to_bson(hash).map_err(|e| AppError::internal(e.to_string()))
}

fn check_networks(texts: &[String], problems: &mut Vec<Problem>) -> Vec<IpNet> {
    let texts = within("allowedNetworks", texts, ALLOWED_NETWORKS_MAX, "networks", problems);
    let mut networks = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let text = text.trim();
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        if let Some(network) = network {
            networks.push(network.trunc());
        } else {
            let text = "must be an address or a network such as 203.0.113.0/24";
            problems.push(Problem::new(format!("allowedNetworks[{index}]"), text));
        }
    }
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read() {
        let mut problems = Vec::new();
        let given = ["203.0.113.7", "10.1.2.3/8", "2001:db8::/32", "everywhere"].map(str::to_owned);
        let read: Vec<String> =
            check_networks(&given, &mut problems).iter().map(ToString::to_string).collect();
        assert_eq!(read, ["203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"]);
        assert_eq!(
            problems,
            [Problem::new("allowedNetworks[3]", "must be an address or a network such as 203.0.113.0/24")]
        );
    }
}
