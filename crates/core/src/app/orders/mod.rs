//! Orders: what a shop is told is a function of its order ([`crate::domain::order`], `docs/orders.md`).
//!
//! | File | Does |
//! |---|---|
//! | [`settle`] | takes in news of a payment, a checkout or a delivery, and stores what follows in one commit |
//! | `observe` | looks at checkouts and deliveries |
//! | [`dispatch`] | brings the notification that is next on its way, and flags to the transactions |
//! | [`gate`] | asks before a second payment is begun or captured |
//! | [`view`] | orders as the API and the panel see them |
//! | `history` | makes an order of what a release before orders has left |
//!
//! The order's own list of notifications is its outbox: a delivery's id follows from order and number, and whoever comes
//! back (the relay of the same entry, the sweep, a worker that is about to send) makes what is missing.

pub(crate) mod dispatch;
pub mod gate;
mod history;
mod observe;
pub mod settle;
pub mod view;

pub use history::ensure;
pub use settle::{OrderSweep, about_checkout, about_transaction, look_again};
