//! Time-based one-time passwords (RFC 6238): six digits, steps of 30 s, HMAC-SHA-1, which is what authenticator
//! apps can do. Forty lines over the HMAC that is here anyway, and no clock inside.

use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::random;
use super::secret::Secret;

/// Seconds of a step.
const STEP_SECONDS: i64 = 30;
/// Steps before and after the present one that are taken: clocks differ, and people type slowly.
const DRIFT_STEPS: i64 = 1;
/// RFC 4226 recommends 160 bits.
const SECRET_BYTES: usize = 20;
/// The alphabet of RFC 4648, which authenticator apps read.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that an authenticator app shares.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TotpSecret(redacted)")
    }
}

/// The step of a moment in Unix seconds.
pub const fn step_at(now: i64) -> i64 {
    now.div_euclid(STEP_SECONDS)
}

impl TotpSecret {
    /// A new secret.
    pub fn generate() -> Self {
        Self::from_bytes(random::bytes::<SECRET_BYTES>().to_vec())
    }

    /// Takes over a stored secret.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes to seal.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app, in base32.
    pub fn text(&self) -> Secret {
        let bits = |index: usize| {
            let at = |byte: usize| u16::from(self.0.get(byte).copied().unwrap_or(0));
            let window = (at(index * 5 / 8) << 8) | at(index * 5 / 8 + 1);
            usize::from((window >> (11 - index * 5 % 8)) & 31)
        };
        let length = (self.0.len() * 8).div_ceil(5);
        Secret::new((0..length).map(|index| char::from(ALPHABET[bits(index)])).collect::<String>())
    }

    /// What the QR code holds.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        // Apps show a plus sign where a space is meant.
        let (issuer, account) = (encode(issuer).replace('+', "%20"), encode(account).replace('+', "%20"));
        let secret = self.text();
        let secret = secret.expose();
        Secret::new(format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}"))
    }

    /// The step whose code this is, about the moment `now` in Unix seconds. Equal work for every guess.
    pub fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let given: u32 = code.parse().ok().filter(|_| code.len() == 6 && !code.starts_with('+'))?;
        let present = step_at(now);
        let (mut found, mut step) = (Choice::from(0), 0_i64);
        for candidate in present - DRIFT_STEPS..=present + DRIFT_STEPS {
            let fits = self.code(candidate).ct_eq(&given);
            step = i64::conditional_select(&step, &candidate, fits);
            found |= fits;
        }
        bool::from(found).then_some(step)
    }

    /// The code of a moment in Unix seconds, as an app shows it.
    pub fn code_at(&self, now: i64) -> String {
        format!("{:06}", self.code(step_at(now)))
    }

    fn code(&self, step: i64) -> u32 {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest[19] & 15);
        let mut four = [0; 4];
        four.copy_from_slice(&digest[offset..offset + 4]);
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of its eight digits.
    #[test]
    fn codes_agree_with_rfc_6238() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        for (now, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code_at(now), code);
            assert_eq!(secret.step_of(code, now), Some(now / 30));
        }
        assert_eq!(secret.text().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn one_step_of_drift_is_taken_and_no_more() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        let code = secret.code_at(3_000);
        for (now, step) in
            [(2_969, None), (2_970, Some(100)), (3_029, Some(100)), (3_059, Some(100)), (3_060, None)]
        {
            assert_eq!(secret.step_of(&code, now), step, "{now}");
        }
        for wrong in ["", "12345", "+12345", "1234567", "abcdef"] {
            assert_eq!(secret.step_of(wrong, 3_000), None, "{wrong}");
        }
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        assert_eq!(secret.step_of(&spaced, 3_000), Some(100));
    }

    #[test]
    fn the_uri_is_what_apps_read() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890".to_vec());
        let uri = secret.uri("Toll gate", "ada@example.com");
        let expected = "otpauth://totp/Toll%20gate:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Toll%20gate";
        assert_eq!(uri.expose(), expected);
    }
}
