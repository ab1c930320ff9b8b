//! What was answered with 2xx is there, whatever happens a moment later; and money is given back once.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App,
        create_checkout::create_checkout,
        refund::{NewRefund, Refunded, refund},
        settings::providers::{self, NewCredentials, ProviderSettings},
        start_payment::start_payment,
    },
    domain::{
        Mode, ProviderId, SandboxPaymentId, SiteId, Tenant,
        checkout::Checkout,
        provider_account::ProviderKind,
        transaction::{RefundState, Transaction},
    },
};
use gateway_providers::sandbox;
use mongodb::bson::{Document, doc};
use serde_json::json;
use testkit::{shared_mongod, stripe_sim::signature_header};

use crate::{
    cluster::{Cluster, Service},
    in_process,
};

const EVENTS: usize = 100;
/// Sent at once; the kill follows one of their answers.
const AT_ONCE: usize = 10;

/// SIGKILL right after the answer, until a hundred answers have been given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_was_answered_is_there_after_a_kill_100_of_100() {
    let cluster = Arc::new(Cluster::start(&shared_mongod().await, "answered").await);
    let (tenant, _) = in_process::tenant(&cluster.app, Mode::Test).await;
    let credentials = NewCredentials {
        api_key: Some("sk_test_simulated".to_owned()),
        webhook_secrets: Some(vec!["whsec_example_secret".to_owned()]),
    };
    let settings = ProviderSettings { credentials, ..ProviderSettings::default() };
    let provider = providers::create(&cluster.app, tenant, ProviderKind::Stripe, settings).await.unwrap();
    let url = format!("{}/hooks/stripe/{}", cluster.runtime, provider.id);
    let mut acknowledged = BTreeSet::new();
    let (mut sent, mut kills) = (0, 0);
    while acknowledged.len() < EVENTS {
        let mut answers = stream::FuturesUnordered::new();
        for _ in 0..AT_ONCE {
            sent += 1;
            answers.push(send_event(&cluster, &url, format!("evt_{sent:06}")));
        }
        let kill_after = rand::random_range(1..=AT_ONCE);
        let mut answered = 0;
        while let Some(event) = answers.next().await {
            let Some(event) = event else { continue };
            acknowledged.insert(event);
            answered += 1;
            if answered == kill_after {
                cluster.kill9(Service::Main).await;
            }
        }
        kills += 1;
        cluster.restart(Service::Main, Vec::new()).await;
    }
    let collection = cluster.app.store.database().collection::<Document>("provider_events");
    let stored = collection.find(doc! { "providerId": mongodb::bson::Bson::from(provider.id) });
    let stored: Vec<Document> = stored.await.unwrap().try_collect().await.unwrap();
    let stored: BTreeSet<String> = stored.iter().map(|e| e.get_str("eventId").unwrap().to_owned()).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    println!("{sent} sent, {} acknowledged, {} stored, {kills} kills", acknowledged.len(), stored.len());
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Its id, if it was answered with 2xx.
async fn send_event(cluster: &Cluster, url: &str, id: String) -> Option<String> {
    let now_s = cluster.app.now().seconds();
    let body = json!({
        "id": id, "object": "event", "type": "customer.created", "livemode": false, "created": 1,
        "api_version": "2026-10-28.endive", "data": { "object": { "id": "cus_1", "object": "customer" } },
    });
    let body = body.to_string();
    let signature = signature_header("whsec_example_secret", now_s, body.as_bytes());
    let request = cluster.http.post(url).header("stripe-signature", signature).body(body);
    let answer = request.timeout(Duration::from_secs(10)).send().await.ok()?;
    answer.status().is_success().then_some(id)
}

const PAIRS: usize = 1000;
/// Of a thousand: one fits, two do not.
const PART: i64 = 600;

/// Two refunds at once, each by a node of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_refunds_that_exceed_the_balance_exactly_one_succeeds_1000_of_1000() {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("refunds"));
    let (one, other) = (in_process::app(&config).await, in_process::app(&config).await);
    let (tenant, site) = in_process::tenant(&one, Mode::Test).await;
    let settings = ProviderSettings::default();
    let provider = providers::create(&one, tenant, ProviderKind::Sandbox, settings).await.unwrap().id;
    let right = stream::iter(0..PAIRS)
        .map(|number| refund_twice(&one, &other, tenant, site, provider, number))
        .buffer_unordered(8)
        .filter(|right| std::future::ready(*right))
        .count()
        .await;
    assert_eq!(right, PAIRS);
}

async fn refund_twice(
    one: &App,
    other: &App,
    tenant: Tenant,
    site: SiteId,
    provider: ProviderId,
    number: usize,
) -> bool {
    let transaction = paid(one, tenant, site, provider, number).await;
    let id = transaction.id;
    let ask = |app| async move {
        let new = NewRefund { amount: Some(PART), reason: None };
        match Box::pin(refund(app, tenant, id, new, None, &|_, _| String::new())).await {
            Ok(Refunded::Done(transaction, refund)) => {
                let refund = transaction.refund(refund).unwrap();
                assert_eq!(refund.state, RefundState::Succeeded);
                true
            }
            Ok(Refunded::Replay(reply)) => panic!("a reply without a key: {reply}"),
            Err(error) => {
                assert_eq!(error.code(), "REFUND_EXCEEDS_BALANCE", "{error:?}");
                false
            }
        }
    };
    let (first, second) = tokio::join!(ask(one), ask(other));
    let stored: Transaction = one.store.for_org(tenant).get(id).await.unwrap().unwrap();
    let payments = one.store.database().collection::<Document>("sandbox_payments");
    let payment =
        payments.find_one(doc! { "transactionId": mongodb::bson::Bson::from(id) }).await.unwrap().unwrap();
    let given_back = payment.get_array("refunds").unwrap().len();
    first != second && stored.refunded == PART && stored.refunds.len() == 1 && given_back == 1
}

/// A transaction over ten euros, paid at the sandbox.
async fn paid(app: &App, tenant: Tenant, site: SiteId, provider: ProviderId, number: usize) -> Transaction {
    let order = in_process::ten_euros(&format!("ORD-{number}"));
    let reply = create_checkout(app, tenant, site, order, None).await.unwrap();
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    let id = reply["id"].as_str().unwrap().parse().unwrap();
    let checkout: Checkout = app.store.for_org(tenant).get(id).await.unwrap().unwrap();
    let started =
        Box::pin(start_payment(app, &checkout, provider, SecondPayment::Ask)).await.unwrap().transaction;
    let payments = app.store.database().collection::<Document>("sandbox_payments");
    let of = doc! { "transactionId": mongodb::bson::Bson::from(started.id) };
    let payment = payments.find_one(of).await.unwrap().unwrap();
    let (payment_id, token) =
        (payment.get_object_id("_id").unwrap().to_hex(), payment.get_str("token").unwrap());
    let payment_id: SandboxPaymentId = payment_id.parse().unwrap();
    Box::pin(sandbox::choose(app, payment_id, token, sandbox::Outcome::Paid)).await.unwrap();
    app.store.for_org(tenant).get(started.id).await.unwrap().unwrap()
}
