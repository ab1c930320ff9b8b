//! Bytes with holes that are filled anew for every use: requests that differ in a reference, documents that
//! differ in what a unique index looks at. Copying bytes costs the generator less than serializing.

use std::ops::Range;

use mongodb::bson::RawDocumentBuf;
use mongodb::bson::oid::ObjectId;
use rand::RngCore;

use crate::Outcome;

/// What may stand in a filled text: safe in JSON, headers and URLs.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijkmnpqrstvwxy";

/// At most so many bytes of a text are replaced, from its end: a prefix that means something stays.
const TEXT_BYTES_MAX: usize = 16;

#[derive(Debug, Clone, Copy)]
enum Fill {
    ObjectId,
    Text,
    Bytes,
}

/// The bytes and their holes.
#[derive(Debug, Clone)]
pub struct Stencil {
    bytes: Vec<u8>,
    holes: Vec<(Range<usize>, Fill)>,
}

impl Stencil {
    /// Text in which each occurrence of a marker is a hole of the marker's length.
    pub fn of_text(text: Vec<u8>, marker: &str) -> Self {
        let ranges = text.windows(marker.len()).enumerate();
        let holes = ranges
            .filter(|(_, window)| *window == marker.as_bytes())
            .map(|(at, _)| (at..at + marker.len(), Fill::Text))
            .collect();
        Self { bytes: text, holes }
    }

    /// A document in which the named fields (at any depth, the first of that name) are holes. Each is an
    /// `ObjectId`, a text or a binary.
    pub fn of_document(document: &RawDocumentBuf, fields: &[&str]) -> Outcome<Self> {
        let bytes = document.as_bytes().to_vec();
        let holes = fields
            .iter()
            .map(|field| hole(&bytes, field).ok_or_else(|| format!("the document has no field {field}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { bytes, holes })
    }

    /// The bytes with fresh fillings.
    pub fn fill(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (range, fill) in &self.holes {
            let hole = &mut bytes[range.clone()];
            match fill {
                Fill::ObjectId => hole.copy_from_slice(&ObjectId::new().bytes()),
                Fill::Bytes => rand::rng().fill_bytes(hole),
                Fill::Text => {
                    rand::rng().fill_bytes(hole);
                    for byte in hole {
                        *byte = ALPHABET[usize::from(*byte % 32)];
                    }
                }
            }
        }
        bytes
    }

    /// The document with fresh fillings.
    pub fn document(&self) -> Outcome<RawDocumentBuf> {
        Ok(RawDocumentBuf::from_bytes(self.fill())?)
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Finds an element by its type, its name and the zero after it. See <https://bsonspec.org/spec.html>.
fn hole(bytes: &[u8], field: &str) -> Option<(Range<usize>, Fill)> {
    let value_of = |kind: u8| {
        let mut start = vec![kind];
        start.extend_from_slice(field.as_bytes());
        start.push(0);
        bytes.windows(start.len()).position(|window| window == start).map(|at| at + start.len())
    };
    let length_at = |at: usize| {
        let length: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(i32::from_le_bytes(length)).ok()
    };
    if let Some(at) = value_of(0x07) {
        return Some((at..at + 12, Fill::ObjectId));
    }
    if let Some(at) = value_of(0x02) {
        // The length counts the zero at the end.
        let end = at + 4 + length_at(at)?.checked_sub(1)?;
        return Some(((at + 4).max(end.saturating_sub(TEXT_BYTES_MAX))..end, Fill::Text));
    }
    let at = value_of(0x05)?;
    Some((at + 5..at + 5 + length_at(at)?, Fill::Bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{Binary, Document, doc, serialize_to_raw_document_buf};

    #[test]
    fn only_the_holes_change() {
        let slot = Binary { subtype: BinarySubtype::Generic, bytes: vec![7; 16] };
        let original = doc! {
            "_id": ObjectId::new(), "code": "prefix_0000000000000000", "amount": 5, "idem": { "slot": slot },
        };
        let raw = serialize_to_raw_document_buf(&original).unwrap();
        let stencil = Stencil::of_document(&raw, &["_id", "code", "slot"]).unwrap();
        let fresh: Document = stencil.document().unwrap().try_into().unwrap();
        assert_eq!(fresh.len(), original.len());
        assert_eq!(fresh.get("amount"), original.get("amount"));
        assert!(fresh.get_str("code").unwrap().starts_with("prefix_"));
        for field in ["_id", "code", "idem"] {
            assert_ne!(fresh.get(field), original.get(field), "{field}");
        }
        assert!(Stencil::of_document(&raw, &["nothing"]).is_err());
    }

    #[test]
    fn every_marker_is_filled() {
        let stencil = Stencil::of_text(b"a=@@@@&b=@@@@".to_vec(), "@@@@");
        let text = String::from_utf8(stencil.fill()).unwrap();
        assert!(text.starts_with("a=") && !text.contains('@') && text.len() == stencil.len());
    }
}
