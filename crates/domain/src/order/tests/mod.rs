//! The rules against their table, and against models of the receivers that exist.

mod histories;
mod models;
mod scene;
mod table;
