//! A key of a merchant's server.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ApiKeyId, Mode, OrganizationId, Tenant, Timestamp, scope::Scope};
use crate::opaque::KeyHash;

/// At most this many networks in an allow-list.
pub const ALLOWED_NETWORKS_MAX: usize = 50;

/// A key as it is stored: never its secret, only a keyed hash of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The public part of the key.
    #[serde(rename = "_id")]
    pub id: ApiKeyId,
    /// Whose key it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// What people call it.
    pub name: String,
    /// HMAC-SHA256 of the secret under the API-key pepper.
    pub hash: KeyHash,
    /// After a rotation: the secret before, accepted until its moment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous: Option<PreviousSecret>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Where it may be used from; everywhere when empty.
    #[serde(default)]
    pub allowed_networks: Vec<IpNet>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The secret before the last rotation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousSecret {
    /// Its hash.
    pub hash: KeyHash,
    /// Until when it is accepted.
    pub until: Timestamp,
}

impl ApiKey {
    /// The tenant that the key speaks for.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether the key is neither revoked nor expired.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none_or(|at| at > now) && self.expires_at.is_none_or(|at| at > now)
    }

    /// Whether the key may be used from this address.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed_networks.is_empty() || self.allowed_networks.iter().any(|net| net.contains(&address))
    }

    /// Whether the key holds a scope.
    pub fn grants(&self, wanted: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.grants(wanted))
    }
}
