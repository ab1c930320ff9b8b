//! People who only look read nothing that works as a proof; all others, and API keys, read what they always did.

use gateway_core::{
    app::{
        list::{self, EventFilter},
        settings::endpoints::{self, EndpointSettings},
    },
    domain::{provider_event::ProviderEvent, role::Role},
};
use serde_json::{Value, json};

use super::world;
use crate::{
    admin::door::{Door, Shop},
    panel::{Operator, developers},
};

/// What stands in addresses and bodies, and must be read by nobody who only looks.
const SECRETS: [&str; 3] = ["s3cret-ipn", "s3cret-hook", "s3cret-body"];

/// The paths that hold proofs, and the id of the session.
struct Held {
    paths: Vec<String>,
    pages: Vec<String>,
    session: String,
    event: String,
}

async fn held(door: &Door, shop: &Shop) -> Held {
    let site = format!("/v1/sites/{}", shop.site);
    let ipn = json!({ "defaultIpnUrl": "https://shop.example.com/ipn?token=s3cret-ipn" });
    door.patch(&shop.key, &site, &ipn).await.ok(200);
    let settings = EndpointSettings {
        url: Some("https://shop.example.com/s3cret-hook".to_owned()),
        ..EndpointSettings::default()
    };
    let (endpoint, _) = endpoints::create(&door.app, shop.tenant, settings).await.unwrap();
    let delivery = developers::failed(door, shop, r#"{"token":"s3cret-body"}"#).await;
    let paid = door.started(shop, &json!({})).await;
    door.pay(&paid).await;
    let event = crate::invoices::world::until("the sandbox's event", async || {
        let (filter, first) = (EventFilter::default(), developers::FIRST);
        list::events(&door.app, shop.tenant, &filter, &first).await.unwrap().rows.pop()
    });
    let event: ProviderEvent = event.await;
    let raw = list::raw_event(&door.app, &event).await.unwrap().unwrap();
    let of = |kind: &str, id: &str| format!("/{kind}/{id}");
    let pages = vec![
        of("sites", &shop.site),
        "/webhooks".to_owned(),
        of("webhooks", &endpoint.id.to_string()),
        "/deliveries".to_owned(),
        of("deliveries", &delivery.id.to_string()),
        of("events", &event.id.to_string()),
        of("checkouts", &paid.checkout_id.to_string()),
        of("transactions", &paid.id.to_string()),
    ];
    let mut paths: Vec<String> =
        ["checkouts", "transactions", "sites", "webhook-endpoints", "deliveries", "events"]
            .map(|kind| format!("/v1/{kind}"))
            .into();
    for page in &pages {
        let path = page.replace("/webhooks", "/webhook-endpoints");
        paths.push(format!("/v1{path}"));
    }
    Held { paths, pages, session: paid.session_public_id.clone(), event: Value::String(raw).to_string() }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_reads_no_proof() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let held = held(&door, &shop).await;
    let of = async |role: Role| {
        let person = world::member(&door.app, shop.tenant.organization, role).await;
        world::access(&door, &person, &json!({})).await
    };
    let (viewer, editor) = (of(Role::Viewer).await, of(Role::Editor).await);
    let proofs: Vec<&str> =
        SECRETS.iter().copied().chain([held.session.as_str(), held.event.as_str()]).collect();
    let mut seen: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
    for path in &held.paths {
        let looked = door.get(&viewer, path).await;
        assert_eq!(looked.status, 200, "{path}: {}", looked.text);
        for proof in &proofs {
            assert!(!looked.text.contains(proof), "{path} shows {proof}: {}", looked.text);
        }
        for (caller, seen) in [&editor, &shop.key].into_iter().zip(&mut seen) {
            let text = door.get(caller, path).await.text;
            seen.extend(proofs.iter().filter(|proof| text.contains(**proof)));
            let fields = |text: &str| {
                let body: Value = serde_json::from_str(text).unwrap();
                body.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
            };
            assert_eq!(fields(&text), fields(&looked.text), "{path} has the same fields for everybody");
        }
    }
    for seen in seen {
        let missing: Vec<_> = proofs.iter().filter(|proof| !seen.contains(proof)).collect();
        assert!(missing.is_empty(), "an editor and a key read what they always did: {missing:?}");
    }
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    for page in &held.pages {
        let html = viewer.page(page).await;
        for proof in proofs.iter().filter(|proof| **proof != held.event) {
            assert!(!html.contains(proof), "{page} shows {proof}: {html}");
        }
    }
}
