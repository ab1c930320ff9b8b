//! API keys of merchants' servers.
//!
//! ```text
//! sk_live_65f0c0ffee65f0c0ffee6500.0123…(32 characters)…c0ffee
//!    mode  key id, 24 hex digits    160 random bits, base32  checksum, 6 characters
//! ```
//!
//! The checksum is the first 30 bits of a SHA-256 over everything before it (from `sk_` on, the mode and the
//! full stop included), in the same base32. A typo or a leak scanner's false hit is thus told apart without the
//! database, and a live key that was relabelled as a test key does not even parse. Keys may also be presented
//! without their mode (`sk_<key id>.<secret>`): the checksum must then fit one of the two modes.
//!
//! Only HMAC-SHA256 of the secret under a versioned pepper is stored. With 160 random bits in the secret a slow
//! hash would buy nothing and cost every request.

use std::fmt;

use rand::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::Secret;
use super::versioned::{Key32, VersionedKeys};
use super::{base32, mac};
use gateway_domain::{hash::framed_hash, opaque::KeyHash};

const SECRET_BYTES: usize = 20;
const SECRET_CHARACTERS: usize = 32;
const CHECKSUM_CHARACTERS: usize = 6;
const KEY_ID_CHARACTERS: usize = 24;

/// Whether a key moves real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyMode {
    /// Real money.
    Live,
    /// Test money.
    Test,
}

impl KeyMode {
    /// `live` or `test`, as it stands in the key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

/// A whole key, to be shown to its owner once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyToken(Secret);

impl ApiKeyToken {
    /// The text that the merchant's server sends as Bearer token.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The secret part of a key: wiped when dropped, hidden from `Debug`.
#[derive(Clone)]
pub struct ApiKeySecret(Zeroizing<[u8; SECRET_BYTES]>);

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeySecret(redacted)")
    }
}

/// A freshly made key.
#[derive(Debug)]
pub struct NewApiKey {
    /// To be shown once and then forgotten.
    pub token: ApiKeyToken,
    /// The public id under which the hash is stored.
    pub key_id: [u8; 12],
    /// To be stored.
    pub hash: KeyHash,
}

/// A key as a request presented it: well formed, but not yet known to exist.
#[derive(Debug, Clone)]
pub struct PresentedKey {
    /// The mode written in the key, if any; it must agree with the stored one.
    pub mode: Option<KeyMode>,
    /// The id to look up.
    pub key_id: [u8; 12],
    /// What to verify against the stored hash.
    pub secret: ApiKeySecret,
}

/// Why a text is no API key. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyParseError {
    /// It does not start with `sk_`.
    #[error("an API key starts with sk_live_, sk_test_ or sk_")]
    Prefix,
    /// There is no full stop after the key id.
    #[error("an API key has the form sk_<mode>_<key id>.<secret>")]
    Shape,
    /// The key id is not 24 lower-case hexadecimal digits.
    #[error("the key id must be 24 lower-case hexadecimal digits")]
    KeyId,
    /// The secret has another length or a foreign character.
    #[error("the secret must be 38 characters of the key alphabet")]
    Secret,
    /// The checksum does not fit: a typo, or a wrong mode.
    #[error("the checksum does not fit: the key was mistyped or cut")]
    Checksum,
}

/// Makes a key with a random id. `pepper` is the versioned pepper, `rng` usually
/// [`random::os_rng`](super::random::os_rng).
pub fn generate(mode: KeyMode, pepper: &VersionedKeys, rng: &mut impl CryptoRng) -> NewApiKey {
    let mut key_id = [0; 12];
    rng.fill_bytes(&mut key_id);
    generate_with_id(mode, key_id, pepper, rng)
}

/// Makes a key for an id that the caller chose (the stored document's own, say).
pub fn generate_with_id(
    mode: KeyMode,
    key_id: [u8; 12],
    pepper: &VersionedKeys,
    rng: &mut impl CryptoRng,
) -> NewApiKey {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    rng.fill_bytes(secret.as_mut_slice());
    let body = Zeroizing::new(base32::encode(secret.as_slice()));
    let key_id_hex = hex::encode(key_id);
    let checksum = checksum(mode, &key_id_hex, &body);
    let token = Secret::new(format!("sk_{}_{key_id_hex}.{}{checksum}", mode.as_str(), body.as_str()));
    let hash = hash(pepper, &key_id, &ApiKeySecret(secret));
    NewApiKey { token: ApiKeyToken(token), key_id, hash }
}

/// Reads a presented key and checks its checksum; needs no database.
pub fn parse(text: &str) -> Result<PresentedKey, ApiKeyParseError> {
    let rest = text.strip_prefix("sk_").ok_or(ApiKeyParseError::Prefix)?;
    let (mode, rest) = if let Some(rest) = rest.strip_prefix("live_") {
        (Some(KeyMode::Live), rest)
    } else if let Some(rest) = rest.strip_prefix("test_") {
        (Some(KeyMode::Test), rest)
    } else {
        (None, rest)
    };
    let (key_id_hex, secret) = rest.split_once('.').ok_or(ApiKeyParseError::Shape)?;
    let key_id = parse_key_id(key_id_hex).ok_or(ApiKeyParseError::KeyId)?;

    if secret.len() != SECRET_CHARACTERS + CHECKSUM_CHARACTERS {
        return Err(ApiKeyParseError::Secret);
    }
    let (body, given) = secret.split_at_checked(SECRET_CHARACTERS).ok_or(ApiKeyParseError::Secret)?;
    let secret = base32::decode(body).map(Zeroizing::new).ok_or(ApiKeyParseError::Secret)?;

    // The checksum guards against mistakes, not against attackers: plain comparison is enough.
    let fits = |mode| checksum(mode, key_id_hex, body) == given;
    let known = match mode {
        Some(mode) => fits(mode),
        None => fits(KeyMode::Live) || fits(KeyMode::Test),
    };
    if !known {
        return Err(ApiKeyParseError::Checksum);
    }
    Ok(PresentedKey { mode, key_id, secret: ApiKeySecret(secret) })
}

/// The hash to store, under the pepper's current version.
pub fn hash(pepper: &VersionedKeys, key_id: &[u8; 12], secret: &ApiKeySecret) -> KeyHash {
    let (version, key) = pepper.current();
    KeyHash::new(version, digest(key, key_id, secret))
}

/// Whether `secret` is the one that `stored` was made from; constant time. A pepper version that is no longer
/// loaded gives false after the same work.
pub fn verify(pepper: &VersionedKeys, key_id: &[u8; 12], secret: &ApiKeySecret, stored: &KeyHash) -> bool {
    let known = pepper.get(stored.version());
    let key = known.unwrap_or_else(|| pepper.current().1);
    let equal = digest(key, key_id, secret).ct_eq(stored.digest());
    bool::from(equal) && known.is_some()
}

/// Does the work of [`verify`] for a key id that does not exist, and returns false, so that time does not tell
/// an unknown id from a wrong secret.
pub fn verify_unknown(pepper: &VersionedKeys, key_id: &[u8; 12], secret: &ApiKeySecret) -> bool {
    let stored = KeyHash::new(pepper.current().0, [0; 32]);
    // black_box keeps the work from being optimized away; whatever it says, an unknown key is refused.
    let _ = std::hint::black_box(verify(pepper, key_id, secret, &stored));
    false
}

fn digest(pepper: &Key32, key_id: &[u8; 12], secret: &ApiKeySecret) -> [u8; 32] {
    mac::keyed_hash(pepper.as_bytes(), "tollgate api key", &[key_id, secret.0.as_slice()])
}

fn checksum(mode: KeyMode, key_id_hex: &str, body: &str) -> String {
    let visible = Zeroizing::new(format!("sk_{}_{key_id_hex}.{body}", mode.as_str()));
    let full = framed_hash("tollgate api key checksum", &[visible.as_bytes()]);
    let mut text = base32::encode(&full[..4]);
    text.truncate(CHECKSUM_CHARACTERS);
    text
}

fn parse_key_id(text: &str) -> Option<[u8; 12]> {
    let lower_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut key_id = [0; 12];
    let readable = lower_hex && text.len() == KEY_ID_CHARACTERS;
    (readable && hex::decode_to_slice(text, &mut key_id).is_ok()).then_some(key_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn pepper(list: &[(u32, u8)]) -> VersionedKeys {
        let keys = list.iter().map(|(version, byte)| (*version, Key32::from_bytes([*byte; 32]))).collect();
        VersionedKeys::from_entries(keys).unwrap()
    }

    fn example(mode: KeyMode) -> NewApiKey {
        generate(mode, &pepper(&[(1, 7)]), &mut StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_generated_key_parses_and_verifies() {
        let pepper = pepper(&[(1, 7)]);
        for mode in [KeyMode::Live, KeyMode::Test] {
            let made = example(mode);
            let text = made.token.expose();
            assert!(text.starts_with(&format!("sk_{}_{}.", mode.as_str(), hex::encode(made.key_id))));
            assert_eq!(text.len(), 8 + 24 + 1 + 38);
            let presented = parse(text).unwrap();
            assert_eq!((presented.mode, presented.key_id), (Some(mode), made.key_id));
            assert!(verify(&pepper, &presented.key_id, &presented.secret, &made.hash));
        }
    }

    #[test]
    fn the_mode_may_be_left_out_but_not_changed() {
        for (mode, other) in [(KeyMode::Live, "test"), (KeyMode::Test, "live")] {
            let made = example(mode);
            let bare = made.token.expose().replacen(&format!("sk_{}_", mode.as_str()), "sk_", 1);
            let presented = parse(&bare).unwrap();
            assert_eq!((presented.mode, presented.key_id), (None, made.key_id));
            assert!(verify(&pepper(&[(1, 7)]), &made.key_id, &presented.secret, &made.hash));

            let relabelled = made.token.expose().replacen(mode.as_str(), other, 1);
            assert_eq!(parse(&relabelled).unwrap_err(), ApiKeyParseError::Checksum);
        }
    }

    #[test]
    fn every_single_character_typo_is_caught() {
        let made = example(KeyMode::Live);
        let text = made.token.expose();
        for index in 0..text.len() {
            for replacement in "0123456789abcdefghijklmnopqrstuvwxyzA._".chars() {
                let mut typo = text.to_owned();
                typo.replace_range(index..=index, replacement.encode_utf8(&mut [0; 4]));
                assert_eq!(parse(&typo).is_ok(), typo == text, "{index} {replacement}");
            }
            assert!(parse(&text[..index]).is_err());
        }
        assert!(parse(&format!("{text} ")).is_err());
    }

    #[test]
    fn refusals_say_which_part_is_wrong() {
        let made = example(KeyMode::Live);
        let refused = |text: &str| parse(text).unwrap_err();
        assert_eq!(refused(""), ApiKeyParseError::Prefix);
        assert_eq!(refused("pk_live_x.y"), ApiKeyParseError::Prefix);
        assert_eq!(refused("sk_live_65"), ApiKeyParseError::Shape);
        assert_eq!(refused("sk_live_65.x"), ApiKeyParseError::KeyId);
        assert_eq!(refused("sk_live_65F000000000000000000001.x"), ApiKeyParseError::KeyId);
        assert_eq!(refused("sk_live_650000000000000000000001.x"), ApiKeyParseError::Secret);
        assert_eq!(
            refused(&made.token.expose().to_uppercase().replacen("SK_LIVE", "sk_live", 1)),
            ApiKeyParseError::KeyId
        );
    }

    #[test]
    fn a_wrong_secret_id_or_pepper_does_not_verify() {
        let made = example(KeyMode::Live);
        let secret = parse(made.token.expose()).unwrap().secret;
        let keys = pepper(&[(1, 7)]);
        assert!(!verify(&keys, &[0; 12], &secret, &made.hash));
        assert!(!verify(&keys, &made.key_id, &ApiKeySecret(Zeroizing::new([1; 20])), &made.hash));
        assert!(!verify(&pepper(&[(1, 8)]), &made.key_id, &secret, &made.hash));
        assert!(!verify(&pepper(&[(2, 7)]), &made.key_id, &secret, &made.hash), "version 1 is not loaded");
        assert!(!verify_unknown(&keys, &made.key_id, &secret));
    }

    #[test]
    fn the_pepper_rotates() {
        let made = example(KeyMode::Live);
        let secret = parse(made.token.expose()).unwrap().secret;
        let both = pepper(&[(2, 9), (1, 7)]);
        assert!(verify(&both, &made.key_id, &secret, &made.hash));
        let fresh = hash(&both, &made.key_id, &secret);
        assert_eq!((made.hash.version(), fresh.version()), (1, 2));
        assert!(verify(&pepper(&[(2, 9)]), &made.key_id, &secret, &fresh));
    }

    #[test]
    fn debug_shows_no_secret() {
        let made = example(KeyMode::Live);
        let presented = parse(made.token.expose()).unwrap();
        let shown = format!("{made:?} {presented:?}");
        let (_, secret) = made.token.expose().split_once('.').unwrap();
        assert!(!shown.contains(&secret[..8]), "{shown}");
        assert!(shown.contains("redacted"));
        assert_eq!(KeyHash::from_bytes(&made.hash.to_bytes()), Ok(made.hash));
    }

    proptest! {
        #[test]
        fn parse_never_panics(text in "(sk_)?(live_|test_)?.{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn near_keys_never_panic(id in "[0-9a-f]{24}", secret in "[0-9a-zé]{36,38}") {
            let refused = parse(&format!("sk_live_{id}.{secret}")).is_err();
            prop_assert!(refused);
        }

        #[test]
        fn round_trip(seed in any::<u64>()) {
            let keys = pepper(&[(1, 7)]);
            let made = generate(KeyMode::Test, &keys, &mut StdRng::seed_from_u64(seed));
            let presented = parse(made.token.expose()).unwrap();
            prop_assert!(verify(&keys, &presented.key_id, &presented.secret, &made.hash));
        }
    }
}
