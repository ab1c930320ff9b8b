//! The panel: a bank account is entered, a transfer is found by its reference and confirmed.

use gateway_core::domain::role::Role;

use super::{bank, stored, waiting};
use crate::{
    admin::door::Door,
    in_process::ten_euros,
    panel::{Operator, hidden},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_account_is_entered_shown_and_changed() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    assert!(admin.page("/providers/new").await.contains("Bank transfer"));
    let html = admin.page("/providers/new?type=wire").await;
    assert!(html.contains("bankAccount.iban") && !html.contains("credentials.apiKey"), "{html}");
    assert_eq!(hidden(&html, "type"), "wire");
    let form = [
        ("type", "wire"),
        ("name", "House bank"),
        ("bankAccount.holder", "Example <b>GmbH</b>"),
        ("bankAccount.iban", "DE88 3704 0044 0532 0130 00"),
        ("bankAccount.days", "many"),
        ("currencies", "EUR CHF"),
        ("enabled", "true"),
    ];
    let answer = admin.send("/providers/new", &form).await;
    assert_eq!(answer.status, 422);
    for part in ["id=\"e-bankAccount.iban\"", "id=\"e-bankAccount.days\"", "something is mistyped"] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    let good = form.map(|(name, value)| match name {
        "bankAccount.iban" => (name, super::IBAN),
        "bankAccount.days" => (name, "21"),
        _ => (name, value),
    });
    let next = admin.done("/providers/new", &good).await;
    let path = next.strip_suffix("?done=created").unwrap();
    let html = admin.page(path).await;
    for part in [super::IBAN, "Example &#60;b&#62;GmbH", "21 days", "EUR, CHF", "Confirm what arrives"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(
        !html.contains("/hooks/") && !html.contains("Test the credentials"),
        "there is nobody to ask: {html}"
    );
    let edit = format!("{path}/edit");
    let html = admin.page(&edit).await;
    assert!(
        html.contains(super::IBAN) && html.contains("value=\"21\"") && html.contains("EUR, CHF"),
        "{html}"
    );
    let change = [
        ("name", "House bank"),
        ("bankAccount.holder", "Example GmbH"),
        ("bankAccount.iban", super::IBAN),
        ("bankAccount.days", "7"),
        ("currencies", ""),
        ("enabled", "true"),
    ];
    admin.done(&edit, &change).await;
    let html = admin.page(path).await;
    assert!(html.contains("7 days") && html.contains("<dd>All</dd>"), "{html}");
    assert!(admin.page("/providers").await.contains("None needed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_found_by_its_reference_and_confirmed_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let bank = bank(&door.app, shop.tenant).await;
    let (transfer, to) = waiting(&door.app, shop.tenant, shop.seed.site.id, bank, ten_euros("ORD-41")).await;
    let path = format!("/transactions/{}", transfer.id);
    let act = format!("{path}/confirm-manual");
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let reference = to.reference.grouped();
    let found = viewer.page(&format!("/transactions?q={}", reference.replace(' ', "+"))).await;
    assert!(found.contains("ORD-41"), "{found}");
    assert!(!viewer.page(&path).await.contains("confirm-manual"), "a viewer is offered nothing");
    assert_eq!(viewer.send(&act, &[("amount", "10")]).await.status, 403);

    let (editor, other) =
        (Operator::of(&door, &shop, Role::Editor).await, Operator::of(&door, &shop, Role::Editor).await);
    let html = editor.page(&path).await;
    assert!(html.contains(&reference) && html.contains("€10.00 is missing"), "{html}");
    assert!(!html.contains("Ask the provider"), "there is nobody to ask");
    let (key, seen) = (hidden(&html, "key").to_owned(), hidden(&html, "received").to_owned());
    let wrong = [("key", key.as_str()), ("received", &seen), ("amount", "ten"), ("receivedAt", "2999-01-01")];
    let answer = editor.send(&act, &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-amount\""), "{}", answer.text);
    // Two colleagues look at the same statement, and each confirms what they saw; one presses twice.
    let theirs = other.page(&path).await;
    let fields =
        [("received", seen.as_str()), ("amount", "4,00"), ("receivedAt", "2026-01-31"), ("note", "<i>part")];
    let mine: Vec<_> = [("key", key.as_str())].into_iter().chain(fields).collect();
    for _ in 0..2 {
        assert_eq!(editor.done(&act, &mine).await, format!("{path}?done=received"));
    }
    let second: Vec<_> = [("key", hidden(&theirs, "key"))].into_iter().chain(fields).collect();
    let answer = other.send(&act, &second).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("Somebody has confirmed money since"), "{}", answer.text);
    assert_eq!(stored(&door.app, &transfer).await.received(), 400);

    let html = editor.page(&path).await;
    for part in ["€6.00 is missing", "€4.00 arrived on 2026-01-31", "&#60;i&#62;part", "value=\"6.00\""] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let rest = [("key", hidden(&html, "key")), ("received", hidden(&html, "received")), ("amount", "6")];
    editor.done(&act, &rest).await;
    let html = editor.page(&format!("{path}?done=received")).await;
    assert!(html.contains("The money is confirmed.") && html.contains("Succeeded"), "{html}");
    assert!(html.contains("sent back from your bank account") && !html.contains("/refund\""), "{html}");
}
