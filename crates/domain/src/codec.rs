//! How ids and times are written: in JSON as hex and RFC 3339, as the API shows them, and in BSON as `ObjectId` and
//! date, where the feature `bson` is on.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{EntityId, IdBytes, Timestamp};

macro_rules! id_codec {
    ($($name:ident),* $(,)?) => {$(
        impl Serialize for crate::$name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    binary::write_id(EntityId::bytes(*self), serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for crate::$name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                } else {
                    binary::read_id(deserializer).map(Self::from_bytes)
                }
            }
        }

        #[cfg(feature = "bson")]
        impl From<crate::$name> for bson::Bson {
            fn from(id: crate::$name) -> Self {
                Self::ObjectId(bson::oid::ObjectId::from_bytes(id.bytes()))
            }
        }

        #[cfg(feature = "bson")]
        impl crate::$name {
            /// A new id: time, process and counter, so that ids of one process rise.
            pub fn generate() -> Self {
                Self::from_bytes(bson::oid::ObjectId::new().bytes())
            }
        }
    )*};
}

crate::id::every_id!(id_codec);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            binary::write_millis(self.millis(), serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).ok_or_else(|| D::Error::custom("is not an ISO 8601 time"))
        } else {
            binary::read_millis(deserializer).map(Self::from_millis)
        }
    }
}

#[cfg(feature = "bson")]
impl From<Timestamp> for bson::Bson {
    fn from(time: Timestamp) -> Self {
        Self::DateTime(bson::DateTime::from_millis(time.millis()))
    }
}

#[cfg(feature = "bson")]
mod binary {
    use bson::{DateTime, oid::ObjectId};

    use super::{Deserialize, Deserializer, IdBytes, Serialize, Serializer};

    pub(super) fn write_id<S: Serializer>(id: IdBytes, serializer: S) -> Result<S::Ok, S::Error> {
        ObjectId::from_bytes(id).serialize(serializer)
    }

    pub(super) fn read_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IdBytes, D::Error> {
        ObjectId::deserialize(deserializer).map(|id| id.bytes())
    }

    pub(super) fn write_millis<S: Serializer>(millis: i64, serializer: S) -> Result<S::Ok, S::Error> {
        DateTime::from_millis(millis).serialize(serializer)
    }

    pub(super) fn read_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        DateTime::deserialize(deserializer).map(DateTime::timestamp_millis)
    }
}

#[cfg(not(feature = "bson"))]
mod binary {
    use super::{Deserialize, Deserializer, IdBytes, Serialize, Serializer};

    pub(super) fn write_id<S: Serializer>(id: IdBytes, serializer: S) -> Result<S::Ok, S::Error> {
        id.serialize(serializer)
    }

    pub(super) fn read_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IdBytes, D::Error> {
        IdBytes::deserialize(deserializer)
    }

    pub(super) fn write_millis<S: Serializer>(millis: i64, serializer: S) -> Result<S::Ok, S::Error> {
        millis.serialize(serializer)
    }

    pub(super) fn read_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        i64::deserialize(deserializer)
    }
}

#[cfg(feature = "bson")]
impl From<crate::Mode> for bson::Bson {
    fn from(mode: crate::Mode) -> Self {
        Self::String(mode.as_str().to_owned())
    }
}

/// Fixed-size bytes: a byte string in BSON, hex in JSON.
pub mod fixed_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::opaque::bytes;

    /// Writes.
    pub fn serialize<const N: usize, S: Serializer>(
        value: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&hex::encode(value))
        } else {
            bytes::serialize(value, serializer)
        }
    }

    /// Reads.
    pub fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let read = if deserializer.is_human_readable() {
            hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?
        } else {
            bytes::deserialize(deserializer)?
        };
        read.try_into().map_err(|_| D::Error::custom(format!("{N} bytes are expected")))
    }
}

#[cfg(all(test, feature = "bson"))]
mod tests {
    use super::*;
    use crate::SiteId;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        id: SiteId,
        at: Timestamp,
        #[serde(with = "fixed_bytes")]
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
