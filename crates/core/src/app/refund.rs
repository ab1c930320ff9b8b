//! Refund: decided here, then sent. The intent is stored before the provider is called and reserves its
//! money; a crash in between is finished by the worker with the same key.

use super::{
    App, AppError, CONFLICT_RETRIES, apply,
    create_checkout::{IdempotencyKey, RUNNING_MAX},
};
use crate::{
    domain::{
        RefundId, Tenant, TransactionId,
        money::Money,
        provider_account::ProviderAccount,
        transaction::{
            Failure, ProviderUpdate, REFUND_SENT_AGAIN_FOR, Refund, RefundError, RefundRequest, Transaction,
        },
    },
    fault::{self, Recovery},
    provider::{ProviderError, SendRefund},
    timing::scaled,
};

/// A refund as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewRefund {
    /// Minor units; all that is left when absent.
    pub amount: Option<i64>,
    /// The merchant's reason.
    pub reason: Option<String>,
}

/// What a request for a refund came to: the refund as it stands, or the stored reply.
#[derive(Debug, Clone)]
pub enum Refunded {
    /// The transaction, and the refund within it.
    Done(Box<Transaction>, RefundId),
    /// The reply of the first such request.
    Replay(String),
}

/// Refunds a transaction. `render` makes the reply that is stored for repetitions.
pub async fn refund(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: NewRefund,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Transaction, RefundId) -> String + Send + Sync),
) -> Result<Refunded, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    let (transaction, refund_id) = match decide(app, tenant, id, &new, idempotency).await? {
        Decided::Replied(reply) => return Ok(Refunded::Replay(reply)),
        Decided::Fresh(refund_id) => {
            fault::point("refund.after_intent");
            (send(app, tenant, id, refund_id).await?, refund_id)
        }
        Decided::CutOff(refund_id) => (send_again(app, tenant, id, refund_id).await?, refund_id),
    };
    let Some(key) = idempotency else { return Ok(Refunded::Done(Box::new(transaction), refund_id)) };
    let reply = render(&transaction, refund_id);
    store_reply(app, tenant, id, refund_id, key, &reply).await?;
    Ok(Refunded::Replay(reply))
}

/// What a request comes to before anything is sent.
enum Decided {
    /// A refund that was decided just now.
    Fresh(RefundId),
    /// The refund of the same request before, whose reply was never made.
    CutOff(RefundId),
    /// The reply of the same request before.
    Replied(String),
}

/// The same refund for the same key: a request that was cut off goes on where it was.
async fn decide(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: &NewRefund,
    idempotency: Option<&IdempotencyKey>,
) -> Result<Decided, AppError> {
    if let Some(reason) = &new.reason
        && reason.chars().count() > 500
    {
        return Err(AppError::field("reason", "must be at most 500 characters"));
    }
    let (fresh_id, now) = (RefundId::generate(), app.now());
    if let Some(key) = idempotency {
        key.refuse_elsewhere(app, tenant, "refunds", id).await?;
    }
    let record = idempotency.map(|key| key.record(app, tenant, None));
    let (_, decided) = app
        .change::<Transaction, _, _>(tenant, id, "transaction", |t| {
            let same = |r: &&Refund| match (&r.idem, &record) {
                (Some(stored), Some(asked)) => stored.slot == asked.slot,
                _ => false,
            };
            if let (Some(stored), Some(key)) = (t.refunds.iter().find(same), idempotency) {
                let reply = key.resume(app, stored.idem.as_ref(), stored.updated_at)?;
                return Ok((false, reply.map_or(Decided::CutOff(stored.id), Decided::Replied)));
            }
            refuse_unsupported(app, t)?;
            let request = RefundRequest {
                id: fresh_id,
                amount: new.amount,
                reason: new.reason.clone(),
                idem: record.clone(),
            };
            t.request_refund(request, now).map_err(error_of)?;
            t.schedule_reconcile(true, now);
            Ok((true, Decided::Fresh(fresh_id)))
        })
        .await?;
    Ok(decided)
}

/// A refund that nobody could send is not begun: its status would speak of money that does not move.
fn refuse_unsupported(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    let Some(kind) = transaction.provider_kind else { return Ok(()) };
    if app.adapter(kind)?.capabilities().refunds {
        return Ok(());
    }
    let message = "this provider cannot send money back: do it from your bank account";
    Err(AppError::conflict("REFUND_NOT_SUPPORTED", message))
}

fn error_of(error: RefundError) -> AppError {
    let message = error.to_string();
    match error {
        RefundError::Status(_) => AppError::conflict("TRANSACTION_NOT_REFUNDABLE", message),
        RefundError::ExceedsBalance { .. } => {
            AppError::Unprocessable { code: "REFUND_EXCEEDS_BALANCE", message }
        }
        RefundError::NotPositive => AppError::field("amount", "must be more than zero"),
        RefundError::TooMany => AppError::conflict("TOO_MANY_REFUNDS", message),
    }
}

/// Sends a decided refund: right after it was decided, or when the provider has just been asked and has none.
async fn send(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    refund_id: RefundId,
) -> Result<Transaction, AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    let refund = transaction.refund(refund_id).ok_or(AppError::NotFound("refund"))?;
    // What has a name at the provider was made there, whatever is not known of it.
    if !refund.is_in_doubt() {
        return Ok(transaction);
    }
    let provider_id = transaction.provider_id.ok_or_else(|| {
        AppError::conflict("TRANSACTION_NOT_REFUNDABLE", "nothing was paid through a provider")
    })?;
    let provider = store.get::<ProviderAccount>(provider_id).await?.ok_or(AppError::NotFound("provider"))?;
    let account = app.open_account(&provider).await?;
    let request = SendRefund {
        refund_id,
        amount: Money::new(refund.amount, transaction.currency),
        is_full: refund.amount == transaction.captured,
        refunded_total: transaction.reserved(),
        reason: refund.reason.clone(),
    };
    let handle = apply::handle_of(app, &transaction);
    let answer = app.adapter(provider.kind)?.refund(&account, &handle, &request).await;
    fault::point("refund.after_provider");
    let is_refused = matches!(answer, Err(ProviderError::Rejected(_) | ProviderError::CustomerData(_)));
    take_answer(app, &transaction, refund_id, answer).await?;
    fault::point("refund.after_save");
    if is_refused {
        return look_again(app, tenant, id).await;
    }
    store.get(id).await?.ok_or(AppError::NotFound("transaction"))
}

async fn take_answer(
    app: &App,
    transaction: &Transaction,
    refund_id: RefundId,
    answer: Result<ProviderUpdate, ProviderError>,
) -> Result<(), AppError> {
    let (now, id) = (app.now(), transaction.id);
    let failure = match answer {
        Ok(update) => match transaction.check(&update) {
            Ok(()) => return apply::take_answer(app, transaction, update).await,
            Err(mismatch) => {
                tracing::warn!(transaction = %id, refund = %refund_id, %mismatch, "a refund came out otherwise");
                return record(app, transaction, |t| {
                    t.doubt_refund(refund_id, &update, &mismatch, now);
                    true
                })
                .await;
            }
        },
        Err(ProviderError::Rejected(failure) | ProviderError::CustomerData(failure)) => failure,
        Err(ProviderError::Unsupported(text)) => Failure::new("unsupported", text),
        // The same as a refusal: whoever mends the credentials later must not send money that was forgotten.
        Err(error @ ProviderError::Unauthorized(_)) => Failure::new("unauthorized", error.to_string()),
        Err(error @ ProviderError::Unavailable(_)) => {
            tracing::warn!(transaction = %id, refund = %refund_id, %error, "a refund could not be sent yet");
            return Ok(());
        }
        Err(error) => {
            tracing::warn!(transaction = %id, refund = %refund_id, %error, "a refund's fate is not known");
            return record(app, transaction, |t| t.mark_refund_unknown(refund_id, now)).await;
        }
    };
    record(app, transaction, |t| {
        t.reject_refund(refund_id, failure.clone(), now);
        true
    })
    .await
}

/// Stores what became of a refund. What changes nothing does not begin the schedule of looks anew.
async fn record(
    app: &App,
    transaction: &Transaction,
    change: impl Fn(&mut Transaction) -> bool + Send + Sync,
) -> Result<(), AppError> {
    let now = app.now();
    app.change::<Transaction, (), _>(transaction.tenant(), transaction.id, "transaction", |t| {
        let changed = change(t);
        if changed {
            t.schedule_reconcile(true, now);
        }
        Ok((changed, ()))
    })
    .await?;
    Ok(())
}

/// Sends refunds again whose fate is not known. The provider is asked first, and only what it does not have is sent:
/// it forgets idempotency keys, and then a repetition is a second refund. What was decided too long ago is left to a
/// person, who is told by [`Transaction::overdue`].
pub(super) async fn resume(
    app: &App,
    transaction: &Transaction,
    is_wanted: impl Fn(&Refund) -> bool,
) -> Result<Transaction, AppError> {
    let looked = apply::look(app, transaction).await?;
    let mut current = looked.transaction;
    if !looked.shows_refunds {
        return Ok(current);
    }
    let is_late = |refund: &Refund| app.now().since(refund.created_at) > scaled(REFUND_SENT_AGAIN_FOR);
    let wanted = current.refunds.iter().filter(|r| r.is_in_doubt() && is_wanted(r) && !is_late(r));
    for refund_id in wanted.map(|refund| refund.id).take(CONFLICT_RETRIES).collect::<Vec<_>>() {
        current = send(app, current.tenant(), current.id, refund_id).await?;
    }
    Ok(current)
}

/// A person calls off a refund that the provider has not made, or of which it cannot be asked any more.
pub async fn cancel(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    refund_id: RefundId,
) -> Result<Transaction, AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    may_be_cancelled(app, &transaction, refund_id)?;
    // Whoever calls it off has looked; where the provider can be asked it is asked all the same.
    let current = look_again(app, tenant, id).await?;
    may_be_cancelled(app, &current, refund_id)?;
    let now = app.now();
    let (cancelled, ()) = app
        .change::<Transaction, (), _>(tenant, id, "transaction", |t| {
            may_be_cancelled(app, t, refund_id)?;
            t.reject_refund(
                refund_id,
                Failure::new("cancelled", "It was cancelled before it was made."),
                now,
            );
            t.schedule_reconcile(true, now);
            Ok((true, ()))
        })
        .await?;
    tracing::info!(transaction = %id, refund = %refund_id, "a refund was cancelled");
    Ok(cancelled)
}

/// Whether a refund can be called off: nobody sends it at this moment, and the provider is not known to have it.
fn may_be_cancelled(app: &App, transaction: &Transaction, refund_id: RefundId) -> Result<(), AppError> {
    let refund = transaction.refund(refund_id).ok_or(AppError::NotFound("refund"))?;
    if !refund.is_in_doubt() {
        let message = format!("the provider has it: it is {}", refund.state.as_str());
        return Err(AppError::conflict("REFUND_NOT_CANCELLABLE", message));
    }
    if app.now().since(refund.updated_at) <= scaled(RUNNING_MAX) {
        return Err(AppError::conflict("OPERATION_RUNNING", "it is being sent: try again in a minute"));
    }
    Ok(())
}

/// The same request once more. While the provider cannot be asked the refund stays as it is.
async fn send_again(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    refund_id: RefundId,
) -> Result<Transaction, AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    match resume(app, &transaction, |refund| refund.id == refund_id).await {
        Err(error @ AppError::Provider { .. }) => {
            tracing::info!(transaction = %id, %error, "not sent again: the provider cannot be asked");
            Ok(transaction)
        }
        sent => sent,
    }
}

/// Asks the provider of a transaction that it has just been asked to change: it may know more than is known here, such
/// as a refund in the dashboard or a dispute. Where it cannot be asked, the transaction stays as it is stored.
pub(super) async fn look_again(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
) -> Result<Transaction, AppError> {
    let store = app.store.for_org(tenant);
    let current = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    match apply::confirm(app, &current).await {
        Ok(confirmed) => Ok(confirmed),
        Err(error) => {
            tracing::info!(transaction = %id, %error, "not looked at yet; the reconciler asks");
            Ok(current)
        }
    }
}

async fn store_reply(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    refund_id: RefundId,
    key: &IdempotencyKey,
    reply: &str,
) -> Result<(), AppError> {
    let slot = key.slot(tenant);
    app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
        let refund = t.refunds.iter_mut().find(|r| r.id == refund_id);
        let record = refund.and_then(|r| r.idem.as_mut()).filter(|record| record.slot == slot);
        let Some(record) = record else { return Ok((false, ())) };
        record.reply.get_or_insert_with(|| reply.into());
        Ok((true, ()))
    })
    .await?;
    Ok(())
}
