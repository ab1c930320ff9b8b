//! The checkout as a projection of its transactions.

use super::{App, AppError};
use crate::domain::{checkout::Checkout, transaction::Transaction};

/// What the projection found.
enum Projected {
    /// The checkout is paid by this transaction, now or already.
    Paid,
    /// Another transaction had paid it before.
    PaidTwice,
}

/// Brings the checkout in line with a transaction. Harmless to repeat.
///
/// Two transactions that both end paid are flagged: the second is offered for refund.
pub async fn project_checkout(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    if transaction.succeeded_at.is_none() {
        return Ok(());
    }
    let (tenant, now, id) = (transaction.tenant(), app.now(), transaction.id);
    let (_, projected) = app
        .change::<Checkout, _, _>(tenant, transaction.checkout_id, "checkout", |checkout| {
            match checkout.paid_by {
                Some(by) if by == id => Ok((false, Projected::Paid)),
                Some(_) => Ok((false, Projected::PaidTwice)),
                None => {
                    // A payment from before its customer entered a code, whose money came late: what was paid
                    // is what was bought, at the price of then.
                    if transaction.discount_id.is_none() && checkout.amount != transaction.amount {
                        checkout.put_back();
                    }
                    Ok((checkout.mark_paid(id, now), Projected::Paid))
                }
            }
        })
        .await?;
    // That money came late, or without its discount, says less than that it came twice.
    let lesser = ["late_success", "discount_exceeded"];
    let may_flag =
        |t: &Transaction| t.needs_review.as_ref().is_none_or(|r| lesser.contains(&r.reason.as_str()));
    if matches!(projected, Projected::PaidTwice) && may_flag(transaction) {
        let text = "this checkout was paid by another transaction already: refund one of them";
        app.change::<Transaction, (), _>(tenant, id, "transaction", |t| {
            let fresh = may_flag(t);
            if fresh {
                t.needs_review = None;
                t.flag("second_payment", text, now);
            }
            Ok((fresh, ()))
        })
        .await?;
    }
    Ok(())
}
