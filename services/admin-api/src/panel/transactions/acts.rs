//! What may be done with a transaction. Each is a form on its page, and leads back there.

use axum::response::Response;
use gateway_core::{
    app::{
        AppError, apply,
        confirm_manual::{self as manual, NewConfirmation},
        create_checkout::IdempotencyKey,
        deliveries, edit,
        operate::{self, NewOperation, Operated},
        orders::gate::SecondPayment,
        record_refund::{self as recorded, NewRecordedRefund},
        refund::{self as refunds, NewRefund, Refunded},
    },
    domain::{
        ConfirmationId, Currency, DeliveryId, RefundId, TransactionId,
        transaction::{PROVIDER_REJECTED, SentBackEntries, Transaction},
    },
};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, show};
use crate::panel::{act, form::FormData, shell::Ctx};

/// Names the slot of a form's key: sent twice, by a second click or a reload, a form does its work once.
const ROUTE: &str = "POST panel/transactions/{id}";

#[derive(Deserialize)]
pub(super) struct One {
    id: TransactionId,
}

pub(super) async fn refund(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let (currency, key) = prepare(&ctx, one.id, &mut form).await?;
    let amount = form.amount("amount", currency);
    let new = NewRefund { amount, reason: form.text("reason") };
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let done = refunds::refund(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &refusal).await;
    let done = done.map(|done| match done {
        Refunded::Done(transaction, id) => refusal(&transaction, id),
        Refunded::Replay(text) => text,
    });
    after(&ctx, one.id, form, refused(done), "refunded").await
}

#[derive(Deserialize)]
pub(super) struct OneRefund {
    id: TransactionId,
    refund: RefundId,
}

/// Calls off a refund of which the provider knows nothing.
pub(super) async fn cancel_refund(
    ctx: Ctx,
    Path(one): Path<OneRefund>,
    form: FormData,
) -> Result<Response, ApiError> {
    let done = refunds::cancel(ctx.app(), ctx.tenant(), one.id, one.refund).await.map(drop);
    after(&ctx, one.id, form, done, "refund-cancelled").await
}

pub(super) async fn capture(
    ctx: Ctx,
    Path(one): Path<One>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let (currency, key) = prepare(&ctx, one.id, &mut form).await?;
    let new = NewOperation::Capture {
        amount: form.amount("amount", currency),
        second: SecondPayment::accepted_if(form.is("acceptSecondPayment", "true")),
    };
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let done = operate::operate(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &refusal).await;
    after(&ctx, one.id, form, refused(done.map(operated)), "captured").await
}

pub(super) async fn cancel(ctx: Ctx, Path(one): Path<One>, mut form: FormData) -> Result<Response, ApiError> {
    let (_, key) = prepare(&ctx, one.id, &mut form).await?;
    let new = NewOperation::Cancel;
    let done = operate::operate(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &refusal).await;
    after(&ctx, one.id, form, refused(done.map(operated)), "cancelled").await
}

/// What a form is told, now and when it is sent again: nothing, or the provider's words.
fn refusal(transaction: &Transaction, id: RefundId) -> String {
    transaction.refusal_of(id).map_or_else(String::new, show::said)
}

fn operated(done: Operated) -> String {
    match done {
        Operated::Done(transaction, id) => refusal(&transaction, id),
        Operated::Replay(text) => text,
    }
}

/// A refusal of the provider is shown as what it is.
fn refused(done: Result<String, AppError>) -> Result<(), AppError> {
    match done?.as_str() {
        "" => Ok(()),
        said => Err(AppError::conflict(PROVIDER_REJECTED, format!("The provider refused it: {said}"))),
    }
}

/// Asks the provider now, instead of waiting for the reconciler.
pub(super) async fn confirm(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let transaction = show::load(&ctx, one.id).await?;
    let done = apply::confirm(ctx.app(), &transaction).await.map(drop);
    after(&ctx, one.id, form, done, "confirmed").await
}

/// A person has seen the money of a bank transfer.
pub(super) async fn confirm_manual(
    ctx: Ctx,
    Path(one): Path<One>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let (currency, key) = prepare(&ctx, one.id, &mut form).await?;
    form.required("amount");
    let amount = form.amount("amount", currency).unwrap_or_default();
    let new = NewConfirmation {
        amount,
        currency: Some(currency),
        received_at: form.day("receivedAt"),
        bank_reference: form.text("bankReference"),
        note: form.text("note"),
        allow_overpayment: form.is("allowOverpayment", "true"),
        // Two colleagues who look at the same statement confirm it once.
        seen: Some(form.value("received").parse().unwrap_or(-1)),
    };
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let said = |_: &_, id: ConfirmationId| id.to_string();
    let done = manual::confirm_manual(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &said).await;
    if let Err(AppError::Conflict { code: "CONFIRMATION_EXCEEDS_AMOUNT", message }) = done {
        let question = form.said(&message);
        return show::ask_overpayment(&ctx, one.id, form, question).await;
    }
    after(&ctx, one.id, form, done.map(drop), "received").await
}

#[derive(Deserialize)]
pub(super) struct Entry {
    id: TransactionId,
    confirmation: ConfirmationId,
}

/// What was confirmed by mistake is taken back.
pub(super) async fn reverse(
    ctx: Ctx,
    Path(one): Path<Entry>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let (_, key) = prepare(&ctx, one.id, &mut form).await?;
    let (note, said) = (form.text("note"), |_: &_, id: ConfirmationId| id.to_string());
    let (app, tenant) = (ctx.app(), ctx.tenant());
    let done = manual::reverse(app, tenant, one.id, one.confirmation, note, Some(&key), &said).await;
    after(&ctx, one.id, form, done.map(drop), "reversed").await
}

/// A refund that was made at the bank is recorded.
pub(super) async fn record_refund(
    ctx: Ctx,
    Path(one): Path<One>,
    mut form: FormData,
) -> Result<Response, ApiError> {
    let (currency, key) = prepare(&ctx, one.id, &mut form).await?;
    form.required("amount");
    let new = NewRecordedRefund {
        amount: form.amount("amount", currency),
        currency: Some(currency),
        refunded_at: form.day("refundedAt"),
        bank_reference: form.text("bankReference"),
        reason: form.text("reason"),
    };
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let said = |_: &_, _: SentBackEntries| String::new();
    let done = recorded::record_refund(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &said).await;
    after(&ctx, one.id, form, done.map(drop), "refund-recorded").await
}

pub(super) async fn resolve(ctx: Ctx, Path(one): Path<One>, form: FormData) -> Result<Response, ApiError> {
    let done = edit::resolve_review(ctx.app(), ctx.tenant(), one.id).await.map(drop);
    after(&ctx, one.id, form, done, "resolved").await
}

#[derive(Deserialize)]
pub(super) struct Notification {
    id: TransactionId,
    delivery: DeliveryId,
}

pub(super) async fn resend(
    ctx: Ctx,
    Path(one): Path<Notification>,
    form: FormData,
) -> Result<Response, ApiError> {
    let found = deliveries::get(ctx.app(), ctx.tenant(), one.delivery).await?;
    if found.transaction_id != Some(one.id) {
        return Err(AppError::NotFound("notification").into());
    }
    let done = deliveries::resend(ctx.app(), ctx.tenant(), one.delivery).await.map(drop);
    after(&ctx, one.id, form, done, "resent").await
}

/// The currency that amounts are read in, and the form's key.
async fn prepare(
    ctx: &Ctx,
    id: TransactionId,
    form: &mut FormData,
) -> Result<(Currency, IdempotencyKey), ApiError> {
    let transaction: Transaction = show::load(ctx, id).await?;
    Ok((transaction.currency, act::key(form, ROUTE, &format!("{PATH}/{id}"))?))
}

/// Back to the page: with a line that says what was done, or what stood against it.
async fn after(
    ctx: &Ctx,
    id: TransactionId,
    mut form: FormData,
    done: Result<(), AppError>,
    what: &'static str,
) -> Result<Response, ApiError> {
    let Err(error) = done else { return Ok(ctx.see(&format!("{PATH}/{id}"), what)) };
    let alert = form.refused(error)?;
    show::again(ctx, id, form, alert).await
}
