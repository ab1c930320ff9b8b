//! Passwords of people: Argon2id with the parameters that OWASP recommends, in PHC form.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::SaltString,
};

use super::{Secret, random};

/// KiB of memory, passes and lanes: OWASP's Password Storage Cheat Sheet, Argon2id, 19 MiB.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("these parameters are within Argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password. Takes tens of milliseconds and 19 MiB: call it where that may block.
pub fn hash(password: &Secret) -> String {
    let salt = SaltString::encode_b64(&random::bytes::<16>()).expect("16 bytes are a salt");
    let hashed = argon2().hash_password(password.expose().as_bytes(), &salt);
    hashed.expect("a password of limited length can be hashed").to_string()
}

/// Whether a password fits a stored hash, under the parameters that the hash names. Blocks likewise.
pub fn verify(password: &Secret, stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    argon2().verify_password(password.expose().as_bytes(), &parsed).is_ok()
}

/// Whether a stored hash was made with weaker parameters than today's.
pub fn needs_rehash(stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return true };
    let today = parsed.algorithm == Algorithm::Argon2id.ident();
    let same = Params::try_from(&parsed)
        .is_ok_and(|p| p.m_cost() == MEMORY_KIB && p.t_cost() == PASSES && p.p_cost() == LANES);
    !(today && same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_fit_their_own_hash_alone() {
        let password = Secret::new("correct horse battery staple");
        let (one, other) = (hash(&password), hash(&password));
        assert_ne!(one, other, "each hash has a salt of its own");
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(verify(&password, &one) && verify(&password, &other));
        assert!(!verify(&Secret::new("correct horse battery stable"), &one));
        assert!(!verify(&password, "") && !verify(&password, "plain"));
        assert!(!needs_rehash(&one));
    }

    #[test]
    fn weaker_hashes_are_verified_and_then_replaced() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let salt = SaltString::encode_b64(&[7; 16]).unwrap();
        let stored = weak.hash_password(b"correct horse battery staple", &salt).unwrap().to_string();
        assert!(verify(&Secret::new("correct horse battery staple"), &stored));
        assert!(needs_rehash(&stored) && needs_rehash("plain"));
    }
}
