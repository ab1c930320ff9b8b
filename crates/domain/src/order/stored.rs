//! An order as it is stored: what names it, and what is known of it.

use serde::{Deserialize, Serialize};

use super::{Notification, OrderState, OrderStatus};
use crate::{
    CheckoutId, DeliveryId, Metadata, Mode, OrderId, OrganizationId, SiteId, Tenant, Timestamp,
    TransactionId, checkout::Checkout, derived_id, transaction::Transaction,
};

/// What makes checkouts and payments one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrderKey {
    /// A site and its reference.
    Reference(Tenant, SiteId, String),
    /// A checkout that is an order of its own.
    Checkout(Tenant, SiteId, CheckoutId),
}

impl OrderKey {
    /// The order of a checkout.
    pub fn of_checkout(checkout: &Checkout) -> Self {
        let reference = &checkout.external_reference;
        Self::of(checkout.tenant(), checkout.site_id, reference, checkout.stands_alone, checkout.id)
    }

    /// The order of a payment.
    pub fn of_transaction(transaction: &Transaction) -> Self {
        let reference = &transaction.external_reference;
        let (site, checkout) = (transaction.site_id, transaction.checkout_id);
        Self::of(transaction.tenant(), site, reference, transaction.stands_alone, checkout)
    }

    fn of(tenant: Tenant, site: SiteId, reference: &str, stands_alone: bool, checkout: CheckoutId) -> Self {
        if reference.is_empty() || stands_alone {
            Self::Checkout(tenant, site, checkout)
        } else {
            Self::Reference(tenant, site, reference.to_owned())
        }
    }

    /// Whose order it is.
    pub const fn tenant(&self) -> Tenant {
        match self {
            Self::Reference(tenant, ..) | Self::Checkout(tenant, ..) => *tenant,
        }
    }

    /// The shop.
    pub const fn site(&self) -> SiteId {
        match self {
            Self::Reference(_, site, _) | Self::Checkout(_, site, _) => *site,
        }
    }

    /// The shop's order number; empty where the order is a checkout.
    pub fn reference(&self) -> &str {
        match self {
            Self::Reference(.., reference) => reference,
            Self::Checkout(..) => "",
        }
    }

    /// The checkout, where the order is one.
    pub const fn checkout(&self) -> Option<CheckoutId> {
        match self {
            Self::Reference(..) => None,
            Self::Checkout(.., checkout) => Some(*checkout),
        }
    }

    /// The unique value that names it in the database.
    pub fn digest(&self) -> [u8; 12] {
        let tenant = self.tenant();
        let (organization, mode) = (tenant.organization.bytes(), tenant.mode.as_str().as_bytes());
        let (kind, site) = (self.kind().as_bytes(), self.site().bytes());
        match self {
            Self::Reference(.., reference) => {
                derived_id(&[b"order", kind, &organization, mode, &site, reference.as_bytes()])
            }
            Self::Checkout(.., checkout) => {
                derived_id(&[b"order", kind, &organization, mode, &site, &checkout.bytes()])
            }
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Reference(..) => "reference",
            Self::Checkout(..) => "checkout",
        }
    }
}

/// A capture that was decided: until it is through, no other payment of the order is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureClaim {
    /// The payment.
    pub payment: TransactionId,
    /// Since when.
    pub at: Timestamp,
}

/// An order as it is stored. Made when its first payment is begun, so that creating a checkout stays one insert.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: OrderId,
    /// Whose order it is.
    pub org: OrganizationId,
    /// Live or test.
    pub mode: Mode,
    /// The shop.
    pub site_id: SiteId,
    /// [`OrderKey::digest`]. Unique.
    #[serde(with = "crate::codec::fixed_bytes")]
    pub key: [u8; 12],
    /// The shop's order number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_reference: String,
    /// The checkout, where that is all of the order.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout_id: Option<CheckoutId>,
    /// The shop's own pairs, of the newest checkout.
    #[serde(rename = "m", default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// Where it stands, for lists.
    pub status: OrderStatus,
    /// What is known of it, and what the shop was told.
    pub state: OrderState,
    /// A capture that runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub capturing: Option<CaptureClaim>,
    /// When to look again: more than one notification waits, or a flag is to be passed on. Indexed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// Rises with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Order {
    /// An order of which nothing is known yet.
    pub fn new(id: OrderId, key: &OrderKey, now: Timestamp) -> Self {
        let tenant = key.tenant();
        Self {
            id,
            org: tenant.organization,
            mode: tenant.mode,
            site_id: key.site(),
            key: key.digest(),
            external_reference: key.reference().to_owned(),
            checkout_id: key.checkout(),
            metadata: Metadata::default(),
            status: OrderStatus::Open,
            state: OrderState::default(),
            capturing: None,
            due: None,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// The tenant that the order belongs to.
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.org, self.mode)
    }

    /// What makes it one.
    pub fn order_key(&self) -> OrderKey {
        match self.checkout_id {
            Some(checkout) => OrderKey::Checkout(self.tenant(), self.site_id, checkout),
            None => OrderKey::Reference(self.tenant(), self.site_id, self.external_reference.clone()),
        }
    }

    /// The delivery of a notification: the same for whoever makes it, however often.
    pub fn delivery_id(&self, notification: &Notification) -> DeliveryId {
        notification.delivery.unwrap_or_else(|| {
            let mut id = derived_id(&[b"notification", &self.id.bytes(), &notification.number.to_be_bytes()]);
            // Begins with the time, as ids do that are not derived, so that lists by id are lists by time.
            let seconds = u32::try_from(notification.at.seconds()).unwrap_or(u32::MAX);
            id[..4].copy_from_slice(&seconds.to_be_bytes());
            DeliveryId::from_bytes(id)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_orders_differ() {
        let tenant = |mode| Tenant::new(OrganizationId::from_bytes([1; 12]), mode);
        let (site, checkout) = (SiteId::from_bytes([2; 12]), CheckoutId::from_bytes([3; 12]));
        let other = SiteId::from_bytes([4; 12]);
        let keys = [
            OrderKey::Reference(tenant(Mode::Live), site, "A".into()),
            OrderKey::Reference(tenant(Mode::Test), site, "A".into()),
            OrderKey::Reference(tenant(Mode::Live), other, "A".into()),
            OrderKey::Reference(tenant(Mode::Live), site, "B".into()),
            OrderKey::Checkout(tenant(Mode::Live), site, checkout),
        ];
        for (index, key) in keys.iter().enumerate() {
            for later in &keys[index + 1..] {
                assert_ne!(key.digest(), later.digest());
            }
        }
    }
}
