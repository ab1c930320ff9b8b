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
    /// Rises with every change of the name or of what is kept.
    #[serde(default)]
    pub version: i64,
    /// How long it keeps what is not kept for ever.
    #[serde(default)]
    pub retention: Retention,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Organization {
    /// One that was just made.
    pub fn new(id: OrganizationId, name: String, now: Timestamp) -> Self {
        Self { id, name, version: 0, retention: Retention::default(), created_at: now }
    }
}

/// How long an organization keeps what is not kept for ever, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    /// The bodies of providers' events; the events themselves, with their ids, stay.
    pub provider_events: i64,
    /// The bodies of notifications, and what was answered to them; that they were sent stays.
    pub deliveries: i64,
    /// Mails to buyers.
    pub mails: i64,
}

impl Retention {
    /// The shortest: as long as a notification is tried again, and somebody may want to look.
    pub const DAYS_MIN: i64 = 7;
    /// The longest.
    pub const DAYS_MAX: i64 = 3_650;
}

impl Default for Retention {
    fn default() -> Self {
        Self { provider_events: 90, deliveries: 30, mails: 90 }
    }
}
