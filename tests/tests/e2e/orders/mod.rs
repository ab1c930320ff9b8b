//! Orders through the store: histories against receivers, the gate before a second payment, and an installation of the
//! release before.

mod gate;
mod histories;
mod kill;
mod migration;
