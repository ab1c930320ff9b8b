//! Brings what was decided on its way: the notification that is next, and flags to the transactions.

use super::{observe::Seen, settle};
use crate::{
    app::{App, AppError, CONFLICT_RETRIES},
    domain::{
        CheckoutId, DeliveryId,
        checkout::{Checkout, IpnTarget},
        delivery::{Delivery, DeliveryKind},
        ipn,
        lane::LaneId,
        order::{Attention, Effect, Notification, NotificationState, Order},
        transaction::Transaction,
    },
    fault,
    jobs::{
        lanes::{self, HeldLanes},
        relay::new_delivery,
    },
    store::{Entity, StoreError},
};

/// Reason of a delivery that another has taken the place of.
pub(crate) const REPLACED: &str = "a newer message about the same order took its place";

/// Ends deliveries that were replaced and makes the one that is next. Harmless to repeat.
pub(super) async fn dispatch(
    app: &App,
    held: Option<&HeldLanes>,
    order: &Order,
    before: &Order,
    seen: &Seen,
) -> Result<(), AppError> {
    let store = app.store.for_org(order.tenant());
    store.supersede_deliveries(&replaced_now(order, before), REPLACED, app.now()).await?;
    let Some(next) = order.state.head() else { return Ok(()) };
    let id = order.delivery_id(next);
    if seen.deliveries.contains_key(&id) {
        return Ok(());
    }
    let Some((address, session)) = target(app, order, next, seen).await? else {
        tracing::warn!(order = %order.id, "a checkout that a notification names is gone");
        return Ok(());
    };
    let delivery = delivery(app, order, next, id, &address, &session).await?;
    match store.insert(&delivery).await {
        Ok(()) | Err(StoreError::Duplicate) => {}
        Err(error) => return Err(error.into()),
    }
    tracing::debug!(order = %order.id, number = next.number, status = next.status, "a notification has its delivery");
    fault::point("order.after_delivery");
    let now = app.now();
    match held {
        Some(held) => held.wake(&app.store, order.tenant(), &delivery.lane, now).await?,
        None => lanes::wake(&app.store, order.tenant(), &delivery.lane, now, now).await?,
    }
    Ok(())
}

/// Deliveries of notifications that waited before and were replaced by this decision.
fn replaced_now(order: &Order, before: &Order) -> Vec<DeliveryId> {
    let waited = |number: i64| before.state.notifications.iter().any(|n| n.number == number && n.waits());
    let ended = |n: &&Notification| {
        matches!(n.state, NotificationState::Replaced | NotificationState::GivenUp) && waited(n.number)
    };
    order.state.notifications.iter().filter(ended).map(|n| order.delivery_id(n)).collect()
}

/// The address and the session of the checkout that a notification uses.
async fn target(
    app: &App,
    order: &Order,
    head: &Notification,
    seen: &Seen,
) -> Result<Option<(IpnTarget, String)>, AppError> {
    let glance = seen.checkouts.iter().find(|checkout| checkout.id == head.checkout);
    if let Some((ipn, session)) = glance.and_then(|g| Some((g.ipn.clone()?, g.public_id.clone()))) {
        return Ok(Some((ipn, session)));
    }
    let checkout = app.store.for_org(order.tenant()).get::<Checkout>(head.checkout).await?;
    Ok(checkout.and_then(|checkout| Some((checkout.ipn?, checkout.public_id))))
}

async fn delivery(
    app: &App,
    order: &Order,
    head: &Notification,
    id: DeliveryId,
    target: &IpnTarget,
    session: &str,
) -> Result<Delivery, AppError> {
    let store = app.store.for_org(order.tenant());
    let transaction = store.get::<Transaction>(head.payment).await?;
    // The payment's own reference: that of an order which is one checkout stands in no key.
    let reference = transaction.as_ref().map_or(order.external_reference.as_str(), |t| &t.external_reference);
    let url = open_address(app, order, head.checkout, target).await?;
    let body = match head.version {
        1 => ipn::body_v1(reference, head),
        _ => ipn::body_v2(reference, session, &id.to_string(), head),
    };
    let mut delivery = new_delivery(&store, id, DeliveryKind::Ipn, &url, &body, app.now(), head.at).await?;
    delivery.lane = LaneId::ipn(order.tenant(), &target.host);
    "ipn".clone_into(&mut delivery.event);
    delivery.site_id = Some(order.site_id);
    delivery.order_id = Some(order.id);
    delivery.transaction_id = Some(head.payment);
    delivery.checkout_id = Some(head.checkout);
    reference.clone_into(&mut delivery.external_reference);
    delivery.ipn_version = Some(head.version.into());
    delivery.ipn_status = Some(head.status.into());
    delivery.event_version = Some(head.number);
    Ok(delivery)
}

async fn open_address(
    app: &App,
    order: &Order,
    checkout: CheckoutId,
    target: &IpnTarget,
) -> Result<String, AppError> {
    let store = app.store.for_org(order.tenant());
    Ok(store.open(Checkout::COLLECTION, checkout, Checkout::IPN_URL_FIELD, &target.url).await?)
}

/// Raises and takes back flags of transactions. Harmless to repeat: what was passed on is taken out of the order last.
pub(super) async fn pass_flags_on(app: &App, order: &mut Order) -> Result<(), AppError> {
    if order.state.effects.is_empty() {
        return Ok(());
    }
    let effects = order.state.effects.clone();
    for effect in &effects {
        pass_on(app, order, effect).await?;
    }
    fault::point("order.after_flags");
    for _ in 0..CONFLICT_RETRIES {
        order.state.effects.retain(|effect| !effects.contains(effect));
        if settle::save(app, order).await? {
            return Ok(());
        }
        let store = app.store.for_org(order.tenant());
        *order = store.get::<Order>(order.id).await?.ok_or(AppError::NotFound("order"))?;
    }
    // The sweep comes back for them.
    Ok(())
}

async fn pass_on(app: &App, order: &Order, effect: &Effect) -> Result<(), AppError> {
    let now = app.now();
    let (id, reason) = (effect.flag.payment, effect.flag.reason);
    let text = detail(reason);
    let changed = app
        .change::<Transaction, (), _>(order.tenant(), id, "transaction", |t| {
            let before = t.reviews().count();
            if effect.raised {
                t.flag(reason.as_str(), text, now);
            } else {
                t.unflag(reason.as_str(), now);
            }
            Ok((t.reviews().count() != before, ()))
        })
        .await;
    match changed {
        Ok(_) | Err(AppError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

const fn detail(reason: Attention) -> &'static str {
    match reason {
        Attention::SecondPayment => "another payment of this order holds money as well: refund one of them",
        Attention::SupersededPayment => {
            "the money came by a checkout that a newer one had replaced: the newer one must not be paid as well"
        }
        Attention::ShopNotTold => {
            "the payment holds money again, and no message to the shop says so: set the order to paid in the shop"
        }
        Attention::ShopMayNotFollow => {
            "the shop was told, but there are shops that do not act on it: look at the order in the shop"
        }
        Attention::ShopRefused => {
            "the shop refuses the message that this payment is paid: look at the order there"
        }
        Attention::DisputedInPart => {
            "a part of the money is disputed: the shop is not told while money is held"
        }
    }
}
