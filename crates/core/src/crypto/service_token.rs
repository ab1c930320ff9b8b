//! Tokens by which one service of the gateway knows another: short-lived, for one path of one tenant.
//!
//! `<expiry>.<MAC>`, the expiry in Unix seconds; keyed by a key that is derived from the API keys' pepper, which
//! all services have.

use subtle::ConstantTimeEq;

use super::{mac, versioned::VersionedKeys};

/// How long a token is good for, in seconds.
pub const TOKEN_SECONDS: i64 = 60;

/// Makes and checks tokens.
#[derive(Debug, Clone)]
pub struct ServiceTokens(VersionedKeys);

impl ServiceTokens {
    /// From the pepper.
    pub fn new(pepper: &VersionedKeys) -> Self {
        Self(pepper.derive("service token"))
    }

    /// A token for a path of a tenant (organization and mode) at a moment in Unix seconds.
    pub fn issue(&self, tenant: (&str, &str), path: &str, now: i64) -> String {
        let expiry = now + TOKEN_SECONDS;
        let (_, key) = self.0.current();
        format!("{expiry}.{}", hex::encode(code(key.as_bytes(), tenant, path, expiry)))
    }

    /// Whether a token is good for a path of a tenant at this moment.
    pub fn accepts(&self, token: &str, tenant: (&str, &str), path: &str, now: i64) -> bool {
        let Some((expiry, given)) = token.split_once('.') else { return false };
        let (Ok(expiry), Ok(given)) = (expiry.parse::<i64>(), hex::decode(given)) else { return false };
        // One minute for clocks that differ.
        let in_time = expiry >= now && expiry <= now + 2 * TOKEN_SECONDS;
        let known = self
            .0
            .iter()
            .any(|(_, key)| bool::from(code(key.as_bytes(), tenant, path, expiry).ct_eq(given.as_slice())));
        in_time && known
    }
}

fn code(key: &[u8], (organization, mode): (&str, &str), path: &str, expiry: i64) -> [u8; 32] {
    let expiry = expiry.to_be_bytes();
    let parts = [organization.as_bytes(), mode.as_bytes(), path.as_bytes(), expiry.as_slice()];
    mac::keyed_hash(key, "tollgate service token", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key32;

    #[test]
    fn token_is_good_for_one_path_of_one_tenant_and_a_minute() {
        let keys = |byte| {
            let pepper = VersionedKeys::from_entries(vec![(1, Key32::from_bytes([byte; 32]))]).unwrap();
            ServiceTokens::new(&pepper)
        };
        let (tokens, test, live, path) = (keys(7), ("1", "test"), ("1", "live"), "/documents/1/pdf");
        let token = tokens.issue(test, path, 1_000);
        assert!(tokens.accepts(&token, test, path, 1_000));
        assert!(tokens.accepts(&token, test, path, 1_060));
        assert!(!tokens.accepts(&token, test, path, 1_061));
        assert!(!tokens.accepts(&token, live, path, 1_000));
        assert!(!tokens.accepts(&token, test, "/documents/2/pdf", 1_000));
        assert!(!keys(8).accepts(&token, test, path, 1_000));
        let later = token.replacen("1060", "1090", 1);
        assert!(!tokens.accepts(&later, test, path, 1_000));
        assert!(!tokens.accepts("", test, path, 1_000));
        let far = tokens.issue(test, path, 5_000);
        assert!(!tokens.accepts(&far, test, path, 1_000));
    }
}
