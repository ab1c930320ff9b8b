//! The sandbox provider's webhook signatures: Stripe's scheme under a header of its own, so that what the
//! sandbox exercises is what the real thing uses.

use super::{SignatureRejection, timestamped};

/// The header's name.
pub const HEADER: &str = "sandbox-signature";

/// The header's value for `body` at `timestamp` (Unix seconds).
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

    #[test]
    fn signs_and_verifies() {
        let header = sign("whsec_example", 1_700_000_000, b"{}");
        assert_eq!(verify("whsec_example", &header, b"{}", 1_700_000_010), Ok(1_700_000_000));
        assert_eq!(verify("whsec_example", &header, b"[]", 1_700_000_010), Err(SignatureRejection::Mismatch));
    }
}
