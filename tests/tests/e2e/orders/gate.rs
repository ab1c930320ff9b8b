//! What is asked before a second payment of an order is begun or captured, and which checkout can be paid.

use gateway_core::{
    app::{
        apply, checkouts,
        operate::{NewOperation, operate},
        orders::gate::SecondPayment,
        start_payment::{Unpayable, payable, start_payment},
    },
    domain::{
        checkout::{CaptureMethod, Checkout},
        order::OrderKey,
        provider_account::ProviderKind,
        transaction::{Transaction, TransactionStatus},
    },
};
use mongodb::bson::doc;
use testkit::{sim::DeliveryPolicy, stripe_sim::StripeSim};

use crate::permutations::World;

async fn stripe() -> (StripeSim, World) {
    let sim = StripeSim::start().await;
    sim.set_delivery(DeliveryPolicy::hold());
    let world = World::start(ProviderKind::Stripe, &sim.base_url()).await;
    (sim, world)
}

async fn begin(
    world: &World,
    checkout: &Checkout,
    second: SecondPayment,
) -> Result<Transaction, &'static str> {
    let started = start_payment(&world.app, checkout, world.provider, second).await;
    started.map(|started| started.transaction).map_err(|error| error.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_paid_or_under_way_is_paid_again_only_if_asked_for() {
    let (sim, world) = stripe().await;
    let first = world.checkout("ORD-1").await;
    let paid = begin(&world, &first, SecondPayment::Ask).await.unwrap();
    // Another checkout of the order: the first payment is only begun, so it does not stand in the way.
    let second = world.checkout("ORD-1").await;
    assert_eq!(payable(&world.app, &first).await.unwrap(), Err(Unpayable::Superseded));
    let other = begin(&world, &second, SecondPayment::Ask).await.unwrap();
    // Its money comes all the same, by the older checkout.
    sim.pay(paid.reference("checkout_session").unwrap()).unwrap();
    apply::confirm(&world.app, &paid).await.unwrap();
    let third = world.checkout("ORD-1").await;
    assert_eq!(begin(&world, &third, SecondPayment::Ask).await.unwrap_err(), "ORDER_ALREADY_PAID");
    let filter = doc! { "checkoutId": third.id };
    let begun = world.app.store.for_org(world.tenant).find_one::<Transaction>(filter).await.unwrap();
    assert!(begun.is_none(), "nothing was begun");
    let accepted = begin(&world, &third, SecondPayment::Accepted).await.unwrap();
    assert!(accepted.second_accepted && other.id != accepted.id);
    // Of another order nothing is asked.
    let elsewhere = world.checkout("ORD-2").await;
    begin(&world, &elsewhere, SecondPayment::Ask).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_checkouts_of_a_millisecond_is_the_newest_for_good() {
    let (_sim, world) = stripe().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(world.checkout("ORD-1").await);
    }
    let checkouts = world.app.store.database().collection::<mongodb::bson::Document>("checkouts");
    let same = doc! { "$set": { "createdAt": made[0].created_at } };
    checkouts.update_many(doc! { "externalReference": "ORD-1" }, same).await.unwrap();
    let mut can_be_paid = Vec::new();
    for checkout in &mut made {
        let store = world.app.store.for_org(world.tenant);
        *checkout = store.get::<Checkout>(checkout.id).await.unwrap().unwrap();
        if payable(&world.app, checkout).await.unwrap().is_ok() {
            can_be_paid.push(checkout.id);
        }
    }
    let greatest = made.iter().map(|checkout| checkout.id).max().unwrap();
    assert_eq!(can_be_paid, [greatest]);
    // Its end revives none of the others.
    checkouts_cancel(&world, greatest).await;
    for checkout in made.iter().filter(|checkout| checkout.id != greatest) {
        assert_eq!(payable(&world.app, checkout).await.unwrap(), Err(Unpayable::Superseded));
    }
}

async fn checkouts_cancel(world: &World, id: gateway_core::domain::CheckoutId) {
    checkouts::cancel(&world.app, world.tenant, id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_authorizations_the_second_is_captured_only_if_asked_for() {
    let (sim, world) = stripe().await;
    let mut authorized = Vec::new();
    for second in [SecondPayment::Ask, SecondPayment::Accepted] {
        let checkout = world.checkout_with("ORD-1", |new| new.capture_method = CaptureMethod::Manual).await;
        let begun = begin(&world, &checkout, second).await.unwrap();
        sim.pay(begun.reference("checkout_session").unwrap()).unwrap();
        let seen = apply::confirm(&world.app, &begun).await.unwrap();
        assert_eq!(seen.status, TransactionStatus::Authorized);
        authorized.push(seen);
    }
    let capture = async |index: usize, second: SecondPayment| {
        let new = NewOperation::Capture { amount: None, second };
        let id = authorized[index].id;
        let done = operate(&world.app, world.tenant, id, new, None, &|_, _| String::new()).await;
        done.map(drop).map_err(|error| error.code())
    };
    let (a, b) = tokio::join!(capture(0, SecondPayment::Ask), capture(1, SecondPayment::Ask));
    let refused = [a, b].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1, "one of two at the same moment: {refused:?}");
    assert!(["ORDER_ALREADY_PAID", "ORDER_PAYMENT_RUNNING"].contains(&refused[0]));
    let store = world.app.store.for_org(world.tenant);
    let key = OrderKey::of_transaction(&authorized[0]);
    let held: i64 = store.order_transactions(&key).await.unwrap().iter().map(|t| t.transaction.held()).sum();
    assert_eq!(held, authorized[0].amount);
    let other = usize::from(store.get::<Transaction>(authorized[0].id).await.unwrap().unwrap().held() > 0);
    assert_eq!(capture(other, SecondPayment::Ask).await, Err("ORDER_ALREADY_PAID"));
    assert_eq!(capture(other, SecondPayment::Accepted).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_references_repeat_has_an_order_for_each_checkout() {
    let (_sim, world) = stripe().await;
    let sites = world.app.store.database().collection::<mongodb::bson::Document>("sites");
    sites.update_many(doc! {}, doc! { "$set": { "referencesAreOrders": false } }).await.unwrap();
    world.app.forget_settings(world.tenant).await;
    let (first, second) = (world.checkout("donation").await, world.checkout("donation").await);
    for checkout in [&first, &second] {
        assert!(checkout.stands_alone);
        assert_eq!(payable(&world.app, checkout).await.unwrap(), Ok(()));
        begin(&world, checkout, SecondPayment::Ask).await.unwrap();
    }
    assert_ne!(OrderKey::of_checkout(&first), OrderKey::of_checkout(&second));
}
