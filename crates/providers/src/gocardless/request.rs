//! The bodies that start a payment: a billing request for one payment, and a flow that leads the customer
//! through it.

use gateway_core::{
    domain::{Currency, Money},
    provider::{NotTaken, StartPayment},
};
use serde_json::{Map, Value, json};

use super::objects::{CHECKOUT_ID, SESSION_PUBLIC_ID, TRANSACTION_ID};
use crate::customer;

/// The longest description.
const DESCRIPTION_CHARS_MAX: usize = 255;

/// The longest field of a customer.
const CUSTOMER_CHARS_MAX: usize = 255;

/// Languages of the hosted pages.
const LANGUAGES: &[&str] = &["en", "fr", "de", "pt", "es", "it", "nl", "da", "nb", "sl", "sv"];

/// The scheme of a bank payment that the customer approves at once. Inferred from the API reference, which
/// names `faster_payments` for GBP, and for EUR `sepa_credit_transfer` (its default) and
/// `sepa_instant_credit_transfer` (for which the customer's bank may charge). Other currencies can only be
/// collected on a mandate.
pub(super) fn scheme(currency: Currency) -> Option<&'static str> {
    match currency.code() {
        "GBP" => Some("faster_payments"),
        "EUR" => Some("sepa_credit_transfer"),
        _ => None,
    }
}

/// The largest payment of a scheme, in minor units: a Faster Payment comes to 1,000,000.00 GBP (Pay.UK's limit of the
/// scheme), a SEPA credit transfer to 999,999,999.99 EUR (its rulebook, AT-T002). What `GoCardless` allows an account
/// beyond that depends on the account, and no resource tells it.
fn most(scheme: &str) -> i64 {
    if scheme == "faster_payments" { 100_000_000 } else { 99_999_999_999 }
}

/// Whether such a payment can be made of this amount.
pub(super) fn check(amount: Money) -> Result<(), NotTaken> {
    if amount.minor <= 0 {
        return Err(NotTaken::Nothing);
    }
    let most = most(scheme(amount.currency).ok_or(NotTaken::Currency)?);
    if amount.minor > most { Err(NotTaken::TooLarge(Money::new(most, amount.currency))) } else { Ok(()) }
}

/// `POST /billing_requests`. The payment that comes of it inherits the metadata of its request.
pub(super) fn billing_request(payment: &StartPayment) -> Value {
    let metadata = json!({
        TRANSACTION_ID: payment.transaction_id.to_string(),
        CHECKOUT_ID: payment.checkout_id.to_string(),
        SESSION_PUBLIC_ID: payment.session_public_id,
    });
    let text = [payment.description.as_str(), payment.external_reference.as_str()];
    let text = text.into_iter().find(|text| !text.trim().is_empty()).unwrap_or("Payment");
    let description: String = text.chars().take(DESCRIPTION_CHARS_MAX).collect();
    let mut request = json!({
        "payment_request": {
            "amount": payment.amount.minor,
            "currency": payment.amount.currency.code(),
            "description": description,
            "metadata": metadata,
        },
        "metadata": metadata,
    });
    if let Some(scheme) = scheme(payment.amount.currency) {
        request["payment_request"]["scheme"] = json!(scheme);
    }
    request
}

/// `POST /billing_request_flows`.
pub(super) fn flow(payment: &StartPayment, billing_request: &str) -> Value {
    let mut flow = json!({
        "redirect_uri": payment.return_url.as_str(),
        "exit_uri": payment.cancel_url.as_str(),
        "links": { "billing_request": billing_request },
    });
    let customer = prefilled_customer(payment);
    if !customer.is_empty() && !payment.plan.without_customer {
        flow["prefilled_customer"] = Value::Object(customer);
    }
    if let Some(language) = language(payment.locale.as_deref()) {
        flow["language"] = json!(language);
    }
    flow
}

fn language(tag: Option<&str>) -> Option<&'static str> {
    let language = tag?.split(['-', '_']).next()?.to_ascii_lowercase();
    let language = if matches!(language.as_str(), "no" | "nn") { "nb" } else { language.as_str() };
    LANGUAGES.iter().copied().find(|known| *known == language)
}

fn prefilled_customer(payment: &StartPayment) -> Map<String, Value> {
    let customer = &payment.customer;
    let address = customer.billing_address.clone().unwrap_or_default();
    let country = address.country.filter(|code| code.len() == 2).map(|code| code.to_ascii_uppercase());
    let fields = [
        ("email", customer::email(customer)),
        ("given_name", address.first_name),
        ("family_name", address.last_name),
        ("company_name", address.company),
        ("address_line1", address.address1),
        ("address_line2", address.address2),
        ("city", address.city),
        ("postal_code", address.postcode),
        ("country_code", country),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| {
            let value: String = value?.trim().chars().take(CUSTOMER_CHARS_MAX).collect();
            (!value.is_empty()).then(|| (name.to_owned(), Value::String(value)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use gateway_core::domain::checkout::Address;

    use super::*;
    use crate::stripe::tests::start_payment;

    #[test]
    fn a_billing_request_names_us_three_times() {
        let mut payment = start_payment();
        let request = billing_request(&payment);
        for metadata in [&request["metadata"], &request["payment_request"]["metadata"]] {
            assert_eq!(metadata["transaction_id"], payment.transaction_id.to_string());
            assert_eq!(metadata["session_public_id"], payment.session_public_id);
            assert_eq!(metadata.as_object().unwrap().len(), 3);
        }
        assert_eq!(request["payment_request"]["amount"], 1000);
        assert_eq!(request["payment_request"]["currency"], "EUR");
        assert_eq!(request["payment_request"]["scheme"], "sepa_credit_transfer");
        payment.amount = Money::new(1, "GBP".parse().unwrap());
        assert_eq!(billing_request(&payment)["payment_request"]["scheme"], "faster_payments");
    }

    #[test]
    fn what_is_known_of_the_customer_is_filled_in() {
        let mut payment = start_payment();
        assert_eq!(flow(&payment, "BRQ1").get("prefilled_customer"), None);
        payment.locale = Some("nn-NO".to_owned());
        payment.customer.email = Some("customer@example.com".to_owned());
        payment.customer.billing_address = Some(Address {
            first_name: Some("Example".to_owned()),
            country: Some("pt".to_owned()),
            city: Some(" ".to_owned()),
            ..Address::default()
        });
        let found = flow(&payment, "BRQ1");
        assert_eq!(found["links"]["billing_request"], "BRQ1");
        assert_eq!(found["language"], "nb");
        let expected =
            json!({ "email": "customer@example.com", "given_name": "Example", "country_code": "PT" });
        assert_eq!(found["prefilled_customer"], expected);
        payment.customer.billing_address.as_mut().unwrap().city = Some("ü".repeat(400));
        payment.customer.email = Some("max@localhost".to_owned());
        let capped = flow(&payment, "BRQ1");
        assert_eq!(capped["prefilled_customer"]["city"], "ü".repeat(255));
        assert_eq!(capped["prefilled_customer"].get("email"), None);
        payment.plan.without_customer = true;
        assert_eq!(flow(&payment, "BRQ1").get("prefilled_customer"), None);
        assert_eq!(language(Some("pt-BR")), Some("pt"));
        assert_eq!((language(Some("ja")), language(None)), (None, None));
    }
}
