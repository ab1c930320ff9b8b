//! Makes an order of what is there: nothing, for most, or what a release before orders has left. Then payments told the
//! shop one by one, and a list of silenced numbers mended what that got wrong.

use crate::{
    app::{App, AppError, CONFLICT_RETRIES},
    domain::{
        OrderId,
        delivery::{Delivery, DeliveryState},
        order::{Notification, NotificationState, Order, OrderKey, OrderState},
    },
    store::orders::OrderTransaction,
};

use super::{observe, settle};

/// An order that is not stored yet, with what is known of its payments.
pub(super) async fn new_order(app: &App, key: &OrderKey) -> Result<Order, AppError> {
    let found = app.store.for_org(key.tenant()).order_transactions(key).await?;
    order_of(app, key, found).await
}

async fn order_of(app: &App, key: &OrderKey, mut found: Vec<OrderTransaction>) -> Result<Order, AppError> {
    found.sort_by_key(|found| (found.transaction.created_at, found.transaction.id));
    let begun = found.first().map_or_else(|| app.now(), |first| first.transaction.created_at);
    let mut order = Order::new(OrderId::generate(), key, begun);
    for found in &found {
        order.state.take_payment(found.transaction.order_facts());
    }
    if found.iter().any(|found| found.told_before_orders) {
        let ids: Vec<_> = found.iter().map(|found| found.transaction.id).collect();
        let ipns = app.store.for_org(key.tenant()).ipns_about(&ids).await?;
        take_over(&mut order.state, &found, &ipns);
    }
    Ok(order)
}

/// Makes the order of a payment if it is not there: the migration of an installation from before orders. Answers whether
/// it was missing.
pub async fn ensure(app: &App, key: &OrderKey) -> Result<bool, AppError> {
    for _ in 0..CONFLICT_RETRIES {
        if app.store.for_org(key.tenant()).order(key).await?.is_some() {
            return Ok(false);
        }
        let found = app.store.for_org(key.tenant()).order_transactions(key).await?;
        if found.iter().any(|found| !found.transaction.outbox.entries.is_empty()) {
            // There are news: whoever relays them makes the order, and tells what follows from them.
            return Ok(false);
        }
        let mut order = order_of(app, key, found).await?;
        observe::observe(app, &mut order).await?;
        order.state.accept_as_it_is();
        if settle::save(app, &mut order).await? {
            return Ok(true);
        }
    }
    Err(AppError::Busy)
}

/// What the shop has been told so far, as the deliveries of before remember it.
fn take_over(state: &mut OrderState, found: &[OrderTransaction], ipns: &[Delivery]) {
    let numbers = ipns.iter().filter_map(|ipn| ipn.event_version);
    let versions = found.iter().map(|found| found.transaction.status_version);
    let count = i64::try_from(ipns.len()).unwrap_or(i64::MAX);
    // Above all that the payments used for themselves: receivers know them by payment.
    let counter = numbers.chain(versions).max().unwrap_or_default().max(count);
    let told = (1..).zip(ipns).filter_map(|(number, ipn)| notification(number, ipn)).collect();
    state.take_history(told, counter);
}

fn notification(number: i64, ipn: &Delivery) -> Option<Notification> {
    Some(Notification {
        number,
        payment: ipn.transaction_id?,
        status: i8::try_from(ipn.ipn_status?).ok()?,
        dispute: None,
        opens: false,
        checkout: ipn.checkout_id?,
        version: ipn.ipn_version.and_then(|version| u8::try_from(version).ok()).unwrap_or(2),
        delivery: Some(ipn.id),
        at: ipn.created_at,
        state: match ipn.state {
            DeliveryState::Pending | DeliveryState::Sending => NotificationState::Waiting,
            DeliveryState::Delivered => NotificationState::Answered,
            DeliveryState::Superseded => NotificationState::Replaced,
            DeliveryState::Failed => NotificationState::GivenUp,
        },
        sent: !ipn.attempts.is_empty(),
        refusals: 0,
    })
}
