//! Signatures of the Standard Webhooks specification (standardwebhooks.com), which our webhook endpoints get.
//!
//! `webhook-id`, `webhook-timestamp` (Unix seconds) and `webhook-signature: v1,<base64>[ v1,<base64>]`: HMAC-SHA256
//! over `<id>.<timestamp>.<raw body>`, keyed with the decoded base64 behind `whsec_`. While a secret is being
//! rotated there is one signature per secret, separated by spaces.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use zeroize::Zeroizing;

use super::{HEADER_BYTES_MAX, SignatureRejection, any_equal, check_fresh, parse_timestamp};
use crate::crypto::mac::hmac_sha256;

pub use crate::crypto::random::standard_webhook_secret as generate_secret;

/// Header with the message's id, the same on every retry.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of this sending, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The specification's bounds for a key, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Secrets are read with or without padding, as the reference libraries do.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value of `webhook-signature` for one sending, with one signature per secret in the order given.
pub fn sign(secrets: &[&str], id: &str, timestamp: i64, body: &[u8]) -> Result<String, SignatureRejection> {
    if secrets.is_empty() {
        return Err(SignatureRejection::BlankSecret);
    }
    let timestamp = timestamp.to_string();
    let mut header = String::new();
    for secret in secrets {
        let signature = STANDARD.encode(signature(secret, id, &timestamp, body)?);
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str("v1,");
        header.push_str(&signature);
    }
    Ok(header)
}

/// Checks the three headers' values against the raw body and `now` (Unix seconds, tolerance
/// [`TOLERANCE_S`](super::TOLERANCE_S) both ways): any signature may fit any of the secrets. Returns the signed
/// timestamp.
pub fn verify(
    secrets: &[&str],
    id: &str,
    timestamp_header: &str,
    signature_header: &str,
    body: &[u8],
    now: i64,
) -> Result<i64, SignatureRejection> {
    if secrets.is_empty() {
        return Err(SignatureRejection::BlankSecret);
    }
    let timestamp = parse_timestamp(timestamp_header)?;
    let given = parse_signatures(signature_header)?;
    let mut fits = false;
    for secret in secrets {
        fits |= any_equal(&signature(secret, id, timestamp_header, body)?, &given);
    }
    if !fits {
        return Err(SignatureRejection::Mismatch);
    }
    check_fresh(timestamp, now)?;
    Ok(timestamp)
}

fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Result<[u8; 32], SignatureRejection> {
    if id.is_empty() || id.contains('.') {
        return Err(SignatureRejection::MalformedMessageId);
    }
    let key = decode_secret(secret)?;
    Ok(hmac_sha256(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]))
}

fn decode_secret(secret: &str) -> Result<Zeroizing<Vec<u8>>, SignatureRejection> {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    super::refuse_blank(encoded)?;
    let key = LENIENT.decode(encoded).map(Zeroizing::new).map_err(|_| SignatureRejection::MalformedSecret)?;
    if KEY_BYTES.contains(&key.len()) { Ok(key) } else { Err(SignatureRejection::MalformedSecret) }
}

/// The `v1` signatures; other versions (`v1a` is asymmetric) are skipped.
fn parse_signatures(header: &str) -> Result<Vec<[u8; 32]>, SignatureRejection> {
    if header.len() > HEADER_BYTES_MAX {
        return Err(SignatureRejection::MalformedHeader);
    }
    let mut signatures = Vec::new();
    for item in header.split(' ').filter(|item| !item.is_empty()) {
        let (version, encoded) = item.split_once(',').ok_or(SignatureRejection::MalformedHeader)?;
        let decoded = if version == "v1" { STANDARD.decode(encoded).ok() } else { None };
        if let Some(signature) = decoded.and_then(|bytes| bytes.try_into().ok()) {
            signatures.push(signature);
        }
    }
    if signatures.is_empty() { Err(SignatureRejection::NoSupportedSignature) } else { Ok(signatures) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_700_000_000;
    const NOW_TEXT: &str = "1700000000";
    const ID: &str = "msg_example";
    const BODY: &[u8] = br#"{"type":"session.paid"}"#;

    /// Made with the specification's Python library, version 1.1.0.
    #[test]
    fn agrees_with_the_reference_library() {
        let secret = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
        let expected = "v1,eqTtHG8yF4b2iJd5DmXyxa363XaWF37li5u4dJ2/tP0=";
        assert_eq!(sign(&[secret], ID, NOW, BODY).unwrap(), expected);
        let unpadded = secret.trim_end_matches('=');
        assert_eq!(verify(&[unpadded], ID, NOW_TEXT, expected, BODY, NOW), Ok(NOW));
    }

    #[test]
    fn every_secret_of_an_overlap_verifies() {
        let (old, new, other) = (generate_secret(), generate_secret(), generate_secret());
        let header = sign(&[new.expose(), old.expose()], ID, NOW, BODY).unwrap();
        assert_eq!(header.matches("v1,").count(), 2);
        for secret in [&old, &new] {
            assert_eq!(verify(&[secret.expose()], ID, NOW_TEXT, &header, BODY, NOW), Ok(NOW));
        }
        let both = [other.expose(), old.expose()];
        assert_eq!(verify(&both, ID, NOW_TEXT, &header, BODY, NOW), Ok(NOW));
        let refused = verify(&[other.expose()], ID, NOW_TEXT, &header, BODY, NOW);
        assert_eq!(refused, Err(SignatureRejection::Mismatch));
    }

    #[test]
    fn id_timestamp_and_body_are_signed() {
        let secret = generate_secret();
        let secrets = [secret.expose()];
        let header = sign(&secrets, ID, NOW, BODY).unwrap();
        let refused =
            |id, timestamp, body, now| verify(&secrets, id, timestamp, &header, body, now).unwrap_err();
        assert_eq!(refused("msg_other", NOW_TEXT, BODY, NOW), SignatureRejection::Mismatch);
        assert_eq!(refused(ID, "1700000001", BODY, NOW), SignatureRejection::Mismatch);
        assert_eq!(refused(ID, NOW_TEXT, b"{}", NOW), SignatureRejection::Mismatch);
        assert_eq!(refused(ID, "soon", BODY, NOW), SignatureRejection::MalformedTimestamp);
        assert_eq!(refused("", NOW_TEXT, BODY, NOW), SignatureRejection::MalformedMessageId);
        assert_eq!(refused("a.b", NOW_TEXT, BODY, NOW), SignatureRejection::MalformedMessageId);
        assert_eq!(refused(ID, NOW_TEXT, BODY, NOW + 301), SignatureRejection::TooOld { age_s: 301 });
        assert_eq!(refused(ID, NOW_TEXT, BODY, NOW - 301), SignatureRejection::InFuture { ahead_s: 301 });
    }

    #[test]
    fn unusable_secrets_and_headers_are_told_apart() {
        let secret = generate_secret();
        let header = sign(&[secret.expose()], ID, NOW, BODY).unwrap();
        let with_secret = |secret: &str| verify(&[secret], ID, NOW_TEXT, &header, BODY, NOW).unwrap_err();
        assert_eq!(with_secret(""), SignatureRejection::BlankSecret);
        assert_eq!(with_secret("whsec_"), SignatureRejection::BlankSecret);
        assert_eq!(with_secret("whsec_!"), SignatureRejection::MalformedSecret);
        assert_eq!(with_secret("whsec_AAAA"), SignatureRejection::MalformedSecret, "too short");
        assert_eq!(sign(&[], ID, NOW, BODY), Err(SignatureRejection::BlankSecret));
        assert_eq!(verify(&[], ID, NOW_TEXT, &header, BODY, NOW), Err(SignatureRejection::BlankSecret));

        let with_header =
            |header: &str| verify(&[secret.expose()], ID, NOW_TEXT, header, BODY, NOW).unwrap_err();
        assert_eq!(with_header("v1"), SignatureRejection::MalformedHeader);
        assert_eq!(with_header(""), SignatureRejection::NoSupportedSignature);
        assert_eq!(with_header(&header.replace("v1,", "v1a,")), SignatureRejection::NoSupportedSignature);
        assert_eq!(with_header("v1,AAAA"), SignatureRejection::NoSupportedSignature);
        assert_eq!(with_header(&" ".repeat(5000)), SignatureRejection::MalformedHeader);

        let without_prefix = secret.expose().trim_start_matches("whsec_");
        assert_eq!(verify(&[without_prefix], ID, NOW_TEXT, &header, BODY, NOW), Ok(NOW));
        let among_others = format!("v1a,x  v1,AAAA {header}");
        assert_eq!(verify(&[secret.expose()], ID, NOW_TEXT, &among_others, BODY, NOW), Ok(NOW));
    }

    proptest! {
        #[test]
        fn round_trip(id in "[A-Za-z0-9_:-]{1,128}", timestamp in 0..i64::MAX, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let secret = generate_secret();
            let header = sign(&[secret.expose()], &id, timestamp, &body).unwrap();
            let verified = verify(&[secret.expose()], &id, &timestamp.to_string(), &header, &body, timestamp);
            prop_assert_eq!(verified, Ok(timestamp));
        }

        #[test]
        fn arbitrary_input_never_panics(secret in ".{0,60}", id in ".{0,20}", timestamp in ".{0,20}", header in "(v1,)?.{0,80}") {
            prop_assert!(verify(&[&secret], &id, &timestamp, &header, BODY, NOW).is_err());
        }
    }
}
