//! What tests and the development commands stand on: real MongoDB servers, child processes that never
//! outlive their starter, and simulators of the outside world.

pub mod mongod;
pub mod process;

pub use mongod::shared_mongod;
