//! People: who is in the organization and may do what, and who is invited.

mod acts;
mod invite;
mod show;

use gateway_core::domain::{role::Role, scope::Scope};

use super::screens::Screens;

const PATH: &str = "/people";

pub(super) fn screens(screens: Screens) -> Screens {
    screens.get(Scope::PersonRead, PATH, show::show).proven(|screens| {
        screens
            .get(Scope::PersonWrite, "/people/invite", invite::new)
            .post(Scope::PersonWrite, "/people/invite", invite::invite)
            .post(Scope::PersonWrite, "/people/invitations/{id}/revoke", acts::revoke)
            .post(Scope::PersonWrite, "/people/{id}/role", acts::set_role)
            .post(Scope::PersonWrite, "/people/{id}/remove", acts::remove)
    })
}

/// Roles, as a choice that says what each may do.
const ROLES: &[(&str, &str)] = &[
    (Role::Viewer.as_str(), "Viewer: looks at everything"),
    (Role::Editor.as_str(), "Editor: does the daily work, refunds included"),
    (Role::Admin.as_str(), "Admin: also providers, keys, people and settings"),
];
