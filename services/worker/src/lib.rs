//! The worker: tells merchants, and picks up what a crash or a silence left behind.

pub mod config;
pub mod documents;
pub mod health;
pub mod jobs;
pub mod mail;
pub mod passes;
pub mod picture;
pub mod pool;
pub mod registry;
pub mod runner;
