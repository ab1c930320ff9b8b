//! The one place where the operating system's entropy is read.
//!
//! Code that must be repeatable in tests takes a generator as a parameter; services hand it [`os_rng`].

use rand::TryRngCore;
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;

use super::base32;
use super::secret::Secret;

/// The operating system's generator. It panics when the system has no entropy to give: nothing safe can be
/// done without, and on a running Linux it does not happen.
pub fn os_rng() -> UnwrapErr<OsRng> {
    OsRng.unwrap_err()
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    rand::RngCore::fill_bytes(&mut os_rng(), &mut out);
    out
}

/// A public identifier `<prefix>_<26 characters>` with 128 random bits, or without prefix if it is empty.
///
/// Matches `[A-Za-z0-9._:-]{1,128}` as long as `prefix` does and has at most 101 characters. It holds no full
/// stop of its own, so it may also serve as a Standard Webhooks message id.
pub fn public_id(prefix: &str) -> String {
    debug_assert!(
        prefix.len() <= 101
            && prefix
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')),
        "the prefix must fit the contract's alphabet and length"
    );
    let random = base32::encode(&bytes::<16>());
    if prefix.is_empty() { random } else { format!("{prefix}_{random}") }
}

/// The code in a payment URL: 16 lower-case characters, 80 random bits, none of i, l, o, u.
pub fn short_code() -> String {
    base32::encode(&bytes::<10>())
}

/// A site's IPN secret: `whsec_` and 52 lower-case letters and digits (256 random bits). Receivers key the
/// HMAC with the whole string, so only characters that survive copying by a double click are used.
pub fn site_webhook_secret() -> Secret {
    Secret::new(format!("whsec_{}", base32::encode(&bytes::<32>())))
}

/// A secret for a Standard Webhooks endpoint: `whsec_` and the padded base64 of 32 random bytes.
pub fn standard_webhook_secret() -> Secret {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    Secret::new(format!("whsec_{}", STANDARD.encode(bytes::<32>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_contract_alphabet(text: &str) -> bool {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
    }

    #[test]
    fn identifiers_have_the_promised_shape_and_differ() {
        let id = public_id("cs");
        assert!(id.starts_with("cs_") && id.len() == 29 && in_contract_alphabet(&id), "{id}");
        assert_eq!(public_id("").len(), 26);
        assert_ne!(public_id("cs"), public_id("cs"));

        let code = short_code();
        assert_eq!(code.len(), 16);
        assert!(code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
        assert!(!code.contains(['i', 'l', 'o', 'u']));
        assert_ne!(short_code(), code);
    }

    #[test]
    fn secrets_have_the_promised_shape() {
        let site = site_webhook_secret();
        assert_eq!(site.expose().len(), 58);
        assert!(
            site.expose().strip_prefix("whsec_").unwrap().bytes().all(|byte| byte.is_ascii_alphanumeric())
        );
        let standard = standard_webhook_secret();
        assert_eq!(standard.expose().len(), 6 + 44);
        assert_ne!(standard, standard_webhook_secret());
    }
}
