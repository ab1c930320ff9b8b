//! What was confirmed and should not have been, and money that was sent back at the bank.

use futures::future::join_all;
use gateway_core::domain::{
    outbox::EventType,
    role::Role,
    scope::Scope,
    transaction::{Transaction, TransactionStatus as S},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{bank, checkout_of, stored, waiting};
use crate::{
    admin::door::{Answer, Door, Shop},
    in_process::{self, ten_euros},
    panel::{Operator, hidden},
};

/// A transfer of 10.00 that was chosen.
async fn pending(door: &Door, shop: &Shop) -> Transaction {
    let bank = bank(&door.app, shop.tenant).await;
    let reference = in_process::database_name("order");
    waiting(&door.app, shop.tenant, shop.seed.site.id, bank, ten_euros(&reference)).await.0
}

async fn post(door: &Door, shop: &Shop, of: &Transaction, act: &str, body: &Value) -> Answer {
    door.post(&shop.key, &format!("/v1/transactions/{}/{act}", of.id), body).await
}

/// Confirms money; answers the confirmation's id.
async fn confirmed(door: &Door, shop: &Shop, of: &Transaction, amount: i64) -> String {
    let body = json!({ "amount": amount, "allowOverpayment": true });
    let shown = post(door, shop, of, "confirm-manual", &body).await.ok(200);
    shown["confirmation"]["id"].as_str().unwrap().to_owned()
}

fn reverse(confirmation: &str) -> String {
    format!("confirmations/{confirmation}/reverse")
}

/// Events about it, in order.
fn told(transaction: &Transaction) -> Vec<EventType> {
    transaction.outbox.entries.iter().map(|entry| entry.event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_is_missing_is_asked_about() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    confirmed(&door, &shop, &transfer, 400).await;
    let answer = post(&door, &shop, &transfer, "confirm-manual", &json!({ "amount": 60_000 })).await;
    assert_eq!(answer.refused(409), "CONFIRMATION_EXCEEDS_AMOUNT");
    for part in ["€600.00", "€6.00", "allowOverpayment"] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    let after = stored(&door.app, &transfer).await;
    assert_eq!((after.received(), after.status), (400, S::Pending));
    let sure = json!({ "amount": 60_000, "allowOverpayment": true });
    let shown = post(&door, &shop, &transfer, "confirm-manual", &sure).await.ok(200);
    assert_eq!(
        (&shown["status"], &shown["needsReview"]["reason"]),
        (&json!("succeeded"), &json!("overpaid"))
    );

    // The panel asks, keeps what was typed, and takes an answer.
    let other = pending(&door, &shop).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = format!("/transactions/{}", other.id);
    let html = editor.page(&path).await;
    let fields =
        [("received", hidden(&html, "received")), ("amount", "100"), ("note", "a cheque, I <think>")];
    let asked = editor.send(&format!("{path}/confirm-manual"), &fields).await;
    assert_eq!(asked.status, 422, "{}", asked.text);
    for part in
        ["€100.00", "€10.00", "name=\"allowOverpayment\"", "a cheque, I &#60;think&#62;", "value=\"100\""]
    {
        assert!(asked.text.contains(part), "{part}: {}", asked.text);
    }
    assert!(!asked.text.contains("minor units"), "{}", asked.text);
    assert_eq!(stored(&door.app, &other).await.received(), 0);
    let sure: Vec<_> = fields.into_iter().chain([("allowOverpayment", "true")]).collect();
    editor.done(&format!("{path}/confirm-manual"), &sure).await;
    assert_eq!(stored(&door.app, &other).await.received(), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_undone_is_a_late_failure_that_stays_in_the_book() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    let wrong = confirmed(&door, &shop, &transfer, 1000).await;
    assert_eq!(stored(&door.app, &transfer).await.status, S::Succeeded);
    let path = format!("/v1/transactions/{}/{}", transfer.id, reverse(&wrong));
    let undo = || {
        let request = door.request(Method::POST, &path).bearer_auth(&shop.key);
        door.send(request.header("idempotency-key", "undo-1").json(&json!({ "note": "another order" })))
    };
    let all = join_all((0..20).map(|_| undo())).await;
    assert!(all.iter().all(|answer| answer.status == 200 && answer.text == all[0].text), "{all:?}");
    let shown = undo().await.ok(200);
    assert_eq!((&shown["status"], &shown["amountConfirmed"]), (&json!("failed"), &json!(0)));
    assert_eq!(shown["amountCaptured"], json!(0));
    let entries = shown["confirmations"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "both stay: {shown}");
    assert_eq!((&entries[1]["amount"], &entries[1]["reverses"]), (&json!(-1000), &json!(wrong)));
    assert_eq!(entries[1]["note"], "another order");
    let after = stored(&door.app, &transfer).await;
    assert_eq!(told(&after).last(), Some(&EventType::TransactionFailed), "{:?}", told(&after));
    let again = post(&door, &shop, &transfer, &reverse(&wrong), &json!({})).await;
    assert_eq!(again.refused(409), "CONFIRMATION_REVERSED");
    let counter = entries[1]["id"].as_str().unwrap();
    let counter = post(&door, &shop, &transfer, &reverse(counter), &json!({})).await;
    assert_eq!(counter.refused(409), "CONFIRMATION_NOT_REVERSIBLE");
    let nothing = post(&door, &shop, &transfer, &reverse(&transfer.id.to_string()), &json!({})).await;
    assert_eq!(nothing.refused(404), "NOT_FOUND");
    // The money comes after all.
    confirmed(&door, &shop, &transfer, 1000).await;
    let after = stored(&door.app, &transfer).await;
    assert_eq!((after.status, after.captured, after.received()), (S::Succeeded, 1000, 1000));
    assert_eq!(checkout_of(&door.app, &transfer).await.paid_by, Some(transfer.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_counts_only_for_what_it_was() {
    let door = Door::open().await;
    let shop = door.shop().await;
    // Part of one that waits: it goes on waiting.
    let part = pending(&door, &shop).await;
    let first = confirmed(&door, &shop, &part, 400).await;
    let shown = post(&door, &shop, &part, &reverse(&first), &json!({})).await.ok(200);
    assert_eq!((&shown["status"], &shown["amountConfirmed"]), (&json!("pending"), &json!(0)));
    // What came too much: the payment stays, and nobody has to look any more.
    let much = pending(&door, &shop).await;
    confirmed(&door, &shop, &much, 400).await;
    let twice = confirmed(&door, &shop, &much, 1000).await;
    assert_eq!(stored(&door.app, &much).await.needs_review.unwrap().reason, "overpaid");
    let shown = post(&door, &shop, &much, &reverse(&twice), &json!({})).await.ok(200);
    // 400 of 1000 is left: not enough.
    assert_eq!((&shown["status"], &shown["needsReview"]["reason"]), (&json!("failed"), &json!("underpaid")));
    let over = pending(&door, &shop).await;
    let small = confirmed(&door, &shop, &over, 300).await;
    confirmed(&door, &shop, &over, 1000).await;
    let shown = post(&door, &shop, &over, &reverse(&small), &json!({})).await.ok(200);
    assert_eq!((&shown["status"], &shown["needsReview"]), (&json!("succeeded"), &Value::Null));
    assert_eq!((&shown["amountCaptured"], &shown["amountConfirmed"]), (&json!(1000), &json!(1000)));
    // Who may confirm may undo, and nobody else.
    let others: Vec<Scope> =
        Scope::ALL.iter().copied().filter(|s| !s.grants(Scope::TransactionConfirm)).collect();
    let key = door.key(&shop, &others).await;
    let path = format!("/v1/transactions/{}/{}", over.id, reverse(&small));
    assert_eq!(door.post(&key, &path, &json!({})).await.refused(403), "FORBIDDEN");
    let stranger = door.shop().await;
    assert_eq!(door.post(&stranger.key, &path, &json!({})).await.refused(404), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_sent_back_at_the_bank_is_a_refund_and_what_came_too_much_goes_first() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let transfer = pending(&door, &shop).await;
    let none = post(&door, &shop, &transfer, "refunds/record", &json!({})).await;
    assert_eq!(none.refused(409), "TRANSACTION_NOT_REFUNDABLE");
    let confirmation = confirmed(&door, &shop, &transfer, 1300).await;
    let much = post(&door, &shop, &transfer, "refunds/record", &json!({ "amount": 1301 })).await;
    assert_eq!(much.refused(422), "REFUND_EXCEEDS_BALANCE");
    assert!(much.text.contains("€13.00"), "{}", much.text);

    // Only what came too much: the payment is what it was, and nobody has to look any more.
    let excess = json!({ "amount": 300, "refundedAt": "2026-01-31", "bankReference": "OUT-1" });
    let shown = post(&door, &shop, &transfer, "refunds/record", &excess).await.ok(200);
    assert_eq!((&shown["status"], &shown["needsReview"]), (&json!("succeeded"), &Value::Null));
    assert_eq!((&shown["amountConfirmed"], &shown["amountRefunded"]), (&json!(1000), &json!(0)));
    let known = post(&door, &shop, &transfer, "refunds/record", &excess).await;
    assert_eq!(known.refused(409), "REFUND_KNOWN", "the bank's own entry counts once");

    // Part of the payment, and the rest of it, by twenty at once.
    let part = json!({ "amount": 400, "reason": "Damaged" });
    let path = format!("/v1/transactions/{}/refunds/record", transfer.id);
    let send = || {
        let request = door.request(Method::POST, &path).bearer_auth(&shop.key);
        door.send(request.header("idempotency-key", "back-1").json(&part))
    };
    let all = join_all((0..20).map(|_| send())).await;
    assert!(all.iter().all(|answer| answer.status == 200 && answer.text == all[0].text), "{all:?}");
    let shown = send().await.ok(200);
    assert_eq!((&shown["status"], &shown["amountRefunded"]), (&json!("partially_refunded"), &json!(400)));
    let refund = &shown["refunds"][0];
    assert_eq!((&refund["status"], &refund["reason"]), (&json!("succeeded"), &json!("Damaged")));
    let undone = post(&door, &shop, &transfer, &reverse(&confirmation), &json!({})).await;
    assert_eq!(undone.refused(409), "CONFIRMATION_NOT_REVERSIBLE", "the money did come");
    let rest = json!({});
    let all = join_all((0..20).map(|_| post(&door, &shop, &transfer, "refunds/record", &rest))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1, "{all:?}");
    let after = stored(&door.app, &transfer).await;
    assert_eq!((after.status, after.refunded, after.refunds.len()), (S::Refunded, 1000, 2));
    let refunds = told(&after).iter().filter(|event| **event == EventType::RefundSucceeded).count();
    assert_eq!(refunds, 2, "{:?}", told(&after));
    let key = door.key(&shop, &[Scope::TransactionConfirm]).await;
    assert_eq!(door.post(&key, &path, &json!({})).await.refused(403), "FORBIDDEN");
    // A card's money is moved by its provider.
    let card = door.started(&shop, &json!({})).await;
    let answer = post(&door, &shop, &card, "refunds/record", &json!({})).await;
    assert_eq!(answer.refused(409), "TRANSACTION_NOT_CONFIRMABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_undoes_a_confirmation_and_records_a_refund() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let transfer = pending(&door, &shop).await;
    let first = confirmed(&door, &shop, &transfer, 1000).await;
    let path = format!("/transactions/{}", transfer.id);
    let html = editor.page(&path).await;
    for part in ["Money received", "Undo €10.00", "the shop is told so", "Record a refund"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let act = format!("{path}/{}", reverse(&first));
    editor.done(&act, &[("note", "not <ours>")]).await;
    let html = editor.page(&path).await;
    for part in ["−€10.00", "not &#60;ours&#62;", "Failed"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("Undo €10.00"), "{html}");
    let again = editor.send(&act, &[("note", "once more")]).await;
    assert_eq!(again.status, 422, "{}", again.text);

    let second = pending(&door, &shop).await;
    confirmed(&door, &shop, &second, 1500).await;
    let path = format!("/transactions/{}", second.id);
    let act = format!("{path}/refunds/record");
    let answer = editor.send(&act, &[("amount", "16"), ("reason", "a <wish>"), ("bankReference", "")]).await;
    assert_eq!(answer.status, 422);
    for part in ["at most €15.00", "a &#60;wish&#62;", "value=\"16\""] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    assert!(!answer.text.contains("minor units"), "{}", answer.text);
    editor.done(&act, &[("amount", "9"), ("reason", "Damaged")]).await;
    let after = stored(&door.app, &second).await;
    assert_eq!((after.status, after.refunded, after.needs_review), (S::PartiallyRefunded, 400, None));
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    assert!(!viewer.page(&path).await.contains("Record the refund"));
    assert_eq!(viewer.send(&act, &[("amount", "1")]).await.status, 403);
}
