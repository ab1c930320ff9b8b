//! The customer enters a discount code on the page, or takes it out again.
//!
//! A payment is stored with the price of a moment ago; its checkout must not change below it. The one is a row,
//! the other a document, so the change goes in two steps: a mark in the checkout, then a look for payments, then
//! the new price, which is saved only where the mark is still there. Whoever stores a payment looks at the
//! checkout after that, and takes the mark away (ADR 15). So either the change sees the payment, or the payment
//! sees the change.

use super::{
    App, AppError, CONFLICT_RETRIES,
    discount_claims::{self, User, refused},
    referenced_products,
    start_payment::{self, end_at_provider, open_transaction, payable, take_in_paid},
};
use crate::{
    domain::{
        checkout::{AppliedDiscount, Checkout, Price},
        discount::{Basket, CODE_CHARS_MAX, DiscountRefusal},
        transaction::{PaymentState, Transaction},
    },
    store::StoreError,
};

/// A code that was entered, and what it adds to its checkout.
type Reduction = (AppliedDiscount, Vec<crate::domain::checkout::Item>);

/// Takes a code's discount off, as if it had been sent when the checkout was created. Replaces a code that was
/// entered before; one that the shop sent stays.
pub async fn enter_code(app: &App, checkout: &Checkout, code: &str) -> Result<Checkout, AppError> {
    change(app, checkout, Some(code)).await
}

/// Takes an entered code out again: amount, tax and lines are as they were.
pub async fn remove_code(app: &App, checkout: &Checkout) -> Result<Checkout, AppError> {
    change(app, checkout, None).await
}

/// What the code comes to for a checkout without any; refuses what creation would refuse.
async fn reduction(app: &App, checkout: &Checkout, code: &str) -> Result<Reduction, AppError> {
    let code = code.trim();
    if code.is_empty() || code.chars().count() > CODE_CHARS_MAX {
        return Err(refused(DiscountRefusal::Unknown));
    }
    let store = app.store.for_org(checkout.tenant());
    let found = referenced_products::discount(&store, Some(code)).await?;
    let discount = found.ok_or_else(|| refused(DiscountRefusal::Unknown))?;
    let user = User::of(app, checkout).await?;
    let mut lines = Vec::new();
    if checkout.items.is_empty() {
        let references = [checkout.external_reference.as_str(), &checkout.invoice_number];
        lines.push(referenced_products::whole_order(references, checkout.amount));
    }
    let items: Vec<_> = checkout.items.iter().chain(&lines).cloned().collect();
    let has_customer = checkout.email_hash.is_some() || checkout.client_id.is_some();
    let (amount, currency) = (checkout.amount, checkout.currency);
    let basket = Basket { items: &items, amount, currency, has_customer };
    let less = discount.reduce(basket, app.now()).map_err(refused)?;
    discount_claims::is_left(app, &discount, Some(checkout.id), &user).await?;
    let off: i64 = less.iter().map(|line| -line.unit_price).sum();
    lines.extend(less);
    let applied = AppliedDiscount { id: discount.id, code: discount.code, amount: off, entered: None };
    Ok((applied, lines))
}

/// Changes the price, unless a payment stands in the way. Begins anew where somebody came between.
async fn change(app: &App, checkout: &Checkout, code: Option<&str>) -> Result<Checkout, AppError> {
    let store = app.store.for_org(checkout.tenant());
    for _ in 0..CONFLICT_RETRIES {
        let mut current = store.get::<Checkout>(checkout.id).await?.ok_or(AppError::NotFound("checkout"))?;
        refuse_fixed(app, &current).await?;
        let mut next = current.clone();
        next.put_back();
        match code {
            Some(code) => {
                let (applied, lines) = reduction(app, &next, code).await?;
                next.take_off(applied, lines);
            }
            None if current.has_entered_code() => {}
            None => return Ok(current),
        }
        // Only for a code that would be taken: a mistyped one ends nobody's payment.
        end_begun(app, &current).await?;
        current.price = Price::Changing;
        match store.save(&mut current).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => continue,
            Err(error) => return Err(error.into()),
        }
        if open_transaction(app, &current).await?.is_some() || take_in_paid(app, &current).await? {
            return Err(running());
        }
        next.price = Price::Settled;
        next.version = current.version;
        next.updated_at = app.now();
        match store.save(&mut next).await {
            Ok(()) => return Ok(next),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(AppError::Busy)
}

fn running() -> AppError {
    let message = "a payment of this checkout is under way, so that its price cannot change";
    AppError::conflict("PAYMENT_RUNNING", message)
}

async fn refuse_fixed(app: &App, checkout: &Checkout) -> Result<(), AppError> {
    if let Err(reason) = payable(app, checkout).await? {
        return Err(reason.into_error());
    }
    let is_shops = checkout.discount.is_some() && !checkout.has_entered_code();
    if checkout.price == Price::Final || is_shops {
        return Err(AppError::conflict("PRICE_FIXED", "the price of this checkout is fixed"));
    }
    Ok(())
}

/// A payment that was begun and given up (a customer who comes back from the provider to enter a code) is ended
/// first, as when another method is chosen. One whose money may be on its way stays, and so does the price.
async fn end_begun(app: &App, checkout: &Checkout) -> Result<(), AppError> {
    let Some(open) = open_transaction(app, checkout).await? else { return Ok(()) };
    if !open.may_be_given_up() {
        return Err(running());
    }
    let ended: Transaction = end_at_provider(app, &open, PaymentState::Cancelled, "customer").await?;
    if ended.succeeded_at.is_some() || ended.status.is_open() {
        take_in_paid(app, checkout).await?;
        return Err(running());
    }
    Ok(())
}

/// Whether a payment that was stored agrees with its checkout, after taking away the mark of a change that has
/// begun. Otherwise the payment is ended: its provider has not heard of it.
pub(super) async fn agree(
    app: &App,
    seen: &Checkout,
    transaction: &Transaction,
) -> Result<Checkout, AppError> {
    let store = app.store.for_org(seen.tenant());
    let mut current = store.get::<Checkout>(seen.id).await?.ok_or(AppError::NotFound("checkout"))?;
    if current.price == Price::Changing {
        let unmark = app.change::<Checkout, (), _>(seen.tenant(), seen.id, "checkout", |checkout| {
            let is_marked = checkout.price == Price::Changing;
            if is_marked {
                checkout.price = Price::Settled;
            }
            Ok((is_marked, ()))
        });
        current = unmark.await?.0;
    }
    if !current.costs(transaction.amount, transaction.discount_id) {
        start_payment::end_unheard(app, transaction).await?;
    } else if current.costs(seen.amount, seen.discount.as_ref().map(|discount| discount.id)) {
        return Ok(current);
    }
    let message = "the price of this checkout has changed: look at it again";
    Err(AppError::conflict("CHECKOUT_CHANGED", message))
}
