//! What every form that does something has in common: doing it once, and saying what stood against it.

use gateway_core::{app::create_checkout::IdempotencyKey, crypto::RequestDigest};
use web_kit::ApiError;

use super::form::{CSRF_FIELD, FormData};

/// Longest key of a form; ours are shorter.
const KEY_CHARS_MAX: usize = 64;

/// A fresh key for the forms of a page.
pub(crate) fn fresh_key() -> String {
    gateway_core::crypto::random::public_id("")
}

/// The key that a form was sent with: by a second click or a reload it does its work once all the same.
///
/// `route` names the slot, `path` the screen. The key alone tells forms apart; another content under the same
/// key is a form that was changed after it had been sent, and is refused like an API call of that kind.
pub(crate) fn key(form: &FormData, route: &'static str, path: &str) -> Result<IdempotencyKey, ApiError> {
    let key = form.text("key").filter(|key| key.len() <= KEY_CHARS_MAX);
    let key = key.ok_or_else(|| ApiError::bad_field("key", "is missing: load the page anew"))?;
    let fields = form.pairs().filter(|(name, _)| *name != CSRF_FIELD);
    let content: String = fields.flat_map(|(name, value)| [name, "=", value, "&"]).collect();
    Ok(IdempotencyKey { route, key, digest: RequestDigest::of("POST", path, content.as_bytes()) })
}

/// What stood against a form. Problems of fields go beside them; what else there is comes back as a line for the
/// top of the page. What no page can answer (it is not there, or it is our fault) stays an error.
pub(crate) fn refused(form: &mut FormData, error: impl Into<ApiError>) -> Result<Option<String>, ApiError> {
    let error = error.into();
    if error.status.is_server_error() || error.status == 404 {
        return Err(error);
    }
    Ok(if form.take(&error) { None } else { Some(error.message.into_owned()) })
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_form_without_its_key_is_not_done() {
        assert!(key(&FormData::default(), "POST x", "/x").is_err());
        let form = FormData::of([("key", "k".to_owned()), ("amount", "1".to_owned())]);
        assert_eq!(key(&form, "POST x", "/x").unwrap().key, "k");
    }

    #[test]
    fn problems_go_beside_fields_and_the_rest_on_top() {
        let mut form = FormData::default();
        assert_eq!(refused(&mut form, ApiError::bad_field("name", "is required")).unwrap(), None);
        assert_eq!(form.error("name"), Some("is required"));
        let conflict = ApiError::conflict("X", "not now", None);
        assert_eq!(refused(&mut form, conflict).unwrap().as_deref(), Some("not now"));
        let gone = refused(&mut form, ApiError::not_found("invoice")).unwrap_err();
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
}
