//! Capture and cancel: intents stored before the provider is called, finished by the worker where a crash
//! cut them off.

use super::{
    App, AppError, apply,
    create_checkout::{IdempotencyKey, RUNNING_MAX},
    orders::gate::{self, SecondPayment},
    refund,
};
use crate::{
    domain::{
        RefundId, Tenant, TransactionId,
        checkout::Idempotency,
        money::Money,
        provider_account::ProviderAccount,
        transaction::{
            Failure, Operation, OperationError, OperationKind, PaymentState, Refund, RefundState,
            Transaction, TransactionStatus,
        },
    },
    fault::{self, Recovery},
    provider::ProviderError,
    timing::scaled,
};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum NewOperation {
    /// Take authorized money.
    Capture {
        /// Minor units; all of it where absent.
        amount: Option<i64>,
        /// Also where another payment of the order holds money.
        second: SecondPayment,
    },
    /// End the payment.
    Cancel,
}

/// What it came to.
#[derive(Debug, Clone)]
pub enum Operated {
    /// The transaction, and the operation within it.
    Done(Box<Transaction>, RefundId),
    /// The reply of the first such request.
    Replay(String),
}

/// Captures or cancels. `render` makes the reply that is stored for repetitions.
pub async fn operate(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: NewOperation,
    idempotency: Option<&IdempotencyKey>,
    render: &(dyn Fn(&Transaction, RefundId) -> String + Send + Sync),
) -> Result<Operated, AppError> {
    let idempotency = idempotency.filter(|_| Recovery::Idempotency.is_on());
    let (operation_id, existing) = decide(app, tenant, id, new, idempotency).await?;
    if let Some(reply) = existing {
        return Ok(Operated::Replay(reply));
    }
    fault::point("operation.after_intent");
    let transaction = send(app, tenant, id, operation_id).await?;
    let Some(key) = idempotency else { return Ok(Operated::Done(Box::new(transaction), operation_id)) };
    let reply = render(&transaction, operation_id);
    let slot = key.slot(tenant);
    app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
        let operation = t.operations.iter_mut().find(|o| o.id == operation_id);
        let record = operation.and_then(|o| o.idem.as_mut()).filter(|record| record.slot == slot);
        let Some(record) = record else { return Ok((false, ())) };
        record.reply.get_or_insert_with(|| reply.clone().into());
        Ok((true, ()))
    })
    .await?;
    Ok(Operated::Replay(reply))
}

async fn decide(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    new: NewOperation,
    idempotency: Option<&IdempotencyKey>,
) -> Result<(RefundId, Option<String>), AppError> {
    let (fresh_id, now) = (RefundId::generate(), app.now());
    if let Some(key) = idempotency {
        key.refuse_elsewhere(app, tenant, "operations", id).await?;
    }
    let record = idempotency.map(|key| key.record(app, tenant, None));
    if let NewOperation::Capture { second, .. } = new {
        ask_the_order(app, tenant, id, second, record.as_ref()).await?;
    }
    let (_, decided) = app
        .change::<Transaction, _, _>(tenant, id, "transaction", |t| {
            let same = |o: &&Operation| match (&o.idem, &record) {
                (Some(stored), Some(asked)) => stored.slot == asked.slot,
                _ => false,
            };
            if let (Some(stored), Some(key)) = (t.operations.iter().find(same), idempotency) {
                let reply = key.resume(app, stored.idem.as_ref(), stored.updated_at)?;
                return Ok((false, (stored.id, reply)));
            }
            let decided = match new {
                NewOperation::Capture { amount, .. } => {
                    t.request_capture(fresh_id, amount, record.clone(), now)
                }
                NewOperation::Cancel => t.request_cancel(fresh_id, record.clone(), now),
            };
            decided.map_err(error_of)?;
            t.schedule_reconcile(true, now);
            Ok((true, (fresh_id, None)))
        })
        .await?;
    Ok(decided)
}

/// Before a capture is decided: whether another payment of the order holds money. A repeated request has been through
/// this already.
async fn ask_the_order(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    second: SecondPayment,
    record: Option<&Idempotency>,
) -> Result<(), AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    let slot = record.map(|record| record.slot);
    let is_repeated =
        transaction.operations.iter().any(|o| slot.is_some() && o.idem.as_ref().map(|i| i.slot) == slot);
    if is_repeated || transaction.status != TransactionStatus::Authorized {
        return Ok(());
    }
    gate::begin_capture(app, &transaction, second).await
}

fn error_of(error: OperationError) -> AppError {
    let message = error.to_string();
    match error {
        OperationError::Status(_, "captured") => AppError::conflict("TRANSACTION_NOT_CAPTURABLE", message),
        OperationError::Status(..) => AppError::conflict("TRANSACTION_NOT_CANCELLABLE", message),
        OperationError::Amount(_) => AppError::field("amount", message),
        OperationError::Running => AppError::conflict("OPERATION_RUNNING", message),
        OperationError::TooMany => AppError::conflict("TOO_MANY_OPERATIONS", message),
    }
}

/// Sends a decided operation. Called again it sends the same one.
async fn send(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    operation_id: RefundId,
) -> Result<Transaction, AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    let operation = transaction.operation(operation_id).ok_or(AppError::NotFound("operation"))?.clone();
    if !operation.is_running() {
        return Ok(transaction);
    }
    let answer = call(app, &transaction, &operation).await?;
    fault::point("operation.after_provider");
    let (state, failure) = match answer {
        Ok(()) => (RefundState::Succeeded, None),
        Err(ProviderError::Rejected(failure)) => (RefundState::Failed, Some(failure)),
        Err(error @ (ProviderError::Unsupported(_) | ProviderError::Unauthorized(_))) => {
            let failure = Failure::new("not_possible", error.to_string());
            (RefundState::Failed, Some(failure))
        }
        Err(error) => {
            tracing::warn!(transaction = %id, %error, "an operation's fate is not known");
            (RefundState::Unknown, None)
        }
    };
    finish(app, tenant, id, &operation, state, failure).await?;
    // The provider's own statement decides the status; here it is only asked for.
    refund::look_again(app, tenant, id).await
}

async fn call(
    app: &App,
    transaction: &Transaction,
    operation: &Operation,
) -> Result<Result<(), ProviderError>, AppError> {
    let (Some(provider_id), false) = (transaction.provider_id, transaction.refs.is_empty()) else {
        // Never reached a provider: there is nothing to end there.
        return Ok(Ok(()));
    };
    let store = app.store.for_org(transaction.tenant());
    let provider = store.get::<ProviderAccount>(provider_id).await?.ok_or(AppError::NotFound("provider"))?;
    let account = app.open_account(&provider).await?;
    let handle = apply::handle_of(app, transaction);
    let adapter = app.adapter(provider.kind)?;
    let key = format!("tollgate-{}-{}", operation.kind.as_str(), operation.id);
    Ok(match operation.kind {
        OperationKind::Capture => {
            let amount = operation.amount.map(|amount| Money::new(amount, transaction.currency));
            adapter.capture(&account, &handle, amount, &key).await
        }
        OperationKind::Cancel => adapter.cancel(&account, &handle, &key).await,
    })
}

async fn finish(
    app: &App,
    tenant: Tenant,
    id: TransactionId,
    operation: &Operation,
    state: RefundState,
    failure: Option<Failure>,
) -> Result<(), AppError> {
    let (now, operation_id) = (app.now(), operation.id);
    let cancelled = operation.kind == OperationKind::Cancel && state == RefundState::Succeeded;
    app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
        let changed = t.finish_operation(operation_id, state, failure.clone(), now);
        if cancelled && t.status.is_open() {
            t.end(PaymentState::Cancelled, "api", None, now);
        }
        // What is as unknown as before does not begin the schedule of looks anew.
        t.schedule_reconcile(changed, now);
        Ok((changed, ()))
    })
    .await?;
    Ok(())
}

/// The worker's part: sends what was decided but cut off before its outcome was known. A young intent is
/// left to the request that runs it.
pub async fn resume(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    if !Recovery::OperationResume.is_on() {
        return Ok(());
    }
    let now = app.now();
    let old = |updated_at| now.since(updated_at) > scaled(RUNNING_MAX);
    let (tenant, id) = (transaction.tenant(), transaction.id);
    let waits = |refund: &Refund| refund.is_in_doubt() && old(refund.updated_at);
    if transaction.refunds.iter().any(waits) {
        refund::resume(app, transaction, waits).await?;
    }
    for operation in transaction.operations.iter().filter(|o| o.is_running() && old(o.updated_at)) {
        send(app, tenant, id, operation.id).await?;
    }
    Ok(())
}
