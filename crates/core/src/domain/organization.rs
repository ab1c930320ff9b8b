//! A tenant.

use serde::{Deserialize, Serialize};

use super::{OrganizationId, Timestamp};

/// A tenant of the gateway.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Rises with every change of the name.
    #[serde(default)]
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}
