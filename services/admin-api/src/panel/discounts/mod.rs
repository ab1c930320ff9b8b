//! Discounts: what codes take off, for whom, when, and how often.

mod edit;
mod list;
mod show;

use gateway_core::domain::{
    DiscountId, Timestamp,
    discount::{Discount, DiscountValue},
    scope::Scope,
};
use serde::Deserialize;

use super::{
    screens::Screens,
    shell::{Ctx, Pill, Tone},
};

const PATH: &str = "/discounts";

/// The discount in the address.
#[derive(Deserialize)]
struct One {
    id: DiscountId,
}

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::DiscountRead, "/discounts", list::list)
        .get(Scope::DiscountWrite, "/discounts/new", edit::new)
        .post(Scope::DiscountWrite, "/discounts/new", edit::create)
        .get(Scope::DiscountRead, "/discounts/{id}", show::show)
        .get(Scope::DiscountWrite, "/discounts/{id}/edit", edit::edit)
        .post(Scope::DiscountWrite, "/discounts/{id}/edit", edit::update)
        .post(Scope::DiscountWrite, "/discounts/{id}/archive", show::archive)
}

/// What it takes off: `20 %` or an amount.
fn off(ctx: &Ctx, discount: &Discount) -> String {
    match discount.value {
        DiscountValue::Percent { percent } => format!("{} %", percent.normalize()),
        DiscountValue::Amount { amount } => {
            discount.currency.map_or_else(|| amount.to_string(), |currency| ctx.money(amount, currency))
        }
    }
}

/// `3 of 10`, or `3` without a limit.
fn used(discount: &Discount, times: u64) -> String {
    discount.max_redemptions.map_or_else(|| times.to_string(), |most| format!("{times} of {most}"))
}

/// Whether a customer could use it now, as far as time and the limit in all go.
fn state_pill(discount: &Discount, times: u64, now: Timestamp) -> Pill {
    let is_spent = discount.max_redemptions.is_some_and(|most| u64::try_from(most).unwrap_or(0) <= times);
    if !discount.active {
        Pill::new(Tone::Calm, "Off")
    } else if discount.ends_at.is_some_and(|end| end <= now) {
        Pill::new(Tone::Calm, "Ended")
    } else if discount.starts_at.is_some_and(|start| start > now) {
        Pill::new(Tone::Warn, "Not yet")
    } else if is_spent {
        Pill::new(Tone::Warn, "Used up")
    } else {
        Pill::new(Tone::Good, "Accepted")
    }
}
