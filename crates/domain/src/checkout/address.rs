//! Billing addresses as customers type them: what a country asks for.

use super::Address;

/// Longest text of a field, in characters: what fits on an invoice.
pub const FIELD_CHARS_MAX: usize = 100;

/// A field that a customer fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum AddressField {
    FirstName,
    LastName,
    Company,
    VatId,
    Address1,
    Address2,
    Postcode,
    City,
    Country,
}

/// What is wrong with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressProblem {
    /// It is needed.
    Missing,
    /// It has too many characters, or some that do not belong in a text.
    TooLong,
    /// It does not look like what its country has.
    Malformed,
}

/// Postal codes: `9` is a digit, `A` a letter, all else itself. Blanks and hyphens may be left out.
const POSTCODES: &[(&str, &[&str])] = &[
    ("AT", &["9999"]),
    ("AU", &["9999"]),
    ("BE", &["9999"]),
    ("BG", &["9999"]),
    ("BR", &["99999-999"]),
    ("CA", &["A9A 9A9"]),
    ("CH", &["9999"]),
    ("CY", &["9999"]),
    ("CZ", &["999 99"]),
    ("DE", &["99999"]),
    ("DK", &["9999"]),
    ("EE", &["99999"]),
    ("ES", &["99999"]),
    ("FI", &["99999"]),
    ("FR", &["99999"]),
    ("GB", &["A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA"]),
    ("GR", &["999 99"]),
    ("HR", &["99999"]),
    ("HU", &["9999"]),
    ("IT", &["99999"]),
    ("JP", &["999-9999"]),
    ("LT", &["99999"]),
    ("LU", &["9999"]),
    ("NL", &["9999 AA"]),
    ("NO", &["9999"]),
    ("PL", &["99-999"]),
    ("PT", &["9999-999"]),
    ("RO", &["999999"]),
    ("SE", &["999 99"]),
    ("SI", &["9999"]),
    ("SK", &["999 99"]),
    ("US", &["99999", "99999-9999"]),
];

/// Countries that write the city before the postal code.
const CITY_FIRST: &[&str] = &["AU", "BR", "CA", "GB", "IE", "IN", "JP", "NZ", "US", "ZA"];

/// Whether a country's addresses have the city before the postal code.
pub fn is_city_first(country: &str) -> bool {
    CITY_FIRST.contains(&country)
}

/// A postal code as its country writes it; `None` where it is not one. Countries whose codes are not known here
/// take any.
fn postcode(country: &str, text: &str) -> Option<String> {
    let Some((_, shapes)) = POSTCODES.iter().find(|(code, _)| *code == country) else {
        return Some(text.to_owned());
    };
    let bare: Vec<char> =
        text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).collect();
    shapes.iter().find_map(|shape| written(shape, &bare))
}

fn written(shape: &str, bare: &[char]) -> Option<String> {
    let mut left = bare.iter();
    let mut out = String::with_capacity(shape.len());
    for mark in shape.chars() {
        out.push(match mark {
            '9' => *left.next().filter(|c| c.is_ascii_digit())?,
            'A' => *left.next().filter(|c| c.is_ascii_uppercase())?,
            between => between,
        });
    }
    left.next().is_none().then_some(out)
}

/// A VAT identification number: two letters of a country, then letters and digits. Its register is not asked.
fn vat_id(text: &str) -> Option<String> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
    let bare = bare.to_ascii_uppercase();
    let (prefix, rest) = bare.split_at_checked(2)?;
    let fits = prefix.bytes().all(|b| b.is_ascii_uppercase())
        && (2..=13).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        && rest.bytes().any(|b| b.is_ascii_digit());
    fits.then_some(bare)
}

impl Address {
    /// Reads what a customer typed: trimmed, postal code and VAT number as they are written, or everything that
    /// is wrong. A name is needed, of a person or a company.
    pub fn checked(mut self) -> Result<Self, Vec<(AddressField, AddressProblem)>> {
        use AddressField as F;
        let mut problems = Vec::new();
        for (field, text) in self.typed_mut() {
            let trimmed = text.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            if trimmed
                .as_ref()
                .is_some_and(|t| t.chars().count() > FIELD_CHARS_MAX || t.chars().any(char::is_control))
            {
                problems.push((field, AddressProblem::TooLong));
            }
            *text = trimmed;
        }
        let needs_person = self.company.is_none();
        let country = self.country.clone().unwrap_or_default();
        let needs_postcode = POSTCODES.iter().any(|(code, _)| *code == country);
        for (field, text, is_needed) in [
            (F::FirstName, &self.first_name, needs_person),
            (F::LastName, &self.last_name, needs_person),
            (F::Address1, &self.address1, true),
            (F::Postcode, &self.postcode, needs_postcode),
            (F::City, &self.city, true),
            (F::Country, &self.country, true),
        ] {
            if is_needed && text.is_none() {
                problems.push((field, AddressProblem::Missing));
            }
        }
        if let Some(text) = &self.postcode {
            match postcode(&country, text) {
                Some(written) => self.postcode = Some(written),
                None => problems.push((F::Postcode, AddressProblem::Malformed)),
            }
        }
        if let Some(text) = &self.vat_id {
            match vat_id(text) {
                Some(written) => self.vat_id = Some(written),
                None => problems.push((F::VatId, AddressProblem::Malformed)),
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// What customers fill in.
    fn typed_mut(&mut self) -> [(AddressField, &mut Option<String>); 9] {
        use AddressField as F;
        [
            (F::FirstName, &mut self.first_name),
            (F::LastName, &mut self.last_name),
            (F::Company, &mut self.company),
            (F::VatId, &mut self.vat_id),
            (F::Address1, &mut self.address1),
            (F::Address2, &mut self.address2),
            (F::Postcode, &mut self.postcode),
            (F::City, &mut self.city),
            (F::Country, &mut self.country),
        ]
    }

    /// Enough for its owner to know it again, and for nobody else to use: initials, and the beginning of the
    /// postal code.
    pub fn masked(&self) -> String {
        let given = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
        };
        let hide = |text: String, shown: usize| {
            let begin: String = text.chars().take(shown).collect();
            format!("{begin}•••")
        };
        let person: Vec<String> =
            [&self.first_name, &self.last_name].into_iter().filter_map(given).map(|t| hide(t, 1)).collect();
        let name =
            if person.is_empty() { given(&self.company).map(|t| hide(t, 1)) } else { Some(person.join(" ")) };
        let place: Vec<String> =
            [given(&self.postcode).map(|t| hide(t, 2)), given(&self.city).map(|t| hide(t, 1))]
                .into_iter()
                .flatten()
                .collect();
        let place = (!place.is_empty()).then(|| place.join(" "));
        [name, place].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(country: &str, code: &str) -> Address {
        let text = |text: &str| Some(text.to_owned());
        Address {
            first_name: text(" Maria "),
            last_name: text("Example"),
            address1: text("Example Street 1"),
            city: text("Example City"),
            postcode: text(code),
            country: text(country),
            ..Address::default()
        }
    }

    #[test]
    fn postal_codes_are_read_by_country_and_written_as_there() {
        for (country, typed, written) in [
            ("DE", "10115", Some("10115")),
            ("DE", "1011", None),
            ("PT", "1000001", Some("1000-001")),
            ("PT", "1000-001", Some("1000-001")),
            ("GB", "sw1a1aa", Some("SW1A 1AA")),
            ("NL", "1012ab", Some("1012 AB")),
            ("US", "123456789", Some("12345-6789")),
            ("US", "1234a", None),
            ("CA", "k1a 0b1", Some("K1A 0B1")),
            ("AE", "anything", Some("anything")),
        ] {
            let read = address(country, typed).checked().map(|a| a.postcode.unwrap());
            assert_eq!(read.ok().as_deref(), written, "{country} {typed}");
        }
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        use AddressField as F;
        let problems =
            Address { country: Some("DE".to_owned()), ..Address::default() }.checked().unwrap_err();
        let fields: Vec<F> = problems.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, [F::FirstName, F::LastName, F::Address1, F::Postcode, F::City]);
        let mut company = address("AE", "");
        (company.first_name, company.last_name) = (None, None);
        assert!(company.clone().checked().is_err());
        company.company = Some("Example GmbH".to_owned());
        assert_eq!(company.checked().unwrap().postcode, None, "a company is a name, and not all have codes");
    }

    #[test]
    fn vat_numbers_lose_their_blanks_and_long_texts_are_refused() {
        let mut given = address("DE", "10115");
        given.vat_id = Some("de 123 456 789".to_owned());
        assert_eq!(given.clone().checked().unwrap().vat_id.as_deref(), Some("DE123456789"));
        for wrong in ["123456789", "DE", "DE12345678901234", "DEABC", "ÄÖ1234"] {
            given.vat_id = Some(wrong.to_owned());
            let problem = (AddressField::VatId, AddressProblem::Malformed);
            assert_eq!(given.clone().checked().unwrap_err(), [problem], "{wrong}");
        }
        let long = Address { city: Some("x".repeat(101)), ..address("DE", "10115") };
        assert_eq!(long.checked().unwrap_err(), [(AddressField::City, AddressProblem::TooLong)]);
    }

    #[test]
    fn a_masked_address_names_nobody() {
        let masked = address("DE", "10115").masked();
        assert_eq!(masked, "M••• E•••, 10••• E•••");
        assert!(!masked.contains("Maria") && !masked.contains("Street"));
        let company = Address { company: Some("Example GmbH".to_owned()), ..Address::default() };
        assert_eq!(company.masked(), "E•••");
    }
}
