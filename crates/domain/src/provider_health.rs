//! What is known of how a provider account does, beside its settings: what was read of the provider's own list of
//! events, webhooks that were refused, and what the credentials may not read. One document per account, small
//! whatever happens.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Mode, OrganizationId, ProviderId, Tenant, Timestamp, provider_account::ProviderAccount};

/// Refusals that are kept.
pub const REFUSALS_MAX: usize = 20;

/// After so many refused webhooks since the last good one something is wrong with the endpoint.
const REFUSED_RUN: i64 = 3;

/// Why a webhook was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The path names no provider of that type.
    UnknownProvider,
    /// No stored secret fits the signature, or it is too old.
    Signature,
    /// Signed, but not readable as events of this provider.
    Body,
}

impl RefusalReason {
    /// Every reason.
    pub const ALL: &[Self] = &[Self::UnknownProvider, Self::Signature, Self::Body];

    /// As it is stored and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::Signature => "signature",
            Self::Body => "body",
        }
    }
}

super::text_words!(RefusalReason, "a reason for refusing a webhook");

/// Webhooks that were refused for one reason within a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When the last of them came.
    pub at: Timestamp,
    /// Why.
    pub reason: RefusalReason,
    /// How many.
    pub count: i64,
}

/// How far the provider's own list of events has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Feed {
    /// When to read (on); also the end of the lease of whoever reads. Absent where there is no list. Indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Who reads; fences those who were too slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
    /// Everything before this has been read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Where a reading that was cut off goes on: the provider's cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// When that reading began: from here on the next one has to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When it was last read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// Events found by it that no webhook had brought, in all.
    pub found: i64,
    /// Why it could not be read the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Something that the credentials may not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingPermission {
    /// As the provider names it, or the list that could not be read.
    pub what: String,
    /// When that was seen.
    pub at: Timestamp,
}

/// The health of an account as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderHealth {
    /// The account's own id.
    #[serde(rename = "_id")]
    pub id: ProviderId,
    /// Whose account it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// Its list of events.
    #[serde(default)]
    pub feed: Feed,
    /// The newest refused webhooks, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// Webhooks refused since the last good one.
    #[serde(default)]
    pub refused_run: i64,
    /// What the credentials lack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingPermission>,
}

impl ProviderHealth {
    /// Nothing is known yet; its list of events is read from `due` on.
    pub fn of(account: &ProviderAccount, due: Option<Timestamp>) -> Self {
        Self {
            id: account.id,
            org: account.org,
            mode: account.mode,
            feed: Feed { due, ..Feed::default() },
            refusals: Vec::new(),
            refused_run: 0,
            missing: Vec::new(),
        }
    }

    /// The tenant that the account belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether webhooks keep being refused, so that events are missed.
    pub const fn is_refusing(&self) -> bool {
        self.refused_run >= REFUSED_RUN
    }
}

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOrigin {
    /// The provider sent it, signed.
    #[default]
    Webhook,
    /// It was read from the provider's own list, over an authenticated connection.
    List,
}

impl EventOrigin {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::List => "list",
        }
    }
}

impl fmt::Display for EventOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
