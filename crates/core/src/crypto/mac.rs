//! HMAC-SHA256 over several parts, shared by everything that signs or hashes.

use gateway_domain::hash::for_each_framed;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC-SHA256 over the concatenation of `parts`. The caller makes sure that the parts cannot run into each
/// other, or uses [`keyed_hash`].
pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256 over `purpose` and `parts`, each preceded by its length, so that no two different lists of
/// parts hash alike and no hash made for one purpose serves another.
pub(super) fn keyed_hash(key: &[u8], purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for_each_framed(purpose, parts, |bytes| mac.update(bytes));
    mac.finalize().into_bytes().into()
}

/// The framed bytes themselves, for use as associated data.
pub(super) fn framed(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut out =
        Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum::<usize>() + purpose.len() + 8);
    for_each_framed(purpose, parts, |bytes| out.extend_from_slice(bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn framing_keeps_parts_apart() {
        assert_ne!(framed("p", &[b"ab", b"c"]), framed("p", &[b"a", b"bc"]));
        assert_ne!(framed("p", &[b"a"]), framed("p", &[b"a", b""]));
        assert_ne!(keyed_hash(b"k", "p", &[b"a"]), keyed_hash(b"k", "q", &[b"a"]));
    }
}
