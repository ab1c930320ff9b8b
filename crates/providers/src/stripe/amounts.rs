//! Stripe's amounts: its own smallest units, which are not always those of ISO 4217.
//!
//! Source: Stripe's documentation of currencies. Zero-decimal currencies are counted in whole units (also
//! MGA, which has two decimals in ISO 4217); ISK and UGX, which have none, are sent with two that end in
//! 00; three-decimal ones must end in 0.

use gateway_core::{
    domain::{Currency, Money},
    provider::NotTaken,
};

const ZERO_DECIMAL: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
];
const THREE_DECIMAL: &[&str] = &["BHD", "JOD", "KWD", "OMR", "TND"];

/// The smallest charge that Stripe takes, in its own units. Source: Stripe's documentation of currencies, "Minimum
/// and maximum charge amounts". Of other currencies it names none; what it then converts must come to the minimum of
/// the account's own currency, which is not known here.
const LEAST: &[(&str, i64)] = &[
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
];

/// The largest charge, from the same page: eight digits, in IDR twelve.
const MOST: i64 = 99_999_999;
const MOST_IDR: i64 = 999_999_999_999;

const NOT_REPRESENTABLE: &str = "Stripe has no unit small enough for this amount";
const NOT_SUPPORTED: &str = "Stripe does not take this currency";
const TOO_LARGE: &str = "the amount is too large";

/// How many decimals Stripe counts; `None` where it does not take the currency.
fn decimals(currency: Currency) -> Option<u32> {
    let code = currency.code();
    if ZERO_DECIMAL.contains(&code) {
        Some(0)
    } else if THREE_DECIMAL.contains(&code) {
        Some(3)
    } else if currency.exponent() == 3 {
        None
    } else {
        Some(2)
    }
}

/// Whether Stripe takes a payment of this amount.
pub(super) fn check(amount: Money) -> Result<(), NotTaken> {
    if amount.minor <= 0 {
        return Err(NotTaken::Nothing);
    }
    if decimals(amount.currency).is_none() {
        return Err(NotTaken::Currency);
    }
    let units = to_stripe(amount).map_err(|_| NotTaken::Unit)?;
    let code = amount.currency.code();
    let ours = |units| Money::new(from_stripe(units, amount.currency).unwrap_or(units), amount.currency);
    if let Some((_, least)) = LEAST.iter().find(|(known, least)| *known == code && units < *least) {
        return Err(NotTaken::TooSmall(ours(*least)));
    }
    let most = if code == "IDR" { MOST_IDR } else { MOST };
    if units > most { Err(NotTaken::TooLarge(ours(most))) } else { Ok(()) }
}

/// An amount in Stripe's units.
pub(super) fn to_stripe(amount: Money) -> Result<i64, &'static str> {
    let theirs = decimals(amount.currency).ok_or(NOT_SUPPORTED)?;
    let ours = amount.currency.exponent();
    if theirs == 3 && amount.minor % 10 != 0 {
        return Err("Stripe takes three-decimal currencies only in steps of ten");
    }
    rescale(amount.minor, ours, theirs)
}

/// Stripe's units as our minor units.
pub(super) fn from_stripe(amount: i64, currency: Currency) -> Result<i64, &'static str> {
    let theirs = decimals(currency).ok_or(NOT_SUPPORTED)?;
    rescale(amount, theirs, currency.exponent())
}

fn rescale(amount: i64, from: u32, to: u32) -> Result<i64, &'static str> {
    if to >= from {
        return amount.checked_mul(10_i64.pow(to - from)).ok_or(TOO_LARGE);
    }
    let divisor = 10_i64.pow(from - to);
    if amount % divisor == 0 { Ok(amount / divisor) } else { Err(NOT_REPRESENTABLE) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap())
    }

    #[test]
    fn units_follow_stripes_table() {
        for (minor, code, stripe) in [
            (1099, "EUR", Ok(1099)),
            (1099, "USD", Ok(1099)),
            (500, "JPY", Ok(500)),
            (500, "KRW", Ok(500)),
            (500, "ISK", Ok(50_000)),
            (500, "UGX", Ok(50_000)),
            (500_000, "MGA", Ok(5_000)),
            (5_120, "KWD", Ok(5_120)),
            (5_120, "TND", Ok(5_120)),
            (1099, "HUF", Ok(1099)),
        ] {
            assert_eq!(to_stripe(money(minor, code)), stripe, "{code}");
            assert_eq!(from_stripe(stripe.unwrap(), code.parse().unwrap()), Ok(minor), "{code}");
        }
    }

    #[test]
    fn what_stripe_cannot_express_is_refused() {
        assert_eq!(
            to_stripe(money(5_121, "KWD")),
            Err("Stripe takes three-decimal currencies only in steps of ten")
        );
        assert_eq!(to_stripe(money(150, "MGA")), Err(NOT_REPRESENTABLE));
        assert_eq!(to_stripe(money(5_120, "IQD")), Err(NOT_SUPPORTED));
        assert_eq!(from_stripe(50_001, "ISK".parse().unwrap()), Err(NOT_REPRESENTABLE));
        assert_eq!(to_stripe(money(i64::MAX, "ISK")), Err(TOO_LARGE));
    }

    #[test]
    fn what_stripe_is_known_to_refuse_is_not_taken() {
        for (minor, code, outcome) in [
            (0, "EUR", Err(NotTaken::Nothing)),
            (49, "EUR", Err(NotTaken::TooSmall(money(50, "EUR")))),
            (50, "EUR", Ok(())),
            (29, "GBP", Err(NotTaken::TooSmall(money(30, "GBP")))),
            (17_499, "HUF", Err(NotTaken::TooSmall(money(17_500, "HUF")))),
            (49, "JPY", Err(NotTaken::TooSmall(money(50, "JPY")))),
            (1, "ISK", Ok(())),
            (99_999_999, "EUR", Ok(())),
            (100_000_000, "EUR", Err(NotTaken::TooLarge(money(99_999_999, "EUR")))),
            (100_000_000, "IDR", Ok(())),
            (1_000_000, "ISK", Err(NotTaken::TooLarge(money(99_999_999, "ISK")))),
            (5_121, "KWD", Err(NotTaken::Unit)),
            (5_120, "IQD", Err(NotTaken::Currency)),
        ] {
            assert_eq!(check(money(minor, code)), outcome, "{minor} {code}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_that_goes_out_comes_back(
            minor in -1_000_000_000_000_i64..1_000_000_000_000,
            code in prop::sample::select(vec![
                "EUR", "USD", "GBP", "JPY", "KRW", "XAF", "ISK", "UGX", "MGA", "BHD", "KWD", "TND", "OMR", "JOD",
            ]),
        ) {
            let amount = money(minor, code);
            match to_stripe(amount) {
                Ok(stripe) => prop_assert_eq!(from_stripe(stripe, amount.currency), Ok(minor)),
                Err(_) => prop_assert!(
                    (THREE_DECIMAL.contains(&code) && minor % 10 != 0) || (code == "MGA" && minor % 100 != 0)
                ),
            }
        }

        #[test]
        fn sums_survive_the_conversion(
            parts in prop::collection::vec(0_i64..1_000_000, 1..20),
            code in prop::sample::select(vec!["EUR", "JPY", "ISK", "UGX"]),
        ) {
            let converted: i64 = parts.iter().map(|part| to_stripe(money(*part, code)).unwrap()).sum();
            prop_assert_eq!(Ok(converted), to_stripe(money(parts.iter().sum(), code)));
        }
    }
}
