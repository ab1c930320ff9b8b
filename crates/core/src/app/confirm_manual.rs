//! A person says that money has come: the way in which bank transfers succeed.
//!
//! What is said, what it makes of the payment and the reply to the request are one commit, by compare-and-set on
//! the version that was read: said twice with one key it counts once, and of several at the same moment none is
//! lost and none is counted twice.

use super::{App, AppError, Problem, create_checkout::IdempotencyKey, project};
use crate::{
    domain::{
        ConfirmationId, Currency, Tenant, Timestamp, TransactionId,
        transaction::{Confirmation, ConfirmationError, Transaction},
    },
    fault::Recovery,
};

/// Longest reference of a bank, in characters.
const REFERENCE_CHARS_MAX: usize = 140;
/// Longest note, in characters.
const NOTE_CHARS_MAX: usize = 500;

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
        received_at: new.received_at.unwrap_or(now),
        bank_reference: new.bank_reference.clone(),
        note: new.note.clone(),
        idem: idempotency.map(|key| key.record(app, tenant, None)),
        created_at: now,
    };
    let decide = |t: &mut Transaction| {
        if let (Some(stored), Some(key)) = (same_request(t, &fresh), idempotency) {
            return Ok((false, Some(key.replay(app, stored)?)));
        }
        agrees(t, &new)?;
        t.confirm(fresh.clone(), now).map_err(|error| error_of(&error))?;
        let Some(record) = t.confirmations.last().and_then(|one| one.idem.clone()) else {
            return Ok((true, None));
        };
        let reply = render(t, fresh.id);
        if let Some(last) = t.confirmations.last_mut() {
            last.idem =
                Some(crate::domain::checkout::Idempotency { reply: Some(reply.clone().into()), ..record });
        }
        Ok((true, Some(reply)))
    };
    let (transaction, reply) = app.change::<Transaction, _, _>(tenant, id, "transaction", decide).await?;
    // Also for a repetition: the first one may have been cut off here. Else the reconciler does it.
    project::project_checkout(app, &transaction).await?;
    Ok(match reply {
        Some(reply) => Confirmed::Replay(reply),
        None => Confirmed::Done(Box::new(transaction), fresh.id),
    })
}

fn same_request<'a>(
    transaction: &'a Transaction,
    fresh: &Confirmation,
) -> Option<&'a crate::domain::checkout::Idempotency> {
    let slot = fresh.idem.as_ref()?.slot;
    transaction.confirmations.iter().filter_map(|one| one.idem.as_ref()).find(|idem| idem.slot == slot)
}

fn check(new: &NewConfirmation, now: Timestamp) -> Result<(), AppError> {
    let mut problems = Vec::new();
    if new.received_at.is_some_and(|at| at > now) {
        problems.push(Problem::new("receivedAt", "must not be in the future"));
    }
    let texts =
        [("bankReference", &new.bank_reference, REFERENCE_CHARS_MAX), ("note", &new.note, NOTE_CHARS_MAX)];
    for (field, text, chars_max) in texts {
        if text.as_ref().is_some_and(|text| text.chars().count() > chars_max) {
            problems.push(Problem::new(field, format!("must be at most {chars_max} characters")));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(AppError::Invalid(problems)) }
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
        ConfirmationError::Known(_) => AppError::conflict("CONFIRMATION_KNOWN", message),
        ConfirmationError::TooMany => AppError::conflict("TOO_MANY_CONFIRMATIONS", message),
        ConfirmationError::NotPositive => AppError::field("amount", "must be more than zero"),
        ConfirmationError::TooLarge => AppError::field("amount", "is too large"),
        ConfirmationError::Mismatch(_) => AppError::internal(message),
    }
}
