//! An order is invoiced once: what its earlier invoice means for the next payment.

use mongodb::bson::{Bson, doc};

use crate::{
    app::{App, AppError},
    domain::{
        InvoiceId,
        checkout::Checkout,
        invoice::{Invoice, InvoiceStatus, PaperKind, hold::Hold, hold::ORDER_ALREADY_INVOICED},
        order::OrderKey,
        transaction::Transaction,
    },
    store::TenantStore,
};

/// Whether a merchant asks for a payment's document, or it is made by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// By itself.
    No,
    /// A merchant.
    Yes,
}

/// What an order's earlier invoice means for a payment.
pub(super) enum Settled {
    /// There is none that counts.
    Nothing,
    /// The payment settles it.
    Earlier(InvoiceId),
    /// It stands in the way.
    Held(Hold),
}

/// Earlier invoices of an order that are looked at.
const EARLIER_MAX: i64 = 20;

/// Whether a payment is what is left of its checkout's money: the one that paid it holds none any more, this one does.
pub(super) async fn is_kept(
    store: &TenantStore,
    checkout: &Checkout,
    transaction: &Transaction,
) -> Result<bool, AppError> {
    let Some(first) = checkout.paid_by else { return Ok(false) };
    let first = store.get_majority::<Transaction>(first).await?;
    Ok(first.is_some_and(|first| !holds_money(&first)) && holds_money(transaction))
}

fn holds_money(transaction: &Transaction) -> bool {
    transaction.status.is_paid() && transaction.captured > transaction.refunded
}

/// Looks for the invoice that the order of a new one has already. Where it is open over the same amount, as after a
/// payment that failed late, the payment is put on it; else the new one must wait for a person: two invoices of one
/// supply owe its tax twice.
pub(super) async fn settle_earlier(
    app: &App,
    new: &Invoice,
    transaction: &Transaction,
) -> Result<Settled, AppError> {
    let found = earlier(app, new, Some(OrderKey::of_transaction(transaction))).await?;
    for earlier in &found {
        if may_settle(earlier, new) && settle(app, earlier.id, new, transaction).await? {
            return Ok(Settled::Earlier(earlier.id));
        }
    }
    Ok(found.first().map_or(Settled::Nothing, |earlier| Settled::Held(held_by(earlier, new))))
}

/// What stands against another invoice of an order, if anything.
pub(super) async fn still_invoiced(app: &App, new: &Invoice) -> Result<Option<Hold>, AppError> {
    let key = order_key(&app.store.for_org(new.tenant()), new).await?;
    Ok(earlier(app, new, key).await?.first().map(|earlier| held_by(earlier, new)))
}

fn held_by(earlier: &Invoice, new: &Invoice) -> Hold {
    let named = earlier.number().map_or_else(|| "a draft".to_owned(), str::to_owned);
    let detail = format!(
        "The order {} has an invoice already ({named}): refund the second payment, or credit that invoice and then \
         issue this one.",
        new.external_reference
    );
    Hold { reason: ORDER_ALREADY_INVOICED, detail, fields: Vec::new() }
}

/// Invoices of the same order that still claim or hold its money, oldest first.
async fn earlier(app: &App, new: &Invoice, key: Option<OrderKey>) -> Result<Vec<Invoice>, AppError> {
    let Some(site) = new.site_id.filter(|_| new.kind == PaperKind::Invoice) else { return Ok(Vec::new()) };
    let store = app.store.for_org(new.tenant());
    let mut filter = doc! {
        "siteId": site, "kind": "invoice", "_id": { "$ne": new.id },
        "status": { "$in": ["draft", "issued", "open", "partially_settled", "settled", "partially_refunded"] },
    };
    match key {
        Some(OrderKey::Checkout(.., checkout)) => {
            let payments: Vec<Transaction> =
                store.find(doc! { "checkoutId": checkout }, doc! { "_id": 1 }, EARLIER_MAX).await?;
            let ids: Vec<Bson> = payments.iter().map(|payment| payment.id.into()).collect();
            filter.insert("paymentOf", doc! { "$in": ids })
        }
        _ if new.external_reference.is_empty() => return Ok(Vec::new()),
        _ => filter.insert("externalReference", &new.external_reference),
    };
    let found: Vec<Invoice> = store.find(filter, doc! { "_id": 1 }, EARLIER_MAX).await?;
    Ok(found.into_iter().filter(still_counts).collect())
}

/// The order that an invoice's payment belongs to; one by hand belongs to that of its reference.
async fn order_key(store: &TenantStore, invoice: &Invoice) -> Result<Option<OrderKey>, AppError> {
    let Some(payment) = invoice.payment_of else { return Ok(None) };
    let transaction = store.get::<Transaction>(payment).await?;
    Ok(transaction.as_ref().map(OrderKey::of_transaction))
}

/// Whether an invoice claims or holds money, or will: drafts by hand claim nothing yet.
fn still_counts(invoice: &Invoice) -> bool {
    match invoice.status {
        InvoiceStatus::Draft => invoice.payment_of.is_some() || invoice.issue_due.is_some(),
        _ => invoice.creditable().amount() > 0,
    }
}

/// Whether a payment over a new invoice's amount settles an earlier one: nothing has come in for it and nothing was
/// taken off.
fn may_settle(earlier: &Invoice, new: &Invoice) -> bool {
    earlier.status == InvoiceStatus::Open
        && earlier.money.paid == 0
        && earlier.credits.is_empty()
        && (earlier.total, earlier.currency) == (new.total, new.currency)
}

/// Puts a payment on an open invoice; false where another was faster.
async fn settle(
    app: &App,
    id: InvoiceId,
    new: &Invoice,
    transaction: &Transaction,
) -> Result<bool, AppError> {
    let now = app.now();
    let change = app.change::<Invoice, _, _>(new.tenant(), id, "invoice", |invoice| {
        if invoice.payment_of == Some(transaction.id) {
            return Ok((false, true));
        }
        if !may_settle(invoice, new) {
            return Ok((false, false));
        }
        invoice.take_payment(transaction.id, new.money, now);
        Ok((true, true))
    });
    let (_, is_settled) = change.await?;
    Ok(is_settled)
}
