//! Business identifier codes (ISO 9362).

use std::{fmt, str::FromStr};

use super::compact;

/// The text is no BIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a BIC: it has 8 or 11 letters and digits, the fifth and sixth of which are a country's letters"
)]
pub struct InvalidBic;

/// A bank's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bic(String);

impl Bic {
    /// In capitals, without blanks.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What test mode shows in its place. A zero at the eighth place marks a code for tests (ISO 9362).
    #[must_use]
    pub fn for_testing(&self) -> Self {
        Self(format!("TEST{}X0", &self.0[4..6]))
    }
}

impl fmt::Display for Bic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Bic {
    type Err = InvalidBic;

    fn from_str(text: &str) -> Result<Self, InvalidBic> {
        let text = compact(text);
        let bytes = text.as_bytes();
        let is_formed = matches!(bytes.len(), 8 | 11)
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[4..6].iter().all(u8::is_ascii_uppercase);
        if is_formed { Ok(Self(text)) } else { Err(InvalidBic) }
    }
}

text_serde!(Bic);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_mode_shows_a_code_for_tests() {
        let shown = "COBADEFFXXX".parse::<Bic>().unwrap().for_testing();
        assert_eq!(shown.as_str(), "TESTDEX0");
        assert_eq!(shown.as_str().parse(), Ok(shown));
    }

    #[test]
    fn a_bic_has_eight_or_eleven_characters_and_names_a_country() {
        for text in ["BPOTBEB1", "BHBLDEHHXXX", "deutdeff", "DEUT DE FF 500"] {
            assert!(text.parse::<Bic>().is_ok(), "{text}");
        }
        for text in ["", "DEUTDEF", "DEUTDEFFX", "DEUTDEFF5000", "DEUT12FF", "DEUTDE-F", "DEUTDÉFF"] {
            assert_eq!(text.parse::<Bic>(), Err(InvalidBic), "{text}");
        }
    }
}
