//! Invoices, credit notes and receipts: what was written, what may be done with it, who writes it and where its
//! numbers come from.

mod acts;
mod edit;
mod file;
mod lines;
mod list;
mod new;
mod party;
mod series;
mod settings;
mod show;

use gateway_core::domain::{
    invoice::{InvoiceStatus, PaperKind},
    scope::Scope,
};

use super::{
    screens::Screens,
    shell::{Pill, Tone, words},
};

pub(super) const PATH: &str = "/invoices";
pub(super) const SETTINGS: &str = "/invoice-settings";

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::InvoiceRead, "/invoices", list::list)
        .get(Scope::InvoiceCreate, "/invoices/new", new::show)
        .post(Scope::InvoiceCreate, "/invoices/new", new::create)
        .post(Scope::InvoiceCreate, "/transactions/{id}/invoice", new::of_transaction)
        .get(Scope::InvoiceRead, "/invoices/{id}", show::show)
        .get(Scope::InvoiceRead, "/invoices/{id}/pdf", file::pdf)
        .get(Scope::InvoiceRead, "/invoices/{id}/xml", file::xml)
        .get(Scope::InvoiceWrite, "/invoices/{id}/edit", edit::show)
        .post(Scope::InvoiceWrite, "/invoices/{id}/edit", edit::save)
        .post(Scope::InvoiceCreate, "/invoices/{id}/duplicate", acts::duplicate)
        .post(Scope::InvoiceWrite, "/invoices/{id}/issue", acts::issue)
        .post(Scope::InvoiceWrite, "/invoices/{id}/void", acts::void)
        .post(Scope::InvoiceCreate, "/invoices/{id}/credit", acts::credit)
        .post(Scope::InvoiceWrite, "/invoices/{id}/send", acts::send)
        .post(Scope::InvoiceWrite, "/invoices/{id}/record-payment", acts::record_payment)
        .post(Scope::InvoiceWrite, "/invoices/{id}/render", acts::render)
        .post(Scope::InvoiceWrite, "/invoices/{id}/resolve", acts::resolve)
        .get(Scope::InvoiceSettingsRead, SETTINGS, settings::show)
        .post(Scope::InvoiceSettingsWrite, SETTINGS, settings::save)
        .get(Scope::InvoiceSettingsWrite, "/invoice-series/new", series::new)
        .post(Scope::InvoiceSettingsWrite, "/invoice-series/new", series::create)
        .get(Scope::InvoiceSettingsRead, "/invoice-series/{id}", series::show)
        .post(Scope::InvoiceSettingsWrite, "/invoice-series/{id}", series::save)
}

/// A status, coloured by what is still to come.
pub(super) fn status_pill(status: InvoiceStatus) -> Pill {
    let tone = match status {
        InvoiceStatus::Settled | InvoiceStatus::Issued => Tone::Good,
        InvoiceStatus::Open | InvoiceStatus::PartiallySettled => Tone::Warn,
        _ => Tone::Calm,
    };
    Pill::new(tone, words(status.as_str()))
}

/// Every kind, as a choice.
fn kinds() -> Vec<(&'static str, String)> {
    PaperKind::ALL.iter().map(|kind| (kind.as_str(), words(kind.as_str()))).collect()
}
