//! Orders: what a shop sells under one reference, whole.

mod list;
mod show;

use gateway_core::domain::{order::OrderStatus, scope::Scope};

use super::{
    screens::Screens,
    shell::{Pill, Tone, words},
};

pub(super) const PATH: &str = "/orders";

pub(super) fn screens(screens: Screens) -> Screens {
    screens.get(Scope::TransactionRead, "/orders", list::list).get(
        Scope::TransactionRead,
        "/orders/{id}",
        show::show,
    )
}

/// A status, coloured by how good it is for the shop.
pub(super) fn status_pill(status: OrderStatus) -> Pill {
    let tone = match status {
        OrderStatus::Paid => Tone::Good,
        OrderStatus::Open | OrderStatus::Pending => Tone::Warn,
        OrderStatus::Failed | OrderStatus::ChargedBack => Tone::Bad,
        OrderStatus::Refunded | OrderStatus::Cancelled => Tone::Calm,
    };
    Pill::new(tone, words(status.as_str()))
}
