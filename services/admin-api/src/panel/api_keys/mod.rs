//! API keys of merchants' servers.

mod acts;
mod list;
mod new;
mod show;

use gateway_core::domain::{Timestamp, api_key::ApiKey, scope::Scope};

use super::{
    screens::Screens,
    shell::{Ctx, Pill, Tone},
};

pub(super) const PATH: &str = "/api-keys";

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::ApiKeyRead, "/api-keys", list::list)
        .get(Scope::ApiKeyRead, "/api-keys/{id}", show::show)
        .proven(|screens| {
            screens
                .get(Scope::ApiKeyWrite, "/api-keys/new", new::show)
                .post(Scope::ApiKeyWrite, "/api-keys/new", new::create)
                .post(Scope::ApiKeyWrite, "/api-keys/{id}/rotate", acts::rotate)
                .post(Scope::ApiKeyWrite, "/api-keys/{id}/revoke", acts::revoke)
        })
}

/// Whether a key works.
fn state_pill(key: &ApiKey, now: Timestamp) -> Pill {
    match () {
        () if key.revoked_at.is_some() => Pill::new(Tone::Bad, "Revoked"),
        () if !key.is_usable(now) => Pill::new(Tone::Bad, "Expired"),
        () => Pill::new(Tone::Good, "Works"),
    }
}

/// What every key of a tenant's begins with, up to its secret.
fn prefix(ctx: &Ctx, key: &ApiKey) -> String {
    format!("sk_{}_{}", ctx.tenant().mode.as_str(), key.id)
}

/// What a key may do, in a few words.
fn scopes(key: &ApiKey) -> String {
    match key.scopes.as_slice() {
        [] => "Nothing".to_owned(),
        all if all.contains(&Scope::All) => "Everything".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
