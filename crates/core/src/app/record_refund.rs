//! A refund that was made at the bank is recorded: the gateway cannot move the money of a bank transfer, and a shop must
//! be told all the same that its order was paid back.
//!
//! What is recorded, what it makes of the payment and the reply are one commit, as a confirmation is.

use super::{
    App, AppError, Problem,
    confirm_manual::{NOTE_CHARS_MAX, REFERENCE_CHARS_MAX, check_texts, correction_error, same_request},
    create_checkout::IdempotencyKey,
    settings::finish,
};
use crate::{
    domain::{
        ConfirmationId, Currency, RefundId, Tenant, Timestamp, TransactionId,
        checkout::Idempotency,
        transaction::{SentBack, SentBackEntries, Transaction},
    },
    fault::{self, Recovery},
};

/// Money that was sent back at the bank.
#[derive(Debug, Clone, Default)]
pub struct NewRecordedRefund {
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    /// Must be the transaction's, where it is given.
    pub currency: Option<Currency>,
    /// When it was sent; now where absent.
    pub refunded_at: Option<Timestamp>,
    /// The bank's own name of it.
    pub bank_reference: Option<String>,
    /// The merchant's reason.
    pub reason: Option<String>,
}

/// What it came to.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// The transaction, and what was made within it.
    Done(Box<Transaction>, SentBackEntries),
    /// The reply of the first such request.
    Replay(String),
}

/// Records a refund. What had come too much goes first and leaves the payment as it is; the rest is a refund that has
/// succeeded. `render` makes the reply that is stored for repetitions.
pub async fn record_refund(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: NewRecordedRefund,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Transaction, SentBackEntries) -> String + Send + Sync),
) -> Result<Recorded, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    let now = app.now();
    check(&new, now)?;
    if let Some(key) = idempotency {
        key.refuse_elsewhere(app, tenant, "confirmations", id).await?;
        key.refuse_elsewhere(app, tenant, "refunds", id).await?;
    }
    let sent = SentBack {
        refund_id: RefundId::generate(),
        entry_id: ConfirmationId::generate(),
        amount: new.amount,
        at: new.refunded_at.unwrap_or(now),
        bank_reference: new.bank_reference.clone(),
        reason: new.reason.clone(),
        idem: idempotency.map(|key| key.record(app, tenant, None)),
    };
    let none = SentBackEntries { entry: None, refund: None };
    let decide = |t: &mut Transaction| {
        if let (Some(stored), Some(key)) = (first_request(t, sent.idem.as_ref()), idempotency) {
            return Ok((false, (none, Some(key.replay(app, stored)?))));
        }
        if new.currency.is_some_and(|currency| currency != t.currency) {
            return Err(AppError::field("currency", format!("must be {}", t.currency)));
        }
        let made = t.record_sent_back(sent.clone(), now).map_err(|error| correction_error(&error))?;
        let reply = render(t, made);
        Ok((true, (made, keep(t, made, &reply).then_some(reply))))
    };
    let (transaction, (made, reply)) =
        app.change::<Transaction, _, _>(tenant, id, "transaction", decide).await?;
    fault::point("record_refund.after_save");
    Ok(match reply {
        Some(reply) => Recorded::Replay(reply),
        None => Recorded::Done(Box::new(transaction), made),
    })
}

fn check(new: &NewRecordedRefund, now: Timestamp) -> Result<(), AppError> {
    let mut problems = Vec::new();
    if new.refunded_at.is_some_and(|at| at > now) {
        problems.push(Problem::new("refundedAt", "must not be in the future"));
    }
    let texts = [
        ("bankReference", new.bank_reference.as_ref(), REFERENCE_CHARS_MAX),
        ("reason", new.reason.as_ref(), NOTE_CHARS_MAX),
    ];
    check_texts(&texts, &mut problems);
    finish(problems)
}

/// The record of the same request, in whatever it made.
fn first_request<'a>(transaction: &'a Transaction, fresh: Option<&Idempotency>) -> Option<&'a Idempotency> {
    let slot = fresh?.slot;
    let mut of_refunds = transaction.refunds.iter().filter_map(|refund| refund.idem.as_ref());
    same_request(transaction, fresh).or_else(|| of_refunds.find(|idem| idem.slot == slot))
}

/// Puts the reply into the record, where there is one.
fn keep(transaction: &mut Transaction, made: SentBackEntries, reply: &str) -> bool {
    let entry = transaction.confirmations.iter_mut().filter(|one| Some(one.id) == made.entry);
    let refund = transaction.refunds.iter_mut().filter(|one| Some(one.id) == made.refund);
    let mut records = entry.map(|one| &mut one.idem).chain(refund.map(|one| &mut one.idem));
    let Some(record) = records.find_map(Option::as_mut) else { return false };
    record.reply = Some(reply.to_owned().into());
    true
}
