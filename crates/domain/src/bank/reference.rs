//! Creditor references (ISO 11649): what a customer writes on a transfer so that it is recognised.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use super::{compact, grouped, is_checked, mod97};
use crate::{TransactionId, transaction::ProviderRef};

/// Longest that ISO 11649 has.
const CHARS_MAX: usize = 25;

/// Characters of a reference that we make, after `RFnn`: 60 bits, so that a payment that shares its reference with
/// another is as good as impossible, and four groups of four in all.
const OWN_CHARS: usize = 12;

/// Digits and the letters that are not mistaken for others.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A reference, without blanks, its check digits verified: `RF18539007547034`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditorReference(String);

impl CreditorReference {
    /// What a transaction's name of this kind is called.
    pub const KIND: &'static str = "creditor_reference";

    /// A transaction's name by it.
    pub fn as_ref(&self) -> ProviderRef {
        ProviderRef::new(Self::KIND, &self.0)
    }

    /// The reference of a transaction: always the same one.
    pub fn of(id: TransactionId) -> Self {
        let hash = Sha256::new().chain_update(b"creditor reference").chain_update(id.bytes()).finalize();
        let own: String =
            hash.iter().take(OWN_CHARS).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        Self::with_check(&own)
    }

    /// Puts `RF` and the check digits before digits and capital letters.
    fn with_check(own: &str) -> Self {
        let rest = mod97(own.bytes().chain(*b"RF00")).unwrap_or_default();
        Self(format!("RF{:02}{own}", 98 - rest))
    }

    /// Without blanks, as machines take it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In groups of four, as people read it.
    pub fn grouped(&self) -> String {
        grouped(&self.0)
    }
}

impl fmt::Display for CreditorReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no creditor reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a creditor reference: it begins with RF and two check digits, and has at most 25 characters")]
pub struct InvalidReference;

impl FromStr for CreditorReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let text = compact(text);
        let fits = text.starts_with("RF") && text.len() <= CHARS_MAX && is_checked(&text);
        if fits { Ok(Self(text)) } else { Err(InvalidReference) }
    }
}

text_serde!(CreditorReference);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_reference_is_valid_and_made_again() {
        let known: CreditorReference = "RF18 5390 0754 7034".parse().unwrap();
        assert_eq!(known.as_str(), "RF18539007547034");
        assert_eq!(known.grouped(), "RF18 5390 0754 7034");
        assert_eq!(CreditorReference::with_check("539007547034"), known);
        for wrong in
            ["RF18539007547035", "RF19539007547034", "DE18539007547034", "RF18", "", "RF1853900754703é"]
        {
            assert!(wrong.parse::<CreditorReference>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_transaction_has_a_valid_reference_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for number in 0..20_000_u32 {
            let mut bytes = [0; 12];
            bytes[8..].copy_from_slice(&number.to_be_bytes());
            let reference = CreditorReference::of(TransactionId::from_bytes(bytes));
            assert_eq!(reference.as_str().len(), 16);
            assert_eq!(reference.as_str().parse::<CreditorReference>().as_ref(), Ok(&reference));
            assert!(seen.insert(reference.0));
        }
        let id = TransactionId::from_bytes([7; 12]);
        assert_eq!(CreditorReference::of(id), CreditorReference::of(id));
    }
}
