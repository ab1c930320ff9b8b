//! A person says that money has come: the way in which bank transfers succeed.
//!
//! What is said, what it makes of the payment and the reply to the request are one commit, by compare-and-set on
//! the version that was read: said twice with one key it counts once, and of several at the same moment none is
//! lost and none is counted twice.

use super::{App, AppError, Problem, create_checkout::IdempotencyKey, project, settings::finish};
use crate::{
    domain::{
        ConfirmationId, Currency, Tenant, Timestamp, TransactionId,
        checkout::Idempotency,
        transaction::{Confirmation, ConfirmationError, CorrectionError, Overpayment, Transaction},
    },
    fault::{self, Recovery},
};

/// Longest reference of a bank, in characters.
pub(super) const REFERENCE_CHARS_MAX: usize = 140;
/// Longest note, in characters.
pub(super) const NOTE_CHARS_MAX: usize = 500;

/// Money that has come.
#[derive(Debug, Clone, Default)]
pub struct NewConfirmation {
    /// Minor units.
    pub amount: i64,
    /// Must be the transaction's, where it is given.
    pub currency: Option<Currency>,
    /// When it came; now where absent.
    pub received_at: Option<Timestamp>,
    /// The bank's own name of it.
    pub bank_reference: Option<String>,
    /// For people.
    pub note: Option<String>,
    /// Whether it may be more than is missing: whoever says so has been asked.
    pub allow_overpayment: bool,
    /// What had been confirmed when this was decided: refused where somebody came between.
    pub seen: Option<i64>,
}

/// What it came to.
#[derive(Debug, Clone)]
pub enum Confirmed {
    /// The transaction, and the confirmation within it.
    Done(Box<Transaction>, ConfirmationId),
    /// The reply of the first such request.
    Replay(String),
}

/// Takes in money that has come. `render` makes the reply that is stored for repetitions.
pub async fn confirm_manual(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: NewConfirmation,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Transaction, ConfirmationId) -> String + Send + Sync),
) -> Result<Confirmed, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    let now = app.now();
    check(&new, now)?;
    if let Some(key) = idempotency {
        key.refuse_elsewhere(app, tenant, "confirmations", id).await?;
    }
    let fresh = Confirmation {
        id: ConfirmationId::generate(),
        amount: new.amount,
        reverses: None,
        received_at: new.received_at.unwrap_or(now),
        bank_reference: new.bank_reference.clone(),
        note: new.note.clone(),
        idem: idempotency.map(|key| key.record(app, tenant, None)),
        created_at: now,
    };
    let decide = |t: &mut Transaction| {
        if let (Some(stored), Some(key)) = (same_request(t, fresh.idem.as_ref()), idempotency) {
            return Ok((false, Some(key.replay(app, stored)?)));
        }
        agrees(t, &new)?;
        let overpayment = if new.allow_overpayment { Overpayment::Allowed } else { Overpayment::Refused };
        t.confirm(fresh.clone(), overpayment, now).map_err(|error| error_of(&error))?;
        Ok((true, with_reply(t, fresh.id, render)))
    };
    let (transaction, reply) = app.change::<Transaction, _, _>(tenant, id, "transaction", decide).await?;
    fault::point("confirm.after_save");
    // Also for a repetition: the first one may have been cut off here. Else the reconciler does it.
    project::project_checkout(app, &transaction).await?;
    Ok(match reply {
        Some(reply) => Confirmed::Replay(reply),
        None => Confirmed::Done(Box::new(transaction), fresh.id),
    })
}

/// Takes a confirmation back by a counter-entry: what was confirmed by mistake. A payment that no longer reaches its
/// amount fails, and whoever was told that it was paid is told so. `render` makes the reply that is stored.
pub async fn reverse(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    of: ConfirmationId,
    note: Option<String>,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Transaction, ConfirmationId) -> String + Send + Sync),
) -> Result<Confirmed, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    let now = app.now();
    let mut problems = Vec::new();
    check_texts(&[("note", note.as_ref(), NOTE_CHARS_MAX)], &mut problems);
    finish(problems)?;
    if let Some(key) = idempotency {
        key.refuse_elsewhere(app, tenant, "confirmations", id).await?;
    }
    let fresh = Confirmation {
        id: ConfirmationId::generate(),
        amount: 0,
        reverses: Some(of),
        received_at: now,
        bank_reference: None,
        note,
        idem: idempotency.map(|key| key.record(app, tenant, None)),
        created_at: now,
    };
    let decide = |t: &mut Transaction| {
        if let (Some(stored), Some(key)) = (same_request(t, fresh.idem.as_ref()), idempotency) {
            return Ok((false, Some(key.replay(app, stored)?)));
        }
        t.reverse_confirmation(of, fresh.clone(), now).map_err(|error| correction_error(&error))?;
        Ok((true, with_reply(t, fresh.id, render)))
    };
    let (transaction, reply) = app.change::<Transaction, _, _>(tenant, id, "transaction", decide).await?;
    fault::point("reverse.after_save");
    Ok(match reply {
        Some(reply) => Confirmed::Replay(reply),
        None => Confirmed::Done(Box::new(transaction), fresh.id),
    })
}

/// Puts the reply into the record of an entry that was just made, where it has one.
pub(super) fn with_reply(
    transaction: &mut Transaction,
    entry: ConfirmationId,
    render: &(dyn Fn(&Transaction, ConfirmationId) -> String + Send + Sync),
) -> Option<String> {
    let reply = render(transaction, entry);
    let made = transaction.confirmations.iter_mut().find(|one| one.id == entry)?;
    made.idem.as_mut()?.reply = Some(reply.clone().into());
    Some(reply)
}

pub(super) fn same_request<'a>(
    transaction: &'a Transaction,
    fresh: Option<&Idempotency>,
) -> Option<&'a Idempotency> {
    let slot = fresh?.slot;
    transaction.confirmations.iter().filter_map(|one| one.idem.as_ref()).find(|idem| idem.slot == slot)
}

fn check(new: &NewConfirmation, now: Timestamp) -> Result<(), AppError> {
    let mut problems = Vec::new();
    if new.received_at.is_some_and(|at| at > now) {
        problems.push(Problem::new("receivedAt", "must not be in the future"));
    }
    let texts = [
        ("bankReference", new.bank_reference.as_ref(), REFERENCE_CHARS_MAX),
        ("note", new.note.as_ref(), NOTE_CHARS_MAX),
    ];
    check_texts(&texts, &mut problems);
    finish(problems)
}

pub(super) fn check_texts(texts: &[(&str, Option<&String>, usize)], problems: &mut Vec<Problem>) {
    for (field, text, chars_max) in texts {
        if text.is_some_and(|text| text.chars().count() > *chars_max) {
            problems.push(Problem::new(*field, format!("must be at most {chars_max} characters")));
        }
    }
}

/// Whether it is about this payment, and about what its sender has seen of it.
fn agrees(transaction: &Transaction, new: &NewConfirmation) -> Result<(), AppError> {
    if new.currency.is_some_and(|currency| currency != transaction.currency) {
        let text = format!("must be {}: convert what came in another currency", transaction.currency);
        return Err(AppError::field("currency", text));
    }
    if new.seen.is_some_and(|seen| seen != transaction.received()) {
        let message =
            "somebody has confirmed money since this page was loaded: look again before you confirm more";
        return Err(AppError::conflict("CONFIRMED_MEANWHILE", message));
    }
    Ok(())
}

fn error_of(error: &ConfirmationError) -> AppError {
    let message = error.to_string();
    match error {
        ConfirmationError::NotByHand => AppError::conflict("TRANSACTION_NOT_CONFIRMABLE", message),
        ConfirmationError::AlreadyPaid => AppError::conflict("TRANSACTION_ALREADY_PAID", message),
        ConfirmationError::ExceedsMissing { .. } => {
            AppError::conflict("CONFIRMATION_EXCEEDS_AMOUNT", message)
        }
        ConfirmationError::Known(_) => AppError::conflict("CONFIRMATION_KNOWN", message),
        ConfirmationError::TooMany => AppError::conflict("TOO_MANY_CONFIRMATIONS", message),
        ConfirmationError::NotPositive => AppError::field("amount", "must be more than zero"),
        ConfirmationError::TooLarge => AppError::field("amount", "is too large"),
        ConfirmationError::Mismatch(_) => AppError::internal(message),
    }
}

/// Why a correction was not made.
pub(super) fn correction_error(error: &CorrectionError) -> AppError {
    let message = error.to_string();
    match error {
        CorrectionError::NotByHand => AppError::conflict("TRANSACTION_NOT_CONFIRMABLE", message),
        CorrectionError::Unknown => AppError::NotFound("confirmation"),
        CorrectionError::IsCorrection | CorrectionError::SentBack => {
            AppError::conflict("CONFIRMATION_NOT_REVERSIBLE", message)
        }
        CorrectionError::Reversed => AppError::conflict("CONFIRMATION_REVERSED", message),
        CorrectionError::NothingLeft => AppError::conflict("TRANSACTION_NOT_REFUNDABLE", message),
        CorrectionError::ExceedsBalance { .. } => {
            AppError::Unprocessable { code: "REFUND_EXCEEDS_BALANCE", message }
        }
        CorrectionError::NotPositive => AppError::field("amount", "must be more than zero"),
        CorrectionError::Known(_) => AppError::conflict("REFUND_KNOWN", message),
        CorrectionError::TooMany => AppError::conflict("TOO_MANY_CONFIRMATIONS", message),
    }
}
