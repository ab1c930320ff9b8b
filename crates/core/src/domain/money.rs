//! Money: whole minor units of one currency, with checked arithmetic and no float in sight.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The largest amount accepted: far above any order, far below where sums of a thousand lines overflow.
pub const AMOUNT_MAX: i64 = 999_999_999_999;

/// What can be wrong with an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Sum or product left the range of 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// Two currencies met in one operation.
    #[error("amounts in {0} and {1} cannot be combined")]
    CurrencyMismatch(Currency, Currency),
    /// Not an ISO 4217 code with an exponent of 0, 2 or 3.
    #[error("is not a supported ISO 4217 currency code")]
    UnknownCurrency,
}

/// An ISO 4217 currency whose exponent is 0, 2 or 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// The three capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimal digits the minor unit has: 0, 2 or 3.
    pub fn exponent(self) -> u32 {
        iso_currency::Currency::from_code(self.code())
            .and_then(iso_currency::Currency::exponent)
            .map_or(2, u32::from)
    }

    /// Minor units per major unit.
    pub fn minor_per_major(self) -> i64 {
        10_i64.pow(self.exponent())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let upper = text.to_ascii_uppercase();
        let known = iso_currency::Currency::from_code(&upper).ok_or(MoneyError::UnknownCurrency)?;
        match (known.exponent(), <[u8; 3]>::try_from(upper.as_bytes())) {
            (Some(0 | 2 | 3), Ok(code)) => Ok(Self(code)),
            _ => Err(MoneyError::UnknownCurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units of a currency; negative where the context allows it (a discount line).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents of a euro, whole yen, thousandths of a dinar.
    #[serde(rename = "amount")]
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// `self + other`.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// `self - other`.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// `self × factor`.
    pub fn checked_mul(self, factor: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(factor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    fn combine(self, other: Self, op: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let minor = op(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }
}

impl Money {
    /// The amount in the currency's main unit, as a form shows it and people type it: `49.00`, `-0.005`, `1200`.
    pub fn major(self) -> String {
        let exponent = usize::try_from(self.currency.exponent()).unwrap_or(2);
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let (sign, point) = (if self.minor < 0 { "-" } else { "" }, if exponent > 0 { "." } else { "" });
        format!("{sign}{whole}{point}{fraction}")
    }
}

/// As errors of the API write an amount, for programmers and for people: `4900 minor units (EUR 49.00)`. Pages show
/// the money alone (`web_kit::money::for_people`).
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.minor.unsigned_abs() == 1 { "unit" } else { "units" };
        write!(f, "{} minor {unit} ({} {})", self.minor, self.currency, self.major())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exponents_follow_iso_4217() {
        for (code, exponent) in [("EUR", 2), ("JPY", 0), ("KWD", 3), ("USD", 2), ("TND", 3), ("KRW", 0)] {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), exponent, "{code}");
        }
    }

    #[test]
    fn refuses_what_is_no_currency_of_trade() {
        for code in ["", "EU", "EURO", "ZZZ", "XAU", "CLF", "€", "XXX"] {
            assert_eq!(code.parse::<Currency>(), Err(MoneyError::UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn amounts_are_written_in_minor_units_and_as_money() {
        for (minor, code, text) in [
            (4900, "EUR", "4900 minor units (EUR 49.00)"),
            (-1, "EUR", "-1 minor unit (EUR -0.01)"),
            (5000, "JPY", "5000 minor units (JPY 5000)"),
            (5, "KWD", "5 minor units (KWD 0.005)"),
        ] {
            assert_eq!(Money::new(minor, code.parse().unwrap()).to_string(), text);
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let jpy: Currency = "jpy".parse().unwrap();
        let mixed = Money::new(1, Currency::EUR).checked_add(Money::new(1, jpy));
        assert_eq!(mixed, Err(MoneyError::CurrencyMismatch(Currency::EUR, jpy)));
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_wide_integers(a in any::<i64>(), b in any::<i64>()) {
            let (x, y) = (Money::new(a, Currency::EUR), Money::new(b, Currency::EUR));
            prop_assert_eq!(x.checked_add(y).ok().map(|m| i128::from(m.minor)),
                Some(i128::from(a) + i128::from(b)).filter(|s| i64::try_from(*s).is_ok()));
            prop_assert_eq!(x.checked_sub(y).ok().map(|m| i128::from(m.minor)),
                Some(i128::from(a) - i128::from(b)).filter(|s| i64::try_from(*s).is_ok()));
            prop_assert_eq!(x.checked_mul(b).ok().map(|m| i128::from(m.minor)),
                Some(i128::from(a) * i128::from(b)).filter(|s| i64::try_from(*s).is_ok()));
        }
    }
}
