//! Asks before a second payment of an order is begun or captured.

use std::time::Duration;

use super::{observe, settle};
use crate::{
    app::{App, AppError, CONFLICT_RETRIES},
    domain::{
        TransactionId,
        checkout::Checkout,
        order::{CaptureClaim, Order, OrderKey, Standing},
        transaction::{OperationKind, Transaction},
    },
    timing::scaled,
};

/// How long a claim of a capture holds whose request has left no trace.
const CLAIM_HOLDS: Duration = Duration::from_mins(1);

/// What to do where another payment of the order holds money or is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondPayment {
    /// Ask first.
    Ask,
    /// Whoever asks for this one knows of it.
    Accepted,
}

impl SecondPayment {
    /// From a field of a request.
    pub const fn accepted_if(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Ask }
    }
}

/// Why another payment should not simply be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// A payment of the order holds money.
    AlreadyPaid,
    /// Money of another payment is on its way.
    PaymentRunning,
}

impl Asks {
    /// As an error of the API and the runtime.
    pub fn into_error(self) -> AppError {
        let (code, message) = match self {
            Self::AlreadyPaid => (
                "ORDER_ALREADY_PAID",
                "this order has been paid: send acceptSecondPayment to take another payment all the same",
            ),
            Self::PaymentRunning => (
                "ORDER_PAYMENT_RUNNING",
                "another payment of this order is on its way: send acceptSecondPayment to take one more",
            ),
        };
        AppError::conflict(code, message)
    }
}

/// What must be asked before a payment of this checkout is begun, as the payments stand now. Payments of the checkout
/// itself are left out: it has rules of its own.
pub async fn asks(app: &App, checkout: &Checkout) -> Result<Option<Asks>, AppError> {
    let transactions =
        app.store.for_org(checkout.tenant()).order_transactions(&OrderKey::of_checkout(checkout)).await?;
    let others = transactions.iter().map(|found| &found.transaction).filter(|t| t.checkout_id != checkout.id);
    Ok(asks_about(others))
}

/// What must be asked before a payment is captured.
pub async fn asks_about_capture(app: &App, transaction: &Transaction) -> Result<Option<Asks>, AppError> {
    let key = OrderKey::of_transaction(transaction);
    let transactions = app.store.for_org(key.tenant()).order_transactions(&key).await?;
    let holds = |other: &Transaction| other.id != transaction.id && other.order_facts().holds();
    Ok(transactions.iter().any(|found| holds(&found.transaction)).then_some(Asks::AlreadyPaid))
}

fn asks_about<'a>(others: impl Iterator<Item = &'a Transaction>) -> Option<Asks> {
    let standings: Vec<Standing> = others.map(|other| other.order_facts().standing).collect();
    if standings.contains(&Standing::Holding) {
        Some(Asks::AlreadyPaid)
    } else if standings.contains(&Standing::OnItsWay) {
        Some(Asks::PaymentRunning)
    } else {
        None
    }
}

/// Enters a payment that was just stored into its order, by compare-and-set: of two that are begun at the same moment the
/// later one sees the earlier one. Answers what must be asked first; then nothing has been entered.
pub async fn begin(
    app: &App,
    checkout: &Checkout,
    transaction: &Transaction,
) -> Result<Option<Asks>, AppError> {
    let key = OrderKey::of_transaction(transaction);
    for _ in 0..CONFLICT_RETRIES {
        let Some(mut order) = settle::load(app, &key).await? else { continue };
        if !transaction.second_accepted
            && let Some(asks) = asks(app, checkout).await?
        {
            return Ok(Some(asks));
        }
        let is_news = order.state.take_payment(transaction.order_facts());
        if !is_news && order.version > 0 {
            return Ok(None);
        }
        // What the relay of this payment will look at: then it has nothing more to store.
        observe::observe(app, &mut order).await?;
        if settle::save(app, &mut order).await? {
            return Ok(None);
        }
    }
    Err(AppError::Busy)
}

/// Claims the order for the capture of a payment, so that of two captures at the same moment one is told of the other.
pub async fn begin_capture(
    app: &App,
    transaction: &Transaction,
    second: SecondPayment,
) -> Result<(), AppError> {
    if second == SecondPayment::Accepted {
        return Ok(());
    }
    let (key, tenant) = (OrderKey::of_transaction(transaction), transaction.tenant());
    let store = app.store.for_org(tenant);
    for _ in 0..CONFLICT_RETRIES {
        let Some(mut order) = settle::load(app, &key).await? else { continue };
        let transactions = store.order_transactions(&key).await?;
        let others: Vec<&Transaction> =
            transactions.iter().map(|found| &found.transaction).filter(|t| t.id != transaction.id).collect();
        if others.iter().any(|other| other.order_facts().holds()) {
            return Err(Asks::AlreadyPaid.into_error());
        }
        if is_claimed(app, &order, transaction.id) || others.iter().any(|other| is_being_captured(other)) {
            return Err(Asks::PaymentRunning.into_error());
        }
        order.capturing = Some(CaptureClaim { payment: transaction.id, at: app.now() });
        order.state.take_payment(transaction.order_facts());
        if settle::save(app, &mut order).await? {
            return Ok(());
        }
    }
    Err(AppError::Busy)
}

fn is_claimed(app: &App, order: &Order, by: TransactionId) -> bool {
    let fresh = |claim: &CaptureClaim| app.now().since(claim.at) < scaled(CLAIM_HOLDS);
    order.capturing.as_ref().is_some_and(|claim| claim.payment != by && fresh(claim))
}

fn is_being_captured(transaction: &Transaction) -> bool {
    transaction.operations.iter().any(|o| o.kind == OperationKind::Capture && o.is_running())
}
