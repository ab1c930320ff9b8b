//! Identifiers. Each is a MongoDB `ObjectId` (12 bytes, written as 24 hex digits), with a type of its
//! own so that a site's id cannot be passed where a provider's is meant.

use std::{fmt, str::FromStr};

/// The text was not 24 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an id: 24 hexadecimal digits are expected")]
pub struct InvalidId;

/// The bytes behind every id.
pub type IdBytes = [u8; 12];

/// What all id types can do; lets the store write its codec once.
pub trait EntityId: Copy + Eq + fmt::Display + Send + Sync + 'static {
    /// Wraps twelve bytes.
    fn from_bytes(bytes: IdBytes) -> Self;
    /// The twelve bytes.
    fn bytes(self) -> IdBytes;
}

macro_rules! entity_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(IdBytes);

        impl EntityId for $name {
            fn from_bytes(bytes: IdBytes) -> Self {
                Self(bytes)
            }
            fn bytes(self) -> IdBytes {
                self.0
            }
        }

        impl $name {
            /// Wraps twelve bytes.
            pub const fn from_bytes(bytes: IdBytes) -> Self {
                Self(bytes)
            }
            /// The twelve bytes.
            pub const fn bytes(self) -> IdBytes {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let mut bytes = IdBytes::default();
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidId)?;
                Ok(Self(bytes))
            }
        }
    )*};
}

/// Hands every id type to a macro, so that a codec is written once.
macro_rules! every_id {
    ($codec:ident) => {
        $codec!(
            OrganizationId,
            SiteId,
            ProviderId,
            CheckoutId,
            OrderId,
            TransactionId,
            RefundId,
            ConfirmationId,
            ApiKeyId,
            EndpointId,
            DeliveryId,
            ProviderEventId,
            SandboxPaymentId,
            ProductId,
            DiscountId,
            DiscountClaimId,
            ImageId,
            InvoiceId,
            SeriesId,
            InvoiceSettingsId,
            LookId,
            MailId,
            DomainId,
            ClientId,
            PersonId,
            PasskeyId,
            InvitationId,
            AuditEntryId,
            FormSubmissionId,
        );
    };
}
pub(crate) use every_id;

entity_id! {
    /// A tenant.
    OrganizationId;
    /// A merchant's shop.
    SiteId;
    /// A merchant's account at a payment provider, as configured here.
    ProviderId;
    /// A checkout, called session in webhooks.
    CheckoutId;
    /// What a shop sells to one customer: its checkouts and their payments.
    OrderId;
    /// One provider's try at paying a checkout.
    TransactionId;
    /// A refund of a transaction.
    RefundId;
    /// Money that a person has seen arrive.
    ConfirmationId;
    /// A key of a merchant's server.
    ApiKeyId;
    /// A webhook endpoint of an organization.
    EndpointId;
    /// One message to one receiver.
    DeliveryId;
    /// A provider's event in the inbox.
    ProviderEventId;
    /// A payment at the built-in sandbox provider.
    SandboxPaymentId;
    /// Something that a merchant sells.
    ProductId;
    /// A discount with its code.
    DiscountId;
    /// One use of a discount.
    DiscountClaimId;
    /// A product's picture.
    ImageId;
    /// An invoice, credit note or receipt.
    InvoiceId;
    /// A series of numbers.
    SeriesId;
    /// An organization's invoice settings in a mode.
    InvoiceSettingsId;
    /// A look that papers were issued with.
    LookId;
    /// A mail with a document.
    MailId;
    /// A merchant's own host name for checkout pages.
    DomainId;
    /// A merchant's customer.
    ClientId;
    /// Somebody who signs in.
    PersonId;
    /// A passkey of a person.
    PasskeyId;
    /// An invitation into an organization.
    InvitationId;
    /// An entry of an audit log.
    AuditEntryId;
    /// A form of the panel that was sent.
    FormSubmissionId;
}

/// An id that follows from its parts, so that doing the same thing twice names the same document.
pub fn derived_id(parts: &[&[u8]]) -> IdBytes {
    let digest = crate::hash::hash_of(parts);
    let mut id = IdBytes::default();
    id.copy_from_slice(&digest[..12]);
    id
}
