//! A lane: the queue of one organization to one receiver. Workers claim lanes, not messages, so that a
//! merchant's backlog cannot fill every claim.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EndpointId, Tenant, Timestamp};
use crate::breaker::Breaker;

/// Names a lane: `{org}:{mode}:ipn:{host}` or `{org}:{mode}:endpoint:{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaneId(String);

impl LaneId {
    /// The lane of an organization's IPNs to one host (and port).
    pub fn ipn(tenant: Tenant, host: &str) -> Self {
        Self(format!("{}:{}:ipn:{host}", tenant.organization, tenant.mode))
    }

    /// The lane of a webhook endpoint.
    pub fn endpoint(tenant: Tenant, endpoint: EndpointId) -> Self {
        Self(format!("{}:{}:endpoint:{endpoint}", tenant.organization, tenant.mode))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lane as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// Its name.
    #[serde(rename = "_id")]
    pub id: LaneId,
    /// Whose lane it is.
    pub org: super::OrganizationId,
    /// When it wants a worker: the earliest due message, or the end of the lease while one holds it.
    /// Due time and lease in one field, so that one index finds both.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Timestamp>,
    /// Fences the holder's writes; absent when nobody holds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
    /// Something was queued while a worker held it.
    #[serde(default)]
    pub dirty: bool,
    /// Whether the receiver is believed to be well.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub breaker: Option<Breaker>,
}
