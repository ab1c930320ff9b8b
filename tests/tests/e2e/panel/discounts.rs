//! Discounts: percentages and amounts, limits, a window, products by their SKU, and how often used.

use gateway_core::{
    app::settings::discounts,
    domain::{
        discount::{Discount, DiscountValue},
        role::Role,
    },
};
use serde_json::json;

use super::Operator;
use crate::admin::door::{Door, Shop};

const FORM: &[(&str, &str)] = &[
    ("code", "Spring"),
    ("name", "For <b>friends</b>"),
    ("kind", "percent"),
    ("percent", "12,5"),
    ("amount", ""),
    ("currency", "EUR"),
    ("minimumAmount", "20"),
    ("maxRedemptions", "10"),
    ("maxRedemptionsPerCustomer", "2"),
    ("startsAt", "2020-01-31T12:00"),
    ("endsAt", "2999-12-31T23:59:59"),
    ("productIds", ""),
    ("active", "true"),
];

/// The form with some fields changed.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = FORM.to_vec();
    for (name, value) in changes {
        form.iter_mut().filter(|(field, _)| field == name).for_each(|pair| pair.1 = value);
    }
    form
}

async fn stored(door: &Door, shop: &Shop, path: &str) -> Discount {
    let id = path.strip_prefix("/discounts/").unwrap().parse().unwrap();
    discounts::get(&door.app, shop.tenant, id).await.unwrap()
}

async fn made(editor: &Operator<'_>, form: &[(&str, &str)]) -> String {
    let next = editor.done("/discounts/new", form).await;
    next.strip_suffix("?done=created").unwrap().to_owned()
}

async fn product(door: &Door, shop: &Shop, sku: &str) -> String {
    let body = json!({ "name": format!("Mug {sku}"), "unitPrice": 3000, "currency": "EUR", "sku": sku });
    door.post(&shop.key, "/v1/products", &body).await.ok(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_percentage_is_made_used_changed_and_archived() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    assert!(editor.page("/discounts").await.contains("No discounts yet"));
    let path = made(&editor, FORM).await;
    let before = stored(&door, &shop, &path).await;
    assert_eq!((before.minimum_amount, before.max_redemptions), (Some(2000), Some(10)));
    assert_eq!(before.ends_at.unwrap().to_string(), "2999-12-31T23:59:59.000Z");
    door.started(&shop, &json!({ "amount": 3000, "discountCode": "spring", "email": "a@example.com" })).await;
    for page in ["/discounts", "/discounts?code=SPRING", path.as_str()] {
        let html = editor.page(page).await;
        for part in ["12.5 %", "1 of 10", "Accepted", "For &#60;b&#62;friends"] {
            assert!(html.contains(part), "{page} {part}: {html}");
        }
        assert!(!html.contains("<b>friends"), "{page}");
    }
    assert!(editor.page("/discounts?code=sprin").await.contains("Nothing fits these filters"));

    let html = editor.page(&format!("{path}/edit")).await;
    for part in
        ["value=\"12.5\"", "value=\"20.00\"", "value=\"2020-01-31T12:00\"", "value=\"2999-12-31T23:59:59\""]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    editor.done(&format!("{path}/edit"), &with(&[("percent", "12.5")])).await;
    let same = stored(&door, &shop, &path).await;
    assert_eq!((same.value, same.minimum_amount), (before.value, before.minimum_amount));
    assert_eq!((same.starts_at, same.ends_at, same.code), (before.starts_at, before.ends_at, before.code));

    // To the other kind: what still stands in the field of the first does not count.
    let free = [
        ("kind", "amount"),
        ("amount", "5"),
        ("minimumAmount", ""),
        ("maxRedemptions", ""),
        ("maxRedemptionsPerCustomer", ""),
        ("startsAt", ""),
        ("endsAt", ""),
        ("active", ""),
    ];
    assert_eq!(editor.done(&format!("{path}/edit"), &with(&free)).await, format!("{path}?done=saved"));
    let after = stored(&door, &shop, &path).await;
    assert_eq!(after.value, DiscountValue::Amount { amount: 500 });
    assert_eq!((after.minimum_amount, after.max_redemptions, after.ends_at), (None, None, None));
    let html = editor.page(&path).await;
    assert!(html.contains("€5.00") && html.contains("Off") && html.contains("EUR only"), "{html}");
    assert_eq!(editor.done(&format!("{path}/archive"), &[]).await, "/discounts?done=archived");
    assert_eq!(editor.see(&path).await.status, 404);
    made(&editor, FORM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_named_by_sku_or_id() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let (one, two) = (product(&door, &shop, "MUG-1").await, product(&door, &shop, "MUG-2").await);
    let lines = format!("MUG-1\r\n {two} \r\n\r\n{one}");
    let path = made(&editor, &with(&[("productIds", &lines)])).await;
    let ids: Vec<String> =
        stored(&door, &shop, &path).await.product_ids.iter().map(ToString::to_string).collect();
    assert_eq!(ids, [one.clone(), two.clone()]);
    let html = editor.page(&path).await;
    assert!(html.contains("Mug MUG-1") && html.contains(&format!("/products/{two}\"")), "{html}");
    assert!(editor.page(&format!("{path}/edit")).await.contains("MUG-1\nMUG-2</textarea>"));
    let foreign = product(&door, &other, "CUP-1").await;
    for (lines, text) in [("CUP-1", "“CUP-1” is none"), (foreign.as_str(), "line 1 is no product")] {
        let answer = editor.send(&format!("{path}/edit"), &with(&[("productIds", lines)])).await;
        assert_eq!(answer.status, 422, "{lines}");
        assert!(answer.text.contains("id=\"e-productIds\"") && answer.text.contains(text), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_discount_stands_beside_its_field() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    for (changes, field, text) in [
        (&[("code", "")][..], "code", "is required"),
        (&[("code", "two words")], "code", "without white space"),
        (&[("percent", "")], "percent", "is required"),
        (&[("percent", "half")], "percent", "must be a percentage"),
        (&[("percent", "101")], "percent", "at most 100"),
        (&[("kind", "amount")], "amount", "is required"),
        (&[("kind", "amount"), ("amount", "0")], "amount", "from 1 to"),
        (&[("kind", "amount"), ("amount", "5"), ("currency", "")], "currency", "is required with an amount"),
        (&[("minimumAmount", "much")], "minimumAmount", "must be an amount in EUR"),
        (&[("maxRedemptions", "many")], "maxRedemptions", "must be a whole number"),
        (&[("maxRedemptionsPerCustomer", "0")], "maxRedemptionsPerCustomer", "from 1 to"),
        (&[("startsAt", "tomorrow")], "startsAt", "must be a date and time"),
        (&[("endsAt", "2019-01-01T00:00")], "endsAt", "must be after “From (UTC)”"),
    ] {
        let answer = editor.send("/discounts/new", &with(changes)).await;
        assert_eq!(answer.status, 422, "{changes:?}");
        assert!(answer.text.contains(text), "{changes:?}: {}", answer.text);
        assert!(answer.text.contains(&format!("id=\"e-{field}\"")), "{changes:?}: {}", answer.text);
        assert!(answer.text.contains("For &#60;b&#62;friends"), "what was typed stays");
    }
    made(&editor, FORM).await;
    let again = editor.send("/discounts/new", &with(&[("code", "SPRING")])).await;
    assert_eq!(again.status, 422);
    assert!(again.text.contains("id=\"e-code\"") && again.text.contains("is taken"), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_read_discounts_and_strangers_find_none() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = made(&editor, FORM).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let html = viewer.page(&path).await;
    assert!(html.contains("0 of 10") && !html.contains("/archive\"") && !html.contains("/edit\""), "{html}");
    assert!(!viewer.page("/discounts").await.contains("/discounts/new"));
    for act in ["/discounts/new".to_owned(), format!("{path}/edit"), format!("{path}/archive")] {
        assert_eq!(viewer.send(&act, FORM).await.status, 403, "{act}");
    }
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    for page in [path.clone(), format!("{path}/edit")] {
        assert_eq!(stranger.see(&page).await.status, 404, "{page}");
    }
    for act in [format!("{path}/edit"), format!("{path}/archive")] {
        assert_eq!(stranger.send(&act, FORM).await.status, 404, "{act}");
    }
    assert!(stranger.page("/discounts").await.contains("No discounts yet"));
}
