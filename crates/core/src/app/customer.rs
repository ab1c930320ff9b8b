//! What a customer's side of a checkout reads and writes.

use mongodb::bson::doc;

use super::{App, AppError, create_checkout};
use crate::{
    domain::{
        checkout::{Address, Checkout, CheckoutStatus},
        transaction::Transaction,
    },
    store::{Entity, seal_with},
};

/// How many of a checkout's transactions are looked at, newest first. Each was a try of a person.
const TRANSACTIONS_MAX: i64 = 50;

/// A checkout's transactions, newest first.
pub async fn transactions_of(app: &App, checkout: &Checkout) -> Result<Vec<Transaction>, AppError> {
    let store = app.store.for_org(checkout.tenant());
    let filter = doc! { "checkoutId": checkout.id };
    let mut found: Vec<Transaction> = store.find(filter, doc! { "_id": -1 }, TRANSACTIONS_MAX).await?;
    // Ids of two processes made in one second have no order.
    found.sort_by_key(|transaction| std::cmp::Reverse(transaction.created_at));
    Ok(found)
}

/// The customer states their billing address while paying. Answers the checkout as it is then.
pub async fn set_billing_address(
    app: &App,
    checkout: &Checkout,
    address: Address,
) -> Result<Checkout, AppError> {
    let mut customer = super::start_payment::customer_of(app, checkout).await?;
    customer.billing_address = Some(address);
    let mut problems = Vec::new();
    create_checkout::check_customer(&customer, &mut problems);
    if !problems.is_empty() {
        return Err(AppError::Invalid(problems));
    }
    let (tenant, now) = (checkout.tenant(), app.now());
    let keys = app.store.for_org(tenant).keys().await?;
    let json = serde_json::to_string(&customer).map_err(|e| AppError::internal(e.to_string()))?;
    let (collection, id) = (Checkout::COLLECTION, checkout.id.to_string());
    let sealed = seal_with(&keys, tenant, collection, &id, Checkout::CUSTOMER_FIELD, json.as_bytes());
    let (changed, ()) = app
        .change::<Checkout, _, _>(tenant, checkout.id, "checkout", |c| {
            // Once it is paid, the address is that of the paper.
            let is_open = c.status == CheckoutStatus::Open;
            if is_open {
                c.customer = Some(sealed.clone());
                c.updated_at = now;
            }
            Ok((is_open, ()))
        })
        .await?;
    Ok(changed)
}
