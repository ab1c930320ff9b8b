//! Receivers and histories to try the rules on: here against the rules alone, in the end-to-end tests through the
//! database and two workers that are killed.

mod models;
mod world;

pub use models::{Kind, RECEIVERS, Shop};
pub use world::{Event, Line, Random, World, history};

use super::{OrderState, Payment, status::CHARGED_BACK};

/// Why a shop may see its order otherwise than it is: what no word of the contract tells it.
pub fn exception(order: &OrderState, kind: Kind) -> Option<&'static str> {
    if order.booked_untold {
        return Some("R5");
    }
    let booked = order.booked.and_then(|id| order.payment(id));
    if kind == Kind::A1 && booked.is_some_and(|payment| payment.success_again) {
        return Some("row 19");
    }
    if kind == Kind::W2 && booked.is_some_and(|payment| payment.may_not_be_followed) {
        return Some("rows 18 and 20");
    }
    let again = |payment: &Payment| payment.may_not_be_followed && payment.told == Some(CHARGED_BACK);
    let is_amember = matches!(kind, Kind::A1 | Kind::A2);
    (is_amember && order.payments.iter().any(again)).then_some("charged back twice")
}
