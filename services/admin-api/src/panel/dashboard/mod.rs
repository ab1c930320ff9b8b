//! The dashboard: what payments came to, and the first steps of an organization that has none yet.

mod chart;
mod show;
mod steps;

use gateway_core::domain::scope::Scope;

use super::screens::Screens;

pub(super) fn screens(screens: Screens) -> Screens {
    screens.get(Scope::TransactionRead, "", show::show).post(
        Scope::CheckoutCreate,
        "/checkouts/example",
        steps::example,
    )
}
