//! What is filled in of a customer at a provider. It only saves typing: what a provider may not take is left out.

use gateway_core::domain::checkout::Customer;

/// The longest address of a mailbox (RFC 5321, section 4.5.3.1, less the brackets of a path).
const EMAIL_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// The e-mail address with its domain in Punycode; `None` where a provider would hardly take it: no dotted domain, or
/// a local part that is not plain ASCII.
pub(crate) fn email(customer: &Customer) -> Option<String> {
    let (local, domain) = customer.email.as_deref()?.trim().rsplit_once('@')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if !(1..=LOCAL_BYTES_MAX).contains(&local.len()) || !local.bytes().all(fits) || dots {
        return None;
    }
    let domain = idna::domain_to_ascii(domain).ok()?;
    let email = format!("{local}@{domain}");
    (is_dotted(&domain) && email.len() <= EMAIL_BYTES_MAX).then_some(email)
}

/// Whether a domain has labels as a mail server's has, and its last one is no number.
fn is_dotted(domain: &str) -> bool {
    let is_label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && domain.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_providers_take_are_filled_in() {
        for (given, filled) in [
            ("customer@example.com", Some("customer@example.com")),
            (" customer+tag@Example.COM ", Some("customer+tag@example.com")),
            ("kunde@müller.example", Some("kunde@xn--mller-kva.example")),
            ("a@b", None),
            ("a@localhost", None),
            ("müller@example.com", None),
            ("x@example.com.", None),
            ("a@-bad.example", None),
            ("a@bad-.example", None),
            ("a@[127.0.0.1]", None),
            ("a@127.0.0.1", None),
            ("a b@example.com", None),
            ("a..b@example.com", None),
            ("x@example.com\u{200b}", Some("x@example.com")),
            ("@example.com", None),
            ("example.com", None),
            ("", None),
        ] {
            let customer = Customer { email: Some(given.to_owned()), ..Customer::default() };
            assert_eq!(email(&customer).as_deref(), filled, "{given:?}");
        }
        assert_eq!(email(&Customer::default()), None);
    }
}
