//! Values of the domain as filters and updates name them; how they are stored the domain says itself.

use mongodb::bson;

use crate::domain::EntityId;

/// An id as the driver wants it.
pub fn oid(id: impl EntityId) -> bson::oid::ObjectId {
    bson::oid::ObjectId::from_bytes(id.bytes())
}

/// Bytes as BSON binary.
pub mod binary {
    use super::bson;

    /// As a value for a filter.
    pub fn to_bson(bytes: &[u8]) -> bson::Binary {
        bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() }
    }
}
