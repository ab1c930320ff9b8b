//! A webhook endpoint of an organization.

use serde::{Deserialize, Serialize};

use super::{EndpointId, Mode, OrganizationId, Tenant, Timestamp, outbox::EventType};
use crate::opaque::Sealed;

/// At most this many endpoints in an organization and mode, since each announcement names its targets.
pub const ENDPOINTS_MAX: usize = 16;

/// Where an organization wants events sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: EndpointId,
    /// Whose endpoint it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The address. Encrypted: merchants put tokens into queries.
    pub url: Sealed,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The event types wanted; all of them when empty.
    #[serde(default)]
    pub event_types: Vec<EventType>,
    /// Signs (Standard Webhooks).
    pub secret: Sealed,
    /// After a rotation: the secret before, which signs beside the new one until its moment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous_secret: Option<PreviousEndpointSecret>,
    /// Whether events are sent.
    pub enabled: bool,
    /// Why the gateway switched it off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled_reason: Option<String>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The secret before a rotation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousEndpointSecret {
    /// The secret.
    pub secret: Sealed,
    /// Until when it signs too.
    pub until: Timestamp,
}

impl WebhookEndpoint {
    /// Field name of [`Self::url`] for encryption.
    pub const URL_FIELD: &'static str = "url";
    /// Field name of [`Self::secret`] for encryption.
    pub const SECRET_FIELD: &'static str = "secret";
    /// Field name of [`Self::previous_secret`] for encryption.
    pub const PREVIOUS_SECRET_FIELD: &'static str = "previousSecret";

    /// The tenant that the endpoint belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// Whether it wants events of a type.
    pub fn wants(&self, event: EventType) -> bool {
        self.enabled
            && if self.event_types.is_empty() {
                event != EventType::ProviderEventReceived
            } else {
                self.event_types.contains(&event)
            }
    }
}
