//! Looks at what an order must know: its newest checkout, and what became of its notifications.

use std::{collections::HashMap, time::Duration};

use crate::{
    app::{App, AppError},
    domain::{
        DeliveryId,
        checkout::CheckoutStatus,
        delivery::{AttemptOutcome, DeliveryState},
        order::{Newest, Notification, NotificationState, Order, Progress, Target},
    },
    outbound::{FailureClass, Receiver},
    store::orders::{CheckoutGlance, DeliveryGlance},
    timing::scaled,
};

/// What a shop refuses again and again gives way to what waits behind it, but not before it has been refused for so long:
/// an application that is broken for a moment refuses everything.
const REFUSED_FOR: Duration = Duration::from_mins(5);

/// Notifications that were replaced on their way, and of which an answer may still be taken in.
const REPLACED_MAX: usize = 8;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Checkouts, the newest first.
    pub(super) checkouts: Vec<CheckoutGlance>,
    /// Deliveries of notifications that wait, or that were replaced on their way.
    pub(super) deliveries: HashMap<DeliveryId, DeliveryGlance>,
}

/// Takes in the order's newest checkout and what became of its notifications.
pub(super) async fn observe(app: &App, order: &mut Order) -> Result<Seen, AppError> {
    let store = app.store.for_org(order.tenant());
    let key = order.order_key();
    let ids: Vec<DeliveryId> = open_notifications(order).map(|open| order.delivery_id(open)).collect();
    let (checkouts, deliveries) =
        futures::try_join!(store.newest_checkouts(&key), store.glance_deliveries(&ids))?;
    if let Some(newest) = checkouts.first() {
        let newest_of_it = newest_of(order, newest);
        order.state.take_checkouts(newest_of_it, target_of(&checkouts));
        order.metadata.clone_from(&newest.metadata);
    }
    let fresh = checkouts.iter().find(|checkout| checkout.ipn.is_some());
    let seen = |open: &Notification| {
        let delivery = deliveries.get(&order.delivery_id(open))?;
        let was_missed = fresh.is_some_and(|fresh| was_missed(open, delivery, fresh));
        let progress = progress(app, delivery);
        Some((open.number, if was_missed { Progress { ended: None, ..progress } } else { progress }))
    };
    let progress: Vec<(i64, Progress)> = open_notifications(order).filter_map(seen).collect();
    for (number, progress) in progress {
        order.state.take_progress(number, progress);
    }
    Ok(Seen { checkouts, deliveries })
}

/// Whether an order's newest checkout and target are still what it was decided on.
pub(super) fn is_as_seen(order: &Order, checkouts: &[CheckoutGlance]) -> bool {
    let Some(newest) = checkouts.first() else { return true };
    let mut state = order.state.clone();
    !state.take_checkouts(newest_of(order, newest), target_of(checkouts))
}

/// One that is paid is over only where its payment has been heard of: the announcements of the two may come in either
/// order, and an order whose money is not known yet has not ended without it.
fn newest_of(order: &Order, newest: &CheckoutGlance) -> Newest {
    let over = match newest.status {
        CheckoutStatus::Open => false,
        CheckoutStatus::Expired | CheckoutStatus::Cancelled => true,
        CheckoutStatus::Paid | CheckoutStatus::Completed => {
            let mut payments = order.state.payments.iter().map(|payment| &payment.facts);
            payments.any(|facts| facts.checkout == newest.id && facts.succeeded_at.is_some())
        }
    };
    Newest { id: newest.id, created_at: newest.created_at, over }
}

fn target_of(checkouts: &[CheckoutGlance]) -> Option<Target> {
    let found = checkouts.iter().find_map(|checkout| Some((checkout.id, checkout.ipn.as_ref()?)));
    found.map(|(checkout, ipn)| Target { checkout, version: u8::from(ipn.version) })
}

/// Those that wait, and the last ones that were replaced before they were answered.
fn open_notifications(order: &Order) -> impl Iterator<Item = &Notification> {
    let notifications = &order.state.notifications;
    let replaced = notifications.iter().rev().filter(|n| n.state == NotificationState::Replaced);
    notifications.iter().filter(|n| n.waits()).chain(replaced.take(REPLACED_MAX))
}

/// Whether a shop had made another checkout by the time it answered: one that reads version 2 acts on its newest session
/// alone, and may have taken the notification for old news. It is said anew (R10). The checkout may be older than the
/// request, too: between the last look at the order and the request lie a write and whatever holds a worker up.
fn was_missed(open: &Notification, delivery: &DeliveryGlance, fresh: &CheckoutGlance) -> bool {
    let Some(answered) = delivery.attempts.last() else { return false };
    let until = answered.started_at.millis() + answered.duration_ms.unwrap_or_default();
    open.version >= 2 && open.waits() && open.checkout != fresh.id && fresh.created_at.millis() <= until
}

fn progress(app: &App, delivery: &DeliveryGlance) -> Progress {
    let sent = |outcome| !matches!(outcome, AttemptOutcome::Refused);
    let ended = match delivery.state {
        DeliveryState::Delivered => Some(NotificationState::Answered),
        DeliveryState::Failed | DeliveryState::Superseded => Some(NotificationState::GivenUp),
        DeliveryState::Pending | DeliveryState::Sending => None,
    };
    Progress {
        sent: delivery.attempts.iter().any(|attempt| sent(attempt.outcome)),
        refusals: refusals(app, delivery),
        ended,
    }
}

/// Answers of the shop itself that it does not take this notification; below the limit until they have gone on for a while.
fn refusals(app: &App, delivery: &DeliveryGlance) -> i64 {
    let refused = |status: i64| {
        let status = u16::try_from(status).unwrap_or_default();
        FailureClass::of_status(Receiver::Ipn, status) == Some(FailureClass::Refused)
    };
    let answers = delivery.attempts.iter().filter(|attempt| attempt.status.is_some_and(refused));
    let count = i64::try_from(answers.count()).unwrap_or(i64::MAX);
    let first = delivery.attempts.first().map_or(app.now(), |attempt| attempt.started_at);
    if app.now().since(first) < scaled(REFUSED_FOR) { count.min(2) } else { count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{CheckoutId, DeliveryId, Timestamp, TransactionId},
        store::orders::AttemptGlance,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn what_is_answered_under_an_older_session_is_missed() {
        let (old, new) = (CheckoutId::generate(), CheckoutId::generate());
        let notification = |checkout, version, state| Notification {
            number: 2,
            payment: TransactionId::generate(),
            status: 4,
            dispute: None,
            opens: false,
            checkout,
            version,
            delivery: None,
            at: at(0),
            state,
            sent: true,
            refusals: 0,
        };
        let attempt = AttemptGlance {
            started_at: at(1000),
            outcome: AttemptOutcome::Succeeded,
            status: Some(200),
            duration_ms: Some(50),
        };
        let delivery = DeliveryGlance {
            id: DeliveryId::generate(),
            state: DeliveryState::Delivered,
            attempts: vec![attempt],
        };
        let missed = |open: &Notification, created| {
            let fresh = CheckoutGlance {
                id: new,
                created_at: at(created),
                status: CheckoutStatus::Open,
                public_id: String::new(),
                ipn: None,
                metadata: crate::domain::Metadata::default(),
            };
            was_missed(open, &delivery, &fresh)
        };
        let open = notification(old, 2, NotificationState::Waiting);
        assert!(missed(&open, 1020), "made while the shop was asked");
        assert!(missed(&open, 990), "made after the last look and before the request");
        assert!(!missed(&open, 1051), "made afterwards");
        assert!(!missed(&notification(new, 2, NotificationState::Waiting), 990), "said under it");
        assert!(
            !missed(&notification(old, 1, NotificationState::Waiting), 990),
            "version 1 knows no sessions"
        );
        assert!(!missed(&notification(old, 2, NotificationState::Answered), 990), "taken in already");
    }
}
