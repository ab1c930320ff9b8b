//! The audit log: who did what, in sentences.

mod list;
mod words;

use gateway_core::domain::scope::Scope;

use super::screens::Screens;

const PATH: &str = "/audit-log";

pub(super) fn screens(screens: Screens) -> Screens {
    screens.get(Scope::AuditRead, PATH, list::list)
}
