//! What developers of shops look at: keys, endpoints, what was sent to them, and what providers sent.

use std::time::Duration;

use gateway_core::{
    app::{
        deliveries,
        list::{self, EventFilter},
        settings::{api_keys, endpoints, endpoints::EndpointSettings},
    },
    domain::{
        EndpointId, ProviderEventId, Tenant,
        api_key::ApiKey,
        delivery::{Delivery, DeliveryState},
        endpoint::WebhookEndpoint,
        outbox::EventType,
        provider_event::{EventState, ProviderEvent},
        role::Role,
    },
    store::list::PageRequest,
};
use mongodb::bson::doc;
use serde_json::json;

use super::Operator;
use crate::admin::door::{Door, Shop};

pub const FIRST: PageRequest = PageRequest { page: 1, limit: 100, after: None };

/// What stands between the tags of the element of an id, as it was before it was escaped.
fn shown(html: &str, id: &str) -> String {
    let (_, rest) = html.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}: {html}"));
    let text = rest.split_once('>').unwrap().1.split("</").next().unwrap();
    text.replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

pub(super) async fn keys(door: &Door, tenant: Tenant) -> Vec<ApiKey> {
    list::all::<ApiKey>(&door.app, tenant, &FIRST).await.unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_with_a_line_that_works() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let form = admin.page("/api-keys/new").await;
    assert!(form.contains("Create checkouts.") && form.contains("value=\"refund:create\""));
    let wrong =
        [("name", "Shop <1>"), ("scopes", "checkout:create"), ("allowedNetworks", "127.0.0.1\r\nhome")];
    let answer = admin.send("/api-keys/new", &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("line 2 must be an address") && answer.text.contains("Shop &#60;1&#62;"));
    assert!(
        answer.text.contains("value=\"checkout:create\" checked"),
        "what was chosen stays: {}",
        answer.text
    );
    let none = admin.send("/api-keys/new", &[("name", ""), ("expiresAt", "2020-01-01")]).await;
    for field in ["name", "expiresAt"] {
        assert!(none.text.contains(&format!("id=\"e-{field}\"")), "{field}: {}", none.text);
    }
    assert!(none.text.contains("must name at least one scope"));

    let good = [
        ("name", "Shop <1>"),
        ("scopes", "checkout:create"),
        ("scopes", "checkout:read"),
        ("expiresAt", "2099-12-31"),
        ("allowedNetworks", "127.0.0.0/8"),
    ];
    let answer = admin.send("/api-keys/new", &good).await;
    assert_eq!((answer.status, answer.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    let secret = shown(&answer.text, "the-key");
    let line = shown(&answer.text, "the-line");
    assert!(secret.starts_with("sk_test_"), "{secret}");
    assert!(
        line.contains(&secret) && line.contains(&format!("{}/v1/checkouts/{}/create", door.api, shop.site))
    );
    let body = line.split_once("-d '").unwrap().1.trim_end_matches('\'');
    let path = format!("/v1/checkouts/{}/create", shop.site);
    door.post(&secret, &path, &serde_json::from_str(body).unwrap()).await.ok(200);
    assert_eq!(door.get(&secret, "/v1/sites").await.status, 403, "it may what was chosen and nothing more");
    let made = keys(&door, shop.tenant).await.into_iter().find(|key| key.name == "Shop <1>").unwrap();
    assert_eq!(made.expires_at.unwrap().to_string(), "2100-01-01T00:00:00.000Z");
    let (_, hidden) = secret.split_once('.').unwrap();
    for page in ["/api-keys".to_owned(), format!("/api-keys/{}", made.id)] {
        let html = admin.page(&page).await;
        assert!(html.contains(&format!("sk_test_{}", made.id)) && !html.contains(hidden), "{page}");
        assert!(html.contains("127.0.0.0/8") && html.contains("Shop &#60;1&#62;"), "{page}");
    }
    assert!(made.last_used_at.is_some(), "its use is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_with_overlap_and_revoked_by_administrators_alone() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let key = keys(&door, shop.tenant).await.remove(0);
    let page = format!("/api-keys/{}", key.id);
    let too_long = admin.send(&format!("{page}/rotate"), &[("overlapSeconds", "99999999")]).await;
    assert_eq!(too_long.status, 422);
    assert!(too_long.text.contains("id=\"e-overlapSeconds\""), "{}", too_long.text);
    let answer = admin.send(&format!("{page}/rotate"), &[("overlapSeconds", "3600")]).await;
    let fresh = shown(&answer.text, "the-key");
    assert_ne!(fresh, shop.key);
    for key in [&fresh, &shop.key] {
        assert_eq!(door.get(key, "/v1/sites").await.status, 200, "both secrets work for a while");
    }
    assert!(admin.page(&page).await.contains("The secret before works until"));
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let html = editor.page(&page).await;
    assert!(!html.contains("/rotate\"") && !html.contains("/revoke\""));
    assert!(!editor.page("/api-keys").await.contains("/api-keys/new"));
    for act in ["rotate", "revoke"] {
        assert_eq!(editor.send(&format!("{page}/{act}"), &[]).await.status, 403);
    }
    assert_eq!(editor.send("/api-keys/new", &[("name", "x"), ("scopes", "*")]).await.status, 403);
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(&page).await.status, 404);
    for act in ["rotate", "revoke"] {
        assert_eq!(stranger.send(&format!("{page}/{act}"), &[]).await.status, 404);
    }
    assert_eq!(admin.done(&format!("{page}/revoke"), &[]).await, format!("{page}?done=revoked"));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(door.get(&fresh, "/v1/sites").await.status, 401);
    assert!(admin.page(&page).await.contains("This key is revoked"));
    assert!(api_keys::get(&door.app, shop.tenant, key.id).await.unwrap().revoked_at.is_some());
}

pub(super) async fn endpoint(door: &Door, shop: &Shop, url: &str) -> WebhookEndpoint {
    let settings = EndpointSettings { url: Some(url.to_owned()), ..EndpointSettings::default() };
    endpoints::create(&door.app, shop.tenant, settings).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_changed_switched_and_deleted() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    assert!(editor.page("/webhooks").await.contains("No webhook endpoints yet"));
    let wrong = [("url", "ftp://example.com"), ("eventTypes", "session.paid"), ("description", "my <shop>")];
    let answer = editor.send("/webhooks/new", &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-url\"") && answer.text.contains("value=\"session.paid\" checked"));
    let good = [
        ("url", "https://example.com/hook?t=1&u=2"),
        ("eventTypes", "session.paid"),
        ("description", "my <shop>"),
    ];
    let answer = editor.send("/webhooks/new", &good).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let secret = shown(&answer.text, "the-secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    let made = list::all::<WebhookEndpoint>(&door.app, shop.tenant, &FIRST).await.unwrap().rows.remove(0);
    assert_eq!(made.event_types, [EventType::SessionPaid]);
    let page = format!("/webhooks/{}", made.id);
    let html = editor.page(&page).await;
    assert!(!html.contains(&secret) && html.contains("my &#60;shop&#62;"), "shown once, and text is text");
    assert!(html.contains(&format!("/deliveries?endpointId={}", made.id)), "its deliveries are a click away");
    let rotated = editor.send(&format!("{page}/rotate"), &[("overlapSeconds", "86400")]).await;
    assert_ne!(shown(&rotated.text, "the-secret"), secret);
    assert!(editor.page(&page).await.contains("The secret before signs until"));

    assert_eq!(editor.send(&page, &[("url", "")]).await.status, 422);
    let changed = [
        ("url", "https://example.com/new"),
        ("eventTypes", "invoice.issued"),
        ("eventTypes", "session.paid"),
    ];
    assert_eq!(editor.done(&page, &changed).await, format!("{page}?done=saved"));
    let load = async |id: EndpointId| endpoints::get(&door.app, shop.tenant, id).await;
    let stored = load(made.id).await.unwrap();
    assert_eq!((stored.event_types.len(), stored.description.as_str()), (2, ""));
    editor.done(&format!("{page}/disable"), &[]).await;
    assert!(editor.page(&page).await.contains("switched off by the merchant"), "why it is off is said");
    editor.done(&format!("{page}/enable"), &[]).await;
    assert!(load(made.id).await.unwrap().enabled);

    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let html = viewer.page(&page).await;
    for act in ["rotate", "enable", "disable", "delete"] {
        assert!(!html.contains(&format!("/{act}\"")), "{act}");
        assert_eq!(viewer.send(&format!("{page}/{act}"), &[]).await.status, 403, "{act}");
    }
    assert_eq!(viewer.send(&page, &changed).await.status, 403);
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(&page).await.status, 404);
    for act in ["rotate", "enable", "disable", "delete"] {
        let answer = stranger.send(&format!("{page}/{act}"), &[("overlapSeconds", "0")]).await;
        assert_eq!(answer.status, 404, "{act}");
    }
    assert_eq!(editor.done(&format!("{page}/delete"), &[]).await, "/webhooks?done=deleted");
    assert!(load(made.id).await.is_err());
}

/// A message that has failed for good after two requests.
pub async fn failed(door: &Door, shop: &Shop, body: &str) -> Delivery {
    let site = shop.site.parse().unwrap();
    let sent = deliveries::send_test_ipn(&door.app, shop.tenant, site, Some("https://example.com/ipn")).await;
    let mut delivery = sent.unwrap();
    let store = door.app.store.for_org(shop.tenant);
    let seal = async |field: &str, text: &str| {
        store.seal("deliveries", delivery.id, field, text.as_bytes()).await.unwrap()
    };
    let (body, answer) = (seal("body", body).await, seal("response", "<h1>Oops</h1>").await);
    let attempt = |number: i64| {
        doc! { "number": number, "startedAt": door.app.now(), "outcome": "rejected", "status": 500_i64,
        "durationMs": 12_i64, "response": mongodb::bson::serialize_to_bson(&answer).unwrap() }
    };
    let update = doc! {
        "$set": { "state": "failed", "reason": "out of attempts", "attempts": [attempt(1), attempt(2)],
            "body": mongodb::bson::serialize_to_bson(&body).unwrap() },
        "$unset": { "due": "" },
    };
    assert!(store.update::<Delivery>(delivery.id, doc! {}, update).await.unwrap());
    delivery.state = DeliveryState::Failed;
    delivery
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_shows_what_went_over_the_wire_and_is_sent_again() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let body = r#"{"amount":10.00,"text":"<b>\"x\"</b>","amount":1e2}"#;
    let delivery = failed(&door, &shop, body).await;
    let receiver = endpoint(&door, &shop, "https://example.com/hook").await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let link = format!("/deliveries/{}\"", delivery.id);
    for (query, is_there) in [
        (String::new(), true),
        ("?kind=ipn&state=failed".to_owned(), true),
        (format!("?siteId={}", shop.site), true),
        ("?kind=webhook".to_owned(), false),
        ("?state=delivered".to_owned(), false),
        (format!("?endpointId={}", receiver.id), false),
    ] {
        assert_eq!(viewer.page(&format!("/deliveries{query}")).await.contains(&link), is_there, "{query}");
    }
    assert!(viewer.page("/deliveries?state=lost").await.contains("must be one of"));
    let page = format!("/deliveries/{}", delivery.id);
    let html = viewer.page(&page).await;
    for proof in ["the-body", "&#34;amount&#34;", "Oops", "example.com/ipn"] {
        assert!(!html.contains(proof), "who only looks is not shown {proof}: {html}");
    }
    assert!(
        html.contains("https://example.com/…") && html.contains("500") && html.contains("out of attempts")
    );
    assert!(!html.contains("/resend\"") && !viewer.page("/deliveries").await.contains("/recover\""));
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let html = editor.page(&page).await;
    assert_eq!(shown(&html, "the-body").trim(), body, "the bytes as they are signed");
    assert!(html.contains("&#34;amount&#34;: 10.00,\n  "), "and laid out without a change: {html}");
    assert!(html.contains("&#60;h1&#62;Oops") && !html.contains("<h1>Oops"), "answers are text");
    for part in ["https://example.com/ipn", "500", "12 ms", "out of attempts"] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(viewer.send(&format!("{page}/resend"), &[]).await.status, 403);
    assert_eq!(viewer.send("/deliveries/recover", &[]).await.status, 403);

    let state = async || deliveries::get(&door.app, shop.tenant, delivery.id).await.unwrap().state;
    assert_eq!(editor.done(&format!("{page}/resend"), &[]).await, format!("{page}?done=resent"));
    assert_ne!(state().await, DeliveryState::Failed);
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(&page).await.status, 404);
    assert_eq!(stranger.send(&format!("{page}/resend"), &[]).await.status, 404);
    let theirs = [("receiver", format!("site:{}", shop.site)), ("since", "2020-01-01T00:00".to_owned())];
    let theirs: Vec<_> = theirs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(stranger.send("/deliveries/recover", &theirs).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_since_a_moment_is_sent_again() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let delivery = failed(&door, &shop, "{}").await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let site = format!("site:{}", shop.site);
    let answer = editor.send("/deliveries/recover", &[("receiver", ""), ("since", "yesterday")]).await;
    assert_eq!(answer.status, 422);
    for field in ["receiver", "since"] {
        assert!(answer.text.contains(&format!("id=\"e-{field}\"")), "{field}: {}", answer.text);
    }
    let late = [("receiver", site.as_str()), ("since", "2099-01-01T00:00")];
    assert_eq!(editor.done("/deliveries/recover", &late).await, "/deliveries?done=nothing-recovered");
    let good = [("receiver", site.as_str()), ("since", "2020-01-01T00:00")];
    assert_eq!(editor.done("/deliveries/recover", &good).await, "/deliveries?done=recovering");
    let found = deliveries::get(&door.app, shop.tenant, delivery.id).await.unwrap();
    assert_ne!(found.state, DeliveryState::Failed);
    let off = endpoint(&door, &shop, "https://example.com/off").await;
    endpoints::set_enabled(&door.app, shop.tenant, off.id, false).await.unwrap();
    let to = format!("endpoint:{}", off.id);
    let answer =
        editor.send("/deliveries/recover", &[("receiver", &to), ("since", "2020-01-01T00:00")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("The endpoint is disabled: enable it first"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_event_shows_its_bytes_and_is_applied_again() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let paid = door.started(&shop, &json!({})).await;
    door.pay(&paid).await;
    let store = door.app.store.for_org(shop.tenant);
    let of = async |id: ProviderEventId| store.get::<ProviderEvent>(id).await.unwrap().unwrap();
    let event = crate::invoices::world::until("the sandbox's event", async || {
        let filter = EventFilter::default();
        list::events(&door.app, shop.tenant, &filter, &FIRST).await.unwrap().rows.pop()
    })
    .await;
    let park = doc! { "$set": { "state": "parked", "reason": "amount <differs>" }, "$unset": { "due": "" } };
    assert!(store.update::<ProviderEvent>(event.id, doc! {}, park).await.unwrap());
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let link = format!("/events/{}\"", event.id);
    for (query, is_there) in [
        (String::new(), true),
        ("?state=parked".to_owned(), true),
        (format!("?providerId={}", event.provider_id), true),
        ("?state=applied".to_owned(), false),
    ] {
        assert_eq!(viewer.page(&format!("/events{query}")).await.contains(&link), is_there, "{query}");
    }
    let page = format!("/events/{}", event.id);
    let html = viewer.page(&page).await;
    let raw = list::raw_event(&door.app, &event).await.unwrap().unwrap();
    assert!(!html.contains("the-body"), "who only looks is not shown what proves a payment: {html}");
    assert!(html.contains("amount &#60;differs&#62;") && !html.contains("/replay\""));
    assert_eq!(viewer.send(&format!("{page}/replay"), &[]).await.status, 403);
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(&page).await.status, 404);
    stranger.send(&format!("{page}/replay"), &[]).await;
    assert_eq!(of(event.id).await.state, EventState::Parked, "nobody else's hand moves it");
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let html = editor.page(&page).await;
    assert!(html.contains("/replay\"") && shown(&html, "the-body").trim() == raw.trim(), "{html}");
    assert_eq!(editor.done(&format!("{page}/replay"), &[]).await, format!("{page}?done=replayed"));
    assert_ne!(of(event.id).await.state, EventState::Parked);
}
