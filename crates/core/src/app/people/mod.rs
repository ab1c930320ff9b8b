//! People: how they sign in, and where they may do what.

pub mod session;

pub use session::{Client, SignedIn};
