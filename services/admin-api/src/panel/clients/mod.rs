//! Clients: the merchant's customers, what they bought, and what is held about them.

mod acts;
mod edit;
mod list;
mod show;

use gateway_core::domain::{ClientId, client::ClientProfile, scope::Scope};
use serde::Deserialize;

use super::screens::Screens;

pub(super) const PATH: &str = "/clients";

/// The client in the address.
#[derive(Deserialize)]
struct One {
    id: ClientId,
}

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::ClientRead, "/clients", list::list)
        .get(Scope::ClientCreate, "/clients/new", edit::new)
        .post(Scope::ClientCreate, "/clients/new", edit::create)
        .get(Scope::ClientRead, "/clients/{id}", show::show)
        .get(Scope::ClientUpdate, "/clients/{id}/edit", edit::edit)
        .post(Scope::ClientUpdate, "/clients/{id}/edit", edit::update)
        .get(Scope::ClientExport, "/clients/{id}/export.json", acts::export)
        .post(Scope::ClientDelete, "/clients/{id}/delete", acts::delete)
        .post(Scope::ClientDelete, "/clients/{id}/erase", acts::erase)
}

/// What people call a client.
fn title(profile: &ClientProfile, id: ClientId) -> String {
    profile.title().map_or_else(|| id.to_string(), str::to_owned)
}
