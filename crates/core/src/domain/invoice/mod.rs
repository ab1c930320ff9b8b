//! Invoices, credit notes and receipts.

pub mod paper;

pub use paper::Paper;
