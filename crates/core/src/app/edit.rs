//! Small changes by the merchant: a checkout's metadata and end, a transaction's review.

use super::{
    App, AppError, Problem,
    create_checkout::{Expiry, check_expiry, check_metadata},
    settings::expect,
};
use crate::domain::{
    CheckoutId, Metadata, Tenant, Timestamp, TransactionId,
    checkout::{Checkout, CheckoutStatus},
    transaction::Transaction,
};

/// A change of a checkout; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct CheckoutChange {
    /// The version that the change was decided on; any where absent.
    pub expected_version: Option<i64>,
    /// Replaces all pairs.
    pub metadata: Option<Metadata>,
    /// Another end; only while it is open.
    pub expires_at: Option<Timestamp>,
}

/// Changes a checkout. Transactions that were started before keep the metadata that they were started with.
pub async fn edit_checkout(
    app: &App,
    tenant: Tenant,
    id: CheckoutId,
    change: CheckoutChange,
) -> Result<Checkout, AppError> {
    let now = app.now();
    let mut problems: Vec<Problem> = Vec::new();
    if let Some(metadata) = &change.metadata {
        check_metadata(metadata, &mut problems);
    }
    if let Some(at) = change.expires_at {
        check_expiry(Some(Expiry::At(at)), now, &mut problems);
    }
    if !problems.is_empty() {
        return Err(AppError::Invalid(problems));
    }
    let (checkout, ()) = app
        .change::<Checkout, _, _>(tenant, id, "checkout", |checkout| {
            expect(checkout, change.expected_version)?;
            if let Some(metadata) = &change.metadata {
                if metadata.is_empty()
                    && checkout.external_reference.is_empty()
                    && checkout.invoice_number.is_empty()
                {
                    return Err(AppError::field("metadata", "is all that says what is paid: it must stay"));
                }
                checkout.metadata = metadata.clone();
            }
            if let Some(at) = change.expires_at {
                if checkout.status != CheckoutStatus::Open {
                    let message =
                        format!("a checkout that is {} has no end to move", checkout.status.as_str());
                    return Err(AppError::conflict("CHECKOUT_NOT_OPEN", message));
                }
                checkout.expires_at = at;
                checkout.expiry_due = Some(at);
            }
            checkout.updated_at = now;
            Ok((true, ()))
        })
        .await?;
    Ok(checkout)
}

/// A person has looked at what a transaction was flagged for.
pub async fn resolve_review(app: &App, tenant: Tenant, id: TransactionId) -> Result<Transaction, AppError> {
    let now = app.now();
    let (transaction, reason) = app
        .change::<Transaction, _, _>(tenant, id, "transaction", |transaction| {
            let Some(review) = transaction.needs_review.clone() else { return Ok((false, None)) };
            transaction.resolve_review(now);
            Ok((true, Some(review.reason)))
        })
        .await?;
    if let Some(reason) = reason {
        tracing::info!(transaction = %id, reason, "review resolved");
    }
    Ok(transaction)
}
