//! Checkouts: what customers are asked to pay, made by hand where no shop does it.

mod acts;
mod list;
mod new;
mod show;

pub(super) use new::create_one;

use gateway_core::domain::{checkout::CheckoutStatus, scope::Scope};

use super::{
    screens::Screens,
    shell::{Pill, Tone, words},
};

pub(super) const PATH: &str = "/checkouts";

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::CheckoutRead, "/checkouts", list::list)
        .get(Scope::CheckoutCreate, "/checkouts/new", new::form)
        .post(Scope::CheckoutCreate, "/checkouts/new", new::create)
        .get(Scope::CheckoutRead, "/checkouts/{id}", show::show)
        .post(Scope::CheckoutUpdate, "/checkouts/{id}/cancel", acts::cancel)
}

/// A status, coloured by how good it is for the shop.
pub(super) fn status_pill(status: CheckoutStatus) -> Pill {
    let tone = match status {
        CheckoutStatus::Paid | CheckoutStatus::Completed => Tone::Good,
        CheckoutStatus::Open => Tone::Warn,
        CheckoutStatus::Expired | CheckoutStatus::Cancelled => Tone::Calm,
    };
    Pill::new(tone, words(status.as_str()))
}
