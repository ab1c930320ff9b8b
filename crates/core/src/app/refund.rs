//! Refund: decided here, then sent. The intent is stored before the provider is called and reserves its
//! money; a crash in between is finished by the worker with the same key.

use super::{App, AppError, apply, create_checkout::IdempotencyKey};
use crate::{
    domain::{
        RefundId, Tenant, TransactionId,
        money::Money,
        provider_account::ProviderAccount,
        transaction::{Failure, Refund, RefundError, RefundRequest, RefundState, Transaction},
    },
    fault::{self, Recovery},
    provider::{ProviderError, SendRefund},
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
    let (refund_id, existing) = decide(app, tenant, id, &new, idempotency).await?;
    if let Some(reply) = existing {
        return Ok(Refunded::Replay(reply));
    }
    fault::point("refund.after_intent");
    let transaction = send(app, tenant, id, refund_id).await?;
    let Some(key) = idempotency else { return Ok(Refunded::Done(Box::new(transaction), refund_id)) };
    let reply = render(&transaction, refund_id);
    store_reply(app, tenant, id, refund_id, key, &reply).await?;
    Ok(Refunded::Replay(reply))
}

/// The same refund for the same key: a request that was cut off goes on where it was.
async fn decide(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: &NewRefund,
    idempotency: Option<&IdempotencyKey>,
) -> Result<(RefundId, Option<String>), AppError> {
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
                return Ok((false, (stored.id, reply)));
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
            Ok((true, (fresh_id, None)))
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

/// Sends a decided refund. Called again it sends the same one: the provider knows it by its key.
pub(super) async fn send(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    refund_id: RefundId,
) -> Result<Transaction, AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    let refund = transaction.refund(refund_id).ok_or(AppError::NotFound("refund"))?;
    // What has a name at the provider was made there, whatever is not known of it.
    let is_made = refund.reference.is_some();
    if is_made || !matches!(refund.state, RefundState::NotSent | RefundState::Unknown) {
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
        refunded_total: transaction.captured - transaction.refundable(),
        reason: refund.reason.clone(),
    };
    let handle = apply::handle_of(app, &transaction);
    let answer = app.adapter(provider.kind)?.refund(&account, &handle, &request).await;
    fault::point("refund.after_provider");
    let now = app.now();
    match answer {
        Ok(update) => match transaction.check(&update) {
            Ok(()) => apply::take_answer(app, &transaction, update).await?,
            Err(mismatch) => {
                tracing::warn!(transaction = %id, refund = %refund_id, %mismatch, "a refund came out otherwise");
                app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
                    t.doubt_refund(refund_id, &update, &mismatch, now);
                    t.schedule_reconcile(true, now);
                    Ok((true, ()))
                })
                .await?;
            }
        },
        Err(ProviderError::Rejected(failure) | ProviderError::CustomerData(failure)) => {
            app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
                t.reject_refund(refund_id, failure.clone(), now);
                t.schedule_reconcile(true, now);
                Ok((true, ()))
            })
            .await?;
            fault::point("refund.after_save");
            return look_again(app, tenant, id).await;
        }
        Err(ProviderError::Unsupported(text)) => {
            let failure = Failure::new("unsupported", text);
            app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
                t.reject_refund(refund_id, failure.clone(), now);
                t.schedule_reconcile(true, now);
                Ok((true, ()))
            })
            .await?;
        }
        Err(error) => {
            tracing::warn!(transaction = %id, refund = %refund_id, %error, "a refund's fate is not known");
            app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
                t.mark_refund_unknown(refund_id, now);
                t.schedule_reconcile(true, now);
                Ok((true, ()))
            })
            .await?;
        }
    }
    fault::point("refund.after_save");
    store.get(id).await?.ok_or(AppError::NotFound("transaction"))
}

/// A refusal means that the provider knows more than is known here: a refund in the dashboard, a dispute.
async fn look_again(app: &App, tenant: Tenant, id: TransactionId) -> Result<Transaction, AppError> {
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
