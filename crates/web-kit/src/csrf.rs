//! Keeping foreign pages from posting our forms.
//!
//! Checkout pages have no cookie session, so a foreign page has no authority to borrow; what it could do is
//! post to a checkout whose secret it knows. Two proofs are asked for: the form's hidden field holds the
//! session's public id (128 random bits, see [`proves_session`]), and the browser says that the request came
//! from our own page ([`same_origin_only`]).

use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use crate::error::ApiError;

/// Refuses a request that a browser sent for a foreign page.
///
/// `Sec-Fetch-Site` decides where it is sent (every current browser): `same-origin`, and `none` for what the
/// user started, pass. Without it `Origin` must be `own_origin` (`https://pay.example.com`). Without both it
/// is no browser, or a very old one, and the session's proof stands alone.
pub fn same_origin_only(headers: &HeaderMap, own_origin: &str) -> Result<(), ApiError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let passes = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.eq_ignore_ascii_case(own_origin.trim_end_matches('/')),
        (None, None) => true,
    };
    if passes { Ok(()) } else { Err(ApiError::forbidden("This form was sent from another site.")) }
}

/// Whether a form's hidden field is the session's public id; constant time. 404 otherwise, as for a session
/// that does not exist.
pub fn proves_session(given: &str, expected: &str) -> Result<(), ApiError> {
    if bool::from(given.as_bytes().ct_eq(expected.as_bytes())) {
        Ok(())
    } else {
        Err(ApiError::not_found("checkout"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_pages_are_refused() {
        let passes = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            same_origin_only(&headers, "https://pay.example.com").is_ok()
        };
        assert!(passes(&[("sec-fetch-site", "same-origin")]));
        assert!(passes(&[("sec-fetch-site", "none")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[("sec-fetch-site", "same-site"), ("origin", "https://pay.example.com")]));
        assert!(passes(&[("origin", "https://pay.example.com")]));
        assert!(!passes(&[("origin", "null")]));
        assert!(passes(&[]));
    }

    #[test]
    fn session_must_be_proven() {
        assert!(proves_session("abc", "abc").is_ok());
        assert_eq!(proves_session("abd", "abc").unwrap_err().status, 404);
        assert!(proves_session("", "abc").is_err());
    }
}
