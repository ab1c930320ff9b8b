//! Serde for values whose stored form is a byte string.
//!
//! They are written with `serialize_bytes`, which BSON stores as a Binary of generic subtype. They are read
//! from bytes, from BSON's map form of a Binary (`{"$binary": {…}}`, which serde hands out when a value was
//! buffered or has another subtype) and from a sequence of numbers, which is what JSON makes of bytes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serializer};

/// More than any document may hold; stops a hostile length from reserving memory.
const SEQUENCE_RESERVE_MAX: usize = 4096;

/// Writes `bytes` as a byte string.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Reads a byte string in any of the forms named above.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    // Not deserialize_byte_buf: a buffered JSON value would then refuse the map form.
    deserializer.deserialize_any(BytesVisitor)
}

pub(super) struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a byte string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::with_capacity(sequence.size_hint().unwrap_or(0).min(SEQUENCE_RESERVE_MAX));
        while let Some(byte) = sequence.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let body = BinaryMap::deserialize(de::value::MapAccessDeserializer::new(map))?.binary;
        if !body.bytes.0.is_empty() {
            return Ok(body.bytes.0);
        }
        // The text is not repeated in the error: it may be a secret's ciphertext or a keyed hash.
        STANDARD.decode(body.base64).map_err(|_| de::Error::custom("invalid base64"))
    }
}

#[derive(Deserialize)]
struct BinaryMap {
    #[serde(rename = "$binary")]
    binary: BinaryBody,
}

/// One of the two is there, beside a subtype that does not matter here. Not `Option`s: BSON's deserializer for
/// this map does not know them.
#[derive(Deserialize)]
struct BinaryBody {
    #[serde(default)]
    base64: String,
    #[serde(default)]
    bytes: Bytes,
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer).map(Self)
    }
}

/// Implements `Serialize` and `Deserialize` for a type with `to_bytes` and a fallible `from_bytes`.
macro_rules! serde_as_bytes {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::opaque::bytes::serialize(&self.to_bytes(), serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = $crate::opaque::bytes::deserialize(deserializer)?;
                Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use serde_as_bytes;

/// Declares a digest that names the version of the key it was made with. Stored as one byte string (4 bytes
/// of version, big-endian, then the digest), so that an equality filter on the whole finds it.
macro_rules! versioned_digest {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name {
            version: u32,
            digest: [u8; $length],
        }

        impl $name {
            /// Length of the stored form in bytes.
            pub const STORED_LENGTH: usize = 4 + $length;

            /// From the version of the key and what was made with it.
            pub const fn new(version: u32, digest: [u8; $length]) -> Self {
                Self { version, digest }
            }

            /// The version of the key that made it.
            pub fn version(&self) -> u32 {
                self.version
            }

            /// The digest without its version.
            pub fn digest(&self) -> &[u8; $length] {
                &self.digest
            }

            /// The stored form: version (4 bytes, big-endian), then the digest.
            pub fn to_bytes(&self) -> [u8; 4 + $length] {
                let mut out = [0; 4 + $length];
                let (version, digest) = out.split_at_mut(4);
                version.copy_from_slice(&self.version.to_be_bytes());
                digest.copy_from_slice(&self.digest);
                out
            }

            /// Reads the stored form; [`MalformedBytes::Length`] when the length is another.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedBytes> {
                let (version, digest) = bytes.split_first_chunk::<4>().ok_or(MalformedBytes::Length)?;
                let digest = digest.try_into().map_err(|_| MalformedBytes::Length)?;
                Ok(Self { version: u32::from_be_bytes(*version), digest })
            }
        }

        /// Shows the version only: digests of one value are equal, so logs of them could be correlated.
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "{}(version {}, redacted)", stringify!($name), self.version)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                use subtle::ConstantTimeEq as _;
                self.version == other.version && self.digest.ct_eq(&other.digest).into()
            }
        }

        impl Eq for $name {}

        $crate::opaque::bytes::serde_as_bytes!($name);
    };
}
pub(super) use versioned_digest;
