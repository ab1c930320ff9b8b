//! Amounts and rates as people of a locale write them, from integers and decimal text: no floats.
//!
//! Grouping, decimal mark, symbol and its place follow CLDR; the minus is U+2212, which does not break from its
//! number and is read out as one.

use crate::locale::{Lang, Locale};

const NBSP: &str = "\u{a0}";
const NARROW_NBSP: &str = "\u{202f}";

/// How a locale writes amounts.
struct Convention {
    group: &'static str,
    decimal: char,
    /// Digits that must stand before the first group for grouping to start.
    grouping_min: usize,
    symbol_first: bool,
    /// A no-break space between symbol and number, also where the symbol is a sign.
    spaced: bool,
}

fn convention(locale: Locale) -> Convention {
    let with = |group, decimal, grouping_min, symbol_first, spaced| Convention {
        group,
        decimal,
        grouping_min,
        symbol_first,
        spaced,
    };
    match (locale.lang(), locale.region()) {
        (Lang::En, _) => with(",", '.', 1, true, false),
        (Lang::De, Some("CH" | "LI")) => with("’", '.', 1, true, true),
        (Lang::De, Some("AT")) | (Lang::Pt, Some("BR")) => with(".", ',', 1, true, true),
        (Lang::De, _) => with(".", ',', 1, false, true),
        (Lang::Fr, Some("CH")) => with(NARROW_NBSP, '.', 1, false, true),
        (Lang::Fr, Some("CA")) => with(NBSP, ',', 1, false, true),
        (Lang::Fr, _) => with(NARROW_NBSP, ',', 1, false, true),
        (Lang::Es, Some("MX" | "US" | "PR" | "GT" | "HN" | "NI" | "PA" | "PE" | "SV" | "DO")) => {
            with(",", '.', 1, true, false)
        }
        (Lang::Es, Some("AR" | "CL" | "CO" | "EC" | "PY" | "UY" | "VE" | "BO")) => {
            with(".", ',', 1, true, true)
        }
        (Lang::Es, _) => with(".", ',', 2, false, true),
        (Lang::Pt, _) => with(NBSP, ',', 2, false, true),
    }
}

/// An amount with its currency: `€1,234.50`, `1.234,50 €`, `CHF 49.00`.
///
/// `minor` counts units of 10^-`exponent`; `currency` is the ISO 4217 code, shown as is where the locale knows
/// no sign for it.
pub fn format_amount(minor: i64, currency: &str, exponent: u8, locale: Locale) -> String {
    let rules = convention(locale);
    let number = format_number(minor.unsigned_abs(), exponent, &rules);
    let symbol = symbol(currency, locale);
    let minus = if minor < 0 { "\u{2212}" } else { "" };
    if rules.symbol_first {
        let lettered = symbol.ends_with(|c: char| c.is_ascii_alphabetic());
        let space = if rules.spaced || lettered { NBSP } else { "" };
        format!("{minus}{symbol}{space}{number}")
    } else {
        format!("{minus}{number}{NBSP}{symbol}")
    }
}

/// A text of the gateway's use cases as people read it: what stands there as `4900 minor units (EUR 49.00)`, which is
/// how `gateway_core::domain::Money` writes itself, becomes `€49.00`.
pub fn for_people(text: &str, locale: Locale) -> String {
    const MARKS: [&str; 2] = [" minor units (", " minor unit ("];
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((at, mark)) = MARKS.iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        let (before, after) = (&rest[..at], &rest[at + mark.len()..]);
        let start = before
            .rfind(|c: char| !(c.is_ascii_digit() || c == '-'))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let money = || {
            let (money, end) = (after.split_once(')')?.0, after.find(')')? + 1);
            let currency: gateway_core::domain::Currency = money.split_once(' ')?.0.parse().ok()?;
            let exponent = u8::try_from(currency.exponent()).ok()?;
            let minor = before[start..].parse().ok()?;
            Some((format_amount(minor, currency.code(), exponent, locale), end))
        };
        if let Some((shown, end)) = money() {
            out.push_str(&before[..start]);
            out.push_str(&shown);
            rest = &after[end..];
        } else {
            out.push_str(&rest[..at + mark.len()]);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn format_number(units: u64, exponent: u8, rules: &Convention) -> String {
    let exponent = usize::from(exponent);
    let digits = format!("{units:0>width$}", width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    let mut text = grouped(whole, rules);
    if exponent > 0 {
        text.push(rules.decimal);
        text.push_str(fraction);
    }
    text
}

fn grouped(whole: &str, rules: &Convention) -> String {
    if whole.len() < 3 + rules.grouping_min {
        return whole.to_owned();
    }
    let mut text = String::with_capacity(whole.len() * 2);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push_str(rules.group);
        }
        text.push(digit);
    }
    text
}

/// A rate in percent from its decimal text: `19` → `19%`, `19 %`; `19.5` → `19,5 %`.
pub fn format_percent(rate: &str, locale: Locale) -> String {
    let decimal = convention(locale).decimal;
    let trimmed = match rate.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}{decimal}{fraction}"),
        },
        None => rate.to_owned(),
    };
    match (locale.lang(), locale.region()) {
        (Lang::En | Lang::Pt, _) | (_, Some("CH" | "LI" | "MX" | "US" | "AR")) => format!("{trimmed}%"),
        (Lang::Fr, region) if region != Some("CA") => format!("{trimmed}{NARROW_NBSP}%"),
        _ => format!("{trimmed}{NBSP}%"),
    }
}

/// The sign by which a locale knows a currency, else its code.
fn symbol(currency: &str, locale: Locale) -> &str {
    let (lang, region) = (locale.lang(), locale.region());
    let at_home = matches!(
        (region, currency),
        (Some("US" | "EC" | "SV" | "PR"), "USD")
            | (Some("CA"), "CAD")
            | (Some("AU"), "AUD")
            | (Some("NZ"), "NZD")
            | (Some("MX"), "MXN")
            | (Some("AR"), "ARS")
            | (Some("CL"), "CLP")
            | (Some("CO"), "COP")
    );
    match (currency, lang) {
        _ if at_home => "$",
        ("EUR", _) => "€",
        ("BRL", lang) if lang != Lang::Es => "R$",
        ("USD", Lang::En) if region.is_none() => "$",
        ("USD", Lang::De) => "$",
        ("USD", Lang::Fr) => "$US",
        ("USD", _) => "US$",
        ("GBP", Lang::Fr) if region != Some("CA") => "£GB",
        ("GBP", lang) if lang != Lang::Es => "£",
        ("JPY", Lang::En) if region.is_none() => "¥",
        ("JPY", Lang::De) => "¥",
        ("JPY", Lang::En | Lang::Pt) => "JP¥",
        ("CAD", Lang::Fr) => "$CA",
        ("CAD", lang) if lang != Lang::Es => "CA$",
        ("AUD", Lang::En) => "A$",
        ("AUD", Lang::Fr) => "$AU",
        ("AUD", lang) if lang != Lang::Es => "AU$",
        ("NZD", Lang::En | Lang::De | Lang::Pt) => "NZ$",
        ("MXN", Lang::En | Lang::De | Lang::Pt) => "MX$",
        ("INR", lang) if lang != Lang::Es => "₹",
        ("KRW", lang) if lang != Lang::Es => "₩",
        ("ILS", lang) if lang != Lang::Es => "₪",
        (code, _) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64, currency: &str, exponent: u8, tag: &str) -> String {
        let locale = Locale::parse(tag).expect("a spoken language");
        format_amount(minor, currency, exponent, locale)
            .replace(NBSP, "~")
            .replace(NARROW_NBSP, "^")
            .replace('\u{2212}', "-")
    }

    /// Expected texts are those of `Intl.NumberFormat` (ICU 74), with ~ for U+00A0 and ^ for U+202F.
    #[test]
    fn amounts_read_as_the_locale_writes_them() {
        for (tag, currency, texts) in [
            ("en", "EUR", ["€1,234.56", "-€1,234,567.50", "€12,345.60"]),
            ("en-GB", "USD", ["US$1,234.56", "-US$1,234,567.50", "US$12,345.60"]),
            ("en", "PLN", ["PLN~1,234.56", "-PLN~1,234,567.50", "PLN~12,345.60"]),
            ("de", "EUR", ["1.234,56~€", "-1.234.567,50~€", "12.345,60~€"]),
            ("de-AT", "EUR", ["€~1.234,56", "-€~1.234.567,50", "€~12.345,60"]),
            ("de-CH", "CHF", ["CHF~1’234.56", "-CHF~1’234’567.50", "CHF~12’345.60"]),
            ("fr", "EUR", ["1^234,56~€", "-1^234^567,50~€", "12^345,60~€"]),
            ("fr", "USD", ["1^234,56~$US", "-1^234^567,50~$US", "12^345,60~$US"]),
            ("fr-CA", "CAD", ["1~234,56~$", "-1~234~567,50~$", "12~345,60~$"]),
            ("es", "EUR", ["1234,56~€", "-1.234.567,50~€", "12.345,60~€"]),
            ("es-MX", "MXN", ["$1,234.56", "-$1,234,567.50", "$12,345.60"]),
            ("pt-PT", "EUR", ["1234,56~€", "-1~234~567,50~€", "12~345,60~€"]),
            ("pt-BR", "BRL", ["R$~1.234,56", "-R$~1.234.567,50", "R$~12.345,60"]),
        ] {
            for (minor, text) in [123_456, -123_456_750, 1_234_560].into_iter().zip(texts) {
                assert_eq!(amount(minor, currency, 2, tag), text, "{tag}");
            }
        }
    }

    #[test]
    fn exponents_and_extremes() {
        assert_eq!(amount(5000, "JPY", 0, "en"), "¥5,000");
        assert_eq!(amount(1, "KWD", 3, "en"), "KWD~0.001");
        assert_eq!(amount(0, "EUR", 2, "de"), "0,00~€");
        assert_eq!(amount(-1, "EUR", 2, "en"), "-€0.01");
        assert_eq!(amount(i64::MIN, "EUR", 2, "en"), "-€92,233,720,368,547,758.08");
    }

    #[test]
    fn amounts_in_sentences_become_money() {
        use gateway_core::domain::Money;
        let said = |minor, code: &str| Money::new(minor, code.parse().unwrap()).to_string();
        let english = Locale::ENGLISH;
        let text = format!("at most {} can be refunded, not {}", said(4900, "EUR"), said(123_456_789, "JPY"));
        assert_eq!(for_people(&text, english), "at most €49.00 can be refunded, not ¥123,456,789");
        assert_eq!(for_people(&said(-1, "EUR"), english), "\u{2212}€0.01");
        assert_eq!(for_people(&format!("ü{}!", said(5, "KWD")), english), "üKWD\u{a0}0.005!");
        for as_it_is in ["", "no amount", "7 minor units", "x minor units (EUR 1.00)", "7 minor units (EUR"] {
            assert_eq!(for_people(as_it_is, english), as_it_is);
        }
    }

    #[test]
    fn percents_lose_needless_zeros() {
        let percent = |rate, tag| format_percent(rate, Locale::parse(tag).expect("a spoken language"));
        assert_eq!(percent("19.50", "de"), "19,5\u{a0}%");
        assert_eq!(percent("20", "fr"), "20\u{202f}%");
        assert_eq!(percent("23.0", "pt"), "23%");
        assert_eq!(percent("8.875", "en-US"), "8.875%");
    }
}
