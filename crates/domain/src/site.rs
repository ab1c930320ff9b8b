//! A merchant's shop: its look, its webhook secret and how it wants to be told.

use serde::{Deserialize, Serialize};

use super::{Mode, OrganizationId, ProviderId, SiteId, Tenant, Timestamp};
use crate::opaque::Sealed;

/// The IPN schema that a site's receiver reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum IpnVersion {
    /// `{id, externalReference, status}`.
    V1,
    /// Strict, with a delivery id and an event version.
    V2,
}

impl TryFrom<u8> for IpnVersion {
    type Error = String;
    fn try_from(version: u8) -> Result<Self, String> {
        match version {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            other => Err(format!("{other} is not an IPN version: use 1 or 2")),
        }
    }
}

impl From<IpnVersion> for u8 {
    fn from(version: IpnVersion) -> Self {
        match version {
            IpnVersion::V1 => 1,
            IpnVersion::V2 => 2,
        }
    }
}

/// Whether customers may enter a discount code on the checkout page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountEntry {
    /// Never: the price is the shop's alone. So it is for sites that have said nothing.
    #[default]
    Off,
    /// While the organization has a code that could be entered.
    Auto,
}

impl DiscountEntry {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Auto => "auto",
        }
    }
}

/// Whether the checkout page asks for a billing address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressEntry {
    /// It does not.
    #[default]
    None,
    /// It takes one.
    Optional,
    /// Nothing is paid without one.
    Required,
}

impl AddressEntry {
    /// As it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// What a site's checkout page asks of customers, and what they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PageSettings {
    /// Discount codes.
    pub discount_entry: DiscountEntry,
    /// Billing address.
    pub billing_address: AddressEntry,
    /// Whether who paid gets a receipt by e-mail, unless the payment's own paper is mailed to them.
    pub receipt_email: bool,
}

/// A shop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: SiteId,
    /// Whose shop it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// Shown to customers.
    pub name: String,
    /// `#rrggbb`, for the checkout page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub brand_color: Option<String>,
    /// Signs IPNs. Readable by the site's editors, so encrypted and not hashed.
    pub webhook_secret: Sealed,
    /// A regenerated secret and the moment from which it signs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_webhook_secret: Option<NextSecret>,
    /// The IPN schema for new checkouts.
    pub ipn_version: IpnVersion,
    /// Whether a −1 is sent when a transaction is initiated.
    #[serde(default)]
    pub send_initiated: bool,
    /// Whether the references of its checkouts are order numbers, so that checkouts of one reference belong together.
    #[serde(default = "references_are_orders")]
    pub references_are_orders: bool,
    /// Whether the shop sends total × 100 whatever the currency, as two published plugins do.
    #[serde(default)]
    pub amounts_in_hundredths: bool,
    /// Web origins that may use the checkout runtime, such as `https://shop.example.com`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The providers offered, in order; all enabled ones of the tenant when empty.
    #[serde(default)]
    pub provider_ids: Vec<ProviderId>,
    /// Used where a checkout names no `ipnUrl`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default_ipn_url: Option<Sealed>,
    /// The checkout page.
    #[serde(default)]
    pub page: PageSettings,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

const fn references_are_orders() -> bool {
    true
}

/// A secret that waits for its moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextSecret {
    /// The secret.
    pub secret: Sealed,
    /// From when on it signs.
    pub from: Timestamp,
}

impl Site {
    /// The tenant that the site belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// The secret that signs at this moment, and the name of the field that it is sealed under.
    pub fn signing_secret(&self, now: Timestamp) -> (&Sealed, &'static str) {
        match &self.next_webhook_secret {
            Some(next) if next.from <= now => (&next.secret, Self::NEXT_SECRET_FIELD),
            _ => (&self.webhook_secret, Self::SECRET_FIELD),
        }
    }

    /// Field name of [`Self::webhook_secret`] for encryption.
    pub const SECRET_FIELD: &'static str = "webhookSecret";
    /// Field name of [`Self::next_webhook_secret`] for encryption.
    pub const NEXT_SECRET_FIELD: &'static str = "nextWebhookSecret";
    /// Field name of [`Self::default_ipn_url`] for encryption.
    pub const DEFAULT_IPN_URL_FIELD: &'static str = "defaultIpnUrl";
}
