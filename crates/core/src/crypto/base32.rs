//! Lower-case base32 with Douglas Crockford's alphabet (no i, l, o, u): safe to read aloud, to copy with a
//! double click, in URLs and in file names.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Encodes `bytes`, most significant bits first, without padding; the last character is filled with zeros.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let mut pending: u32 = 0;
    let mut pending_bits = 0;
    for &byte in bytes {
        pending = (pending << 8) | u32::from(byte);
        pending_bits += 8;
        while pending_bits >= 5 {
            pending_bits -= 5;
            out.push(symbol(pending >> pending_bits));
        }
        pending &= (1 << pending_bits) - 1;
    }
    if pending_bits > 0 {
        out.push(symbol(pending << (5 - pending_bits)));
    }
    out
}

/// Decodes exactly `N` bytes; `None` when a character, the length or the filling bits are wrong.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut out = [0; N];
    let mut filled = 0;
    let mut pending: u32 = 0;
    let mut pending_bits = 0;
    for &character in text.as_bytes() {
        let value = ALPHABET.iter().position(|&known| known == character)?;
        pending = (pending << 5) | u32::try_from(value).ok()?;
        pending_bits += 5;
        if pending_bits >= 8 {
            pending_bits -= 8;
            *out.get_mut(filled)? = u8::try_from(pending >> pending_bits).ok()?;
            filled += 1;
            pending &= (1 << pending_bits) - 1;
        }
    }
    (filled == N && pending == 0).then_some(out)
}

fn symbol(value: u32) -> char {
    char::from(ALPHABET[(value & 31) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(encode(&[]), "");
        assert_eq!(encode(&[0xff]), "zw");
        assert_eq!(encode(&[0, 0, 0, 0, 1]), "00000001");
        assert_eq!(encode(b"Hello"), "91jprv3f");
        assert_eq!(decode::<5>("91jprv3f"), Some(*b"Hello"));
    }

    #[test]
    fn only_the_canonical_text_decodes() {
        assert_eq!(decode::<1>("zw"), Some([0xff]));
        assert_eq!(decode::<1>("zx"), None, "filling bits must be zero");
        assert_eq!(decode::<1>("zW"), None, "lower case only");
        assert_eq!(decode::<5>("91jprv3l"), None, "l is not in the alphabet");
        assert_eq!(decode::<5>("91jprv3"), None);
    }

    proptest! {
        #[test]
        fn round_trip(bytes in any::<[u8; 20]>()) {
            prop_assert_eq!(decode::<20>(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn decode_never_panics(text in ".{0,40}") {
            let _ = decode::<20>(&text);
            let _ = decode::<3>(&text);
        }
    }
}
