//! SHA-256 over several parts that cannot run into each other.

use sha2::{Digest, Sha256};

/// SHA-256 over `purpose` and `parts`, each preceded by its length (8 bytes, big-endian), so that no two different
/// lists of parts hash alike and no hash made for one purpose serves another.
pub fn framed_hash(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for_each_framed(purpose, parts, |bytes| hash.update(bytes));
    hash.finalize().into()
}

/// Hands the framed bytes of `purpose` and `parts` to `sink`, in order.
pub fn for_each_framed(purpose: &str, parts: &[&[u8]], mut sink: impl FnMut(&[u8])) {
    frame(purpose.as_bytes(), &mut sink);
    for part in parts {
        frame(part, &mut sink);
    }
}

/// [`framed_hash`] of parts of which none is a purpose.
pub(crate) fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        frame(part, &mut |bytes| hash.update(bytes));
    }
    hash.finalize().into()
}

fn frame(part: &[u8], sink: &mut impl FnMut(&[u8])) {
    sink(&(part.len() as u64).to_be_bytes());
    sink(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_keeps_parts_apart() {
        assert_ne!(framed_hash("p", &[b"ab", b"c"]), framed_hash("p", &[b"a", b"bc"]));
        assert_ne!(framed_hash("p", &[b"a"]), framed_hash("p", &[b"a", b""]));
        assert_ne!(framed_hash("p", &[b"ab"]), framed_hash("pa", &[b"b"]));
        assert_eq!(framed_hash("p", &[b"ab", b"c"]), hash_of(&[b"p", b"ab", b"c"]));
    }
}
