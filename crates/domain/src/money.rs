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
    /// Not an ISO 4217 code with an exponent of 0, 2 or 3, of money that is used to pay.
    #[error("is not a supported ISO 4217 currency code")]
    UnknownCurrency,
    /// A currency that is used no more.
    #[error("is the code of a currency that is no longer in use")]
    Withdrawn,
}

/// Codes of ISO 4217's list that name no money which anybody pays with: units of account and funds. Source: the
/// list's own "fund" entries (table A.1, column "Fund"), and the Arab accounting dinar.
const FUNDS: &[&str] = &["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD"];

/// Codes that ISO 4217 has withdrawn (table A.3) and that the library still knows: Bulgaria and Croatia have the euro,
/// Cuba's convertible peso ended in 2021, Sierra Leone and Zimbabwe have new units.
const WITHDRAWN: &[&str] = &["BGN", "CUC", "HRK", "SLL", "ZWL"];

/// An ISO 4217 currency whose exponent is 0, 2 or 3. Text is read as what somebody may ask for now; what was stored,
/// or what a provider says of an older payment, may be of a currency that has been withdrawn since.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// The three capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// A currency by its code, in any case, also one that has been withdrawn.
    pub fn known(code: &str) -> Option<Self> {
        let upper = code.to_ascii_uppercase();
        let exponent = iso_currency::Currency::from_code(&upper)?.exponent();
        let code = <[u8; 3]>::try_from(upper.as_bytes()).ok()?;
        matches!(exponent, Some(0 | 2 | 3)).then_some(Self(code))
    }

    /// Whether somebody may ask to be paid in it.
    pub fn check_current(self) -> Result<Self, MoneyError> {
        if FUNDS.contains(&self.code()) {
            return Err(MoneyError::UnknownCurrency);
        }
        if WITHDRAWN.contains(&self.code()) { Err(MoneyError::Withdrawn) } else { Ok(self) }
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
        Self::known(text).ok_or(MoneyError::UnknownCurrency)?.check_current()
    }
}

/// A currency to search by: also one that has been withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCurrency(pub Currency);

impl FromStr for KnownCurrency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Currency::known(text).map(Self).ok_or(MoneyError::UnknownCurrency)
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
        Self::known(&text).ok_or_else(|| serde::de::Error::custom(MoneyError::UnknownCurrency))
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

/// As English sentences write it: `€49.00`, `USD 1,200.00`. Pages and documents have formats of their own.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = usize::try_from(self.currency.exponent()).unwrap_or(2);
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let sign = match self.currency.code() {
            "EUR" => "€".to_owned(),
            "GBP" => "£".to_owned(),
            code => format!("{code} "),
        };
        write!(f, "{}{sign}", if self.minor < 0 { "-" } else { "" })?;
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        if exponent > 0 { write!(f, ".{fraction}") } else { Ok(()) }
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
    fn sentences_write_money_with_its_currency() {
        for (minor, code, text) in [
            (4_900, "EUR", "€49.00"),
            (-5, "GBP", "-£0.05"),
            (123_456_789, "USD", "USD 1,234,567.89"),
            (1_200, "JPY", "JPY 1,200"),
            (1_234, "KWD", "KWD 1.234"),
        ] {
            assert_eq!(Money::new(minor, code.parse().unwrap()).to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_currency_of_trade() {
        for code in ["", "EU", "EURO", "ZZZ", "XAU", "CLF", "€", "XXX"] {
            assert_eq!(code.parse::<Currency>(), Err(MoneyError::UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn funds_and_withdrawn_codes_are_not_asked_for_but_read() {
        for code in FUNDS {
            assert_eq!(code.parse::<Currency>(), Err(MoneyError::UnknownCurrency), "{code}");
        }
        for code in WITHDRAWN {
            assert_eq!(code.parse::<Currency>(), Err(MoneyError::Withdrawn), "{code}");
            let stored: Currency = serde_json::from_str(&format!("\"{code}\"")).unwrap();
            assert_eq!(stored.code(), *code);
            assert_eq!(Currency::known(&code.to_ascii_lowercase()), Some(stored));
        }
        for code in ["ZWG", "SLE", "XCG", "UYU", "CHF", "VES"] {
            assert_eq!(code.parse::<Currency>().map(|currency| currency.to_string()), Ok(code.to_owned()));
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
