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
        refund::{self as refunds, NewRefund, Refunded},
    },
    crypto::RequestDigest,
    domain::{
        ConfirmationId, Currency, DeliveryId, RefundId, TransactionId, transaction::{PROVIDER_REJECTED, Transaction},
    },
};
use serde::Deserialize;
use web_kit::{ApiError, Path};

use super::{PATH, show};
use crate::panel::{form::FormData, shell::Ctx};

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
        // Two colleagues who look at the same statement confirm it once.
        seen: Some(form.value("seen").parse().unwrap_or(-1)),
    };
    if !form.is_good() {
        return show::again(&ctx, one.id, form, None).await;
    }
    let said = |_: &_, id: ConfirmationId| id.to_string();
    let done = manual::confirm_manual(ctx.app(), ctx.tenant(), one.id, new, Some(&key), &said);
    after(&ctx, one.id, form, done.await.map(drop), "received").await
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
    let key = form.text("key").filter(|key| key.len() <= 64);
    let key = key.ok_or_else(|| ApiError::bad_field("key", "is missing: load the page anew"))?;
    // The key alone tells forms apart. Another content under the same key is a form that was changed after it had
    // been sent; it is refused like an API call of that kind.
    let content: String =
        form.pairs().filter(|(name, _)| *name != "csrf").flat_map(|(k, v)| [k, "=", v, "&"]).collect();
    let digest = RequestDigest::of("POST", &format!("{PATH}/{id}"), content.as_bytes());
    Ok((transaction.currency, IdempotencyKey { route: ROUTE, key, digest }))
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
    let error = ApiError::from(error);
    if error.status.is_server_error() || error.status == 404 {
        return Err(error);
    }
    let alert = if form.take(&error) { None } else { Some(error.message.into_owned()) };
    show::again(ctx, id, form, alert).await
}
