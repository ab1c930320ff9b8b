//! What the binary does beside being the worker.

pub mod render;
