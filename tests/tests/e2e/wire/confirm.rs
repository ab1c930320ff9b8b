//! `POST /v1/transactions/{id}/confirm-manual`: what counts, what counts once, and who may.

use futures::future::join_all;
use gateway_core::domain::{
    role::Role,
    scope::Scope,
    transaction::{PaymentState, Transaction, TransactionStatus as S},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{bank, checkout_of, stored, waiting};
use crate::{
    admin::door::{Answer, Door, Shop},
    in_process::{self, ten_euros},
    people::world,
};

async fn pending(door: &Door, shop: &Shop) -> Transaction {
    let bank = bank(&door.app, shop.tenant).await;
    let reference = in_process::database_name("order");
    waiting(&door.app, shop.tenant, shop.seed.site.id, bank, ten_euros(&reference)).await.0
}

fn path(transaction: &Transaction) -> String {
    format!("/v1/transactions/{}/confirm-manual", transaction.id)
}

async fn confirm(door: &Door, shop: &Shop, transaction: &Transaction, body: &Value) -> Answer {
    door.post(&shop.key, &path(transaction), body).await
}

async fn with_key(door: &Door, shop: &Shop, transaction: &Transaction, body: &Value, key: &str) -> Answer {
    let request = door.request(Method::POST, &path(transaction)).bearer_auth(&shop.key);
    door.send(request.header("idempotency-key", key).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_add_up_and_the_balance_is_told() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    let first = json!({
        "amount": 400, "currency": "EUR", "receivedAt": "2026-01-31", "bankReference": "STMT-1", "note": "first",
    });
    let shown = confirm(&door, &shop, &transfer, &first).await.ok(200);
    assert_eq!((&shown["status"], &shown["amountConfirmed"]), (&json!("pending"), &json!(400)));
    assert_eq!(shown["confirmation"]["receivedAt"], "2026-01-31T00:00:00.000Z");
    assert_eq!(shown["confirmations"][0], shown["confirmation"]);
    let again = confirm(&door, &shop, &transfer, &first).await;
    assert_eq!(again.refused(409), "CONFIRMATION_KNOWN", "the bank's own entry counts once");
    let rest = confirm(&door, &shop, &transfer, &json!({ "amount": 600 })).await.ok(200);
    assert_eq!((&rest["status"], &rest["amountCaptured"]), (&json!("succeeded"), &json!(1000)));
    assert_eq!((&rest["needsReview"], &rest["amountConfirmed"]), (&Value::Null, &json!(1000)));
    let more = confirm(&door, &shop, &transfer, &json!({ "amount": 1 })).await;
    assert_eq!(more.refused(409), "TRANSACTION_ALREADY_PAID");
    let checkout = checkout_of(&door.app, &transfer).await;
    assert_eq!(checkout.paid_by, Some(transfer.id));
    // Read back, and found by what stands on the bank's statement.
    let reference = transfer.reference("creditor_reference").unwrap();
    let found = door.get(&shop.key, &format!("/v1/transactions?transferReference={reference}")).await.ok(200);
    assert_eq!(found["data"][0]["id"], json!(transfer.id.to_string()));
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["providerReferences"]["creditor_reference"], json!(reference));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_succeeds_and_waits_for_a_look() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    let shown =
        confirm(&door, &shop, &transfer, &json!({ "amount": 1500, "allowOverpayment": true })).await.ok(200);
    assert_eq!((&shown["status"], &shown["amountCaptured"]), (&json!("succeeded"), &json!(1000)));
    assert_eq!(shown["needsReview"]["reason"], "overpaid");
    // Nobody claims that money goes back by itself.
    let refund = door.post(&shop.key, &format!("/v1/transactions/{}/refund", transfer.id), &json!({})).await;
    assert_eq!(refund.refused(409), "REFUND_NOT_SUPPORTED");
    assert!(stored(&door.app, &transfer).await.refunds.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_a_cancelled_payment_is_a_late_success() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    let cancelled =
        door.post(&shop.key, &format!("/v1/transactions/{}/cancel", transfer.id), &json!({})).await;
    assert_eq!(cancelled.ok(200)["status"], "cancelled");
    let part = confirm(&door, &shop, &transfer, &json!({ "amount": 1 })).await.ok(200);
    assert_eq!((&part["status"], &part["needsReview"]["reason"]), (&json!("cancelled"), &json!("underpaid")));
    let resolve = format!("/v1/transactions/{}/resolve-review", transfer.id);
    door.post(&shop.key, &resolve, &json!({})).await.ok(200);
    let late = confirm(&door, &shop, &transfer, &json!({ "amount": 999 })).await.ok(200);
    assert_eq!(
        (&late["status"], &late["needsReview"]["reason"]),
        (&json!("succeeded"), &json!("late_success"))
    );
    assert_eq!(checkout_of(&door.app, &transfer).await.paid_by, Some(transfer.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_counts_once_whoever_is_first() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    let body = json!({ "amount": 300 });
    let all = join_all((0..20).map(|_| with_key(&door, &shop, &transfer, &body, "statement-7"))).await;
    assert!(all.iter().all(|answer| answer.status == 200 && answer.text == all[0].text), "{all:?}");
    assert_eq!(stored(&door.app, &transfer).await.received(), 300);
    let other = with_key(&door, &shop, &transfer, &json!({ "amount": 301 }), "statement-7").await;
    assert_eq!(other.refused(422), "IDEMPOTENCY_KEY_REUSED");
    let elsewhere = pending(&door, &shop).await;
    let other = with_key(&door, &shop, &elsewhere, &body, "statement-7").await;
    assert_eq!(other.refused(422), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_lose_nothing_and_count_nothing_twice() {
    let door = Door::open().await;
    let shop = door.shop().await;
    // All of it, twenty times over: one is the payment.
    let whole = pending(&door, &shop).await;
    let keys: Vec<String> = (0..20).map(|n| format!("whole-{n}")).collect();
    let all = &json!({ "amount": 1000 });
    let answers = join_all(keys.iter().map(|key| with_key(&door, &shop, &whole, all, key))).await;
    let paid = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(paid, 1, "{answers:?}");
    assert!(answers.iter().all(|a| a.status == 200 || a.refused(409) == "TRANSACTION_ALREADY_PAID"));
    let after = stored(&door.app, &whole).await;
    assert_eq!((after.received(), after.captured, after.status), (1000, 1000, S::Succeeded));
    assert!(after.needs_review.is_none());
    // Twenty parts: each counts.
    let parts = pending(&door, &shop).await;
    let part = &json!({ "amount": 50 });
    let keys: Vec<String> = (0..20).map(|n| format!("part-{n}")).collect();
    let answers = join_all(keys.iter().map(|key| with_key(&door, &shop, &parts, part, key))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let after = stored(&door.app, &parts).await;
    assert_eq!((after.received(), after.status, after.confirmations.len()), (1000, S::Succeeded, 20));
    let told = after.history.iter().filter(|change| change.status == S::Succeeded).count();
    assert_eq!(told, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let door = Door::open().await;
    let (shop, stranger) = (door.shop().await, door.shop().await);
    let card = door.started(&shop, &json!({})).await;
    let answer = confirm(&door, &shop, &card, &json!({ "amount": 1000 })).await;
    assert_eq!(answer.refused(409), "TRANSACTION_NOT_CONFIRMABLE");
    assert_eq!(stored(&door.app, &card).await.payment.map(|p| p.state), card.payment.map(|p| p.state));
    let transfer = pending(&door, &shop).await;
    for (body, field) in [
        (json!({}), None),
        (json!({ "amount": 0 }), Some("amount")),
        (json!({ "amount": -5 }), Some("amount")),
        (json!({ "amount": 5.5 }), None),
        (json!({ "amount": i64::MAX }), Some("amount")),
        (json!({ "amount": 1000, "currency": "USD" }), Some("currency")),
        (json!({ "amount": 1000, "currency": "XXQ" }), Some("currency")),
        (json!({ "amount": 1000, "receivedAt": "2999-01-01" }), Some("receivedAt")),
        (json!({ "amount": 1000, "receivedAt": "soon" }), Some("receivedAt")),
        (json!({ "amount": 1000, "note": "x".repeat(501) }), Some("note")),
        (json!({ "amount": 1000, "paid": true }), None),
    ] {
        let answer = confirm(&door, &shop, &transfer, &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert!(field.is_none_or(|field| answer.fields() == [field]), "{body}: {}", answer.text);
    }
    assert_eq!(
        confirm(&door, &stranger, &transfer, &json!({ "amount": 1000 })).await.refused(404),
        "NOT_FOUND"
    );
    let others: Vec<Scope> =
        Scope::ALL.iter().copied().filter(|s| !s.grants(Scope::TransactionConfirm)).collect();
    let key = door.key(&shop, &others).await;
    assert_eq!(door.post(&key, &path(&transfer), &json!({ "amount": 1000 })).await.refused(403), "FORBIDDEN");
    for (role, status) in [(Role::Viewer, 403), (Role::Editor, 200)] {
        let person = world::member(&door.app, shop.tenant.organization, role).await;
        let token = world::access(&door, &person, &json!({})).await;
        let answer = door.post(&token, &path(&transfer), &json!({ "amount": 1 })).await;
        assert_eq!(answer.status, status, "{role}: {}", answer.text);
    }
    let after = stored(&door.app, &transfer).await;
    assert_eq!((after.received(), after.payment.unwrap().state), (1, PaymentState::Pending));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_stands_in_the_audit_log() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    confirm(&door, &shop, &transfer, &json!({ "amount": 1000 })).await.ok(200);
    let log = door.get(&shop.key, "/v1/audit-log").await.ok(200);
    let entries = log["data"].as_array().unwrap();
    let found = entries.iter().find(|entry| entry["operation"] == "confirmTransactionManually");
    let text = found.unwrap_or_else(|| panic!("{log}")).to_string();
    assert!(text.contains(&transfer.id.to_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_for_transfers_is_made_checked_and_changed_over_the_api() {
    let door = Door::open().await;
    let live =
        door.shop_of(&in_process::database_name("organization"), gateway_core::domain::Mode::Live).await;
    let wrong = json!({ "type": "wire", "bankAccount": { "holder": "x".repeat(71), "iban": "DE88370400440532013000", "days": 131 } });
    let mut fields = door.post(&live.key, "/v1/providers", &wrong).await;
    assert_eq!(fields.status, 400, "{}", fields.text);
    let mut named: Vec<String> = fields.fields().into_iter().map(str::to_owned).collect();
    named.sort();
    assert_eq!(named, ["bankAccount.days", "bankAccount.holder", "bankAccount.iban"]);
    fields = door.post(&live.key, "/v1/providers", &json!({ "type": "wire" })).await;
    assert_eq!(fields.fields(), ["bankAccount"]);
    let bank = json!({ "holder": "Example GmbH", "iban": "de89 3704 0044 0532 0130 00" });
    let made =
        door.post(&live.key, "/v1/providers", &json!({ "type": "wire", "bankAccount": bank })).await.ok(201);
    assert_eq!(made["bankAccount"]["iban"], "DE89370400440532013000");
    assert_eq!((&made["bankAccount"]["days"], &made["currencies"]), (&json!(14), &json!(["EUR"])));
    let path = format!("/v1/providers/{}", made["id"].as_str().unwrap());
    let change = json!({ "bankAccount": { "bic": "COBADEFFXXX", "days": 30 }, "currencies": ["chf", "EUR"] });
    let changed = door.patch(&live.key, &path, &change).await.ok(200);
    assert_eq!(changed["bankAccount"]["holder"], "Example GmbH");
    assert_eq!(
        (&changed["bankAccount"]["days"], &changed["currencies"]),
        (&json!(30), &json!(["CHF", "EUR"]))
    );
    let test = door.post(&live.key, &format!("{path}/test"), &json!({})).await.ok(200);
    assert_eq!((&test["ok"], &test["name"]), (&json!(true), &json!("Example GmbH")));
    let stripe = json!({ "type": "stripe", "credentials": { "apiKey": "rk_live_x" }, "bankAccount": bank });
    assert_eq!(door.post(&live.key, "/v1/providers", &stripe).await.fields(), ["bankAccount"]);
}
