//! The scheme `t=<unix>,v1=<hex>[,v1=…]`: HMAC-SHA256 over `<t>.<raw body>` with the whole secret string.

use super::{
    HEADER_BYTES_MAX, SignatureRejection, any_equal, check_fresh, hmac_sha256_hex, parse_timestamp,
    refuse_blank,
};
use crate::crypto::mac::hmac_sha256;

pub(super) fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let signature = hmac_sha256_hex(secret.as_bytes(), &[timestamp.to_string().as_bytes(), b".", body]);
    format!("t={timestamp},v1={signature}")
}

pub(super) fn verify(secret: &str, header: &str, body: &[u8], now: i64) -> Result<i64, SignatureRejection> {
    refuse_blank(secret)?;
    let header = Header::parse(header)?;
    let expected = hmac_sha256(secret.as_bytes(), &[header.timestamp_text.as_bytes(), b".", body]);
    if !any_equal(&expected, &header.signatures) {
        return Err(SignatureRejection::Mismatch);
    }
    check_fresh(header.timestamp, now)?;
    Ok(header.timestamp)
}

struct Header<'a> {
    /// As received: these are the bytes that were signed.
    timestamp_text: &'a str,
    timestamp: i64,
    signatures: Vec<[u8; 32]>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a str) -> Result<Self, SignatureRejection> {
        if header.len() > HEADER_BYTES_MAX {
            return Err(SignatureRejection::MalformedHeader);
        }
        let mut timestamp_text = None;
        let mut signatures = Vec::new();
        for item in header.split(',') {
            let (name, value) = item.trim().split_once('=').ok_or(SignatureRejection::MalformedHeader)?;
            match name {
                "t" if timestamp_text.is_some() => return Err(SignatureRejection::MalformedHeader),
                "t" => timestamp_text = Some(value),
                "v1" => {
                    // One unreadable signature must not spoil the others.
                    let mut signature = [0; 32];
                    if hex::decode_to_slice(value, &mut signature).is_ok() {
                        signatures.push(signature);
                    }
                }
                // v0 is a test scheme without security; whatever else there may be one day is not ours to trust.
                _ => {}
            }
        }
        let timestamp_text = timestamp_text.ok_or(SignatureRejection::MalformedTimestamp)?;
        let timestamp = parse_timestamp(timestamp_text)?;
        if signatures.is_empty() {
            return Err(SignatureRejection::NoSupportedSignature);
        }
        Ok(Self { timestamp_text, timestamp, signatures })
    }
}
