//! A payment's receipt, by e-mail to who paid, where the site wants that.
//!
//! Nobody gets two mails about one payment: where the organization mails the payment's own paper, there is no
//! receipt beside it.

use super::{
    App, AppError,
    invoices::{mail, of_payment_is_mailed},
    start_payment::customer_of,
};
use crate::domain::{
    Money, Tenant, Timestamp, TransactionId,
    checkout::{Checkout, Item, items::DISCOUNT_TYPE},
    invoice::DocumentMail,
    provider_account::ProviderKind,
    transaction::Transaction,
};

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptLine {
    /// What it is called.
    pub title: String,
    /// Minor units.
    pub amount: i64,
    /// Whether it is what a discount code took off: then the title is the code.
    pub is_code: bool,
}

/// What a receipt says.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The customer's language (BCP 47); may be empty.
    pub locale: String,
    /// Of test mode.
    pub is_test: bool,
    /// The shop as customers know it.
    pub shop: String,
    /// `#rrggbb` of the shop.
    pub color: Option<String>,
    /// What was paid.
    pub paid: Money,
    /// What was bought, where that adds up to what was paid.
    pub lines: Vec<ReceiptLine>,
    /// How.
    pub method: Option<ProviderKind>,
    /// When.
    pub paid_at: Timestamp,
    /// The shop's order number; may be empty.
    pub reference: String,
    /// The payment.
    pub transaction_id: TransactionId,
}

/// Lets a receipt go to who paid. Harmless to repeat.
pub async fn send_on_success(app: &App, transaction: &Transaction) -> Result<(), AppError> {
    let tenant = transaction.tenant();
    let is_wanted = app.site(tenant, transaction.site_id).await?.is_some_and(|site| site.page.receipt_email);
    let is_paid = transaction.captured > 0 && transaction.status.is_paid();
    if !is_wanted || !is_paid || of_payment_is_mailed(app, transaction).await? {
        return Ok(());
    }
    let store = app.store.for_org(tenant);
    let checkout = store.get::<Checkout>(transaction.checkout_id).await?;
    let checkout = checkout.ok_or(AppError::NotFound("checkout"))?;
    // A second payment of one order goes back: it is no purchase.
    if checkout.paid_by != Some(transaction.id) {
        return Ok(());
    }
    let email = customer_of(app, &checkout).await?.email.filter(|email| !email.trim().is_empty());
    let Some(email) = email else { return Ok(()) };
    let mail = mail::blank(app, tenant, DocumentMail::receipt_id(transaction.id), &email).await?;
    let mail = DocumentMail { transaction_id: Some(transaction.id), ..mail };
    mail::keep(app, &mail).await.map(drop)
}

/// The receipt of a payment, with what is known of it now.
pub(super) async fn receipt(app: &App, tenant: Tenant, id: TransactionId) -> Result<Receipt, AppError> {
    let store = app.store.for_org(tenant);
    let transaction = store.get::<Transaction>(id).await?.ok_or(AppError::NotFound("transaction"))?;
    let checkout = store.get::<Checkout>(transaction.checkout_id).await?;
    let checkout = checkout.ok_or(AppError::NotFound("checkout"))?;
    let site = app.site(tenant, checkout.site_id).await?.ok_or(AppError::NotFound("site"))?;
    let code = checkout.discount.as_ref().map(|discount| discount.code.as_str());
    let line = |item: &Item| ReceiptLine {
        title: titled(item),
        amount: item.line_amount().unwrap_or_default(),
        is_code: item.item_type == DISCOUNT_TYPE && code == Some(item.title()),
    };
    let lines: Vec<ReceiptLine> = checkout.items.iter().map(line).collect();
    // Net lines, or a part that was captured: then the sum alone is told.
    let adds_up = lines.iter().map(|line| line.amount).sum::<i64>() == transaction.captured;
    Ok(Receipt {
        locale: checkout.locale.clone().unwrap_or_default(),
        is_test: !tenant.mode.is_live(),
        shop: site.name.clone(),
        color: site.brand_color.clone(),
        paid: Money::new(transaction.captured, transaction.currency),
        lines: if adds_up { lines } else { Vec::new() },
        method: transaction.provider_kind,
        paid_at: transaction.succeeded_at.unwrap_or(transaction.updated_at),
        reference: checkout.external_reference,
        transaction_id: id,
    })
}

fn titled(item: &Item) -> String {
    match item.quantity {
        1 => item.title().to_owned(),
        several => format!("{several} × {}", item.title()),
    }
}
