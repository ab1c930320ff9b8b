//! Clients: the merchant's customers, what they bought, and what is held about them.

mod acts;
mod edit;
mod list;
mod show;

use gateway_core::{
    app::settings::clients::{self, ClientFilter},
    domain::{ClientId, client::ClientProfile, scope::Scope},
    store::list::PageRequest,
};
use serde::Deserialize;
use web_kit::ApiError;

use super::{screens::Screens, shell::Ctx};

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

/// The page of the client whom a `clientId` means, if it means one.
pub(super) async fn page_of(ctx: &Ctx, label: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(label) = label else { return Ok(None) };
    let page = |id: ClientId| ctx.url(&format!("{PATH}/{id}"));
    if let Ok(id) = label.parse::<ClientId>()
        && clients::get_even_erased(ctx.app(), ctx.tenant(), id).await.is_ok()
    {
        return Ok(Some(page(id)));
    }
    let filter = ClientFilter { reference: Some(label.to_owned()), ..ClientFilter::default() };
    let first = PageRequest { page: 1, limit: 1, after: None };
    let found = clients::list(ctx.app(), ctx.tenant(), &filter, &first).await?;
    Ok(found.rows.first().map(|client| page(client.id)))
}

/// What people call a client.
fn title(profile: &ClientProfile, id: ClientId) -> String {
    profile.title().map_or_else(|| id.to_string(), str::to_owned)
}
