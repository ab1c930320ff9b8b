//! Money that goes back, and money that is only held: what happens when an answer is lost, when nobody may ask any more,
//! when refunds take days, and when time runs out.

use gateway_core::{
    app::{
        AppError, apply, checkouts,
        create_checkout::NewCheckout,
        operate::{NewOperation, operate},
        orders::gate::SecondPayment,
        refund::{self, NewRefund},
        start_payment::start_payment,
    },
    domain::{
        RefundId, TransactionId,
        checkout::{CaptureMethod, Checkout, CheckoutStatus},
        provider_account::ProviderKind,
        transaction::{RefundState, Transaction, TransactionStatus},
    },
    store::Entity,
};
use mongodb::bson::{DateTime, doc};
use testkit::{
    sim::{DeliveryPolicy, Fault},
    stripe_sim::{DisputeOutcome, StripeSim},
};

use crate::permutations::World;

const REFUND: &str = "POST /v1/refunds";

async fn stripe() -> (StripeSim, World) {
    let sim = StripeSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    (sim, world)
}

/// A payment of ten euros that was paid, and its intent.
async fn paid(world: &World, sim: &StripeSim) -> (TransactionId, String) {
    let begun = world.begin("ORD-1").await;
    let intent = sim.pay(begun.reference("checkout_session").unwrap()).unwrap();
    let paid = apply::confirm(&world.app, &begun).await.unwrap();
    assert_eq!(paid.status, TransactionStatus::Succeeded);
    (paid.id, intent)
}

async fn give_back(world: &World, id: TransactionId, amount: i64) -> Result<RefundState, AppError> {
    let render = |_: &Transaction, _: RefundId| String::new();
    let new = NewRefund { amount: Some(amount), reason: None };
    refund::refund(&world.app, world.tenant, id, new, None, &render).await?;
    Ok(world.transaction(id).await.refunds.last().unwrap().state)
}

/// As if a refund had been asked for so many hours ago; the reconciler is due.
async fn age(world: &World, id: TransactionId, hours: i64) {
    let then = DateTime::from_millis(world.app.now().millis() - hours * 3_600_000);
    let old =
        doc! { "$set": { "reconcile.due": then, "refunds.0.createdAt": then, "refunds.0.updatedAt": then } };
    world.pretend(Transaction::COLLECTION, id, old).await;
}

async fn reconcile(world: &World) {
    assert!(apply::reconcile_due(&world.app).await.unwrap() > 0);
}

fn flags(transaction: &Transaction) -> Vec<&str> {
    transaction.reviews().map(|review| review.reason.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_answer_was_lost_is_found_and_not_made_again() {
    for (hours, forgotten) in [(1, false), (3, true), (60, true)] {
        let (sim, world) = stripe().await;
        let (id, _) = paid(&world, &sim).await;
        sim.inject(Fault::DropAfterEffect, 10, REFUND);
        assert_eq!(give_back(&world, id, 400).await.unwrap(), RefundState::Unknown);
        sim.clear_faults();
        if forgotten {
            sim.forget_keys();
        }
        age(&world, id, hours).await;
        reconcile(&world).await;
        let found = world.transaction(id).await;
        assert_eq!(
            found.refunds.iter().map(|r| (r.amount, r.state)).collect::<Vec<_>>(),
            [(400, RefundState::Succeeded)]
        );
        assert_eq!((sim.effects().refunds_created, found.refunded), (1, 400), "after {hours} hours");
        assert!(flags(&found).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_never_arrived_is_sent_within_a_day_and_never_later() {
    for (hours, is_sent) in [(19, true), (21, false), (500, false)] {
        let (sim, world) = stripe().await;
        let (id, _) = paid(&world, &sim).await;
        sim.inject(Fault::Drop, 10, REFUND);
        assert_eq!(give_back(&world, id, 400).await.unwrap(), RefundState::Unknown);
        sim.clear_faults();
        age(&world, id, hours).await;
        reconcile(&world).await;
        let after = world.transaction(id).await;
        assert_eq!(sim.effects().refunds_created, u64::from(is_sent), "after {hours} hours");
        let flagged: &[&str] = if is_sent { &[] } else { &["refund_unknown"] };
        assert_eq!(flags(&after), flagged, "after {hours} hours");
        assert_eq!(after.refundable(), 600, "its money stays reserved until somebody has looked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_nobody_made_can_be_called_off_and_one_that_was_made_cannot() {
    let (sim, world) = stripe().await;
    let (id, _) = paid(&world, &sim).await;
    let cancel = async |refund| refund::cancel(&world.app, world.tenant, id, refund).await;
    sim.inject(Fault::Drop, 10, REFUND);
    give_back(&world, id, 400).await.unwrap();
    let refund = world.transaction(id).await.refunds[0].id;
    assert_eq!(cancel(refund).await.unwrap_err().code(), "OPERATION_RUNNING");
    assert_eq!(cancel(RefundId::generate()).await.unwrap_err().code(), "NOT_FOUND");

    age(&world, id, 30).await;
    reconcile(&world).await;
    assert_eq!(flags(&world.transaction(id).await), ["refund_unknown"]);
    // Also while the provider cannot be asked: that is when it is needed.
    sim.outage(true);
    let cancelled = cancel(refund).await.unwrap();
    assert_eq!((cancelled.refunds[0].state, cancelled.refundable()), (RefundState::Failed, 1000));
    assert!(flags(&cancelled).is_empty(), "there is nothing to look at any more");
    assert_eq!(cancel(refund).await.unwrap_err().code(), "REFUND_NOT_CANCELLABLE");
    sim.outage(false);
    sim.clear_faults();
    apply::confirm(&world.app, &cancelled).await.unwrap();
    assert_eq!(sim.effects().refunds_created, 0, "it is not sent after all");

    // Made at the provider, though the answer was lost.
    sim.inject(Fault::DropAfterEffect, 10, REFUND);
    give_back(&world, id, 300).await.unwrap();
    sim.clear_faults();
    let then = DateTime::from_millis(world.app.now().millis() - 3_600_000);
    let old = doc! { "$set": { "refunds.1.updatedAt": then } };
    world.pretend(Transaction::COLLECTION, id, old).await;
    let refund = world.transaction(id).await.refunds[1].id;
    assert_eq!(cancel(refund).await.unwrap_err().code(), "REFUND_NOT_CANCELLABLE");
    let found = world.transaction(id).await;
    assert_eq!((found.refunds[1].state, found.refunded), (RefundState::Succeeded, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_may_not_refund_leave_nothing_that_goes_out_later() {
    let (sim, world) = stripe().await;
    let (id, intent) = paid(&world, &sim).await;
    sim.configure(|config| config.forbidden = vec![REFUND]);
    assert_eq!(give_back(&world, id, 400).await.unwrap(), RefundState::Failed);
    // The merchant refunds in the dashboard, and mends the key weeks later.
    sim.dashboard_refund(&intent, 400).unwrap();
    sim.configure(|config| config.forbidden = Vec::new());
    let current = world.transaction(id).await;
    assert!(current.reconcile.is_none(), "nothing is queued");
    apply::confirm(&world.app, &current).await.unwrap();
    apply::reconcile_due(&world.app).await.unwrap();
    assert_eq!((world.transaction(id).await.refunded, sim.requests_to(REFUND).len()), (400, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_are_not_sent_blindly_where_they_cannot_be_seen() {
    let (sim, world) = stripe().await;
    let (id, _) = paid(&world, &sim).await;
    sim.inject(Fault::DropAfterEffect, 10, REFUND);
    give_back(&world, id, 400).await.unwrap();
    sim.clear_faults();
    sim.forget_keys();
    sim.configure(|config| config.forbidden = vec!["GET /v1/refunds"]);
    age(&world, id, 2).await;
    reconcile(&world).await;
    let after = world.transaction(id).await;
    assert_eq!((sim.effects().refunds_created, after.refunds[0].state), (1, RefundState::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_unknown_is_asked_about_less_and_less() {
    let (sim, world) = stripe().await;
    let (id, _) = paid(&world, &sim).await;
    sim.inject(Fault::Drop, 100, REFUND);
    give_back(&world, id, 400).await.unwrap();
    let mut steps = Vec::new();
    for _ in 0..4 {
        age(&world, id, 1).await;
        reconcile(&world).await;
        steps.push(world.transaction(id).await.reconcile.unwrap().step);
    }
    assert_eq!(steps, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_that_take_days_never_add_up_to_more_than_was_paid() {
    let (sim, world) = stripe().await;
    sim.configure(|config| config.refunds_start_pending = true);
    let (id, _) = paid(&world, &sim).await;
    assert_eq!(give_back(&world, id, 700).await.unwrap(), RefundState::Pending);
    let refused = give_back(&world, id, 301).await.unwrap_err();
    assert_eq!(refused.code(), "REFUND_EXCEEDS_BALANCE");
    assert!(refused.to_string().contains("€3.00"), "{refused}");
    assert_eq!(give_back(&world, id, 300).await.unwrap(), RefundState::Pending);
    let pending = world.transaction(id).await;
    assert_eq!(
        (pending.status, pending.refunded),
        (TransactionStatus::Succeeded, 0),
        "nothing went back yet"
    );
    // One bounces: its money can be given back again.
    sim.refund_fails(pending.refunds[0].reference.as_ref().unwrap()).unwrap();
    sim.refund_succeeds(pending.refunds[1].reference.as_ref().unwrap()).unwrap();
    let after = apply::confirm(&world.app, &pending).await.unwrap();
    assert_eq!((after.status, after.refunded), (TransactionStatus::PartiallyRefunded, 300));
    assert_eq!(after.refundable(), 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_bank_only_asks_money_goes_back_and_a_chargeback_takes_it() {
    let (sim, world) = stripe().await;
    let (id, intent) = paid(&world, &sim).await;
    let inquiry = sim.open_inquiry(&intent, 1000).unwrap();
    let current = world.transaction(id).await;
    let asked = apply::confirm(&world.app, &current).await.unwrap();
    assert_eq!((asked.status, asked.refundable()), (TransactionStatus::Succeeded, 1000));
    give_back(&world, id, 400).await.unwrap();
    sim.escalate_inquiry(&inquiry).unwrap();
    let disputed = apply::confirm(&world.app, &asked).await.unwrap();
    assert_eq!(disputed.status, TransactionStatus::Disputed);
    assert_eq!(give_back(&world, id, 1).await.unwrap_err().code(), "TRANSACTION_NOT_REFUNDABLE");
    sim.close_dispute(&inquiry, DisputeOutcome::Won).unwrap();
    let won = apply::confirm(&world.app, &disputed).await.unwrap();
    assert_eq!((won.status, won.refundable()), (TransactionStatus::PartiallyRefunded, 600));
}

/// A payment whose money was authorized so many hours ago.
async fn authorized(world: &World, sim: &StripeSim, hours: i64) -> (Checkout, Transaction) {
    let by_hand = |new: &mut NewCheckout| new.capture_method = CaptureMethod::Manual;
    let checkout = world.checkout_with("ORD-1", by_hand).await;
    let started = start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap();
    sim.pay(started.transaction.reference("checkout_session").unwrap()).unwrap();
    let held = apply::confirm(&world.app, &started.transaction).await.unwrap();
    assert_eq!(held.status, TransactionStatus::Authorized);
    let change = held.history.iter().position(|one| one.status == TransactionStatus::Authorized).unwrap();
    let at = DateTime::from_millis(world.app.now().millis() - hours * 3_600_000);
    let aged = doc! { "$set": { format!("history.{change}.at"): at } };
    world.pretend(Transaction::COLLECTION, held.id, aged).await;
    (checkout, world.transaction(held.id).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_outlives_its_checkout_and_somebody_is_told_before_it_ends() {
    for (hours, flagged) in [(4 * 24, &[][..]), (5 * 24 + 1, &["authorization_ends"][..])] {
        let (sim, world) = stripe().await;
        let (checkout, held) = authorized(&world, &sim, hours).await;
        let hour_ago = DateTime::from_millis(world.app.now().millis() - 3_600_000);
        let over = doc! { "$set": { "expiresAt": hour_ago, "expiryDue": hour_ago } };
        world.pretend(Checkout::COLLECTION, checkout.id, over).await;
        checkouts::expire_due(&world.app).await.unwrap();
        let store = world.app.store.for_org(world.tenant);
        let kept = store.get::<Checkout>(checkout.id).await.unwrap().unwrap();
        assert_eq!(kept.status, CheckoutStatus::Open, "its money is held");

        let due = doc! { "$set": { "reconcile.due": hour_ago } };
        world.pretend(Transaction::COLLECTION, held.id, due).await;
        reconcile(&world).await;
        assert_eq!(flags(&world.transaction(held.id).await), flagged, "after {hours} hours");

        let capture = NewOperation::Capture { amount: None, second: SecondPayment::Ask };
        let render = |_: &Transaction, _: RefundId| String::new();
        operate(&world.app, world.tenant, held.id, capture, None, &render).await.unwrap();
        let taken = world.transaction(held.id).await;
        assert_eq!((taken.status, flags(&taken)), (TransactionStatus::Succeeded, vec![]));
        let paid = store.get::<Checkout>(checkout.id).await.unwrap().unwrap();
        assert_eq!(paid.paid_by, Some(held.id));
    }
}
