//! The checkout as a projection of its transactions.

use super::{App, AppError};
use crate::domain::{checkout::Checkout, transaction::Transaction};

/// Brings the checkout in line with a transaction. Harmless to repeat. That it was paid twice is seen by its order.
pub async fn project_checkout(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    if transaction.succeeded_at.is_none() {
        return Ok(());
    }
    let (tenant, now, id) = (transaction.tenant(), app.now(), transaction.id);
    app.change::<Checkout, (), _>(tenant, transaction.checkout_id, "checkout", |checkout| {
        if checkout.paid_by.is_some() {
            return Ok((false, ()));
        }
        // A payment from before its customer entered a code, whose money came late: what was paid is what was bought, at
        // the price of then.
        if transaction.discount_id.is_none() && checkout.amount != transaction.amount {
            checkout.put_back();
        }
        Ok((checkout.mark_paid(id, now), ()))
    })
    .await?;
    Ok(())
}
