//! Starting, ending and paying at the same moment; crashes between two writes; requests repeated elsewhere.

use std::{sync::Arc, time::Duration};

use gateway_core::{
    app::orders::gate::SecondPayment,
    jobs::{lanes::HeldLanes, relay::Relay},
};
use gateway_core::{
    app::{
        AppError,
        apply::{self, apply_event},
        checkouts,
        create_checkout::IdempotencyKey,
        refund::{NewRefund, refund},
        start_payment::{StartedPayment, start_payment},
    },
    crypto::RequestDigest,
    domain::{
        CheckoutId, ProviderId, RefundId, TransactionId,
        checkout::{Checkout, CheckoutStatus},
        provider_account::ProviderKind,
        transaction::{NextStep, RefundState, Transaction, TransactionStatus},
    },
    store::Entity,
};
use mongodb::bson::{Document, doc};
use testkit::{gocardless_sim::GoCardlessSim, sim::DeliveryPolicy, stripe_sim::StripeSim};

use crate::permutations::{World, account};

async fn stripe() -> (StripeSim, World) {
    let sim = StripeSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    (sim, world)
}

impl World {
    async fn reread(&self, id: CheckoutId) -> Checkout {
        self.app.store.for_org(self.tenant).get::<Checkout>(id).await.unwrap().unwrap()
    }

    async fn transactions(&self, checkout: CheckoutId) -> Vec<Transaction> {
        let filter = doc! { "checkoutId": checkout };
        self.app.store.for_org(self.tenant).find(filter, doc! { "_id": 1 }, 10).await.unwrap()
    }

    /// A start whose provider takes its time to answer.
    fn start_slowly(
        &self,
        checkout: &Checkout,
        provider: ProviderId,
    ) -> tokio::task::JoinHandle<Result<StartedPayment, AppError>> {
        let (app, checkout) = (self.app.clone(), checkout.clone());
        tokio::spawn(async move { start_payment(&app, &checkout, provider, SecondPayment::Ask).await })
    }

    async fn wait_begun(&self, checkout: CheckoutId) -> Transaction {
        for _ in 0..500 {
            if let Some(begun) = self.transactions(checkout).await.pop() {
                return begun;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the payment was not begun");
    }

    pub async fn pretend(&self, collection: &str, id: impl Into<mongodb::bson::Bson>, update: Document) {
        let collection = self.app.store.database().collection::<Document>(collection);
        let done = collection.update_one(doc! { "_id": id.into() }, update).await.unwrap();
        assert_eq!(done.matched_count, 1);
    }
}

fn code(error: &AppError) -> &'static str {
    error.code()
}

fn address(started: &StartedPayment) -> String {
    match &started.next {
        Some(NextStep::Redirect { url }) => url.clone(),
        other => panic!("{other:?}"),
    }
}

/// Without the withdrawal both tabs could pay.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_another_tab_replaced_while_it_was_started_is_withdrawn() {
    let (sim, world) = stripe().await;
    let other = account(&world.app, world.tenant, ProviderKind::Sandbox).await;
    let checkout = world.checkout("ORD-1").await;
    sim.set_latency(Duration::ZERO, Duration::from_millis(1500));
    let first = world.start_slowly(&checkout, world.provider);
    world.wait_begun(checkout.id).await;
    start_payment(&world.app, &checkout, other, SecondPayment::Ask).await.unwrap();
    let refused = first.await.unwrap().unwrap_err();
    assert_eq!(code(&refused), "PAYMENT_ENDED");
    let session = sim.sessions().remove(0);
    assert_eq!(sim.object(&session).unwrap()["status"], "expired", "nobody can pay it any more");
    let open: Vec<_> =
        world.transactions(checkout.id).await.into_iter().filter(|t| t.open.is_some()).collect();
    assert_eq!((open.len(), open[0].provider_id), (1, Some(other)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_cancelled_while_a_payment_is_started_cannot_be_paid() {
    let (sim, world) = stripe().await;
    let checkout = world.checkout("ORD-1").await;
    sim.set_latency(Duration::ZERO, Duration::from_millis(1500));
    let starting = world.start_slowly(&checkout, world.provider);
    world.wait_begun(checkout.id).await;
    let cancelled = checkouts::cancel(&world.app, world.tenant, checkout.id).await.unwrap();
    assert_eq!(cancelled.status, CheckoutStatus::Cancelled);
    assert_eq!(code(&starting.await.unwrap().unwrap_err()), "PAYMENT_ENDED");
    assert_eq!(sim.object(&sim.sessions().remove(0)).unwrap()["status"], "expired");
}

/// The page read the checkout before the merchant cancelled it, and the customer's click comes after.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_begun_with_an_old_look_at_the_checkout_is_refused() {
    let (sim, world) = stripe().await;
    let checkout = world.checkout("ORD-1").await;
    checkouts::cancel(&world.app, world.tenant, checkout.id).await.unwrap();
    let refused = start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap_err();
    assert_eq!(code(&refused), "CHECKOUT_CANCELLED");
    assert!(sim.sessions().is_empty(), "the provider was not asked");
    assert!(world.transactions(checkout.id).await.iter().all(|t| t.open.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_taken_but_not_projected_counts() {
    let (sim, world) = stripe().await;
    let other = account(&world.app, world.tenant, ProviderKind::Sandbox).await;
    let checkout = world.checkout("ORD-1").await;
    let begun =
        start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap().transaction;
    sim.pay(begun.reference("checkout_session").unwrap()).unwrap();
    apply::confirm(&world.app, &begun).await.unwrap();
    let unproject = doc! {
        "$set": { "status": "open", "expiryDue": checkout.created_at },
        "$unset": { "paidBy": "", "paidAt": "" },
    };
    // As a crash between the two writes leaves it.
    world.pretend(Checkout::COLLECTION, checkout.id, unproject.clone()).await;
    let refused = start_payment(&world.app, &checkout, other, SecondPayment::Ask).await.unwrap_err();
    assert_eq!(code(&refused), "CHECKOUT_ALREADY_PAID");
    assert_eq!(world.reread(checkout.id).await.status, CheckoutStatus::Paid);
    world.pretend(Checkout::COLLECTION, checkout.id, unproject.clone()).await;
    checkouts::expire_due(&world.app).await.unwrap();
    assert_eq!(world.reread(checkout.id).await.status, CheckoutStatus::Paid);
    world.pretend(Checkout::COLLECTION, checkout.id, unproject).await;
    assert!(checkouts::cancel(&world.app, world.tenant, checkout.id).await.is_err());
    assert_eq!(world.reread(checkout.id).await.status, CheckoutStatus::Paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_not_cancelled_while_money_is_on_its_way() {
    let (sim, world) = stripe().await;
    let checkout = world.checkout("ORD-1").await;
    let begun =
        start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap().transaction;
    let session = begun.reference("checkout_session").unwrap();
    sim.complete_unpaid(session).unwrap();
    apply::confirm(&world.app, &begun).await.unwrap();
    let refused = checkouts::cancel(&world.app, world.tenant, checkout.id).await.unwrap_err();
    assert_eq!(code(&refused), "PAYMENT_RUNNING");
    assert_eq!(world.reread(checkout.id).await.status, CheckoutStatus::Open);
    sim.async_succeed(session).unwrap();
    let paid = apply::confirm(&world.app, &begun).await.unwrap();
    assert_eq!((paid.status, paid.needs_review), (TransactionStatus::Succeeded, None));
    assert_eq!(world.reread(checkout.id).await.status, CheckoutStatus::Paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_declined_card_the_customer_goes_back_to_the_page_or_elsewhere() {
    let (sim, world) = stripe().await;
    let other = account(&world.app, world.tenant, ProviderKind::Sandbox).await;
    let checkout = world.checkout("ORD-1").await;
    let first = start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap();
    let session = first.transaction.reference("checkout_session").unwrap().to_owned();
    sim.decline(&session).unwrap();
    let declined = apply::confirm(&world.app, &first.transaction).await.unwrap();
    assert!(declined.was_declined(), "{:?}", declined.payment);
    let again = start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap();
    assert_eq!((again.transaction.id, address(&again)), (first.transaction.id, address(&first)));
    let elsewhere = start_payment(&world.app, &checkout, other, SecondPayment::Ask).await.unwrap();
    assert_ne!(elsewhere.transaction.id, first.transaction.id);
    assert_eq!(sim.object(&session).unwrap()["status"], "expired");
    assert_eq!(world.transaction(first.transaction.id).await.status, TransactionStatus::Cancelled);
}

/// The unique index on a checkout's open payment must not make the bank's news unreadable.
#[tokio::test(flavor = "multi_thread")]
async fn a_debit_that_the_bank_tries_again_gives_way_to_the_open_payment() {
    let sim = GoCardlessSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::GoCardless, &sim.base_url()).await;
    let other = account(&world.app, world.tenant, ProviderKind::Sandbox).await;
    let checkout = world.checkout("ORD-1").await;
    let debit =
        start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap().transaction;
    let payment = sim.fulfil(debit.reference("billing_request").unwrap()).unwrap().payment.unwrap();
    sim.set_time_offset_ms(60_000);
    sim.submit(&payment).unwrap();
    sim.fail(&payment, false).unwrap();
    assert_eq!(apply::confirm(&world.app, &debit).await.unwrap().status, TransactionStatus::Failed);
    let second = start_payment(&world.app, &checkout, other, SecondPayment::Ask).await.unwrap().transaction;
    sim.set_time_offset_ms(120_000);
    sim.resubmit(&payment).unwrap();
    let event = sim.events().pop().unwrap();
    assert_eq!(event["action"], "resubmission_requested");
    sim.outage(true);
    let receipt = world.deliver(&[event]).await;
    let stored = world.app.store.lookup_event(receipt.fresh[0].id()).await.unwrap().unwrap();
    assert_eq!(stored.reason, None);
    let retried = world.transaction(debit.id).await;
    assert_eq!((retried.status, retried.open), (TransactionStatus::Pending, None));
    assert_eq!(world.transaction(second.id).await.open, Some(true));
    sim.outage(false);
    sim.set_time_offset_ms(180_000);
    sim.confirm(&payment).unwrap();
    let paid = apply::confirm(&world.app, &debit).await.unwrap();
    assert_eq!(paid.status, TransactionStatus::Succeeded);
    assert_eq!(world.reread(checkout.id).await.paid_by, Some(debit.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_payment_is_said_to_be_one_also_where_it_came_late() {
    let (sim, world) = stripe().await;
    let checkout = world.checkout("ORD-1").await;
    let first =
        start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap().transaction;
    // As if the provider had not heard of its end: a session paid at that very moment.
    let end = doc! { "$set": { "status": "cancelled", "payment.state": "cancelled", "payment.at": checkout.created_at, "payment.sticky": false }, "$unset": { "open": "" } };
    world.pretend(Transaction::COLLECTION, first.id, end).await;
    let second =
        start_payment(&world.app, &checkout, world.provider, SecondPayment::Ask).await.unwrap().transaction;
    assert_ne!(first.id, second.id);
    for paid in [&second, &first] {
        sim.pay(paid.reference("checkout_session").unwrap()).unwrap();
        apply::confirm(&world.app, paid).await.unwrap();
    }
    let relay = Relay::new(world.app.clone(), Arc::new(HeldLanes::default()));
    while relay.poll(100, Duration::ZERO).await.unwrap() > 0 {}
    let late = world.transaction(first.id).await;
    assert_eq!(late.status, TransactionStatus::Succeeded);
    assert_eq!(late.needs_review.unwrap().reason, "second_payment");
    assert_eq!(world.reread(checkout.id).await.paid_by, Some(second.id));
}

async fn paid(world: &World, sim: &StripeSim, reference: &str) -> TransactionId {
    let begun = world.begin(reference).await;
    sim.pay(begun.reference("checkout_session").unwrap()).unwrap();
    let paid = apply::confirm(&world.app, &begun).await.unwrap();
    assert_eq!(paid.status, TransactionStatus::Succeeded);
    paid.id
}

fn key(transaction: TransactionId) -> IdempotencyKey {
    let path = format!("/api/v1/transactions/{transaction}/refund");
    let digest = RequestDigest::of("POST", &path, b"{}");
    IdempotencyKey { route: "/api/v1/transactions/{id}/refund", key: "refund-1".to_owned(), digest }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_of_one_transaction_is_refused_on_another() {
    let (sim, world) = stripe().await;
    let render = |t: &Transaction, id: RefundId| format!("{}-{id}", t.id);
    let ask = async |id: TransactionId| {
        refund(&world.app, world.tenant, id, NewRefund::default(), Some(&key(id)), &render).await
    };
    let (one, two) = (paid(&world, &sim, "ORD-1").await, paid(&world, &sim, "ORD-2").await);
    ask(one).await.unwrap();
    ask(one).await.unwrap();
    assert_eq!(code(&ask(two).await.unwrap_err()), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(sim.effects().refunds_created, 1);
}

/// A refund whose fate nobody can learn is shown to a person, also where the provider cannot be asked.
#[tokio::test(flavor = "multi_thread")]
async fn what_stays_unknown_is_flagged_even_while_the_provider_is_away() {
    let (sim, world) = stripe().await;
    let id = paid(&world, &sim, "ORD-1").await;
    sim.outage(true);
    let render = |_: &Transaction, _: RefundId| String::new();
    refund(&world.app, world.tenant, id, NewRefund::default(), None, &render).await.unwrap();
    assert_eq!(world.transaction(id).await.refunds[0].state, RefundState::Unknown);
    let long_ago = mongodb::bson::DateTime::from_millis(world.app.now().millis() - 25 * 3_600_000);
    let old = doc! { "$set": { "reconcile.due": long_ago, "refunds.0.createdAt": long_ago } };
    world.pretend(Transaction::COLLECTION, id, old).await;
    apply::reconcile_due(&world.app).await.unwrap();
    assert_eq!(world.transaction(id).await.needs_review.unwrap().reason, "refund_unknown");
}

/// A snapshot that was on its way while something else was stored is fetched anew, not dropped: the event
/// alone could announce a status that never was.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_came_too_late_is_fetched_again() {
    let (sim, world) = stripe().await;
    let id = paid(&world, &sim, "ORD-1").await;
    let transaction = world.transaction(id).await;
    let intent = sim.intent_of(transaction.reference("checkout_session").unwrap()).unwrap();
    sim.dashboard_refund(&intent, 400).unwrap();
    let event = sim.events().into_iter().find(|event| event["type"] == "charge.refunded").unwrap();
    let before = sim.requests_to("GET").len();
    sim.set_latency(Duration::ZERO, Duration::from_millis(300));
    let receipt = async {
        let (app, event) = (world.app.clone(), event.clone());
        let receipt = world.receive(&[event]).await;
        apply_event(&app, receipt.fresh[0].id()).await.unwrap();
        receipt
    };
    let touch = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.pretend(Transaction::COLLECTION, id, doc! { "$inc": { "version": 1_i64 } }).await;
    };
    let (receipt, ()) = tokio::join!(receipt, touch);
    let stored = world.app.store.lookup_event(receipt.fresh[0].id()).await.unwrap().unwrap();
    assert_eq!(stored.reason, None);
    let sessions: Vec<_> = sim
        .requests_to("GET /v1/checkout/sessions")
        .into_iter()
        .filter(|entry| entry.seq >= before)
        .collect();
    assert!(sessions.len() >= 2, "{}", sessions.len());
    assert_eq!(world.transaction(id).await.refunded, 400);
}
