//! What works as a proof for whoever holds it: the id of a session, the tokens in the addresses of notifications, what
//! was sent to a shop, what a provider sent. Whoever could do as much themselves sees it; a person who only looks does
//! not, in the API and in the panel alike. API keys read what they were given to read: shops rely on it.

use gateway_core::{app::people::Authority, domain::scope::Scope};

/// What stands in the place of a proof.
pub(crate) const HIDDEN: &str = "hidden";

/// Something with parts that work as a proof.
pub(crate) trait HoldsProofs {
    /// Whoever may do this sees them.
    const SCOPE: Scope;

    /// Takes them out.
    fn hide(&mut self);
}

/// Whether a caller sees what whoever may do `scope` could use.
pub(crate) fn may_see(authority: &Authority, scope: Scope) -> bool {
    matches!(authority, Authority::Key(_)) || authority.grants(scope)
}

/// Something as a caller sees it.
pub(crate) fn shown<T: HoldsProofs>(authority: &Authority, mut one: T) -> T {
    if !may_see(authority, T::SCOPE) {
        one.hide();
    }
    one
}

/// An address without what may be a token in it: its origin.
pub(crate) fn origin(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(url) if url.has_host() => format!("{}/…", url.origin().ascii_serialization()),
        _ => HIDDEN.to_owned(),
    }
}

/// An address as a caller sees it.
pub(crate) fn address(authority: &Authority, scope: Scope, address: String) -> String {
    if may_see(authority, scope) { address } else { origin(&address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_origin_is_left() {
        for (address, left) in [
            ("https://shop.example.com/ipn/s3cret?token=s3cret", "https://shop.example.com/…"),
            ("https://user:s3cret@shop.example.com:8443/", "https://shop.example.com:8443/…"),
            ("no address", HIDDEN),
        ] {
            assert_eq!(origin(address), left);
        }
    }
}
