//! The rules against their table, and against models of the receivers that exist.

mod histories;
mod scene;
mod table;
