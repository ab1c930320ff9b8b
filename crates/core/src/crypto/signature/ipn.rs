//! The signature of notifications to a merchant's `ipnUrl`.

use super::hmac_sha256_hex;

/// Header with the Unix time in seconds that was signed.
pub const TIMESTAMP_HEADER: &str = "x-signature-timestamp";
/// Header with the signature.
pub const SIGNATURE_HEADER: &str = "x-signature-hmac-sha256";

/// Lower-case hex HMAC-SHA256 over `{timestamp}.{body}`. `secret` is the site's whole secret string, `whsec_`
/// included; `timestamp` is in Unix seconds; `body` is exactly what goes over the wire.
pub fn ipn_signature(secret: &str, timestamp: i64, body: &[u8]) -> String {
    hmac_sha256_hex(secret.as_bytes(), &[timestamp.to_string().as_bytes(), b".", body])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_timestamp_and_body_with_the_whole_secret() {
        let body = br#"{"id":"650000000000000000000001","status":1}"#;
        let expected = hmac_sha256_hex(
            b"whsec_example",
            &[br#"1700000000.{"id":"650000000000000000000001","status":1}"#],
        );
        assert_eq!(ipn_signature("whsec_example", 1_700_000_000, body), expected);
        assert_ne!(ipn_signature("example", 1_700_000_000, body), expected);
        assert_ne!(ipn_signature("whsec_example", 1_700_000_001, body), expected);
    }
}
