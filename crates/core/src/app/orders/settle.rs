//! Takes in news and stores what follows from it, in one commit of the order.

use std::{sync::Arc, time::Duration};

use mongodb::bson::doc;

use super::{dispatch, history, observe};
use crate::{
    app::{App, AppError, CONFLICT_RETRIES, MAJORITY_PAUSE},
    domain::{
        DeliveryId, OrderId, Tenant,
        checkout::{Checkout, CheckoutStatus},
        delivery::Delivery,
        order::{Notification, Order, OrderKey, PaymentFacts, Standing},
        transaction::Transaction,
    },
    fault,
    jobs::{lanes::HeldLanes, turns::Work},
    store::{
        StoreError,
        due::{self, Due, Waits},
    },
    timing::scaled,
};

/// How long after a change the sweep looks at an order of which something waits that nobody is sure to come back for.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// How long until the sweep looks again where nothing has changed, or it could not look.
const LOOK_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Where a payment stands has changed.
pub async fn about_transaction(
    app: &App,
    held: &HeldLanes,
    transaction: &Transaction,
) -> Result<(), AppError> {
    let key = OrderKey::of_transaction(transaction);
    settle(app, Some(held), &key, Some(&transaction.order_facts())).await?;
    Ok(())
}

/// A checkout has ended. Where no payment was begun there is no order, and nothing to say.
pub async fn about_checkout(app: &App, held: &HeldLanes, checkout: &Checkout) -> Result<(), AppError> {
    if checkout.status == CheckoutStatus::Open {
        return Ok(());
    }
    settle(app, Some(held), &OrderKey::of_checkout(checkout), None).await?;
    Ok(())
}

/// Something became of a notification, or may have.
pub async fn look_again(
    app: &App,
    held: Option<&HeldLanes>,
    tenant: Tenant,
    id: OrderId,
) -> Result<Option<Order>, AppError> {
    let Some(order) = app.store.for_org(tenant).get::<Order>(id).await? else { return Ok(None) };
    settle(app, held, &order.order_key(), None).await
}

/// The worker's part: orders of which something waits.
#[derive(Debug)]
pub struct OrderSweep(pub Arc<HeldLanes>);

impl Work for OrderSweep {
    const NAME: &'static str = "order_sweep";
    const EVERY: Duration = Duration::from_secs(1);
    const WAITS: Waits = due::ORDERS;
    const AT_ONCE: usize = 4;

    fn is_on(&self) -> bool {
        fault::Recovery::OrderSweep.is_on()
    }

    async fn act(&self, app: &App, due: &Due) -> Result<(), AppError> {
        let store = app.store.for_org(due.tenant);
        let Some(order) = store.get::<Order>(OrderId::from_bytes(due.id)).await? else { return Ok(()) };
        let looked = look_again(app, Some(&*self.0), order.tenant(), order.id).await;
        let is_through = match &looked {
            // It was stored anew, with its own time.
            Ok(after) if after.as_ref().is_none_or(|after| after.version != order.version) => return Ok(()),
            // Nothing has changed, and what is next has its delivery. What waits behind it is looked at once in a while.
            Ok(_) => !needs_another_look(&order),
            Err(_) => false,
        };
        let put_off = if is_through {
            doc! { "$unset": { "due": "" } }
        } else {
            doc! { "$set": { "due": app.now() + scaled(LOOK_AGAIN_AFTER) } }
        };
        store.update::<Order>(order.id, doc! { "version": order.version }, put_off).await?;
        looked.map(drop)
    }
}

/// Brings an order in line with what is known and sends what follows. `None` where there is no such order and no payment
/// that would make one.
pub(super) async fn settle(
    app: &App,
    held: Option<&HeldLanes>,
    key: &OrderKey,
    news: Option<&PaymentFacts>,
) -> Result<Option<Order>, AppError> {
    for _ in 0..CONFLICT_RETRIES {
        let Some(mut order) = load(app, key).await? else { return Ok(None) };
        fault::point("order.after_load");
        let before = order.clone();
        if let Some(facts) = news {
            order.state.take_payment(facts.clone());
            end_capture_claim(&mut order, facts);
        }
        let seen = observe::observe(app, &mut order).await?;
        let site = app.site(order.tenant(), order.site_id).await?;
        let tell_initiated = site.is_some_and(|site| site.send_initiated);
        order.state.evaluate(tell_initiated, app.now());
        if is_unchanged(&before, &order) {
            // Whoever came to the same may not have a majority behind them yet: a fail-over would take it back.
            if app.store.for_org(order.tenant()).is_committed(&order).await? {
                dispatch::dispatch(app, held, &order, &before, &seen).await?;
                return Ok(Some(order));
            }
            tokio::time::sleep(MAJORITY_PAUSE).await;
            continue;
        }
        // Whoever relays the same news beside this one may be through with them before the delivery is made.
        let is_alone = lacks_delivery(&order, &seen);
        if !save_and_look(app, &mut order, is_alone).await? {
            continue;
        }
        tracing::debug!(order = %order.id, version = order.version, counter = order.state.counter, "an order was decided");
        fault::point("order.after_save");
        dispatch::dispatch(app, held, &order, &before, &seen).await?;
        if is_alone && !needs_another_look(&order) {
            let looked = doc! { "$unset": { "due": "" } };
            let store = app.store.for_org(order.tenant());
            store.update::<Order>(order.id, doc! { "version": order.version }, looked).await?;
            order.due = None;
        }
        dispatch::pass_flags_on(app, &mut order).await?;
        return Ok(Some(order));
    }
    Err(AppError::Busy)
}

/// The order, or one that is still to be stored; `None` where no payment was begun that would make one.
pub(super) async fn load(app: &App, key: &OrderKey) -> Result<Option<Order>, AppError> {
    if let Some(order) = app.store.for_org(key.tenant()).order(key).await? {
        return Ok(Some(order));
    }
    let order = history::new_order(app, key).await?;
    Ok((!order.state.payments.is_empty()).then_some(order))
}

/// The capture is through, one way or the other.
fn end_capture_claim(order: &mut Order, facts: &PaymentFacts) {
    let is_over = facts.standing != Standing::OnItsWay;
    if is_over && order.capturing.is_some_and(|claim| claim.payment == facts.id) {
        order.capturing = None;
    }
}

fn is_unchanged(before: &Order, order: &Order) -> bool {
    order.version > 0
        && before.state == order.state
        && before.metadata == order.metadata
        && before.capturing == order.capturing
        && order.state.effects.is_empty()
}

/// Whether the next notification has no delivery yet.
fn lacks_delivery(order: &Order, seen: &observe::Seen) -> bool {
    order.state.head().is_some_and(|head| !seen.deliveries.contains_key(&order.delivery_id(head)))
}

/// Stores an order as it was decided on. False where somebody came between: read again, decide again.
pub(super) async fn save(app: &App, order: &mut Order) -> Result<bool, AppError> {
    save_and_look(app, order, false).await
}

/// The same; the sweep looks at it in any case where `is_alone` says that nobody else would come back for it.
async fn save_and_look(app: &App, order: &mut Order, is_alone: bool) -> Result<bool, AppError> {
    let now = app.now();
    order.status = order.state.status();
    order.updated_at = now;
    order.due = (is_alone || needs_another_look(order)).then(|| now + scaled(LOOK_AFTER));
    let store = app.store.for_org(order.tenant());
    let saved = if order.version == 0 {
        order.version = 1;
        match store.insert(&*order).await {
            Err(StoreError::Duplicate) => Err(StoreError::Conflict),
            other => other,
        }
    } else {
        store.save(order).await
    };
    match saved {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether something waits that the delivery of the next notification alone does not see to: another behind it, or a flag
/// on its way to its transaction.
fn needs_another_look(order: &Order) -> bool {
    order.state.waiting() > 1 || !order.state.effects.is_empty()
}

/// Whether a delivery is the one to be sent now, as it is: the next of its order, or the last that was made and is sent
/// once more by a person's wish. Where a newer checkout has come meanwhile, what waits is made anew.
pub async fn is_next(app: &App, held: &HeldLanes, delivery: &Delivery) -> Result<bool, AppError> {
    let store = app.store.for_org(delivery.tenant());
    let Some(order) = order_of(app, held, delivery).await? else { return Ok(false) };
    let newest = store.newest_checkouts(&order.order_key()).await?;
    if may_be_sent(&order, delivery.id) && observe::is_as_seen(&order, &newest) {
        return Ok(true);
    }
    let settled = settle(app, Some(held), &order.order_key(), None).await?;
    Ok(settled.is_some_and(|order| may_be_sent(&order, delivery.id)))
}

/// After an attempt: brings on its way what waits behind a notification that has ended, or that the shop refuses.
pub async fn go_on(app: &App, held: &HeldLanes, delivery: &Delivery) -> Result<(), AppError> {
    let Some(id) = delivery.order_id else { return Ok(()) };
    let Some(order) = app.store.for_org(delivery.tenant()).get::<Order>(id).await? else { return Ok(()) };
    let is_head = order.state.head().is_some_and(|head| order.delivery_id(head) == delivery.id);
    let mut goes_on = order.state.waiting() > usize::from(is_head);
    if !goes_on && delivery.ipn_version.is_some_and(|version| version >= 2) {
        // Receivers of version 2 act on their newest session: one that came meanwhile may not have heard it.
        let newest = app.store.for_org(delivery.tenant()).newest_checkouts(&order.order_key()).await?;
        goes_on = !observe::is_as_seen(&order, &newest);
    }
    if goes_on {
        settle(app, Some(held), &order.order_key(), None).await?;
    }
    Ok(())
}

fn may_be_sent(order: &Order, delivery: DeliveryId) -> bool {
    let is_it = |n: &&Notification| order.delivery_id(n) == delivery;
    match order.state.head() {
        Some(head) => is_it(&head),
        None => order
            .state
            .notifications
            .iter()
            .find(is_it)
            .is_some_and(|n| order.state.may_be_sent_again(n.number)),
    }
}

/// Whether a delivery that has failed is to be tried again: its notification waits still.
pub async fn waits(app: &App, delivery: &Delivery) -> Result<bool, StoreError> {
    let Some(id) = delivery.order_id else { return Ok(true) };
    let Some(order) = app.store.for_org(delivery.tenant()).get::<Order>(id).await? else { return Ok(false) };
    let found = order.state.notifications.iter().find(|n| order.delivery_id(n) == delivery.id);
    // One that is sent again by a person's wish is tried again like any other.
    Ok(found.is_some_and(|n| n.waits() || order.state.may_be_sent_again(n.number)))
}

/// Whether a person may have a delivery sent again: a newer one about the same order would be undone by it.
pub async fn may_be_resent(app: &App, delivery: &Delivery) -> Result<bool, AppError> {
    let Some(id) = delivery.order_id else { return Ok(false) };
    let order = app.store.for_org(delivery.tenant()).get::<Order>(id).await?;
    Ok(order.is_some_and(|order| may_be_sent(&order, delivery.id)))
}

/// The order of an IPN. One that a release before orders made is found by its payment.
async fn order_of(app: &App, held: &HeldLanes, delivery: &Delivery) -> Result<Option<Order>, AppError> {
    let store = app.store.for_org(delivery.tenant());
    if let Some(id) = delivery.order_id {
        return Ok(store.get::<Order>(id).await?);
    }
    let Some(id) = delivery.transaction_id else { return Ok(None) };
    let Some(transaction) = store.get::<Transaction>(id).await? else { return Ok(None) };
    let key = OrderKey::of_transaction(&transaction);
    match store.order(&key).await? {
        Some(order) => Ok(Some(order)),
        None => settle(app, Some(held), &key, Some(&transaction.order_facts())).await,
    }
}
