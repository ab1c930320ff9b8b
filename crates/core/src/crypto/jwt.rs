//! Access tokens of people: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else.
//!
//! One algorithm and no choice: the header is compared, not obeyed, so that none of the confusions that JWT
//! libraries had to mend can arise. It names the version of the key, by which the key rotates online.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::mac;
use super::secret::Secret;
use super::versioned::VersionedKeys;

/// Longer than any token that is made here.
const LENGTH_MAX: usize = 2048;

/// Who a token speaks for, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The person.
    pub sub: String,
    /// The log-in that the token goes back to.
    pub sid: String,
    /// The organization.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub org: Option<String>,
    /// `live` or `test`.
    pub mode: String,
    /// When it was made, in Unix seconds.
    pub iat: i64,
    /// Until when it is good, in Unix seconds.
    pub exp: i64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: u32,
}

/// Signs and checks access tokens.
#[derive(Debug, Clone)]
pub struct JwtKeys(VersionedKeys);

impl JwtKeys {
    /// Uses these keys, the first of them for new tokens.
    pub fn new(keys: VersionedKeys) -> Self {
        Self(keys)
    }

    /// A token.
    pub fn sign(&self, claims: &Claims) -> Secret {
        let (kid, key) = self.0.current();
        let header = Header { alg: "HS256".to_owned(), typ: "JWT".to_owned(), kid };
        let encode = |json: Result<Vec<u8>, serde_json::Error>| {
            BASE64.encode(json.expect("text and numbers are written as JSON"))
        };
        let signed =
            format!("{}.{}", encode(serde_json::to_vec(&header)), encode(serde_json::to_vec(claims)));
        let signature = mac::hmac_sha256(key.as_bytes(), &[signed.as_bytes()]);
        Secret::new(format!("{signed}.{}", BASE64.encode(signature)))
    }

    /// What a token says, if it was signed here and is good at `now` (Unix seconds).
    pub fn verify(&self, token: &str, now: i64) -> Option<Claims> {
        if token.len() > LENGTH_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
        if header.alg != "HS256" || header.typ != "JWT" {
            return None;
        }
        let expected = mac::hmac_sha256(self.0.get(header.kid)?.as_bytes(), &[signed.as_bytes()]);
        let given = BASE64.decode(signature).ok()?;
        if !bool::from(expected.as_slice().ct_eq(&given)) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?;
        (claims.exp > now).then_some(claims)
    }
}

/// Whether a Bearer token looks like one of these, and not like an API key.
pub fn looks_like(token: &str) -> bool {
    token.starts_with("eyJ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key32;

    fn keys(list: &[(u32, u8)]) -> JwtKeys {
        let keys = list.iter().map(|(version, byte)| (*version, Key32::from_bytes([*byte; 32]))).collect();
        JwtKeys::new(VersionedKeys::from_entries(keys).unwrap())
    }

    fn claims() -> Claims {
        Claims {
            sub: "65".to_owned(),
            sid: "s".to_owned(),
            org: None,
            mode: "test".to_owned(),
            iat: 1_000,
            exp: 1_900,
        }
    }

    /// RFC 7515, appendix A.1: the signature of its example.
    #[test]
    fn signature_agrees_with_rfc_7515() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mac = mac::hmac_sha256(&BASE64.decode(key).unwrap(), &[signed.as_bytes()]);
        assert_eq!(BASE64.encode(mac), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn tokens_are_good_until_their_end_and_under_their_key() {
        let token = keys(&[(1, 7)]).sign(&claims());
        let token = token.expose();
        assert!(looks_like(token));
        assert_eq!(keys(&[(1, 7)]).verify(token, 1_899), Some(claims()));
        assert_eq!(keys(&[(2, 9), (1, 7)]).verify(token, 1_899), Some(claims()), "during a rotation");
        assert_eq!(keys(&[(1, 7)]).verify(token, 1_900), None);
        assert_eq!(keys(&[(1, 8)]).verify(token, 1_000), None);
        assert_eq!(keys(&[(2, 7)]).verify(token, 1_000), None);
    }

    #[test]
    fn nobody_chooses_the_algorithm_or_changes_the_claims() {
        let keys = keys(&[(1, 7)]);
        let token = keys.sign(&claims()).expose().to_owned();
        let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let none = BASE64.encode(r#"{"alg":"none","typ":"JWT","kid":1}"#);
        let other = BASE64.encode(serde_json::to_vec(&Claims { sub: "66".to_owned(), ..claims() }).unwrap());
        for forged in [
            format!("{none}.{body}."),
            format!("{none}.{body}.{signature}"),
            format!("{header}.{other}.{signature}"),
            format!("{header}.{body}."),
            format!("{header}.{body}"),
            String::new(),
            "x".repeat(4000),
        ] {
            assert_eq!(keys.verify(&forged, 1_000), None, "{forged}");
        }
    }
}
