//! Customers and payment providers talk to this service.
fn main() {}
