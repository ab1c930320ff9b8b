//! What becomes of checkouts beside being paid: cancelled, expired, completed.

use std::time::Duration;

use mongodb::bson::doc;
use tracing::Instrument;

use super::{App, AppError, invoices, start_payment};
use crate::{
    domain::{
        CheckoutId, Tenant, Timestamp,
        checkout::{Checkout, CheckoutStatus, InvalidTransition},
        transaction::{PaymentState, Transaction},
    },
    fault,
    jobs::turns::{self, Work},
    store::due::{self, Due, Waits},
    timing::scaled,
};

fn conflict(error: InvalidTransition) -> AppError {
    AppError::conflict("CHECKOUT_NOT_OPEN", error.to_string())
}

/// The merchant ends a checkout. Its open payment is ended at the provider first: money that came
/// meanwhile wins.
pub async fn cancel(app: &App, tenant: Tenant, id: CheckoutId) -> Result<Checkout, AppError> {
    let store = app.store.for_org(tenant);
    let checkout = store.get::<Checkout>(id).await?.ok_or(AppError::NotFound("checkout"))?;
    if checkout.status == CheckoutStatus::Cancelled {
        return Ok(checkout);
    }
    if !checkout.status.may_become(CheckoutStatus::Cancelled) {
        let to = CheckoutStatus::Cancelled;
        return Err(conflict(InvalidTransition { from: checkout.status, to }));
    }
    let ended = end_open(app, &checkout, PaymentState::Cancelled, "api").await?;
    if ended.is_some_and(|t| t.status.is_open()) {
        let text = "money may be on its way: the payment that runs cannot be ended now";
        return Err(AppError::conflict("PAYMENT_RUNNING", text));
    }
    let now = app.now();
    let (checkout, ()) = app
        .change::<Checkout, _, _>(tenant, id, "checkout", |c| {
            c.cancel(now).map_err(conflict)?;
            Ok((true, ()))
        })
        .await?;
    end_late_comers(app, &checkout, PaymentState::Cancelled, "api").await;
    Ok(checkout)
}

/// A payment that was begun between the look for open ones and the end of the checkout. Where this is cut off
/// the reconciler does it.
async fn end_late_comers(app: &App, checkout: &Checkout, state: PaymentState, source: &str) {
    if let Err(error) = end_open(app, checkout, state, source).await {
        tracing::info!(checkout = %checkout.id, %error, "an open payment is left to the reconciler");
    }
}

async fn end_open(
    app: &App,
    checkout: &Checkout,
    state: PaymentState,
    source: &str,
) -> Result<Option<Transaction>, AppError> {
    match start_payment::open_transaction(app, checkout).await? {
        None => {
            // Money that was taken, and whose projection was cut off, decides.
            start_payment::take_in_paid(app, checkout).await?;
            Ok(None)
        }
        Some(open) => start_payment::end_at_provider(app, &open, state, source).await.map(Some),
    }
}

/// Ends checkouts whose time has run out, the provider's open session first.
#[derive(Debug)]
pub struct Expiry;

/// How long one worker has to end a checkout before another may: longer than its provider may take.
const CLAIM: Duration = Duration::from_mins(2);

impl Work for Expiry {
    const NAME: &'static str = "expiry";
    const EVERY: Duration = Duration::from_secs(1);
    const WAITS: Waits = due::EXPIRIES;
    const AT_ONCE: usize = 4;

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let id = CheckoutId::from_bytes(due.id);
        let until = app.now() + scaled(CLAIM);
        if !app.store.claim_due(Self::WAITS, due, until).await? {
            return Ok(());
        }
        let span = tracing::info_span!("expire", checkout = %id, organization = %due.tenant.organization);
        if let Err(error) = expire(app, due.tenant, id, until).instrument(span).await {
            tracing::warn!(checkout = %id, %error, "a checkout could not be expired yet");
            postpone(app, due.tenant, id).await?;
        }
        Ok(())
    }
}

/// Ends what is due, in one hand. Answers how many there were.
pub async fn expire_due(app: &App) -> Result<usize, AppError> {
    turns::pass(app, &Expiry).await
}

/// Ends a checkout that is ours until then.
async fn expire(app: &App, tenant: Tenant, id: CheckoutId, until: Timestamp) -> Result<(), AppError> {
    let checkout =
        &app.store.for_org(tenant).get::<Checkout>(id).await?.ok_or(AppError::NotFound("checkout"))?;
    let now = app.now();
    // Money that is on its way decides later; until then the checkout neither opens nor ends.
    let waits = match start_payment::open_transaction(app, checkout).await? {
        // Nor is an authorization: it is the merchant's until it is captured, cancelled, or gone at the provider.
        Some(open) if open.keeps_waiting(now) || !open.may_be_given_up() => true,
        _ => {
            let ended = end_open(app, checkout, PaymentState::Expired, "expiry").await?;
            ended.is_some_and(|t| t.status.is_open())
        }
    };
    let change = app.change::<Checkout, (), _>(checkout.tenant(), checkout.id, "checkout", |c| {
        // Whoever gave it more time meanwhile has set another date.
        if c.status != CheckoutStatus::Open || c.expiry_due != Some(until) {
            return Ok((false, ()));
        }
        if waits {
            c.expiry_due = Some(now + Duration::from_hours(1));
        } else {
            c.expire(now).map_err(conflict)?;
        }
        Ok((true, ()))
    });
    let (checkout, ()) = change.await?;
    if checkout.status == CheckoutStatus::Expired {
        end_late_comers(app, &checkout, PaymentState::Expired, "expiry").await;
    }
    Ok(())
}

async fn postpone(app: &App, tenant: Tenant, id: CheckoutId) -> Result<(), AppError> {
    let due = app.now() + Duration::from_mins(1);
    let store = app.store.for_org(tenant);
    let filter = doc! { "expiryDue": { "$exists": true } };
    store.update::<Checkout>(id, filter, doc! { "$set": { "expiryDue": due } }).await?;
    Ok(())
}

/// Everything that follows a payment is done, the invoice included. Called by the relay of the checkout and by
/// that of its invoice, whichever comes last; harmless to repeat.
pub async fn complete(app: &App, tenant: Tenant, id: CheckoutId) -> Result<(), AppError> {
    let store = app.store.for_org(tenant);
    let checkout = store.get::<Checkout>(id).await?.ok_or(AppError::NotFound("checkout"))?;
    let is_paid = checkout.status == CheckoutStatus::Paid;
    if is_paid && !invoices::follow::is_written_down(app, &checkout).await? {
        return Ok(());
    }
    let now = app.now();
    app.change::<Checkout, (), _>(tenant, id, "checkout", |c| {
        fault::point("complete.after_load");
        if c.status != CheckoutStatus::Paid {
            return Ok((false, ()));
        }
        c.complete(now).map_err(conflict)?;
        Ok((true, ()))
    })
    .await?;
    Ok(())
}
