//! VAT identification numbers, checked by their shape. Whether a number is in use is not asked.
//!
//! Shapes: European Commission, "VAT identification number structure" (VIES), for the Union and Northern Ireland;
//! HMRC VATREC5030 for Great Britain; `UIDG` Art. 3 for Switzerland; Brønnøysundregistrene for Norway.

use crate::country;

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VatIdError {
    /// It begins with no country (EN 16931, BR-CO-09).
    #[error(
        "must begin with the two letters of a country, such as DE123456789; other tax numbers have a field of their own"
    )]
    Prefix,
    /// A number of the One-Stop Shop, which is no country's.
    #[error(
        "is a number of the One-Stop Shop (EU…, IM…), which is no country's VAT id: enter it as the tax number"
    )]
    OneStopShop,
    /// The country's numbers look otherwise.
    #[error("is not a VAT id of {country}: those look like {example}")]
    Shape {
        /// The country's name.
        country: &'static str,
        /// A number of the right shape.
        example: &'static str,
    },
}

/// Shapes by prefix: `#` is a digit, `@` a letter, `*` either, all else itself. The first is the example.
#[rustfmt::skip]
const SHAPES: [(&str, &str, &[&str]); 33] = [
    ("AT", "ATU12345678", &["U########"]),
    ("BE", "BE0123456789", &["0#########", "1#########"]),
    ("BG", "BG123456789", &["#########", "##########"]),
    ("CH", "CHE123456789", &["E#########", "E#########MWST", "E#########TVA", "E#########IVA"]),
    ("CY", "CY12345678X", &["########@"]),
    ("CZ", "CZ12345678", &["########", "#########", "##########"]),
    ("DE", "DE123456789", &["#########"]),
    ("DK", "DK12345678", &["########"]),
    ("EE", "EE123456789", &["#########"]),
    ("EL", "EL123456789", &["#########"]),
    ("ES", "ESX1234567X", &["@#######@", "########@", "@########"]),
    ("FI", "FI12345678", &["########"]),
    ("FR", "FR12345678901", &["**#########"]),
    ("GB", "GB123456789", &["#########", "############", "GD###", "HA###"]),
    ("HR", "HR12345678901", &["###########"]),
    ("HU", "HU12345678", &["########"]),
    ("IE", "IE1234567FA", &["#######@", "#######@@", "#@#####@", "#+#####@", "#-#####@"]),
    ("IT", "IT12345678901", &["###########"]),
    ("LI", "LI12345", &["#####"]),
    ("LT", "LT123456789", &["#########", "############"]),
    ("LU", "LU12345678", &["########"]),
    ("LV", "LV12345678901", &["###########"]),
    ("MT", "MT12345678", &["########"]),
    ("NL", "NL123456789B01", &["#########B##", "**********##"]),
    ("NO", "NO123456789", &["#########", "#########MVA"]),
    ("PL", "PL1234567890", &["##########"]),
    ("PT", "PT123456789", &["#########"]),
    ("RO", "RO12345678", &["##", "###", "####", "#####", "######", "#######", "########", "#########", "##########"]),
    ("SE", "SE123456789012", &["############"]),
    ("SI", "SI12345678", &["########"]),
    ("SK", "SK1234567890", &["##########"]),
    ("UK", "GB123456789", &[]),
    ("XI", "XI123456789", &["#########", "############", "GD###", "HA###"]),
];

/// A number as it is stored and printed: capitals, without blanks, dots and dashes.
pub fn normalized(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '.' | '-' | '/' | '\u{a0}'));
    kept.flat_map(char::to_uppercase).collect()
}

/// Whether the standard takes the number's prefix: a country's code, or `EL` (BR-CO-09). Its list lacks South Sudan.
pub fn has_prefix(number: &str) -> bool {
    number.get(..2).is_some_and(|prefix| prefix == "EL" || (country::is_listed(prefix) && prefix != "SS"))
}

/// What is wrong with a normalized number, if anything.
pub fn problem(number: &str) -> Option<VatIdError> {
    if number.starts_with("EU") || number.starts_with("IM") && is_digits(number.get(2..), 10) {
        return Some(VatIdError::OneStopShop);
    }
    if !has_prefix(number) {
        let shape = SHAPES.iter().find(|(prefix, _, shapes)| shapes.is_empty() && number.starts_with(prefix));
        let wrong = shape.map(|(prefix, example, _)| wrong_shape(prefix, example));
        return Some(wrong.unwrap_or(VatIdError::Prefix));
    }
    let (prefix, rest) = number.split_at(2);
    let Some((_, example, shapes)) = SHAPES.iter().find(|(known, _, _)| *known == prefix) else {
        let fits = (2..=18).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let name = country::name(prefix, "en").unwrap_or_default();
        return (!fits).then_some(VatIdError::Shape { country: name, example: "its two letters and digits" });
    };
    (!shapes.iter().any(|shape| fits(rest, shape))).then(|| wrong_shape(prefix, example))
}

fn wrong_shape(prefix: &str, example: &'static str) -> VatIdError {
    VatIdError::Shape { country: country::name(prefix, "en").unwrap_or("its country"), example }
}

fn is_digits(text: Option<&str>, count: usize) -> bool {
    text.is_some_and(|text| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn fits(text: &str, shape: &str) -> bool {
    let one = |(byte, shape): (u8, u8)| match shape {
        b'#' => byte.is_ascii_digit(),
        b'@' => byte.is_ascii_uppercase(),
        b'*' => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        other => byte == other,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(one)
}

/// The country whose number it is, as the standard codes countries.
pub fn country_of(number: &str) -> Option<&'static str> {
    country::canonical(number.get(..2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_its_own_shape() {
        for (prefix, example, shapes) in SHAPES.iter().filter(|(_, _, shapes)| !shapes.is_empty()) {
            assert_eq!(problem(example), None, "{prefix}");
            assert!(
                shapes.iter().all(|shape| !fits(&example[2..example.len() - 1], shape) || shapes.len() > 1)
            );
            assert!(matches!(problem(&format!("{prefix}!")), Some(VatIdError::Shape { .. })), "{prefix}");
        }
    }

    #[test]
    fn numbers_are_stored_in_one_piece() {
        assert_eq!(normalized(" de 123 456-789 "), "DE123456789");
        assert_eq!(normalized("CHE-123.456.789 MWST"), "CHE123456789MWST");
        assert_eq!(problem("CHE123456789MWST"), None);
    }

    #[test]
    fn what_is_no_number_of_its_country_is_named() {
        for wrong in
            ["123", "DE12", "DE1234567890", "ATU1234567", "FR1234", "PT12345678X", "GB1", "UK123456789"]
        {
            assert!(problem(wrong).is_some(), "{wrong}");
        }
        assert_eq!(problem("123456789"), Some(VatIdError::Prefix));
        assert_eq!(problem("XX123"), Some(VatIdError::Prefix));
        assert_eq!(problem("EU372000041"), Some(VatIdError::OneStopShop));
        assert_eq!(problem("IM1234567890"), Some(VatIdError::OneStopShop));
        let said = problem("DE12").unwrap().to_string();
        assert_eq!(said, "is not a VAT id of Germany: those look like DE123456789");
        // Countries without a shape of their own are taken by their prefix.
        assert_eq!(problem("US123456789"), None);
        assert_eq!(country_of("EL123456789"), Some("GR"));
    }
}
