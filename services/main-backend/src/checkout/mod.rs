//! The checkout as customers see it.

pub mod pages;
