//! Single fields, encrypted with AES-256-GCM and bound to the place where they are stored.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use gateway_domain::opaque::{NONCE_LENGTH, Sealed};
use zeroize::Zeroizing;

use super::error::CryptoError;
use super::keys::OrganizationKeys;
use super::versioned::Key32;
use super::{mac, random};

/// Where a sealed value stands. All of it is authenticated, so a value copied into another organization,
/// document or field does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldContext<'a> {
    /// The organization's id in hex.
    pub organization: &'a str,
    /// The collection's name.
    pub collection: &'a str,
    /// The document's id.
    pub id: &'a str,
    /// The field's name, as a path if it is nested.
    pub field: &'a str,
}

impl FieldContext<'_> {
    /// The associated data: each part preceded by its length, so that no two places read alike.
    fn associated_data(&self, key_version: u32) -> Vec<u8> {
        let parts = [self.organization, self.collection, self.id, self.field].map(str::as_bytes);
        let [organization, collection, id, field] = parts;
        mac::framed("tollgate field", &[organization, collection, id, field, &key_version.to_be_bytes()])
    }
}

impl OrganizationKeys {
    /// Seals `plaintext` for one place with the current data key.
    ///
    /// Nonces are random: one data key is good for 2³² values before a nonce is likely to repeat, so a busy
    /// organization's key is rotated long before that.
    pub fn seal(&self, context: &FieldContext<'_>, plaintext: &[u8]) -> Sealed {
        let (key_version, key) = self.keys().current();
        let nonce = random::bytes();
        let ciphertext = gcm_seal(key, &nonce, &context.associated_data(key_version), plaintext);
        Sealed::new(key_version, nonce, ciphertext)
    }

    /// Opens a value that was sealed for exactly this place.
    pub fn open(
        &self,
        context: &FieldContext<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let version = sealed.key_version();
        let key = self.keys().get(version).ok_or(CryptoError::UnknownKeyVersion { version })?;
        gcm_open(key, sealed.nonce(), &context.associated_data(version), sealed.ciphertext())
    }

    /// The same value under the current data key; `None` when it is there already.
    pub fn reseal(&self, context: &FieldContext<'_>, sealed: &Sealed) -> Result<Option<Sealed>, CryptoError> {
        if sealed.key_version() == self.current_version() {
            return Ok(None);
        }
        let plaintext = self.open(context, sealed)?;
        Ok(Some(self.seal(context, &plaintext)))
    }
}

/// AES-256-GCM; the result ends with the tag.
pub(super) fn gcm_seal(key: &Key32, nonce: &[u8; NONCE_LENGTH], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    Aes256Gcm::new(key.as_bytes().into())
        .encrypt(Nonce::from_slice(nonce), Payload { msg: plaintext, aad })
        .expect("AES-GCM fails only above 64 GiB")
}

/// Reverses [`gcm_seal`]; [`CryptoError::NotAuthentic`] when anything differs.
pub(super) fn gcm_open(
    key: &Key32,
    nonce: &[u8; NONCE_LENGTH],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    Aes256Gcm::new(key.as_bytes().into())
        .decrypt(Nonce::from_slice(nonce), Payload { msg: ciphertext, aad })
        .map(Zeroizing::new)
        .map_err(|_| CryptoError::NotAuthentic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use mongodb::bson::{self, Binary, Bson, doc, spec::BinarySubtype};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    const PLACE: FieldContext<'static> = FieldContext {
        organization: "650000000000000000000001",
        collection: "providers",
        id: "650000000000000000000002",
        field: "credentials",
    };

    /// The GCM specification's test case 16 (256-bit key, associated data).
    #[test]
    fn gcm_agrees_with_the_published_test_case() {
        let bytes = |text: &str| hex::decode(text).unwrap();
        let key: [u8; 32] =
            bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let nonce: [u8; 12] = bytes("cafebabefacedbaddecaf888").try_into().unwrap();
        let plaintext = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
             b16aedf5aa0de657ba637b39",
        );
        let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let expected = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
                        c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";
        let key = Key32::from_bytes(key);
        let sealed = gcm_seal(&key, &nonce, &aad, &plaintext);
        assert_eq!(hex::encode(&sealed), expected);
        assert_eq!(*gcm_open(&key, &nonce, &aad, &sealed).unwrap(), plaintext);
    }

    #[test]
    fn a_value_moved_elsewhere_does_not_open() {
        let keys = OrganizationKeys::generate();
        let sealed = keys.seal(&PLACE, b"example");
        assert_eq!(&**keys.open(&PLACE, &sealed).unwrap(), b"example");
        let elsewhere = [
            FieldContext { organization: "650000000000000000000009", ..PLACE },
            FieldContext { collection: "sites", ..PLACE },
            FieldContext { id: "650000000000000000000009", ..PLACE },
            FieldContext { field: "webhookSecret", ..PLACE },
            // The same letters, cut elsewhere.
            FieldContext { collection: "provider", id: "s650000000000000000000002", ..PLACE },
        ];
        for place in elsewhere {
            assert_eq!(keys.open(&place, &sealed), Err(CryptoError::NotAuthentic), "{place:?}");
        }
        let foreign = OrganizationKeys::generate();
        assert_eq!(foreign.open(&PLACE, &sealed), Err(CryptoError::NotAuthentic));
    }

    fn open(keys: &OrganizationKeys, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        keys.open(&PLACE, &Sealed::from_bytes(stored)?)
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let keys = OrganizationKeys::generate();
        let stored = keys.seal(&PLACE, b"example").to_bytes();
        for index in 0..stored.len() {
            let mut altered = stored.clone();
            altered[index] ^= 1;
            let opened = open(&keys, &altered);
            assert!(opened.is_err(), "byte {index}");
        }
        for length in 0..stored.len() {
            let opened = open(&keys, &stored[..length]);
            assert!(opened.is_err(), "length {length}");
        }
    }

    #[test]
    fn reseal_moves_to_the_current_key() {
        let old = OrganizationKeys::generate();
        let sealed = old.seal(&PLACE, b"example");
        assert_eq!(old.reseal(&PLACE, &sealed), Ok(None));

        let new = old.with_next_version();
        let resealed = new.reseal(&PLACE, &sealed).unwrap().unwrap();
        assert_eq!((sealed.key_version(), resealed.key_version()), (1, 2));
        assert_eq!(&**new.open(&PLACE, &resealed).unwrap(), b"example");
        assert_eq!(old.open(&PLACE, &resealed), Err(CryptoError::UnknownKeyVersion { version: 2 }));
    }

    #[test]
    fn debug_shows_only_the_length() {
        let sealed = OrganizationKeys::generate().seal(&PLACE, b"example");
        assert_eq!(format!("{sealed:?}"), "Sealed(40 bytes)");
        assert_eq!(sealed.to_bytes().len(), 40);
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Document {
        secret: Sealed,
        absent: Option<Sealed>,
    }

    /// Buffers its content before it deserializes it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        One(Document),
    }

    #[test]
    fn bson_stores_a_generic_binary_and_reads_it_back() {
        let document =
            Document { secret: OrganizationKeys::generate().seal(&PLACE, b"example"), absent: None };
        let binary = Binary { subtype: BinarySubtype::Generic, bytes: document.secret.to_bytes() };

        let value = bson::serialize_to_document(&document).unwrap();
        assert_eq!(value.get("secret"), Some(&Bson::Binary(binary)));
        assert_eq!(bson::deserialize_from_document::<Document>(value).unwrap(), document);

        let raw = bson::serialize_to_vec(&document).unwrap();
        assert_eq!(bson::deserialize_from_slice::<Document>(&raw).unwrap(), document);
    }

    #[test]
    fn bson_reads_back_through_a_buffer_and_from_another_subtype() {
        let secret = OrganizationKeys::generate().seal(&PLACE, b"example");
        let tagged = Tagged::One(Document { secret: secret.clone(), absent: Some(secret.clone()) });
        let raw = bson::serialize_to_vec(&tagged).unwrap();
        assert_eq!(bson::deserialize_from_slice::<Tagged>(&raw).unwrap(), tagged);
        let value = bson::serialize_to_document(&tagged).unwrap();
        assert_eq!(bson::deserialize_from_document::<Tagged>(value).unwrap(), tagged);

        // Another subtype than generic arrives as a map.
        let other = Binary { subtype: BinarySubtype::Sensitive, bytes: secret.to_bytes() };
        let value = doc! { "secret": other };
        let expected = Document { secret, absent: None };
        assert_eq!(
            bson::deserialize_from_slice::<Document>(&bson::serialize_to_vec(&value).unwrap()).unwrap(),
            expected
        );
        assert_eq!(bson::deserialize_from_document::<Document>(value).unwrap(), expected);
    }

    #[test]
    fn json_reads_back_what_it_wrote_and_the_extended_form() {
        let secret = OrganizationKeys::generate().seal(&PLACE, b"example");
        let text = serde_json::to_string(&secret).unwrap();
        assert_eq!(serde_json::from_str::<Sealed>(&text).unwrap(), secret);

        let extended = serde_json::json!({ "$binary": { "base64": STANDARD.encode(secret.to_bytes()), "subType": "00" } });
        assert_eq!(serde_json::from_value::<Sealed>(extended).unwrap(), secret);
        assert!(serde_json::from_str::<Sealed>(r#"{"$binary":{"base64":"!","subType":"00"}}"#).is_err());
        assert!(serde_json::from_str::<Sealed>("[1,0,0]").is_err());
    }

    proptest! {
        #[test]
        fn round_trip(plaintext in prop::collection::vec(any::<u8>(), 0..300), id in ".{0,20}", field in ".{0,20}") {
            let keys = OrganizationKeys::generate();
            let place = FieldContext { id: &id, field: &field, ..PLACE };
            let sealed = Sealed::from_bytes(&keys.seal(&place, &plaintext).to_bytes()).unwrap();
            prop_assert_eq!(&*keys.open(&place, &sealed).unwrap(), &plaintext);
        }

        #[test]
        fn arbitrary_envelopes_never_panic_and_never_open(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let keys = OrganizationKeys::generate();
            if let Some(first) = bytes.first_mut() { *first &= 1; }
            if let Some(version) = bytes.get_mut(1..5) { version.copy_from_slice(&1_u32.to_be_bytes()); }
            if let Ok(sealed) = Sealed::from_bytes(&bytes) {
                prop_assert_eq!(sealed.to_bytes(), bytes);
                prop_assert_eq!(keys.open(&PLACE, &sealed), Err(CryptoError::NotAuthentic));
            }
        }
    }
}
