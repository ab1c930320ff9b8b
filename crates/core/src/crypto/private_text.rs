//! Words of others that may name a person: clear in memory, sealed at rest.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Sealed;

/// A text that may name a person, such as what a provider says of a payment.
///
/// The store opens it on reading and seals it on writing. Older documents hold it as a string: that is read, too,
/// and sealed with the next change. Neither `Debug` nor logs show it; there is no `Display` on purpose.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateText(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{self, Bson, doc};

    use super::*;
    use crate::crypto::{FieldContext, OrganizationKeys};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        text: PrivateText,
    }

    #[test]
    fn both_forms_survive_the_database() {
        let keys = OrganizationKeys::generate();
        let context = FieldContext { organization: "o", collection: "c", id: "1", field: "text" };
        let sealed = PrivateText::Sealed(keys.seal(&context, b"max@example.com"));
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
        let keys = OrganizationKeys::generate();
        let context = FieldContext { organization: "o", collection: "c", id: "1", field: "text" };
        let sealed = Holder { text: PrivateText::Sealed(keys.seal(&context, b"words")) };
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
