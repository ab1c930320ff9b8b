//! The audit log: an entry for whatever is administered, written so that nothing can be forgotten.
//!
//! Around every request that may change something runs [`recorded`], put there once for the API and once for the
//! panel. Inside it whoever learns who asks says so ([`by`], [`by_person`]), which is the moment when a *draft* is
//! written: durable before the act, and without it the act does not begin. When the answer is there the draft becomes
//! an entry of the chain. What is cut off in between leaves its draft, of which the worker makes an entry that says
//! so ([`sweep`]).

mod chain;
mod log;
mod running;
mod sweep;
pub mod verify;

pub use chain::{HeadLine, count_from_zero, heads};
pub use log::{Filter, last_change, list};
pub use running::{
    What, about_person, by, by_one_of_the_installation, by_operator, by_person, fields, known, must_record,
    recorded, repeated, target,
};
pub(crate) use running::{in_both_modes, made_organization};
pub use sweep::{HAND_FULL, sweep};
