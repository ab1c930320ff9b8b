//! The checkout runtime API: proof, origins, starting, watching, cancelling.

use std::time::Duration;

use futures::StreamExt;
use gateway_core::{
    app::{
        settings::sites::{self, SiteSettings},
        start_payment::customer_of,
    },
    domain::{
        checkout::{Checkout, Customer},
        transaction::TransactionStatus,
    },
};
use serde_json::{Value, json};

use crate::front::{Answer, Front};

const LISTED: &str = "https://shop.example.com";

impl Front {
    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(self.api(path))).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.client.post(self.api(path)).json(&body)).await
    }

    async fn create(&self, checkout: &Checkout, provider: &str) -> Answer {
        let body = json!({ "sessionPublicId": checkout.public_id, "providerId": self.provider(provider) });
        self.post("/api/v1/transactions/create", body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_shows_what_the_page_shows_and_nothing_told_in_confidence() {
    let front = Front::start().await;
    let mut new = crate::in_process::ten_euros("ORD-1");
    new.customer.email = Some("customer@example.com".to_owned());
    let checkout = front.checkout(new).await;
    let answer = front.get(&format!("/api/v1/checkouts/{}", checkout.public_id)).await;
    assert_eq!(answer.status, 200);
    let view = answer.json();
    assert_eq!((&view["amount"], &view["currency"]), (&1000.into(), &"EUR".into()));
    assert_eq!((&view["status"], &view["unpayable"]), (&"open".into(), &Value::Null));
    assert_eq!(view["branding"]["name"], "Example Shop");
    let kinds: Vec<_> =
        view["providers"].as_array().unwrap().iter().map(|provider| provider["type"].clone()).collect();
    assert_eq!(kinds, ["sandbox", "stripe", "gocardless"]);
    assert!(!answer.body.contains("customer@") && !answer.body.contains("metadata"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_proves_itself_or_finds_nothing() {
    let front = Front::start().await;
    let (mine, other) = (front.ten_euros().await, front.ten_euros().await);
    let id = front.create(&mine, "sandbox").await.json()["transactionId"].as_str().unwrap().to_owned();
    for session in [other.public_id.as_str(), "", "cs_wrong", mine.id.to_string().as_str()] {
        for path in [format!("{id}/status?session={session}"), format!("{id}/events?session={session}")] {
            let answer = front.get(&format!("/api/v1/transactions/{path}")).await;
            assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &"NOT_FOUND".into()));
        }
        let cancel = format!("/api/v1/transactions/{id}/cancel");
        assert_eq!(front.post(&cancel, json!({ "sessionPublicId": session })).await.status, 404);
        let body = json!({ "sessionPublicId": session, "providerId": front.provider("sandbox") });
        if session != other.public_id {
            assert_eq!(front.post("/api/v1/transactions/create", body).await.status, 404);
            assert_eq!(front.get(&format!("/api/v1/checkouts/x{session}")).await.status, 404);
        }
    }
    for id in ["nonsense", "0123456789abcdef01234567"] {
        let path = format!("/api/v1/transactions/{id}/status?session={}", mine.public_id);
        assert_eq!(front.get(&path).await.status, 404);
    }
    assert_eq!(front.get(&format!("/api/v1/transactions/{id}/status")).await.status, 404);
    assert_eq!(front.transactions(&mine).await[0].status, TransactionStatus::Initiated);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_registered_origins_are_served() {
    let front = Front::start().await;
    let origins = SiteSettings { origins: Some(vec![LISTED.to_owned()]), ..SiteSettings::default() };
    sites::update(&front.app, front.seed.tenant, front.seed.site.id, origins).await.unwrap();
    let checkout = front.ten_euros().await;
    let url = front.api(&format!("/api/v1/checkouts/{}", checkout.public_id));
    let ask = |origin: &str| Answer::of(front.client.get(&url).header("origin", origin));
    let own = front.page("/");
    let own = own.trim_end_matches('/');
    for origin in [LISTED, own] {
        let answer = ask(origin).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.headers["access-control-allow-origin"], origin);
        assert_eq!(answer.headers["vary"], "origin");
    }
    for origin in ["https://evil.example.com", "https://shop.example.com.evil.example", "null"] {
        let answer = ask(origin).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &"ORIGIN_NOT_ALLOWED".into()));
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    // An error of a registered origin can be read by it.
    let create = front.api("/api/v1/transactions/create");
    let body = json!({ "sessionPublicId": checkout.public_id, "providerId": "nonsense" });
    let answer = Answer::of(front.client.post(&create).header("origin", LISTED).json(&body)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.headers["access-control-allow-origin"], LISTED);
    let preflight = front.client.request(reqwest::Method::OPTIONS, &create).header("origin", LISTED);
    let answer = Answer::of(preflight).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.headers["access-control-allow-headers"], "content-type, x-request-id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_started_once_and_can_be_given_up() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let first = front.create(&checkout, "sandbox").await;
    assert_eq!(first.status, 200, "{}", first.body);
    let first = first.json();
    assert_eq!((&first["status"], &first["next"]["type"]), (&"initiated".into(), &"redirect".into()));
    assert!(first["next"]["url"].as_str().unwrap().contains("/sandbox/"));
    let again = front.create(&checkout, "sandbox").await.json();
    assert_eq!((&again["transactionId"], &again["next"]), (&first["transactionId"], &first["next"]));
    let id = first["transactionId"].as_str().unwrap();
    let proof = json!({ "sessionPublicId": checkout.public_id });
    for _ in 0..2 {
        let cancelled = front.post(&format!("/api/v1/transactions/{id}/cancel"), proof.clone()).await;
        assert_eq!(cancelled.status, 200, "{}", cancelled.body);
        assert_eq!(
            (&cancelled.json()["status"], &cancelled.json()["final"]),
            (&"cancelled".into(), &true.into())
        );
    }
    let next = front.create(&checkout, "sandbox").await.json();
    assert_ne!(next["transactionId"], first["transactionId"]);
    let foreign = json!({ "sessionPublicId": checkout.public_id, "providerId": "0123456789abcdef01234567" });
    let refused = front.post("/api/v1/transactions/create", foreign).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["details"][0]["field"]),
        (400, &"providerId".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_address_is_kept_and_not_shown() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let body = json!({
        "sessionPublicId": checkout.public_id, "providerId": front.provider("sandbox"),
        "billingAddress": { "firstName": "Ann", "city": "Exampleton", "company": "" },
    });
    let created = front.post("/api/v1/transactions/create", body).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let stored = front.app.store.lookup_checkout_by_code(&checkout.short_code).await.unwrap().unwrap();
    let Customer { billing_address, .. } = customer_of(&front.app, &stored).await.unwrap();
    let address = billing_address.unwrap();
    assert_eq!((address.city.as_deref(), address.company), (Some("Exampleton"), None));
    let view = front.get(&format!("/api/v1/checkouts/{}", checkout.public_id)).await;
    assert!(!view.body.contains("Exampleton"));
    let long = json!({
        "sessionPublicId": checkout.public_id, "providerId": front.provider("sandbox"),
        "billingAddress": { "city": "x".repeat(501) },
    });
    let refused = front.post("/api/v1/transactions/create", long).await;
    assert_eq!(refused.json()["details"][0]["field"], "billingAddress.city");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_the_state_at_once_then_changes_then_ends() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let created = front.create(&checkout, "sandbox").await.json();
    let id = created["transactionId"].as_str().unwrap();
    let path = format!("/api/v1/transactions/{id}/events?session={}", checkout.public_id);
    let response = front.client.get(front.api(&path)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut chunks = response.bytes_stream();
    let mut heard = String::new();
    while !heard.contains("\n\n") {
        heard += core::str::from_utf8(&chunks.next().await.unwrap().unwrap()).unwrap();
    }
    assert!(heard.starts_with("event: status\n"), "{heard}");
    assert!(heard.contains(r#""status":"initiated""#) && heard.contains(r#""final":false"#), "{heard}");
    front.press_sandbox(created["next"]["url"].as_str().unwrap(), "paid").await;
    let rest = async {
        while let Some(chunk) = chunks.next().await {
            heard += core::str::from_utf8(&chunk.unwrap()).unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), rest).await.expect("the stream ends");
    assert!(heard.contains(r#""status":"succeeded""#) && heard.contains(r#""final":true"#), "{heard}");
    let status = front.get(&format!("/api/v1/transactions/{id}/status?session={}", checkout.public_id)).await;
    assert_eq!(status.json(), json!({ "transactionId": id, "status": "succeeded", "final": true }));
    let cancel = format!("/api/v1/transactions/{id}/cancel");
    let refused = front.post(&cancel, json!({ "sessionPublicId": checkout.public_id })).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (409, &"TRANSACTION_NOT_CANCELLABLE".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_do_not_hold_up_the_stop() {
    let mut front = Front::start().await;
    let checkout = front.ten_euros().await;
    let id = front.create(&checkout, "sandbox").await.json()["transactionId"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/transactions/{id}/events?session={}", checkout.public_id);
    let mut stream = front.client.get(front.api(&path)).send().await.unwrap().bytes_stream();
    assert!(stream.next().await.is_some());
    let started = std::time::Instant::now();
    assert_eq!(front.stop().await, 0);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
