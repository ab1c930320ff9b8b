//! Transactions: what was paid, what became of it, and what may be done about it.

mod acts;
mod export;
pub(super) mod list;
pub(super) mod show;

pub(super) use list::Names;

use gateway_core::domain::{scope::Scope, transaction::TransactionStatus};

use super::{
    screens::Screens,
    shell::{Pill, Tone, words},
};

pub(super) use show::{delivery_pill, last_answer};

pub(super) const PATH: &str = "/transactions";

pub(super) fn screens(screens: Screens) -> Screens {
    screens
        .get(Scope::TransactionRead, "/transactions", list::list)
        .get(Scope::TransactionRead, "/transactions.csv", export::export)
        .get(Scope::TransactionRead, "/transactions/{id}", show::show)
        .post(Scope::RefundCreate, "/transactions/{id}/refund", acts::refund)
        .post(Scope::RefundCreate, "/transactions/{id}/refunds/{refund}/cancel", acts::cancel_refund)
        .post(Scope::TransactionCapture, "/transactions/{id}/capture", acts::capture)
        .post(Scope::TransactionCancel, "/transactions/{id}/cancel", acts::cancel)
        .post(Scope::TransactionUpdate, "/transactions/{id}/confirm", acts::confirm)
        .post(Scope::TransactionConfirm, "/transactions/{id}/confirm-manual", acts::confirm_manual)
        .post(
            Scope::TransactionConfirm,
            "/transactions/{id}/confirmations/{confirmation}/reverse",
            acts::reverse,
        )
        .post(Scope::RefundCreate, "/transactions/{id}/refunds/record", acts::record_refund)
        .post(Scope::TransactionUpdate, "/transactions/{id}/resolve", acts::resolve)
        .post(Scope::DeliveryWrite, "/transactions/{id}/notifications/{delivery}/resend", acts::resend)
}

/// A status, coloured by how good it is for the shop.
pub(super) fn status_pill(status: TransactionStatus) -> Pill {
    let tone = match status {
        TransactionStatus::Succeeded => Tone::Good,
        TransactionStatus::Failed | TransactionStatus::Disputed | TransactionStatus::Lost => Tone::Bad,
        TransactionStatus::Authorized => Tone::Warn,
        _ => Tone::Calm,
    };
    Pill::new(tone, words(status.as_str()))
}
