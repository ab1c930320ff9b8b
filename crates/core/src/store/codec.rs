//! How the domain's own types are written into BSON; ids and times bring that along.

use mongodb::bson;

use crate::domain::EntityId;

/// An id as the driver wants it.
pub fn oid(id: impl EntityId) -> bson::oid::ObjectId {
    bson::oid::ObjectId::from_bytes(id.bytes())
}

/// Fixed-size bytes as BSON binary, hex in JSON.
pub mod binary {
    pub use gateway_domain::codec::fixed_bytes::{deserialize, serialize};

    use super::bson;

    /// As a value for a filter.
    pub fn to_bson(bytes: &[u8]) -> bson::Binary {
        bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

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
