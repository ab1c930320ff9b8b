//! What every form that does something has in common: doing it once, and saying what stood against it.

use gateway_core::{
    app::{audit, create_checkout::IdempotencyKey, people, settings::api_keys},
    crypto::RequestDigest,
    domain::actor::Actor,
};
use web_kit::ApiError;

use super::{
    form::{CSRF_FIELD, FormData, KEY_FIELD, SEEN_FIELD},
    shell::Ctx,
};

/// Longest key of a form; ours are shorter.
const KEY_CHARS_MAX: usize = 64;

/// How often an edit is tried again when the gateway itself has written to what it changes, which no form shows.
pub(crate) const EDIT_TRIES: usize = 5;

/// A fresh key, one for each form of a page.
pub(crate) fn fresh_key() -> String {
    gateway_core::crypto::random::public_id("")
}

/// The key that a form was sent with: by a second click or a reload it does its work once all the same.
///
/// `route` names the slot, `path` the screen. The key alone tells forms apart; another content under the same
/// key is a form that was changed after it had been sent, and is refused like an API call of that kind.
pub(crate) fn key(form: &FormData, route: &'static str, path: &str) -> Result<IdempotencyKey, ApiError> {
    Ok(IdempotencyKey { route, key: key_of(form)?, digest: digest_of(form, path) })
}

/// The key that a form carries.
pub(crate) fn key_of(form: &FormData) -> Result<String, ApiError> {
    let key = form.text(KEY_FIELD).filter(|key| key.len() <= KEY_CHARS_MAX);
    key.ok_or_else(|| ApiError::bad_field(KEY_FIELD, "is missing: reload the page and try again"))
}

/// What a form says, without what belongs to the session or to the page that it was on.
pub(crate) fn digest_of(form: &FormData, path: &str) -> RequestDigest {
    let fields = form.pairs().filter(|(name, _)| ![CSRF_FIELD, KEY_FIELD, SEEN_FIELD].contains(name));
    let content: String = fields.flat_map(|(name, value)| [name, "=", value, "&"]).collect();
    RequestDigest::of("POST", path, content.as_bytes())
}

/// What stood against a form. Problems of fields go beside them; what else there is comes back as a line for the
/// top of the page. What no page can answer (it is not there, or it is our fault) stays an error.
pub(crate) fn refused(form: &mut FormData, error: impl Into<ApiError>) -> Result<Option<String>, ApiError> {
    form.refused(error)
}

/// Whether somebody has changed what an edit form shows since it was loaded. The form then tells who, when and what:
/// its page keeps what was typed, and sent once more it goes over the change. `operation` and `on` find it in the
/// audit log.
pub(crate) async fn changed_meanwhile(
    ctx: &Ctx,
    form: &mut FormData,
    stored: &FormData,
    operation: &str,
    on: Option<(&str, &str)>,
) -> Result<bool, ApiError> {
    if !form.was_changed(stored)? {
        return Ok(false);
    }
    if let Some(entry) = audit::last_change(ctx.app(), ctx.tenant(), operation, on).await? {
        let at = entry.created_at.to_string();
        let (date, time) = (at.get(..10).unwrap_or_default(), at.get(11..16).unwrap_or_default());
        form.note_changed_by(format!("{} ({date} {time} UTC)", name_of(ctx, entry.act.actor).await));
    }
    Ok(true)
}

/// What people call who has done something. Somebody who is gone has no name any more.
async fn name_of(ctx: &Ctx, actor: Option<Actor>) -> String {
    let known = match actor {
        Some(Actor::Person(id)) => people::get(ctx.app(), id).await.ok().map(|person| person.name),
        Some(Actor::Key(id)) => {
            let key = api_keys::get(ctx.app(), ctx.tenant(), id).await.ok();
            key.map(|key| format!("the API key “{}”", key.name))
        }
        Some(Actor::System) => Some("the operator".to_owned()),
        None => None,
    };
    known.unwrap_or_else(|| "somebody".to_owned())
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
        assert_eq!(refused(&mut form, conflict).unwrap().as_deref(), Some("Not now."));
        let gone = refused(&mut form, ApiError::not_found("invoice")).unwrap_err();
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
}
