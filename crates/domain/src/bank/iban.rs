//! International bank account numbers (ISO 13616).

use std::{fmt, str::FromStr};

use super::{compact, grouped, is_checked, mod97};

/// Shortest and longest that ISO 13616 has.
const CHARS: std::ops::RangeInclusive<usize> = 15..=34;

/// The text is no IBAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIban {
    /// Not two letters, two digits and up to thirty letters and digits.
    #[error(
        "is not an IBAN: it begins with a country's two letters and two digits, and has 15 to 34 characters"
    )]
    Form,
    /// A digit is wrong, missing or swapped.
    #[error("is not a valid IBAN: its check digits do not fit, so that something is mistyped")]
    Check,
}

/// An account's number, without blanks, its check digits verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Iban(String);

impl Iban {
    /// Without blanks, as machines take it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In groups of four, as people read it.
    pub fn grouped(&self) -> String {
        grouped(&self.0)
    }

    /// The country that it belongs to, ISO 3166.
    pub fn country(&self) -> &str {
        &self.0[..2]
    }

    /// An account of the same country that no bank has: what test mode shows in its place. It is as long, and its
    /// check digits fit; behind them each digit is a zero, and letters say TEST.
    #[must_use]
    pub fn for_testing(&self) -> Self {
        let mut letters = TEST.chars().cycle();
        let own: String = self.0[4..]
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { letters.next().unwrap_or('X') })
            .collect();
        let country = self.country();
        let rest = mod97(own.bytes().chain(country.bytes()).chain(*b"00")).unwrap_or_default();
        Self(format!("{country}{:02}{own}", 98 - rest))
    }

    /// Whether it is one of those.
    pub fn is_for_testing(&self) -> bool {
        self.0[4..].bytes().all(|byte| byte == b'0' || TEST.as_bytes().contains(&byte))
    }
}

/// The letters of an account of test mode.
const TEST: &str = "TEST";

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iban({}…)", &self.0[..4])
    }
}

impl FromStr for Iban {
    type Err = InvalidIban;

    /// Blanks and small letters are tolerated.
    fn from_str(text: &str) -> Result<Self, InvalidIban> {
        let text = compact(text);
        let bytes = text.as_bytes();
        let is_formed = CHARS.contains(&bytes.len())
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes[2..4].iter().all(u8::is_ascii_digit)
            && bytes[4..].iter().all(u8::is_ascii_alphanumeric);
        if !is_formed {
            return Err(InvalidIban::Form);
        }
        if is_checked(&text) { Ok(Self(text)) } else { Err(InvalidIban::Check) }
    }
}

text_serde!(Iban);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_are_accepted_with_and_without_blanks() {
        // The registry's own examples of several countries and lengths.
        for text in [
            "DE89 3704 0044 0532 0130 00",
            "de71110220330123456789",
            "GB29 NWBK 6016 1331 9268 19",
            "FR14 2004 1010 0505 0001 3M02 606",
            "PT50 0002 0123 1234 5678 9015 4",
            "NO93 8601 1117 947",
            "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
            "BE72000000001616",
        ] {
            let iban: Iban = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(iban.grouped().replace(' ', ""), iban.as_str());
        }
        let iban: Iban = " de89\u{a0}3704 0044 0532 0130 00 ".parse().unwrap();
        assert_eq!(iban.grouped(), "DE89 3704 0044 0532 0130 00");
    }

    #[test]
    fn any_one_wrong_digit_and_any_swapped_pair_is_found() {
        let good = "DE89370400440532013000";
        for place in 2..good.len() {
            let mut bytes = good.as_bytes().to_vec();
            for digit in b'0'..=b'9' {
                bytes[place] = digit;
                let text = std::str::from_utf8(&bytes).unwrap();
                assert_eq!(text.parse::<Iban>().is_ok(), text == good, "{text}");
            }
        }
        for place in 4..good.len() - 1 {
            let mut bytes = good.as_bytes().to_vec();
            bytes.swap(place, place + 1);
            let text = std::str::from_utf8(&bytes).unwrap();
            assert_eq!(text.parse::<Iban>().is_ok(), text == good, "{text}");
        }
    }

    #[test]
    fn what_test_mode_shows_is_valid_and_belongs_to_nobody() {
        for (real, shown) in [
            ("DE89 3704 0044 0532 0130 00", "DE36 0000 0000 0000 0000 00"),
            ("GB29 NWBK 6016 1331 9268 19", "GB05 TEST 0000 0000 0000 00"),
            ("NO93 8601 1117 947", "NO13 0000 0000 000"),
        ] {
            let real: Iban = real.parse().unwrap();
            let fake = real.for_testing();
            assert_eq!(fake.grouped(), shown);
            assert_eq!(fake.as_str().parse(), Ok(fake.clone()), "its check digits fit");
            assert_eq!(fake.for_testing(), fake);
            assert!(fake.is_for_testing() && !real.is_for_testing());
        }
    }

    #[test]
    fn what_is_no_iban_is_refused_without_a_panic() {
        for text in
            ["", "DE", "DE89", "8937040044053201300012", "DE8937040044053201300é", "D€89370400440532013000"]
        {
            assert_eq!(text.parse::<Iban>(), Err(InvalidIban::Form), "{text}");
        }
        let long = format!("DE89{}", "0".repeat(31));
        assert_eq!(long.parse::<Iban>(), Err(InvalidIban::Form));
    }
}
