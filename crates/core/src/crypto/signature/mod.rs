//! Signatures over message bodies: the ones we make and the ones we check.
//!
//! Verification compares in constant time, always on the raw bytes as received, and says precisely why it
//! refuses: for the log, not for the sender.

pub mod gocardless;
pub mod ipn;
pub mod sandbox;
pub mod standard_webhooks;
pub mod stripe;
mod timestamped;

use subtle::{Choice, ConstantTimeEq};

use super::mac;

pub use ipn::ipn_signature;

/// How far a signed timestamp may lie from our clock, both ways, in seconds. Stripe, Standard Webhooks and
/// the IPN's receivers all use this figure.
pub const TOLERANCE_S: i64 = 300;

/// Signature headers beyond this are refused unread.
const HEADER_BYTES_MAX: usize = 4096;

/// Why a signature was refused. Whether it fits is checked before whether it is fresh, so [`TooOld`] and
/// [`InFuture`] are only ever said of authentic messages (a replay, or a wrong clock).
///
/// [`TooOld`]: SignatureRejection::TooOld
/// [`InFuture`]: SignatureRejection::InFuture
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRejection {
    /// No secret is configured: an HMAC with an empty key is one that anybody can make.
    #[error("the secret is blank")]
    BlankSecret,
    /// The secret has not the form that its scheme demands.
    #[error("the secret is malformed")]
    MalformedSecret,
    /// The header is not of the scheme's form, or is too long.
    #[error("the signature header is malformed")]
    MalformedHeader,
    /// The message id is empty or holds a full stop, which separates the signed parts.
    #[error("the message id is malformed")]
    MalformedMessageId,
    /// There is no timestamp, or it is no number.
    #[error("the timestamp is missing or malformed")]
    MalformedTimestamp,
    /// The header has no signature of a supported version.
    #[error("there is no signature of a supported version")]
    NoSupportedSignature,
    /// No signature fits: another secret, or an altered body.
    #[error("no signature fits the body")]
    Mismatch,
    /// Authentic, but from too long ago.
    #[error("the message is {age_s} s old")]
    TooOld {
        /// Age in seconds.
        age_s: i64,
    },
    /// Authentic, but from the future.
    #[error("the message is {ahead_s} s ahead of the clock")]
    InFuture {
        /// How far ahead, in seconds.
        ahead_s: i64,
    },
}

/// HMAC-SHA256 over the concatenation of `parts`, as lower-case hex. The caller chooses parts that cannot run
/// into each other.
pub fn hmac_sha256_hex(key: &[u8], parts: &[&[u8]]) -> String {
    hex::encode(mac::hmac_sha256(key, parts))
}

fn refuse_blank(secret: &str) -> Result<(), SignatureRejection> {
    if secret.trim().is_empty() { Err(SignatureRejection::BlankSecret) } else { Ok(()) }
}

/// Whether `expected` is among `given`; the time depends on how many there are, not on what they hold.
fn any_equal(expected: &[u8; 32], given: &[[u8; 32]]) -> bool {
    given.iter().fold(Choice::from(0), |found, one| found | expected.ct_eq(one)).into()
}

/// Seconds since 1970 from plain digits; no sign, no white space.
fn parse_timestamp(text: &str) -> Result<i64, SignatureRejection> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = text.parse().map_err(|_| SignatureRejection::MalformedTimestamp)?;
    if digits { Ok(parsed) } else { Err(SignatureRejection::MalformedTimestamp) }
}

fn check_fresh(timestamp: i64, now: i64) -> Result<(), SignatureRejection> {
    let age_s = now.saturating_sub(timestamp);
    if age_s > TOLERANCE_S {
        Err(SignatureRejection::TooOld { age_s })
    } else if age_s < -TOLERANCE_S {
        Err(SignatureRejection::InFuture { ahead_s: age_s.saturating_neg() })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that Stripe's own libraries test with.
    #[test]
    fn hex_hmac_agrees_with_the_published_vector() {
        let message = br#"{"obj1":"hello","obj2":"world"}"#;
        let expected = "bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363";
        assert_eq!(hmac_sha256_hex(b"test_secret", &[message]), expected);
        assert_eq!(hmac_sha256_hex(b"test_secret", &[&message[..5], &message[5..]]), expected);
    }

    #[test]
    fn timestamps_are_plain_digits() {
        assert_eq!(parse_timestamp("1700000000"), Ok(1_700_000_000));
        for text in ["", "+1", "-1", " 1", "1.0", "9223372036854775808", "١"] {
            assert_eq!(parse_timestamp(text), Err(SignatureRejection::MalformedTimestamp), "{text}");
        }
    }

    #[test]
    fn freshness_is_inclusive_both_ways() {
        let now = 1_700_000_000;
        for offset in [-300, 0, 300] {
            assert_eq!(check_fresh(now + offset, now), Ok(()));
        }
        assert_eq!(check_fresh(now - 301, now), Err(SignatureRejection::TooOld { age_s: 301 }));
        assert_eq!(check_fresh(now + 301, now), Err(SignatureRejection::InFuture { ahead_s: 301 }));
        assert!(check_fresh(i64::MAX, i64::MIN).is_err());
        assert!(check_fresh(i64::MIN, i64::MAX).is_err());
    }
}
