//! The pure domain: ids, time, and what a shop is told of its order.
//!
//! Nothing here does I/O, reads a clock or draws a random number. The rest of the domain still lives in the
//! core crate's `domain` module and moves here piece by piece.

mod codec;
mod id;
pub mod order;
mod time;

pub use id::*;
pub use time::{Clock, Timestamp};
