//! Opaque tokens that people hold: sessions, refresh tokens, one-time links, recovery codes.
//!
//! A token is random and says nothing. Stored is a keyed hash under a key that is derived from the API keys'
//! pepper: with 256 random bits (recovery codes: 80) a slow hash would buy nothing and cost every request.

use gateway_domain::opaque::TokenHash;

use super::secret::Secret;
use super::versioned::VersionedKeys;
use super::{base32, mac, random};

/// Length of a token as text.
const TOKEN_CHARACTERS: usize = 52;

/// A token, to be handed to its holder once: 256 random bits in 52 lower-case letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(Secret);

impl Token {
    /// A new token.
    pub fn generate() -> Self {
        Self(Secret::new(base32::encode(&random::bytes::<32>())))
    }

    /// Reads what somebody presents; `None` when it cannot be a token, which needs no database.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == TOKEN_CHARACTERS && base32::decode::<32>(text).is_some();
        fits.then(|| Self(Secret::new(text)))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Hashes tokens under every loaded key.
#[derive(Debug, Clone)]
pub struct TokenKeys(VersionedKeys);

impl TokenKeys {
    /// From the pepper.
    pub fn new(pepper: &VersionedKeys) -> Self {
        Self(pepper.derive("people's token"))
    }

    /// The hash to store. A token that was made for one purpose is worth nothing for another.
    pub fn hash(&self, purpose: &str, token: &str) -> TokenHash {
        let (version, key) = self.0.current();
        hash(version, key.as_bytes(), purpose, token)
    }

    /// The hashes under every loaded key, the current one first: during a rotation a look-up asks for any.
    pub fn hash_all_versions(&self, purpose: &str, token: &str) -> Vec<TokenHash> {
        self.0.iter().map(|(version, key)| hash(version, key.as_bytes(), purpose, token)).collect()
    }
}

fn hash(version: u32, key: &[u8; 32], purpose: &str, token: &str) -> TokenHash {
    let digest = mac::keyed_hash(key, "tollgate person token", &[purpose.as_bytes(), token.as_bytes()]);
    TokenHash::new(version, digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key32;

    fn keys(list: &[(u32, u8)]) -> TokenKeys {
        let keys = list.iter().map(|(version, byte)| (*version, Key32::from_bytes([*byte; 32]))).collect();
        TokenKeys::new(&VersionedKeys::from_entries(keys).unwrap())
    }

    #[test]
    fn a_token_reads_back_and_nothing_else_does() {
        let token = Token::generate();
        assert_eq!(Token::parse(token.expose()), Some(token.clone()));
        assert_ne!(Token::generate(), token);
        assert_eq!(format!("{token:?}"), "Token(Secret(redacted))");
        for wrong in ["", "x", &token.expose()[1..], &token.expose().to_uppercase(), &"u".repeat(52)] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hashes_keep_purposes_apart_and_survive_a_rotation() {
        let (old, rotated) = (keys(&[(1, 7)]), keys(&[(2, 9), (1, 7)]));
        let stored = old.hash("session", "token");
        assert_ne!(stored, old.hash("refresh", "token"));
        assert_ne!(stored, old.hash("session", "tokem"));
        assert!(rotated.hash_all_versions("session", "token").contains(&stored));
        assert_eq!(rotated.hash("session", "token").version(), 2);
    }
}
