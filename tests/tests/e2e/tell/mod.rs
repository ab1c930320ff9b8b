//! Telling merchants: relay, lanes, delivery, by the store and over the wire.

mod bench;
mod deliver;
pub mod kill;
mod manual;
mod relay;
pub mod world;
