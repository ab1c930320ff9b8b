//! Sites: a merchant's shops, their look and their secret, and the hosts that their checkouts are shown under.

mod domains;
mod edit;
mod list;
mod look;
mod show;

use gateway_core::domain::{
    SiteId,
    custom_domain::{CustomDomain, DomainState},
    scope::Scope,
};
use serde::Deserialize;

use super::{
    screens::Screens,
    shell::{Pill, Tone},
};

const PATH: &str = "/sites";

/// The site in the address.
#[derive(Deserialize)]
struct One {
    id: SiteId,
}

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::SiteRead, "/sites", list::list)
        .get(Scope::SiteWrite, "/sites/new", edit::new)
        .post(Scope::SiteWrite, "/sites/new", edit::create)
        .get(Scope::SiteRead, "/sites/{id}", show::show)
        .get(Scope::SiteWrite, "/sites/{id}/edit", edit::edit)
        .post(Scope::SiteWrite, "/sites/{id}/edit", edit::update)
        .proven(|screens| {
            screens.post(Scope::SiteWrite, "/sites/{id}/secret", show::secret).post(
                Scope::SiteWrite,
                "/sites/{id}/new-secret",
                show::new_secret,
            )
        })
        .post(Scope::SiteWrite, "/sites/{id}/test", show::test)
        .get(Scope::DomainRead, "/sites/{id}/domains", domains::list)
        .post(Scope::DomainWrite, "/sites/{id}/domains", domains::create)
        .post(Scope::DomainWrite, "/sites/{id}/domains/{domain}/check", domains::check)
        .post(Scope::DomainWrite, "/sites/{id}/domains/{domain}/delete", domains::delete)
}

/// Whether a host points here, as far as is known.
fn domain_pill(domain: &CustomDomain) -> Pill {
    match (domain.state, domain.checked_at) {
        (DomainState::Verified, _) => Pill::new(Tone::Good, "Points here"),
        (DomainState::Pending, Some(_)) => Pill::new(Tone::Bad, "Does not point here"),
        (DomainState::Pending, None) => Pill::new(Tone::Warn, "Not checked yet"),
    }
}
