//! Sellers and buyers as fields of a form, under the names that the API gives them.

use gateway_core::domain::{country, invoice::paper::Party};

use crate::panel::form::FormData;

/// A party from its fields under `at`, such as `seller.name`.
pub(super) fn read(form: &FormData, at: &str) -> Party {
    let given = |name: &str| form.text(&format!("{at}.{name}"));
    let text = |name: &str| given(name).unwrap_or_default();
    Party {
        name: text("name"),
        contact: given("contact"),
        address: form.lines(&format!("{at}.address")),
        postcode: text("postcode"),
        city: text("city"),
        country: text("country").to_uppercase(),
        vat_id: given("vatId"),
        tax_number: given("taxNumber"),
        registration: given("registration"),
        email: given("email"),
        phone: given("phone"),
        website: given("website"),
    }
}

/// The fields of the seller, as its form shows what is stored.
pub(super) fn seller_fields(seller: &Party) -> [(&'static str, String); 12] {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        ("seller.name", seller.name.clone()),
        ("seller.contact", given(&seller.contact)),
        ("seller.address", seller.address.join("\n")),
        ("seller.postcode", seller.postcode.clone()),
        ("seller.city", seller.city.clone()),
        ("seller.country", code(&seller.country)),
        ("seller.vatId", given(&seller.vat_id)),
        ("seller.taxNumber", given(&seller.tax_number)),
        ("seller.registration", given(&seller.registration)),
        ("seller.email", given(&seller.email)),
        ("seller.phone", given(&seller.phone)),
        ("seller.website", given(&seller.website)),
    ]
}

/// The fields of a buyer under the names of their form.
pub(super) fn buyer_fields(buyer: &Party) -> Vec<(String, String)> {
    let fields = seller_fields(buyer).into_iter();
    fields.map(|(name, value)| (name.replacen("seller", "buyer", 1), value)).collect()
}

/// A country as its choice knows it; what is none stays for the form to name.
fn code(country: &str) -> String {
    country::canonical(country).unwrap_or(country).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_again() {
        let seller = Party {
            name: "Example GmbH".to_owned(),
            address: vec!["Example Street 1".to_owned(), "2nd floor".to_owned()],
            country: "DE".to_owned(),
            vat_id: Some("DE123456789".to_owned()),
            ..Party::default()
        };
        assert_eq!(read(&FormData::of(seller_fields(&seller)), "seller"), seller);
        assert_eq!(read(&FormData::default(), "seller"), Party::default());
    }
}
