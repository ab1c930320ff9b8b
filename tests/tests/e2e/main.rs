//! Everything that needs a real MongoDB, the real binaries or a real browser: one test binary, a module per
//! subject.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop with the line where it did")]

mod admin;
mod axe;
mod backup;
mod browser;
mod browser_forms;
mod checkout_forms;
mod checkout_page;
mod cluster;
mod compose;
mod discounts;
mod edge;
mod examples;
mod front;
mod group_commit;
mod hooks;
mod in_process;
mod invoices;
mod kill;
mod panel;
mod permutations;
mod products;
mod providers_sim;
mod races;
mod reference_page;
mod runtime;
mod schema;
mod sdk;
mod secrets;
mod stripe_mock;
mod tell;
mod tidy;
mod tools;
mod traces;
mod watch;
