//! The form that makes a hosted checkout session (`POST /v1/checkout/sessions`).

use std::time::Duration;

use gateway_core::{
    domain::{Money, Timestamp, TransactionId, checkout::CaptureMethod},
    provider::{ProviderError, StartPayment},
};
use url::Url;

use super::{
    amounts::to_stripe,
    api::{Form, rejected},
    locale::stripe_locale,
    objects::{CHECKOUT_ID, SESSION_PUBLIC_ID, TRANSACTION_ID},
};
use crate::customer;

/// Stripe takes at most this many lines.
const LINES_MAX: usize = 100;
/// Stripe takes at most this many of one thing.
const LINE_QUANTITY_MAX: i64 = 999_999;
/// Longer names are cut: an over-long title must not stop a payment.
const NAME_CHARS_MAX: usize = 250;
/// A session must live at least 30 minutes by Stripe's clock; the rest is for ours and for repeats.
const LIFE_MIN: Duration = Duration::from_mins(45);
/// It may live 24 hours; less what our clock may be ahead.
pub(super) const LIFE_MAX: Duration = Duration::from_mins(24 * 60 - 1);

struct Line<'a> {
    name: &'a str,
    unit_amount: i64,
    quantity: i64,
}

/// The whole form. The same transaction makes the same form for as long as possible, since Stripe refuses an
/// idempotency key that comes with other parameters; another key is used then.
pub(super) fn session_form(payment: &StartPayment) -> Result<Form, ProviderError> {
    let total = to_stripe(payment.amount).map_err(|problem| rejected("amount_not_supported", problem))?;
    let mut form = Form::default();
    form.put("mode", "payment");
    form.put("success_url", &success_url(&payment.return_url));
    form.put("cancel_url", payment.cancel_url.as_str());
    form.put("client_reference_id", &payment.session_public_id);
    form.put("expires_at", &expires_at(payment).seconds().to_string());
    form.put("locale", stripe_locale(payment.locale.as_deref()));
    // The customer pays the order's own currency: in another one the payment could not be compared with it.
    form.put("adaptive_pricing[enabled]", "false");
    if let Some(email) = customer::email(&payment.customer).filter(|_| !payment.plan.without_customer) {
        form.put("customer_email", &email);
    }
    put_lines(&mut form, payment, total);
    let transaction_id = payment.transaction_id.to_string();
    let checkout_id = payment.checkout_id.to_string();
    for (name, value) in [
        (TRANSACTION_ID, transaction_id.as_str()),
        (CHECKOUT_ID, checkout_id.as_str()),
        (SESSION_PUBLIC_ID, payment.session_public_id.as_str()),
    ] {
        form.put(&format!("metadata[{name}]"), value);
        form.put(&format!("payment_intent_data[metadata][{name}]"), value);
    }
    if !payment.description.is_empty() {
        form.put("payment_intent_data[description]", &payment.description);
    }
    if payment.capture_method == CaptureMethod::Manual {
        form.put("payment_intent_data[capture_method]", "manual");
    }
    Ok(form)
}

/// Where Stripe sends the customer. The braces must stay braces: Stripe replaces them by the session's id.
fn success_url(return_url: &Url) -> String {
    let mut url = return_url.clone();
    url.set_fragment(None);
    let joint = match url.query() {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    format!("{url}{joint}session_id={{CHECKOUT_SESSION_ID}}")
}

/// The payment's end, within what Stripe takes, counted from when the transaction was made.
fn expires_at(payment: &StartPayment) -> Timestamp {
    let made = made_at(payment.transaction_id, payment.now);
    payment.expires_at.max(made + LIFE_MIN).min(made + LIFE_MAX)
}

/// When an id was made: an `ObjectId` starts with its second. Not `now`, because a repeat after a crash
/// must come with the same parameters; `now` where the id does not tell.
fn made_at(id: TransactionId, now: Timestamp) -> Timestamp {
    let bytes = id.bytes();
    let seconds = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let made = Timestamp::from_seconds(i64::from(seconds));
    let plausible = made <= now + Duration::from_mins(1) && now.since(made) < Duration::from_mins(14);
    if plausible { made } else { now }
}

fn put_lines(form: &mut Form, payment: &StartPayment, total: i64) {
    let title = [payment.description.as_str(), payment.external_reference.as_str(), "Payment"]
        .into_iter()
        .find(|text| !text.trim().is_empty())
        .unwrap_or("Payment");
    let single = vec![Line { name: title, unit_amount: total, quantity: 1 }];
    let lines = representable_lines(payment, title, total).unwrap_or(single);
    let currency = payment.amount.currency.code().to_ascii_lowercase();
    for (index, line) in lines.iter().enumerate() {
        let name: String = line.name.chars().take(NAME_CHARS_MAX).collect();
        let prefix = format!("line_items[{index}]");
        form.put(&format!("{prefix}[price_data][currency]"), &currency);
        form.put(&format!("{prefix}[price_data][unit_amount]"), &line.unit_amount.to_string());
        form.put(&format!("{prefix}[price_data][product_data][name]"), &name);
        form.put(&format!("{prefix}[quantity]"), &line.quantity.to_string());
    }
}

/// The shop's own lines, where Stripe can show each of them and they come to the total; a discount, tax on
/// top or a rounding line below zero cannot be shown.
fn representable_lines<'a>(payment: &'a StartPayment, title: &'a str, total: i64) -> Option<Vec<Line<'a>>> {
    if payment.items.is_empty() || payment.items.len() > LINES_MAX {
        return None;
    }
    let mut sum = 0_i64;
    let mut lines = Vec::with_capacity(payment.items.len());
    for item in &payment.items {
        if item.unit_price < 0 || !(1..=LINE_QUANTITY_MAX).contains(&item.quantity) {
            return None;
        }
        let unit_amount = to_stripe(Money::new(item.unit_price, payment.amount.currency)).ok()?;
        sum = sum.checked_add(unit_amount.checked_mul(item.quantity)?)?;
        let name = Some(item.title().trim()).filter(|name| !name.is_empty()).unwrap_or(title);
        lines.push(Line { name, unit_amount, quantity: item.quantity });
    }
    (sum == total).then_some(lines)
}

#[cfg(test)]
mod tests {
    use gateway_core::domain::{Currency, checkout::Item};
    use proptest::prelude::*;

    use super::*;
    use crate::stripe::tests::start_payment;

    fn item(name: &str, quantity: i64, unit_price: i64) -> Item {
        Item {
            name: Some(name.to_owned()),
            quantity,
            unit_price,
            item_type: "goods".to_owned(),
            ..Item::default()
        }
    }

    fn lines(payment: &StartPayment) -> Vec<(String, i64, i64)> {
        let form = session_form(payment).unwrap();
        (0..)
            .map_while(|index| {
                let value = |field: &str| form.get(&format!("line_items[{index}]{field}"));
                Some((
                    value("[price_data][product_data][name]")?.to_owned(),
                    value("[price_data][unit_amount]")?.parse().ok()?,
                    value("[quantity]")?.parse().ok()?,
                ))
            })
            .collect()
    }

    #[test]
    fn the_shops_lines_are_shown_where_they_come_to_the_total() {
        let mut payment = start_payment();
        payment.items = vec![item("Tea", 2, 300), item("  ", 1, 400)];
        let title = payment.description.clone();
        assert_eq!(lines(&payment), [("Tea".to_owned(), 300, 2), (title, 400, 1)]);
    }

    #[test]
    fn anything_else_is_one_line_of_the_total() {
        let cases = [
            vec![],
            vec![item("Tea", 1, 1100), item("Discount", 1, -100)],
            vec![item("Tea", 1, 999)],
            vec![item("Tea", 1_000_000, 0), item("Rest", 1, 1000)],
            vec![item("Tea", 1, 10); 101],
        ];
        for items in cases {
            let mut payment = start_payment();
            payment.items = items;
            assert_eq!(lines(&payment), [(payment.description.clone(), 1000, 1)]);
        }
        let mut nameless = start_payment();
        nameless.description = String::new();
        nameless.external_reference = String::new();
        assert_eq!(lines(&nameless), [("Payment".to_owned(), 1000, 1)]);
    }

    #[test]
    fn a_repeat_makes_the_same_form() {
        let first = start_payment();
        let mut later = first.clone();
        later.now = first.now + Duration::from_secs(200);
        assert_eq!(session_form(&first).unwrap(), session_form(&later).unwrap());
    }

    #[test]
    fn the_end_lies_within_what_stripe_takes() {
        let mut payment = start_payment();
        for (ask, get) in [(60, 45 * 60), (3600, 3600), (100 * 3600, 24 * 3600 - 60)] {
            payment.expires_at = payment.now + Duration::from_secs(ask);
            assert_eq!(expires_at(&payment), payment.now + Duration::from_secs(get));
        }
        payment.transaction_id = TransactionId::from_bytes([0xff; 12]);
        payment.expires_at = payment.now;
        assert_eq!(expires_at(&payment), payment.now + LIFE_MIN);
    }

    #[test]
    fn braces_stay_braces() {
        for (given, wanted) in [
            ("https://pay.example.com/r", "https://pay.example.com/r?session_id={CHECKOUT_SESSION_ID}"),
            (
                "https://pay.example.com/r?a=b#c",
                "https://pay.example.com/r?a=b&session_id={CHECKOUT_SESSION_ID}",
            ),
        ] {
            assert_eq!(success_url(&given.parse().unwrap()), wanted);
        }
    }

    #[test]
    fn our_names_ride_on_session_and_intent() {
        let mut payment = start_payment();
        payment.capture_method = CaptureMethod::Manual;
        payment.locale = Some("pt-PT".to_owned());
        payment.customer.email = Some("customer@example.com".to_owned());
        let form = session_form(&payment).unwrap();
        for prefix in ["metadata", "payment_intent_data[metadata]"] {
            let id = payment.transaction_id.to_string();
            assert_eq!(form.get(&format!("{prefix}[transaction_id]")), Some(id.as_str()));
            assert_eq!(form.get(&format!("{prefix}[session_public_id]")), Some("cs_example"));
            assert!(form.get(&format!("{prefix}[checkout_id]")).is_some());
        }
        assert_eq!(form.get("client_reference_id"), Some("cs_example"));
        assert_eq!(form.get("payment_intent_data[capture_method]"), Some("manual"));
        assert_eq!(form.get("locale"), Some("pt"));
        assert_eq!(form.get("customer_email"), Some("customer@example.com"));
        assert_eq!(form.get("mode"), Some("payment"));
    }

    #[test]
    fn amounts_that_stripe_cannot_express_are_refused_before_the_call() {
        let mut payment = start_payment();
        payment.amount = Money::new(5_121, "KWD".parse().unwrap());
        assert!(matches!(session_form(&payment), Err(ProviderError::Rejected(_))));
    }

    proptest! {
        #[test]
        fn the_lines_always_come_to_the_amount(
            parts in prop::collection::vec((1_i64..2_000, -500_i64..5_000), 0..120),
            off in -3_i64..3,
            code in prop::sample::select(vec!["EUR", "JPY", "ISK"]),
        ) {
            let mut payment = start_payment();
            let currency: Currency = code.parse().unwrap();
            payment.items = parts.iter().map(|(q, p)| item("Thing", *q, *p)).collect();
            let sum: i64 = parts.iter().map(|(q, p)| q * p).sum();
            payment.amount = Money::new((sum + off).max(1), currency);
            let shown: i64 = lines(&payment).iter().map(|(_, unit, quantity)| unit * quantity).sum();
            prop_assert_eq!(Ok(shown), to_stripe(payment.amount));
        }
    }
}
