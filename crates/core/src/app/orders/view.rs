//! An order whole: its checkouts and payments, what the shop was told and has answered, what the documents say, and where
//! these differ.

use mongodb::bson::{Document, doc};

use super::dispatch;
use crate::{
    app::{
        App, AppError,
        list::{Span, insert, one_of, with_pairs, with_reference, within},
    },
    domain::{
        CheckoutId, DeliveryId, InvoiceId, OrderId, SiteId, Tenant, TransactionId,
        checkout::{Checkout, CheckoutStatus},
        delivery::{Delivery, DeliveryState},
        invoice::{Invoice, InvoiceStatus, PaperKind},
        order::{NotificationState, Order, OrderStatus},
        transaction::{Review, Transaction},
    },
    store::{
        codec::oid,
        list::{Page, PageRequest},
    },
};

/// Rows of each kind that are shown; an order with more is a reference that is none.
const ROWS_MAX: i64 = 200;

/// Which orders.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// In one of these states; in any when empty.
    pub statuses: Vec<OrderStatus>,
    /// Of this site.
    pub site: Option<SiteId>,
    /// With this reference.
    pub external_reference: Option<String>,
    /// Begun when.
    pub span: Span,
    /// With all of these pairs.
    pub metadata: Vec<(String, String)>,
}

/// A page of orders, newest first.
pub async fn list(
    app: &App,
    tenant: Tenant,
    filter: &OrderFilter,
    page: &PageRequest,
) -> Result<Page<Order>, AppError> {
    let mut wanted = Document::new();
    one_of(&mut wanted, "status", filter.statuses.iter().map(|status| status.as_str()));
    insert(&mut wanted, "siteId", filter.site);
    with_reference(app, tenant, &mut wanted, filter.external_reference.as_deref()).await?;
    within(&mut wanted, filter.span);
    with_pairs(&mut wanted, &filter.metadata);
    Ok(app.store.for_org(tenant).page(wanted, page).await?)
}

/// An order with everything that belongs to it.
#[derive(Debug)]
pub struct OrderView {
    /// The order.
    pub order: Order,
    /// Its checkouts, the newest first.
    pub checkouts: Vec<Checkout>,
    /// Its payments, oldest first.
    pub transactions: Vec<Transaction>,
    /// What the shop was told, oldest first: IPNs alone.
    pub deliveries: Vec<Delivery>,
    /// Invoices, credit notes and receipts, oldest first.
    pub documents: Vec<Invoice>,
    /// Where these differ.
    pub differences: Vec<Difference>,
}

/// Something that does not agree, and the one action that mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// A stable word, such as `second_payment` or `shop_not_answered`.
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// What mends it.
    pub mend: Mend,
}

/// An action that mends a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Refund the payment.
    Refund(TransactionId),
    /// See to it outside, and then resolve what the payment is flagged for.
    Resolve(TransactionId),
    /// Ask the payment's provider.
    AskProvider(TransactionId),
    /// Send the notification again.
    Resend(DeliveryId),
    /// Cancel the checkout.
    CancelCheckout(CheckoutId),
    /// Make the payment's document.
    MakeDocument(TransactionId),
    /// Credit the document.
    Credit(InvoiceId),
    /// See what the document waits for.
    LookAtDocument(InvoiceId),
}

/// The order that a payment belongs to.
pub async fn id_of(app: &App, transaction: &Transaction) -> Result<Option<OrderId>, AppError> {
    let key = crate::domain::order::OrderKey::of_transaction(transaction);
    Ok(app.store.for_org(key.tenant()).order(&key).await?.map(|order| order.id))
}

/// An order whole.
pub async fn get(app: &App, tenant: Tenant, id: OrderId) -> Result<OrderView, AppError> {
    let store = app.store.for_org(tenant);
    let order = store.get::<Order>(id).await?.ok_or(AppError::NotFound("order"))?;
    let key = order.order_key();
    let glances = store.newest_checkouts(&key).await?;
    let ids: Vec<_> = glances.iter().map(|glance| oid(glance.id)).collect();
    let found = store.order_transactions(&key).await?;
    let mut transactions: Vec<Transaction> = found.into_iter().map(|found| found.transaction).collect();
    transactions.sort_by_key(|transaction| (transaction.created_at, transaction.id));
    let payments: Vec<TransactionId> = transactions.iter().map(|transaction| transaction.id).collect();
    let about: Vec<_> = payments.iter().map(|id| oid(*id)).collect();
    let (mut checkouts, deliveries, documents) = futures::try_join!(
        store.find::<Checkout>(doc! { "_id": { "$in": ids } }, doc! { "_id": -1 }, ROWS_MAX),
        store.ipns_about(&payments),
        store.find::<Invoice>(doc! { "transactionId": { "$in": about } }, doc! { "_id": 1 }, ROWS_MAX),
    )?;
    checkouts.sort_by_key(|checkout| std::cmp::Reverse((checkout.created_at, checkout.id)));
    let invoices_payments = app.invoice_settings(tenant).await?;
    let is_invoiced = |t: &Transaction| {
        invoices_payments.as_ref().is_some_and(|settings| settings.invoices(t.succeeded_at))
    };
    let mut view =
        OrderView { order, checkouts, transactions, deliveries, documents, differences: Vec::new() };
    view.differences = view.find_differences(&is_invoiced);
    Ok(view)
}

impl OrderView {
    fn find_differences(&self, is_invoiced: &dyn Fn(&Transaction) -> bool) -> Vec<Difference> {
        let mut found = self.flagged();
        found.extend(self.unanswered());
        found.extend(self.undocumented(is_invoiced));
        found
    }

    fn flagged(&self) -> Vec<Difference> {
        let of = |transaction: &Transaction, review: &Review| Difference {
            reason: review.reason.clone(),
            detail: review.detail.as_str().to_owned(),
            mend: self.mend(transaction, &review.reason),
        };
        let each = self.transactions.iter().flat_map(|t| t.reviews().map(move |review| (t, review)));
        each.map(|(transaction, review)| of(transaction, review)).collect()
    }

    fn mend(&self, transaction: &Transaction, reason: &str) -> Mend {
        let newest = self.checkouts.first().filter(|newest| newest.status == CheckoutStatus::Open);
        match (reason, newest) {
            ("second_payment" | "overpaid", _) if transaction.refundable() > 0 => {
                Mend::Refund(transaction.id)
            }
            ("superseded_payment", Some(newest)) => Mend::CancelCheckout(newest.id),
            ("outcome_unknown", _) => Mend::AskProvider(transaction.id),
            _ => Mend::Resolve(transaction.id),
        }
    }

    /// The shop has not answered what it was told last.
    fn unanswered(&self) -> Option<Difference> {
        let notifications = &self.order.state.notifications;
        let last = notifications.iter().rfind(|n| n.state != NotificationState::Replaced)?;
        let next = self.order.state.head().unwrap_or(last);
        let id = self.order.delivery_id(next);
        let delivery = self.deliveries.iter().find(|delivery| delivery.id == id)?;
        let has_failed = match delivery.state {
            DeliveryState::Failed => true,
            DeliveryState::Pending | DeliveryState::Sending => !delivery.attempts.is_empty(),
            DeliveryState::Delivered | DeliveryState::Superseded => false,
        };
        let is_replaced = delivery.reason.as_deref() == Some(dispatch::REPLACED);
        (has_failed && !is_replaced).then(|| Difference {
            reason: "shop_not_answered".to_owned(),
            detail: format!("the shop has not answered that the status is {}", next.status),
            mend: Mend::Resend(id),
        })
    }

    /// Documents that are missing, wait, or stand although their money is gone.
    fn undocumented(&self, is_invoiced: &dyn Fn(&Transaction) -> bool) -> Vec<Difference> {
        let mut found = Vec::new();
        for document in &self.documents {
            if let Some(review) = &document.needs_review {
                found.push(Difference {
                    reason: review.reason.clone(),
                    detail: review.detail.as_str().to_owned(),
                    mend: Mend::LookAtDocument(document.id),
                });
            } else if let Some(blocked) = &document.blocked {
                found.push(Difference {
                    reason: "document_waits".to_owned(),
                    detail: blocked.clone(),
                    mend: Mend::LookAtDocument(document.id),
                });
            }
        }
        let is_sale =
            |document: &&Invoice| matches!(document.kind, PaperKind::Invoice | PaperKind::PaymentReceipt);
        let of = |id: TransactionId| {
            self.documents.iter().filter(is_sale).find(move |d| d.transaction_id == Some(id))
        };
        for payment in self.order.state.payments.iter().filter(|payment| payment.facts.holds()) {
            let transaction = self.transactions.iter().find(|t| t.id == payment.facts.id);
            let is_missing = of(payment.facts.id).is_none()
                && transaction.is_some_and(|t| t.captured > 0 && is_invoiced(t));
            let is_first =
                self.order.state.holding().first().map(|first| first.facts.id) == Some(payment.facts.id);
            if is_missing && is_first {
                found.push(Difference {
                    reason: "document_missing".to_owned(),
                    detail: "the payment holds money and has no invoice".to_owned(),
                    mend: Mend::MakeDocument(payment.facts.id),
                });
            }
        }
        found.extend(self.standing_without_money());
        found
    }

    /// An issued invoice that is open again since its payment failed, while another payment pays the order.
    fn standing_without_money(&self) -> Option<Difference> {
        if !self.order.state.is_paid() {
            return None;
        }
        let is_open = |document: &&Invoice| {
            let holds = document.transaction_id.and_then(|id| self.order.state.payment(id));
            document.kind == PaperKind::Invoice
                && document.numbered.is_some()
                && matches!(document.status, InvoiceStatus::Issued | InvoiceStatus::Open)
                && !holds.is_some_and(|payment| payment.facts.holds())
        };
        self.documents.iter().find(is_open).map(|document| Difference {
            reason: "document_twice".to_owned(),
            detail: "the order is paid by another payment, and this invoice is open".to_owned(),
            mend: Mend::Credit(document.id),
        })
    }
}
