//! What the page asks beside the method: a discount code and a billing address.

use gateway_core::domain::checkout::Address;
use gateway_core::domain::checkout::address::{AddressField, AddressProblem, is_city_first};
use serde::Deserialize;
use web_kit::country::{self, Country};
use web_kit::form_text::FormText;
use web_kit::locale::{Lang, Locale};
use web_kit::text::fill;

/// Where a customer enters a discount code, or takes it out again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeEntry {
    /// Where its form posts to: `session` and `code`, or `session` and `remove`.
    pub form_action: String,
    /// The code that was entered.
    pub entered: Option<String>,
    /// What was typed, and refused.
    pub typed: String,
    /// Why; beside the field, announced.
    pub error: Option<String>,
}

/// The billing address of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressEntry {
    /// It is known, and shown masked.
    Known {
        /// Masked.
        masked: String,
        /// Where to state another.
        change_url: String,
    },
    /// It is asked for.
    Asked(AddressForm),
}

/// The fields of a billing address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressForm {
    /// Whether it may be left empty: then it is folded.
    pub is_optional: bool,
    /// Whether it is unfolded all the same.
    pub is_open: bool,
    /// In the order of the country; the country itself comes last.
    pub fields: Vec<Field>,
    /// The list of countries.
    pub country: CountryField,
}

/// A line to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name in the form.
    pub name: &'static str,
    /// For people.
    pub label: String,
    /// For browsers that know their person's address.
    pub autocomplete: &'static str,
    /// Whether it shares its line with the next of its kind.
    pub is_half: bool,
    /// What was typed.
    pub value: String,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether it is the first that is wrong.
    pub is_focused: bool,
}

/// The list of countries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountryField {
    /// All of them, in the reader's language.
    pub countries: &'static [Country],
    /// The one that is chosen; empty for none.
    pub chosen: String,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether it is the first that is wrong.
    pub is_focused: bool,
}

/// An address as the form sends it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TypedAddress {
    first_name: String,
    last_name: String,
    company: String,
    vat_id: String,
    address1: String,
    address2: String,
    postcode: String,
    city: String,
    country: String,
}

impl TypedAddress {
    /// With a mistake in it.
    #[cfg(any(test, feature = "samples"))]
    pub(super) fn sample() -> Self {
        Self {
            first_name: "Maria".to_owned(),
            last_name: "Example".to_owned(),
            address1: "Example Street 1".to_owned(),
            postcode: "1".to_owned(),
            country: "DE".to_owned(),
            ..Self::default()
        }
    }

    /// Whether nothing was filled in. The country does not count: it is chosen from the beginning.
    pub(super) fn is_blank(&self) -> bool {
        let texts = [
            &self.first_name,
            &self.last_name,
            &self.company,
            &self.vat_id,
            &self.address1,
            &self.address2,
            &self.postcode,
            &self.city,
        ];
        texts.iter().all(|text| text.trim().is_empty())
    }

    /// The address, or all that is wrong with it.
    pub(super) fn read(&self) -> Result<Address, Vec<(AddressField, AddressProblem)>> {
        let text = |text: &String| Some(text.clone());
        // What is not in the list was not chosen from it.
        let known = country::name(&self.country, Lang::En).map(|_| self.country.clone());
        let address = Address {
            first_name: text(&self.first_name),
            last_name: text(&self.last_name),
            company: text(&self.company),
            vat_id: text(&self.vat_id),
            address1: text(&self.address1),
            address2: text(&self.address2),
            postcode: text(&self.postcode),
            city: text(&self.city),
            country: known,
            phone: None,
        };
        address.checked()
    }

    fn value(&self, field: AddressField) -> &str {
        match field {
            AddressField::FirstName => &self.first_name,
            AddressField::LastName => &self.last_name,
            AddressField::Company => &self.company,
            AddressField::VatId => &self.vat_id,
            AddressField::Address1 => &self.address1,
            AddressField::Address2 => &self.address2,
            AddressField::Postcode => &self.postcode,
            AddressField::City => &self.city,
            AddressField::Country => &self.country,
        }
    }
}

/// The country where people of a locale mostly are; empty where that cannot be guessed.
fn home(locale: Locale) -> &'static str {
    let region = locale.region().and_then(|region| {
        country::countries(Lang::En).iter().map(|(code, _)| *code).find(|code| *code == region)
    });
    region.unwrap_or(match locale.lang() {
        Lang::En => "",
        Lang::Pt => "PT",
        Lang::De => "DE",
        Lang::Fr => "FR",
        Lang::Es => "ES",
    })
}

impl AddressForm {
    /// An empty form.
    pub(super) fn empty(locale: Locale, is_optional: bool) -> Self {
        let typed = TypedAddress { country: home(locale).to_owned(), ..TypedAddress::default() };
        Self::of(locale, is_optional, &typed, &[])
    }

    /// What was typed, with what is wrong beside it.
    pub(super) fn of(
        locale: Locale,
        is_optional: bool,
        typed: &TypedAddress,
        problems: &[(AddressField, AddressProblem)],
    ) -> Self {
        use AddressField as F;
        let text = FormText::of(locale.lang());
        let place =
            if is_city_first(&typed.country) { [F::City, F::Postcode] } else { [F::Postcode, F::City] };
        let order = [F::FirstName, F::LastName, F::Company, F::VatId, F::Address1, F::Address2];
        let order: Vec<F> = order.into_iter().chain(place).collect();
        let wrong =
            |field: F| problems.iter().find(|(wrong, _)| *wrong == field).map(|(_, problem)| *problem);
        let all = order.iter().copied().chain([F::Country]);
        let first = all.into_iter().find(|field| wrong(*field).is_some());
        let tell = |field: F| wrong(field).map(|problem| sentence(field, problem, typed, locale.lang()));
        let fields = order.iter().map(|field| Field {
            value: typed.value(*field).to_owned(),
            error: tell(*field),
            is_focused: first == Some(*field),
            ..line(*field, text)
        });
        Self {
            is_optional,
            is_open: !problems.is_empty(),
            fields: fields.collect(),
            country: CountryField {
                countries: country::countries(locale.lang()),
                chosen: typed.country.clone(),
                error: tell(F::Country),
                is_focused: first == Some(F::Country),
            },
        }
    }
}

fn line(field: AddressField, text: &'static FormText) -> Field {
    use AddressField as F;
    let (name, label, autocomplete, is_half) = match field {
        F::FirstName => ("firstName", text.first_name, "billing given-name", true),
        F::LastName => ("lastName", text.last_name, "billing family-name", true),
        F::Company => ("company", text.company, "billing organization", true),
        // There is no word for it, and browsers would fill in something else.
        F::VatId => ("vatId", text.vat_id, "off", true),
        F::Address1 => ("address1", text.address1, "billing address-line1", false),
        F::Address2 => ("address2", text.address2, "billing address-line2", false),
        F::Postcode => ("postcode", text.postcode, "billing postal-code", true),
        F::City => ("city", text.city, "billing address-level2", true),
        F::Country => ("country", text.country, "billing country", false),
    };
    let label = match field {
        F::Company | F::VatId | F::Address2 => fill(text.optional, &[("field", label)]),
        _ => label.to_owned(),
    };
    Field { name, label, autocomplete, is_half, value: String::new(), error: None, is_focused: false }
}

fn sentence(field: AddressField, problem: AddressProblem, typed: &TypedAddress, lang: Lang) -> String {
    let text = FormText::of(lang);
    match (field, problem) {
        (AddressField::Country, _) => text.country_missing.to_owned(),
        (_, AddressProblem::Missing) => text.field_missing.to_owned(),
        (_, AddressProblem::TooLong) => text.field_too_long.to_owned(),
        (AddressField::VatId, AddressProblem::Malformed) => text.vat_id_wrong.to_owned(),
        (_, AddressProblem::Malformed) => {
            let country = country::name(&typed.country, lang).unwrap_or_default();
            fill(text.postcode_wrong, &[("country", country)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(country: &str) -> TypedAddress {
        TypedAddress {
            first_name: "Maria".to_owned(),
            last_name: "Example".to_owned(),
            address1: "Example Street 1".to_owned(),
            city: "Example City".to_owned(),
            postcode: "10115".to_owned(),
            country: country.to_owned(),
            ..TypedAddress::default()
        }
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field_in_the_readers_words() {
        let given = TypedAddress { postcode: "1".to_owned(), city: String::new(), ..typed("DE") };
        let problems = given.read().unwrap_err();
        let form = AddressForm::of(Locale::of(Lang::De), false, &given, &problems);
        let wrong: Vec<_> = form
            .fields
            .iter()
            .filter_map(|field| field.error.as_deref().map(|error| (field.name, error, field.is_focused)))
            .collect();
        let postcode = "Das ist keine Postleitzahl aus diesem Land: Deutschland.";
        assert_eq!(
            wrong,
            [("postcode", postcode, true), ("city", "Bitte füllen Sie dieses Feld aus.", false)]
        );
        assert!(form.is_open && form.fields[0].value == "Maria", "nothing that was typed is lost");
    }

    #[test]
    fn a_country_that_is_no_country_is_asked_for_again() {
        let problems = typed("XX").read().unwrap_err();
        assert_eq!(problems, [(AddressField::Country, AddressProblem::Missing)]);
        assert!(TypedAddress { country: "DE".to_owned(), ..TypedAddress::default() }.is_blank());
        assert!(typed("DE").read().is_ok());
    }

    #[test]
    fn the_reader_is_probably_at_home() {
        let home = |tag: &str| home(Locale::parse(tag).unwrap());
        assert_eq!(
            (home("de"), home("de-AT"), home("pt-BR"), home("en"), home("en-GB")),
            ("DE", "AT", "BR", "", "GB")
        );
    }

    #[test]
    fn fields_come_in_the_order_of_the_country() {
        let order = |country: &str| {
            let form = AddressForm::of(Locale::ENGLISH, true, &typed(country), &[]);
            form.fields.iter().map(|field| field.name).skip(6).collect::<Vec<_>>()
        };
        assert_eq!(order("DE"), ["postcode", "city"]);
        assert_eq!(order("US"), ["city", "postcode"]);
    }
}
