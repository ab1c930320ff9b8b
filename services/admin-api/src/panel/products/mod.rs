//! Products: the merchant's library, whose entries checkouts copy.

mod edit;
mod list;
mod show;

use gateway_core::domain::{ProductId, product::Product, scope::Scope};
use serde::Deserialize;

use super::{
    screens::Screens,
    shell::{Pill, Tone},
};

const PATH: &str = "/products";

/// The product in the address.
#[derive(Deserialize)]
struct One {
    id: ProductId,
}

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::ProductRead, "/products", list::list)
        .get(Scope::ProductWrite, "/products/new", edit::new)
        .post(Scope::ProductWrite, "/products/new", edit::create)
        .get(Scope::ProductRead, "/products/{id}", show::show)
        .get(Scope::ProductRead, "/products/{id}/picture", show::picture)
        .get(Scope::ProductWrite, "/products/{id}/edit", edit::edit)
        .post(Scope::ProductWrite, "/products/{id}/edit", edit::update)
        .post(Scope::ProductWrite, "/products/{id}/archive", show::archive)
}

fn active_pill(product: &Product) -> Pill {
    if product.active { Pill::new(Tone::Good, "Active") } else { Pill::new(Tone::Calm, "Not active") }
}
