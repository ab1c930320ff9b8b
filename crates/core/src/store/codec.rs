//! How the domain's own types are written into BSON: ids as `ObjectId`, times as dates. In JSON they are
//! hex and RFC 3339, as the API shows them.

use mongodb::bson;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::domain::{self, EntityId, Timestamp, image::Jpeg};

macro_rules! id_codec {
    ($($name:ident),* $(,)?) => {$(
        impl Serialize for domain::$name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    oid(*self).serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for domain::$name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                } else {
                    bson::oid::ObjectId::deserialize(deserializer).map(|id| Self::from_bytes(id.bytes()))
                }
            }
        }

        impl From<domain::$name> for bson::Bson {
            fn from(id: domain::$name) -> Self {
                Self::ObjectId(oid(id))
            }
        }

        impl domain::$name {
            /// A new id: time, process and counter, so that ids of one process rise.
            pub fn generate() -> Self {
                Self::from_bytes(bson::oid::ObjectId::new().bytes())
            }
        }
    )*};
}

id_codec!(
    OrganizationId,
    SiteId,
    ProviderId,
    CheckoutId,
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

/// An id as the driver wants it.
pub fn oid(id: impl EntityId) -> bson::oid::ObjectId {
    bson::oid::ObjectId::from_bytes(id.bytes())
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            bson::DateTime::from_millis(self.millis()).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).ok_or_else(|| D::Error::custom("is not an ISO 8601 time"))
        } else {
            bson::DateTime::deserialize(deserializer).map(|t| Self::from_millis(t.timestamp_millis()))
        }
    }
}

impl From<Timestamp> for bson::Bson {
    fn from(time: Timestamp) -> Self {
        Self::DateTime(bson::DateTime::from_millis(time.millis()))
    }
}

impl Serialize for Jpeg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        binary::to_bson(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jpeg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bson::Binary::deserialize(deserializer).map(|binary| Self(binary.bytes))
    }
}

impl From<domain::Mode> for bson::Bson {
    fn from(mode: domain::Mode) -> Self {
        Self::String(mode.as_str().to_owned())
    }
}

/// Fixed-size bytes as BSON binary, hex in JSON.
pub mod binary {
    use super::{Deserialize, Deserializer, Serialize, Serializer, bson};
    use serde::de::Error as _;

    /// Writes.
    pub fn serialize<const N: usize, S: Serializer>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&hex::encode(bytes))
        } else {
            to_bson(bytes).serialize(serializer)
        }
    }

    /// Reads.
    pub fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let bytes = if deserializer.is_human_readable() {
            hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?
        } else {
            bson::Binary::deserialize(deserializer)?.bytes
        };
        bytes.try_into().map_err(|_| D::Error::custom(format!("{N} bytes are expected")))
    }

    /// As a value for a filter.
    pub fn to_bson(bytes: &[u8]) -> bson::Binary {
        bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SiteId, Timestamp};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        id: SiteId,
        at: Timestamp,
        #[serde(with = "binary")]
        slot: [u8; 4],
    }

    #[test]
    fn bson_gets_native_types_and_json_gets_text() {
        let sample = Sample {
            id: SiteId::from_bytes([7; 12]),
            at: Timestamp::from_millis(1_700_000_000_123),
            slot: [1; 4],
        };
        // As the driver does it; `serialize_to_document` would write for people.
        let raw = bson::serialize_to_raw_document_buf(&sample).unwrap();
        let document = bson::Document::try_from(&raw).unwrap();
        assert!(document.get_object_id("id").is_ok());
        assert!(document.get_datetime("at").is_ok());
        assert!(document.get_binary_generic("slot").is_ok());
        assert_eq!(bson::deserialize_from_slice::<Sample>(raw.as_bytes()).unwrap(), sample);
        let json = serde_json::to_string(&sample).unwrap();
        assert_eq!(
            json,
            r#"{"id":"070707070707070707070707","at":"2023-11-14T22:13:20.123Z","slot":"01010101"}"#
        );
        assert_eq!(serde_json::from_str::<Sample>(&json).unwrap(), sample);
    }
}
