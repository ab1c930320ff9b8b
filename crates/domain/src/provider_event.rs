//! A provider's verified webhook event, as it waits in the inbox.

use serde::{Deserialize, Serialize};

use super::{
    Mode, OrganizationId, ProviderEventId, ProviderId, Tenant, Timestamp, Trail, TransactionId,
    provider_account::ProviderKind, provider_health::EventOrigin,
};
use crate::opaque::Sealed;

/// After this many failures an event is parked for a person.
pub const ATTEMPTS_MAX: i64 = 8;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Stored, not yet applied.
    Received,
    /// Applied to its transaction.
    Applied,
    /// Nothing that this gateway acts on.
    Ignored,
    /// Waits for a person; see its reason.
    Parked,
}

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderEvent {
    /// Its id here.
    #[serde(rename = "_id")]
    pub id: ProviderEventId,
    /// Whose provider account sent it.
    pub org: OrganizationId,
    /// Live or test, as the account is.
    pub mode: Mode,
    /// The account that sent it.
    pub provider_id: ProviderId,
    /// Which adapter reads it.
    #[serde(rename = "type")]
    pub provider_kind: ProviderKind,
    /// The provider's own id of it, or the hash of the canonical body where it has none. Unique within
    /// the account: the only defence against replay where a signature has no timestamp.
    pub event_id: String,
    /// The provider's name for what happened, such as `payment_intent.succeeded`.
    pub name: String,
    /// The event's exact bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub raw: Option<Sealed>,
    /// How it came.
    #[serde(default)]
    pub origin: EventOrigin,
    /// Where it stands.
    pub state: EventState,
    /// Failed attempts at applying it.
    #[serde(default)]
    pub attempts: i64,
    /// When to try (again); absent once applied, ignored or parked. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Why it is parked, ignored or not yet applied.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The transaction that it speaks of, once found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<TransactionId>,
    /// The request that brought it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trail: Option<Trail>,
    /// When it came.
    pub received_at: Timestamp,
}

impl ProviderEvent {
    /// Field name of [`Self::raw`] for encryption.
    pub const RAW_FIELD: &'static str = "raw";

    /// The tenant that the event belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }
}
