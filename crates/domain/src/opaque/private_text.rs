//! Words of others that may name a person: clear in memory, sealed at rest.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, SeqAccess, Visitor},
};

use super::{Sealed, bytes::BytesVisitor};

/// A text that may name a person, such as what a provider says of a payment.
///
/// The store opens it on reading and seals it on writing. Older documents hold it as a string: that is read, too,
/// and sealed with the next change. Neither `Debug` nor logs show it; there is no `Display` on purpose.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PrivateText {
    /// As people read it.
    Clear(String),
    /// As it is stored.
    Sealed(Sealed),
}

impl PrivateText {
    /// The text; empty where it has not been opened.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Clear(text) => text,
            Self::Sealed(_) => "",
        }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// Whether it holds words that are not sealed. An empty text tells nothing and stays as it is.
    pub const fn is_clear(&self) -> bool {
        matches!(self, Self::Clear(text) if !text.is_empty())
    }
}

impl From<String> for PrivateText {
    fn from(text: String) -> Self {
        Self::Clear(text)
    }
}

impl From<&str> for PrivateText {
    fn from(text: &str) -> Self {
        Self::Clear(text.to_owned())
    }
}

/// Text is clear and bytes are sealed. Not derived: of an untagged enum, serde takes bytes for text where they happen
/// to be UTF-8, which a short ciphertext may be.
impl<'de> Deserialize<'de> for PrivateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

fn sealed<E: de::Error>(bytes: &[u8]) -> Result<PrivateText, E> {
    Sealed::from_bytes(bytes).map(PrivateText::Sealed).map_err(E::custom)
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = PrivateText;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, or the bytes of a sealed one")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(PrivateText::Clear(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(PrivateText::Clear(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        sealed(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        sealed(&BytesVisitor.visit_seq(sequence)?)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        sealed(&BytesVisitor.visit_map(map)?)
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateText(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        text: PrivateText,
    }

    /// Its bytes could be read as text.
    fn sealed() -> Sealed {
        Sealed::new(1, [0; 12], vec![7; 20])
    }

    #[test]
    fn both_forms_survive_the_database() {
        let sealed = PrivateText::Sealed(sealed());
        for text in [PrivateText::from("max@example.com"), sealed] {
            let holder = Holder { text };
            let raw = bson::serialize_to_vec(&holder).unwrap();
            assert_eq!(bson::deserialize_from_slice::<Holder>(&raw).unwrap(), holder);
            let document = bson::serialize_to_document(&holder).unwrap();
            assert_eq!(bson::deserialize_from_document::<Holder>(document).unwrap(), holder);
        }
    }

    #[test]
    fn sealed_is_stored_as_bytes_and_clear_as_text() {
        let sealed = Holder { text: PrivateText::Sealed(sealed()) };
        let document = bson::serialize_to_document(&sealed).unwrap();
        assert!(matches!(document.get("text"), Some(Bson::Binary(_))));
        let old: Holder = bson::deserialize_from_document(doc! { "text": "words" }).unwrap();
        assert_eq!((old.text.as_str(), old.text.is_clear()), ("words", true));
        assert_eq!((sealed.text.as_str(), sealed.text.is_clear()), ("", false));
    }

    #[test]
    fn nothing_shows_it_by_accident() {
        assert!(!format!("{:?}", PrivateText::from("max@example.com")).contains("max"));
    }
}
