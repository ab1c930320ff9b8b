//! Whole numbers, read as decimal text: `4900`, `4900.0` and `4.9e3` are the same, `4900.5` is refused, and
//! nothing passes through a float.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = i64)]
pub struct Whole(pub i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        whole(raw.get()).map(Self).map_err(D::Error::custom)
    }
}

/// A percentage: a number or its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String)]
pub struct Percent(pub Decimal);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        let number = if text.contains(['e', 'E']) {
            Decimal::from_scientific(text)
        } else {
            Decimal::from_str_exact(text)
        };
        number.map(Self).map_err(|_| D::Error::custom("must be a decimal number such as 23 or \"5.5\""))
    }
}

/// A decimal number: a number or its text, never through a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String)]
pub struct Decimals(pub Decimal);

impl<'de> Deserialize<'de> for Decimals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        decimal(raw.get()).map(Self).ok_or_else(|| D::Error::custom("must be a decimal number such as 7.5"))
    }
}

fn decimal(raw: &str) -> Option<Decimal> {
    let text = raw.trim_matches('"');
    let scientific = text.contains(['e', 'E']);
    if scientific { Decimal::from_scientific(text).ok() } else { Decimal::from_str_exact(text).ok() }
}

const NOT_WHOLE: &str = "must be a whole number: 4900 and 4900.0 are fine, 4900.5 is not";
const TOO_LARGE: &str = "is too large";

/// Reads the text of a JSON number.
fn whole(text: &str) -> Result<i64, &'static str> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(NOT_WHOLE);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        // An exponent beyond i64 says zero or far too much, whatever it is exactly.
        Some((mantissa, exponent)) => {
            let beyond = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
            (mantissa, exponent.parse().unwrap_or(beyond))
        }
        None => (unsigned, 0_i64),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let digits = all.trim_end_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    // Where the point stands, counted from the left end of the digits.
    let point = length(whole).saturating_add(exponent);
    let zeros = point.saturating_sub(length(digits));
    if zeros < 0 {
        return Err(NOT_WHOLE);
    }
    let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros <= 18).ok_or(TOO_LARGE)?;
    let sign = if negative { "-" } else { "" };
    format!("{sign}{digits}{}", "0".repeat(zeros)).parse().map_err(|_| TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integral_numbers_are_read_however_they_are_written() {
        for (text, value) in [
            ("4900", 4900),
            ("4900.0", 4900),
            ("4900.000", 4900),
            ("4.9e3", 4900),
            ("4.9E+3", 4900),
            ("49000e-1", 4900),
            ("0.49e4", 4900),
            ("-0", 0),
            ("-0.0", 0),
            ("0e999999999999999999999", 0),
            ("-250.0", -250),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap().0, value, "{text}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for text in ["4900.5", "0.1", "49e-1", "\"4900\"", "true", "[1]", "{}", "1e-999999999999999999999"] {
            let error = serde_json::from_str::<Whole>(text).unwrap_err().to_string();
            assert!(error.contains("whole number"), "{text}: {error}");
        }
        for text in ["9223372036854775808", "1e19", "1e400", "1e99999999999999999999"] {
            let error = serde_json::from_str::<Whole>(text).unwrap_err().to_string();
            assert!(error.contains("too large"), "{text}: {error}");
        }
    }

    #[test]
    fn percentages_are_numbers_or_text() {
        for text in ["23", "23.0", "\"23\"", "2.3e1"] {
            assert_eq!(serde_json::from_str::<Percent>(text).unwrap().0, Decimal::from(23), "{text}");
        }
        assert!(serde_json::from_str::<Percent>("\"high\"").is_err());
        assert!(serde_json::from_str::<Percent>("[]").is_err());
    }
}
