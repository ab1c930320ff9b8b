//! How people get in, and what is theirs alone: their account.

mod code;
mod enter;
mod factor;
mod home;
mod invitation;
mod passkey;
mod reset;
mod setup;
mod show;

use web_kit::ApiError;

use super::screens::Screens;

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .open("/", home::home)
        .open("/login", enter::show)
        .open_post("/login", enter::enter)
        .open("/login/code", code::show)
        .open_post("/login/code", code::enter)
        .open_post("/login/code/send", code::send)
        .open_post("/login/passkey/begin", passkey::begin_sign_in)
        .open_post("/login/passkey", passkey::sign_in)
        .own_post("/logout", enter::leave)
        .open("/setup/{token}", setup::show)
        .open_post("/setup/{token}", setup::complete)
        .open("/invitation/{token}", invitation::show)
        .open_post("/invitation/{token}", invitation::accept_new)
        .own_post("/invitation/{token}/accept", invitation::accept)
        .open("/reset/{token}", reset::show)
        .open_post("/reset/{token}", reset::complete)
        .own("/account", show::show)
        .own_post("/account/name", show::rename)
        .own_post("/account/sessions/{handle}/end", show::end_session)
        .proven(|screens| {
            screens
                .own_post("/account/password", show::set_password)
                .own_post("/account/factor/begin", factor::begin)
                .own_post("/account/factor/confirm", factor::confirm)
                .own_post("/account/factor/remove", factor::remove)
                .own_post("/account/factor/recovery", factor::renew_recovery)
                .own_post("/account/passkeys/begin", passkey::begin)
                .own_post("/account/passkeys", passkey::add)
                .own_post("/account/passkeys/{id}/remove", passkey::remove)
        })
}

/// Languages of people, as they call them themselves.
pub(super) const LANGUAGES: &[(&str, &str)] =
    &[("en", "English"), ("pt", "Português"), ("de", "Deutsch"), ("fr", "Français"), ("es", "Español")];

/// What a page says of an error that no field is to blame for; what is ours to mend stays an error.
pub(super) fn alert(error: ApiError) -> Result<String, ApiError> {
    let is_ours = error.status.is_server_error() || error.status == 404;
    if is_ours { Err(error) } else { Ok(error.message.into_owned()) }
}
