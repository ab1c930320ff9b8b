//! Checkouts: found, made by hand, shared, cancelled.

use gateway_core::domain::{checkout::Checkout, role::Role};
use serde_json::json;

use super::{Operator, hidden};
use crate::admin::door::{Door, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn checkouts_are_found_by_what_people_know_of_them() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let wanted = json!({ "amount": 1000, "currency": "EUR", "externalReference": "ORD-77", "email": "payer@example.com" });
    door.checkout(&shop, &wanted).await;
    door.checkout(&shop, &json!({ "amount": 1, "currency": "EUR", "externalReference": "ORD-78" })).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    for query in [
        "",
        "?externalReference=ORD-77",
        "?email=Payer%40example.com",
        "?status=open",
        "?from=2020-01-01&to=2099-01-01",
    ] {
        let html = viewer.page(&format!("/checkouts{query}")).await;
        assert!(html.contains("ORD-77"), "{query}");
        let is_narrow = query.contains("Reference") || query.contains("email");
        assert_eq!(html.contains("ORD-78"), !is_narrow, "{query}");
    }
    let html = viewer.page("/checkouts?status=cancelled").await;
    assert!(html.contains("Nothing fits these filters") && !html.contains("/checkouts/new"));
    assert!(viewer.page("/checkouts?status=succeeded").await.contains("must be one of"));
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert!(stranger.page("/checkouts").await.contains("No checkouts yet."));
}

/// The fields of a checkout with two lines, of which the second row is empty.
fn order<'a>(shop: &'a Shop, key: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("key", key),
        ("rows", "3"),
        ("siteId", &shop.site),
        ("currency", "EUR"),
        ("items[0].description", "Mug <b>blue</b>"),
        ("items[0].quantity", "2"),
        ("items[0].unitPrice", "12,50"),
        ("items[0].vatRate", "23"),
        ("items[2].description", "Shipping"),
        ("items[2].quantity", "1"),
        ("items[2].unitPrice", "4.90"),
        ("externalReference", "TEL-1"),
        ("email", "payer@example.com"),
        ("expiresIn", "86400"),
        ("locale", "pt"),
    ]
}

async fn stored(door: &Door, shop: &Shop, path: &str) -> Checkout {
    let id = path.trim_start_matches("/checkouts/").split('?').next().unwrap().parse().unwrap();
    door.app.store.for_org(shop.tenant).get::<Checkout>(id).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_made_by_hand_once_and_its_link_is_shown() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let html = editor.page("/checkouts/new").await;
    let key = hidden(&html, "key").to_owned();
    let fields = order(&shop, &key);
    let to = editor.done("/checkouts/new", &fields).await;
    assert_eq!(editor.done("/checkouts/new", &fields).await, to, "sent twice, made once");
    let made = stored(&door, &shop, &to).await;
    assert_eq!((made.amount, made.items.len()), (2990, 2));
    assert_eq!(made.locale.as_deref(), Some("pt"));
    assert_eq!(made.expires_at.since(made.created_at).as_secs(), 86400);
    let html = editor.page(&to).await;
    let link = format!("/checkout/{}", made.short_code);
    for part in
        ["Created.", "€29.90", "payer@example.com", "TEL-1", "<svg", "data-copy", "Cancel…", link.as_str()]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(html.contains("Mug &#60;b&#62;blue") && !html.contains("<b>blue"), "text of people is text");
    assert!(!html.contains("style="), "no style attributes");
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let path = to.split('?').next().unwrap();
    let seen = viewer.page(path).await;
    assert!(!seen.contains("/cancel\""), "a viewer is offered nothing that is refused");
    assert_eq!(viewer.see("/checkouts/new").await.status, 403);
    assert_eq!(viewer.send("/checkouts/new", &fields).await.status, 403);
    assert_eq!(viewer.send(&format!("{path}/cancel"), &[]).await.status, 403);
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(path).await.status, 404);
    assert_eq!(stranger.send(&format!("{path}/cancel"), &[]).await.status, 404);
    assert_eq!(stranger.send("/checkouts/new", &fields).await.status, 404, "another organization's site");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_new_checkout_stands_beside_its_field() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    for (field, value, at) in [
        ("currency", "XXX", "currency"),
        ("amount", "1.000,00", "amount"),
        ("amount", "1.00", "amount"),
        ("email", "nobody", "email"),
        ("returnUrl", "ftp://example.com", "returnUrl"),
        ("expiresIn", "60", "expiresIn"),
        ("items[2].quantity", "0", "items[2].quantity"),
        ("items[2].unitPrice", "x", "items[2].unitPrice"),
        ("items[2].vatRate", "101", "items[2].vatRate"),
        ("externalReference", "", "externalReference"),
        ("siteId", "", "siteId"),
    ] {
        let key = format!("{field}-{value}");
        let mut fields = order(&shop, &key);
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let answer = editor.send("/checkouts/new", &fields).await;
        assert_eq!(answer.status, 422, "{field}={value}: {}", answer.text);
        assert!(answer.text.contains(&format!("id=\"e-{at}\"")), "{field}={value}: {}", answer.text);
        assert!(answer.text.contains("Mug &#60;b&#62;blue"), "what was typed stays");
    }
    let mut fields = order(&shop, "key");
    fields.push(("more", "yes"));
    let answer = editor.send("/checkouts/new", &fields).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text.contains("items[5].unitPrice") && answer.text.contains("Shipping"),
        "{}",
        answer.text
    );
    assert!(editor.page("/checkouts").await.contains("No checkouts yet."), "nothing was made meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_cancelled_and_says_so() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let payment = door.started(&shop, &json!({})).await;
    let path = format!("/checkouts/{}", payment.checkout_id);
    assert!(editor.page(&path).await.contains(&payment.id.to_string()), "its payment is shown");
    let to = editor.done(&format!("{path}/cancel"), &[]).await;
    let html = editor.page(&to).await;
    assert!(
        html.contains("Cancelled.") && !html.contains("<svg"),
        "a link that cannot be paid is not shared"
    );
    let paid = door.started(&shop, &json!({ "externalReference": "ORD-2" })).await;
    door.pay(&paid).await;
    let path = format!("/checkouts/{}", paid.checkout_id);
    let answer = editor.send(&format!("{path}/cancel"), &[]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("role=\"alert\""), "{}", answer.text);
}

/// A shop that sends hundredths does so by its plugin; people type what they mean.
#[tokio::test(flavor = "multi_thread")]
async fn a_typed_amount_is_meant_as_it_stands() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let hundredths = json!({ "amountsInHundredths": true });
    door.patch(&shop.key, &format!("/v1/sites/{}", shop.site), &hundredths).await.ok(200);
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    for (currency, amount, minor) in [("JPY", "1200", 1200), ("KWD", "1.234", 1234)] {
        let fields = [
            ("key", currency),
            ("siteId", shop.site.as_str()),
            ("currency", currency),
            ("amount", amount),
            ("externalReference", currency),
            ("expiresIn", "86400"),
        ];
        let to = editor.done("/checkouts/new", &fields).await;
        assert_eq!(stored(&door, &shop, &to).await.amount, minor);
    }
}
