//! Settings of the organization itself, and new organizations for system administrators.

mod show;

use gateway_core::domain::scope::Scope;

use super::screens::Screens;

const PATH: &str = "/settings";

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::OrganizationRead, PATH, show::show)
        .post(Scope::OrganizationWrite, "/settings/name", show::rename)
        // Whoever may read may send it; that only system administrators may do it, the use case says.
        .post(Scope::OrganizationRead, "/settings/organizations", show::create)
}
