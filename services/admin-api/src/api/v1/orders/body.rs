//! An order as the API shows it.

use std::collections::BTreeMap;

use gateway_core::{
    app::orders::view::{Difference, Mend, OrderView},
    domain::{
        checkout::Checkout,
        delivery::Delivery,
        invoice::Invoice,
        order::{Notification, NotificationState, Order},
        transaction::Transaction,
    },
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::v1::deliveries;

/// An order in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    /// Its id.
    pub id: String,
    /// open, pending, paid, refunded, `charged_back`, failed or cancelled.
    pub status: &'static str,
    /// The shop's order number; empty where a checkout without one is all of the order.
    pub external_reference: String,
    /// The shop.
    pub site_id: String,
    /// `live` or `test`.
    pub mode: &'static str,
    /// The checkout that is the newest and alone can be paid.
    pub newest_checkout_id: Option<String>,
    /// The payment that the shop was told is its success.
    pub booked_transaction_id: Option<String>,
    /// The shop's own pairs, of the newest checkout.
    pub metadata: BTreeMap<String, String>,
    /// When its first payment was begun.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id.to_string(),
            status: order.status.as_str(),
            external_reference: order.external_reference.clone(),
            site_id: order.site_id.to_string(),
            mode: order.mode.as_str(),
            newest_checkout_id: order.state.newest.map(|newest| newest.id.to_string()),
            booked_transaction_id: order.state.booked.map(|id| id.to_string()),
            metadata: order.metadata.0.iter().map(|pair| (pair.k.clone(), pair.v.clone())).collect(),
            created_at: order.created_at.to_string(),
            updated_at: order.updated_at.to_string(),
        }
    }
}

/// An order with everything that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderBody {
    /// What lists show of it.
    #[serde(flatten)]
    pub order: OrderRow,
    /// Its checkouts, the newest first.
    pub checkouts: Vec<OrderCheckoutBody>,
    /// Its payments, oldest first.
    pub transactions: Vec<OrderTransactionBody>,
    /// What the shop was told, oldest first.
    pub notifications: Vec<OrderNotificationBody>,
    /// Invoices, credit notes and receipts, oldest first.
    pub documents: Vec<OrderDocumentBody>,
    /// Where these differ, and what mends it.
    pub differences: Vec<OrderDifferenceBody>,
}

/// A checkout of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCheckoutBody {
    /// Its id.
    pub id: String,
    /// open, paid, completed, expired or cancelled.
    pub status: &'static str,
    /// Whether a newer one has taken its place: then it can no longer be paid.
    pub superseded: bool,
    /// What is charged, in minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it was made.
    pub created_at: String,
}

/// A payment of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderTransactionBody {
    /// Its id.
    pub id: String,
    /// The checkout that it pays.
    pub checkout_id: String,
    /// Its status, as the transaction's.
    pub status: &'static str,
    /// What is to be paid, in minor units.
    pub amount: i64,
    /// Minor units that it holds: captured, less refunds that succeeded and disputes that are open or lost.
    pub amount_held: i64,
    /// ISO 4217.
    pub currency: String,
    /// The account that takes the money.
    pub provider_id: Option<String>,
    /// Whether the shop was told that this is the payment of its order.
    pub booked: bool,
    /// What a person must look at, in stable words.
    pub needs_review: Vec<String>,
    /// When it was begun.
    pub created_at: String,
}

/// What the shop was told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderNotificationBody {
    /// Its delivery.
    pub delivery_id: String,
    /// The payment that it is about.
    pub transaction_id: Option<String>,
    /// The integer: −2 to 4.
    pub status: Option<i64>,
    /// `eventVersion` of version 2.
    pub event_version: Option<i64>,
    /// pending, sending, delivered, superseded or failed.
    pub state: &'static str,
    /// Requests that went over the wire.
    pub attempts: usize,
    /// The HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// When it was made.
    pub created_at: String,
}

/// A document of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderDocumentBody {
    /// Its id.
    pub id: String,
    /// `invoice`, `credit_note` or `payment_receipt`.
    pub kind: &'static str,
    /// Where it stands.
    pub status: &'static str,
    /// Its number, once it has one.
    pub number: Option<String>,
    /// The payment that it is about.
    pub transaction_id: Option<String>,
    /// Its total in minor units.
    pub total: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it was made.
    pub created_at: String,
}

/// Something that does not agree.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderDifferenceBody {
    /// A stable word, such as `second_payment` or `shop_not_answered`.
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// What mends it.
    pub action: OrderActionBody,
}

/// A call of this API, or something to see to elsewhere.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderActionBody {
    /// `refund`, `resolve`, `ask_provider`, `resend`, `cancel_checkout`, `make_document`, `credit` or `look_at_document`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// On what.
    pub id: String,
}

impl From<&OrderView> for OrderBody {
    fn from(view: &OrderView) -> Self {
        let newest = view.checkouts.first().map(|newest| newest.id);
        let state = &view.order.state;
        Self {
            order: OrderRow::from(&view.order),
            checkouts: view.checkouts.iter().map(|one| checkout(one, newest != Some(one.id))).collect(),
            transactions: view
                .transactions
                .iter()
                .map(|t| transaction(t, state.booked == Some(t.id)))
                .collect(),
            notifications: notifications(view),
            documents: view.documents.iter().map(document).collect(),
            differences: view.differences.iter().map(difference).collect(),
        }
    }
}

fn checkout(one: &Checkout, superseded: bool) -> OrderCheckoutBody {
    OrderCheckoutBody {
        id: one.id.to_string(),
        status: one.status.as_str(),
        superseded,
        amount: one.amount,
        currency: one.currency.to_string(),
        created_at: one.created_at.to_string(),
    }
}

fn transaction(one: &Transaction, booked: bool) -> OrderTransactionBody {
    OrderTransactionBody {
        id: one.id.to_string(),
        checkout_id: one.checkout_id.to_string(),
        status: one.status.as_str(),
        amount: one.amount,
        amount_held: one.held(),
        currency: one.currency.to_string(),
        provider_id: one.provider_id.map(|id| id.to_string()),
        booked,
        needs_review: one.reviews().map(|review| review.reason.clone()).collect(),
        created_at: one.created_at.to_string(),
    }
}

/// What has a delivery, and what waits for its turn and has none yet.
fn notifications(view: &OrderView) -> Vec<OrderNotificationBody> {
    let made = view.deliveries.iter().map(notification);
    let known = |waiting: &&Notification| {
        let id = view.order.delivery_id(waiting);
        waiting.state == NotificationState::Waiting && !view.deliveries.iter().any(|made| made.id == id)
    };
    let waiting = view.order.state.notifications.iter().filter(known).map(|waiting| OrderNotificationBody {
        delivery_id: view.order.delivery_id(waiting).to_string(),
        transaction_id: Some(waiting.payment.to_string()),
        status: Some(waiting.status.into()),
        event_version: Some(waiting.number),
        state: "pending",
        attempts: 0,
        last_status: None,
        created_at: waiting.at.to_string(),
    });
    made.chain(waiting).collect()
}

fn notification(one: &Delivery) -> OrderNotificationBody {
    OrderNotificationBody {
        delivery_id: one.id.to_string(),
        transaction_id: one.transaction_id.map(|id| id.to_string()),
        status: one.ipn_status,
        event_version: one.event_version,
        state: deliveries::state(one.state),
        attempts: one.attempts.len(),
        last_status: one.attempts.last().and_then(|attempt| attempt.status),
        created_at: one.created_at.to_string(),
    }
}

fn document(one: &Invoice) -> OrderDocumentBody {
    OrderDocumentBody {
        id: one.id.to_string(),
        kind: one.kind.as_str(),
        status: one.status.as_str(),
        number: one.number().map(str::to_owned),
        transaction_id: one.transaction_id.map(|id| id.to_string()),
        total: one.total,
        currency: one.currency.to_string(),
        created_at: one.created_at.to_string(),
    }
}

fn difference(one: &Difference) -> OrderDifferenceBody {
    let (kind, id) = match one.mend {
        Mend::Refund(id) => ("refund", id.to_string()),
        Mend::Resolve(id) => ("resolve", id.to_string()),
        Mend::AskProvider(id) => ("ask_provider", id.to_string()),
        Mend::Resend(id) => ("resend", id.to_string()),
        Mend::CancelCheckout(id) => ("cancel_checkout", id.to_string()),
        Mend::MakeDocument(id) => ("make_document", id.to_string()),
        Mend::Credit(id) => ("credit", id.to_string()),
        Mend::LookAtDocument(id) => ("look_at_document", id.to_string()),
    };
    OrderDifferenceBody {
        reason: one.reason.clone(),
        detail: one.detail.clone(),
        action: OrderActionBody { kind, id },
    }
}
