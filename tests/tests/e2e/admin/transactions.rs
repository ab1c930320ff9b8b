//! Refunds, captures, cancels and what follows, through the API.

use futures::future::join_all;
use gateway_core::domain::transaction::Transaction;
use reqwest::Method;
use serde_json::{Value, json};

use super::door::{Answer, Door, Shop};

async fn act(
    door: &Door,
    shop: &Shop,
    transaction: &Transaction,
    verb: &str,
    body: &Value,
    key: &str,
) -> Answer {
    let request = door.request(Method::POST, &format!("/v1/transactions/{}/{verb}", transaction.id));
    door.send(request.bearer_auth(&shop.key).header("Idempotency-Key", key).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_made_once_and_never_exceeds_what_was_taken() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transaction = door.started(&shop, &json!({})).await;
    let early = act(&door, &shop, &transaction, "refund", &json!({}), "early").await;
    assert_eq!(early.refused(409), "TRANSACTION_NOT_REFUNDABLE");
    door.pay(&transaction).await;
    let path = format!("/v1/transactions/{}", transaction.id);
    let paid = door.get(&shop.key, &path).await.ok(200);
    assert_eq!((&paid["status"], &paid["amountRefundable"]), (&"succeeded".into(), &1000.into()));

    let body = json!({ "amount": 400.0, "reason": "Example" });
    let answers = join_all((0..8).map(|_| act(&door, &shop, &transaction, "refund", &body, "first"))).await;
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    let first = done.first().unwrap();
    assert!(done.iter().all(|answer| answer.text == first.text));
    // The others came while the first was still running.
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    assert_eq!(
        (&first.json["refund"]["amount"], &first.json["amountRefundable"]),
        (&400.into(), &600.into())
    );
    assert_eq!(first.json["refund"]["reason"], "Example");
    let other = act(&door, &shop, &transaction, "refund", &json!({ "amount": 1 }), "first").await;
    assert_eq!(other.refused(422), "IDEMPOTENCY_KEY_REUSED");

    let two = join_all(["a", "b"].map(|key| {
        let (door, shop, transaction) = (&door, &shop, &transaction);
        async move { act(door, shop, transaction, "refund", &json!({ "amount": 400 }), key).await.status }
    }));
    let mut two = two.await;
    two.sort_unstable();
    assert_eq!(two, [200, 422]);
    let rest = door.send(door.request(Method::POST, &format!("{path}/refund")).bearer_auth(&shop.key)).await;
    assert_eq!(rest.ok(200)["refund"]["amount"], 200, "no body refunds what is left");
    let end = door.get(&shop.key, &path).await.ok(200);
    assert_eq!((&end["status"], &end["amountRefunded"]), (&"refunded".into(), &1000.into()));
    assert_eq!(end["refunds"].as_array().unwrap().len(), 3);
    for wrong in [json!({ "amount": 1.5 }), json!({ "amount": "1" })] {
        assert_eq!(act(&door, &shop, &transaction, "refund", &wrong, "w").await.fields(), ["amount"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorized_money_is_captured_or_let_go() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let manual = json!({ "captureMethod": "manual" });
    let taken = door.started(&shop, &manual).await;
    door.pay(&taken).await;
    let captured = act(&door, &shop, &taken, "capture", &json!({ "amount": 900 }), "c").await;
    let again = act(&door, &shop, &taken, "capture", &json!({ "amount": 900 }), "c").await;
    assert_eq!((captured.status, &captured.text), (200, &again.text));
    assert_eq!(
        (&captured.json["status"], &captured.json["amountCaptured"]),
        (&"succeeded".into(), &900.into())
    );
    assert_eq!(captured.json["operation"]["type"], "capture");
    assert_eq!(
        act(&door, &shop, &taken, "capture", &json!({}), "d").await.refused(409),
        "TRANSACTION_NOT_CAPTURABLE"
    );

    let released =
        door.started(&shop, &json!({ "captureMethod": "manual", "externalReference": "ORD-2" })).await;
    door.pay(&released).await;
    let cancelled = act(&door, &shop, &released, "cancel", &json!({}), "x").await.ok(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(
        act(&door, &shop, &taken, "cancel", &json!({}), "y").await.refused(409),
        "TRANSACTION_NOT_CANCELLABLE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_found_and_a_review_is_resolved() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transaction = door.started(&shop, &json!({ "metadata": { "order": "7" }, "clientId": "c1" })).await;
    door.pay(&transaction).await;
    let list = async |query: &str| door.get(&shop.key, &format!("/v1/transactions?{query}")).await.ok(200);
    let provider = shop.seed.sandbox.as_ref().unwrap().id;
    for (query, count) in [
        ("status=succeeded", 1),
        ("status=failed", 0),
        ("currency=eur&clientId=c1&externalReference=ORD-1", 1),
        ("currency=USD", 0),
        ("metadata[order]=7", 1),
        ("needsReview=true", 0),
        ("needsReview=false", 1),
        (&format!("providerId={provider}&siteId={}&checkoutId={}", shop.site, transaction.checkout_id), 1),
        ("from=2100-01-01", 0),
    ] {
        assert_eq!(list(query).await["total"], count, "{query}");
    }
    let flag = mongodb::bson::doc! { "$set": { "needsReview": { "reason": "amount_mismatch", "detail": "5 for 6",
    "at": mongodb::bson::DateTime::now() } }, "$inc": { "version": 1_i64 } };
    let store = door.app.store.for_org(shop.tenant);
    store.update::<Transaction>(transaction.id, mongodb::bson::doc! {}, flag).await.unwrap();
    assert_eq!(list("needsReview=true").await["data"][0]["needsReview"]["reason"], "amount_mismatch");
    let resolve = format!("/v1/transactions/{}/resolve-review", transaction.id);
    assert!(door.post(&shop.key, &resolve, &json!({})).await.ok(200)["needsReview"].is_null());
    assert_eq!(list("needsReview=true").await["total"], 0);

    let events = door.get(&shop.key, &format!("/v1/events?transactionId={}", transaction.id)).await.ok(200);
    let event = events["data"][0]["id"].as_str().unwrap().to_owned();
    let event = door.get(&shop.key, &format!("/v1/events/{event}")).await.ok(200);
    assert_eq!((&event["state"], &event["providerType"]), (&"applied".into(), &"sandbox".into()));
    assert!(event["raw"].as_str().unwrap().contains(&transaction.id.to_string()));
}
