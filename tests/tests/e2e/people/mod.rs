//! People: how the first one comes, how they sign in, and what their roles let them do, over HTTP and against a real
//! MongoDB.

mod authenticator;
mod invitations;
mod passkeys;
mod proofs;
mod setup;
mod sign_in;
pub mod sign_out;
mod throttle;
mod tokens;
pub mod world;
