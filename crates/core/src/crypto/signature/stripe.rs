//! Stripe's webhook signatures.
//!
//! `Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>][,v0=<hex>]`, as in Stripe's documentation and SDKs: HMAC-SHA256
//! over `<t>.<raw body>`, keyed with the whole secret string (`whsec_` included). While a secret is being rolled
//! there are several `v1`; any of them may fit.

use super::{SignatureRejection, timestamped};

/// The header's name.
pub const HEADER: &str = "stripe-signature";

/// The header's value for `body`, as Stripe would send it at `timestamp` (Unix seconds): for simulators.
pub fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
    timestamped::sign(secret, timestamp, body)
}

/// Checks the header's value against the raw body and `now` (Unix seconds, tolerance
/// [`TOLERANCE_S`](super::TOLERANCE_S) both ways). Returns the signed timestamp.
pub fn verify(secret: &str, header: &str, body: &[u8], now: i64) -> Result<i64, SignatureRejection> {
    timestamped::verify(secret, header, body, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::signature::hmac_sha256_hex;
    use proptest::prelude::*;

    const SECRET: &str = "whsec_example";
    const NOW: i64 = 1_700_000_000;
    const BODY: &[u8] = br#"{"id":"evt_example"}"#;

    #[test]
    fn a_signed_body_verifies() {
        let header = sign(SECRET, NOW, BODY);
        assert!(header.starts_with("t=1700000000,v1="));
        assert_eq!(verify(SECRET, &header, BODY, NOW), Ok(NOW));
        assert_eq!(verify(SECRET, &header, BODY, NOW + 300), Ok(NOW));
        assert_eq!(verify(SECRET, &header, BODY, NOW - 300), Ok(NOW));
    }

    #[test]
    fn altered_foreign_and_stale_messages_are_refused() {
        let header = sign(SECRET, NOW, BODY);
        let refused = |secret, header: &str, body, now| verify(secret, header, body, now).unwrap_err();
        assert_eq!(refused(SECRET, &header, b"{}", NOW), SignatureRejection::Mismatch);
        assert_eq!(refused("whsec_other", &header, BODY, NOW), SignatureRejection::Mismatch);
        assert_eq!(refused("example", &header, BODY, NOW), SignatureRejection::Mismatch);
        let moved = header.replace("t=1700000000", "t=1700000001");
        assert_eq!(refused(SECRET, &moved, BODY, NOW), SignatureRejection::Mismatch);
        assert_eq!(refused(SECRET, &header, BODY, NOW + 301), SignatureRejection::TooOld { age_s: 301 });
        assert_eq!(refused(SECRET, &header, BODY, NOW - 301), SignatureRejection::InFuture { ahead_s: 301 });
        // A forgery does not learn whether the clock liked it.
        assert_eq!(refused("whsec_other", &header, BODY, NOW + 301), SignatureRejection::Mismatch);
    }

    #[test]
    fn a_blank_secret_is_refused_even_if_it_fits() {
        for secret in ["", " ", "\t\n"] {
            let header = sign(secret, NOW, BODY);
            assert_eq!(verify(secret, &header, BODY, NOW), Err(SignatureRejection::BlankSecret));
        }
    }

    #[test]
    fn any_v1_may_fit_and_only_v1() {
        let good = hmac_sha256_hex(SECRET.as_bytes(), &[b"1700000000.", BODY]);
        let bad = "00".repeat(32);
        for header in [
            format!("t={NOW},v1={bad},v1={good}"),
            format!("t={NOW},v1={good},v1={bad}"),
            format!("t={NOW},v1=zz,v1={good},v0={bad}"),
            format!("v1={good}, t={NOW}"),
            format!("t={NOW},v1={good},v2=later"),
        ] {
            assert_eq!(verify(SECRET, &header, BODY, NOW), Ok(NOW), "{header}");
        }
        let v0_only = format!("t={NOW},v0={good}");
        assert_eq!(verify(SECRET, &v0_only, BODY, NOW), Err(SignatureRejection::NoSupportedSignature));
    }

    #[test]
    fn malformed_headers_are_told_apart() {
        let refused = |header: &str| verify(SECRET, header, BODY, NOW).unwrap_err();
        assert_eq!(refused(""), SignatureRejection::MalformedHeader);
        assert_eq!(refused("t=1,v1"), SignatureRejection::MalformedHeader);
        assert_eq!(refused("t=1,t=2,v1=00"), SignatureRejection::MalformedHeader);
        assert_eq!(refused("v1=00"), SignatureRejection::MalformedTimestamp);
        assert_eq!(refused("t=,v1=00"), SignatureRejection::MalformedTimestamp);
        assert_eq!(refused("t=now,v1=00"), SignatureRejection::MalformedTimestamp);
        assert_eq!(refused("t=1,v1=00"), SignatureRejection::NoSupportedSignature);
        assert_eq!(refused(&format!("t=1,{}", "v1=00,".repeat(1000))), SignatureRejection::MalformedHeader);
    }

    proptest! {
        #[test]
        fn round_trip(secret in "[!-~]{1,40}", timestamp in 0..i64::MAX, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let header = sign(&secret, timestamp, &body);
            prop_assert_eq!(verify(&secret, &header, &body, timestamp), Ok(timestamp));
        }

        #[test]
        fn arbitrary_headers_never_panic_and_never_verify(header in "(t=[0-9]{1,20},)?(v1=[0-9a-f]{64})?.{0,60}") {
            prop_assert!(verify(SECRET, &header, BODY, NOW).is_err());
        }
    }
}
