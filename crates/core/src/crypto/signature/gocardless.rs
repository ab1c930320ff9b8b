//! `GoCardless`'s webhook signatures.
//!
//! `Webhook-Signature: <hex>`: HMAC-SHA256 over the raw body, keyed with the endpoint's secret. There is no
//! timestamp: that an event is taken only once is the only defence against replays. A trailing newline is part of
//! the signed body.

use super::{HEADER_BYTES_MAX, SignatureRejection, any_equal, hmac_sha256_hex, refuse_blank};
use crate::crypto::mac::hmac_sha256;

/// The header's name.
pub const HEADER: &str = "webhook-signature";

/// The header's value for `body`: for simulators.
pub fn sign(secret: &str, body: &[u8]) -> String {
    hmac_sha256_hex(secret.as_bytes(), &[body])
}

/// Checks the header's value against the raw body.
pub fn verify(secret: &str, header: &str, body: &[u8]) -> Result<(), SignatureRejection> {
    refuse_blank(secret)?;
    if header.len() > HEADER_BYTES_MAX {
        return Err(SignatureRejection::MalformedHeader);
    }
    let mut given = [0; 32];
    hex::decode_to_slice(header.trim(), &mut given).map_err(|_| SignatureRejection::MalformedHeader)?;
    let expected = hmac_sha256(secret.as_bytes(), &[body]);
    if any_equal(&expected, &[given]) { Ok(()) } else { Err(SignatureRejection::Mismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "example-endpoint-secret";

    #[test]
    fn the_trailing_newline_is_part_of_the_body() {
        let header = sign(SECRET, b"{\"events\":[]}\n");
        assert_eq!(verify(SECRET, &header, b"{\"events\":[]}\n"), Ok(()));
        assert_eq!(verify(SECRET, &header, b"{\"events\":[]}"), Err(SignatureRejection::Mismatch));
    }

    #[test]
    fn foreign_blank_and_malformed_are_refused() {
        let header = sign(SECRET, b"{}");
        assert_eq!(verify("other", &header, b"{}"), Err(SignatureRejection::Mismatch));
        assert_eq!(verify(" ", &sign(" ", b"{}"), b"{}"), Err(SignatureRejection::BlankSecret));
        for malformed in ["", "00", &header[1..], "zz", &"0".repeat(66), &"0".repeat(5000)] {
            assert_eq!(verify(SECRET, malformed, b"{}"), Err(SignatureRejection::MalformedHeader));
        }
    }

    proptest! {
        #[test]
        fn round_trip(secret in "[!-~]{1,40}", body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(verify(&secret, &sign(&secret, &body), &body), Ok(()));
        }

        #[test]
        fn arbitrary_headers_never_verify(header in ".{0,80}|[0-9a-f]{64}") {
            let refused = verify(SECRET, &header, b"{}").is_err();
            prop_assert!(refused);
        }
    }
}
