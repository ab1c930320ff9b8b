//! Custom checkout domains, and what the proxy asks about them.

use gateway_core::app::{AppError, settings::domains};
use reqwest::Method;
use serde_json::json;

use super::door::{Door, Shop};

/// What the proxy hears about a host.
async fn verify(door: &Door, host: &str) -> (u16, String) {
    let answer = door.send(door.request(Method::GET, &format!("/api/v1/domains/verify?domain={host}"))).await;
    (answer.status, answer.text)
}

async fn register(door: &Door, shop: &Shop, host: &str) -> String {
    let body = json!({ "siteId": shop.site, "host": host });
    door.post(&shop.key, "/v1/domains", &body).await.ok(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_belongs_to_whoever_verified_it_first() {
    let door = Door::open().await;
    let (shop, stranger) = (door.shop().await, door.shop().await);
    let host = format!("pay-{}.example.com", shop.site);
    let (id, squatted) = (register(&door, &shop, &host).await, register(&door, &stranger, &host).await);
    assert_eq!(verify(&door, &host).await, (403, String::new()));

    let yes = domains::record(&door.app, shop.tenant, id.parse().unwrap(), Ok(())).await.unwrap();
    assert_eq!(yes.host, host);
    let taken = domains::record(&door.app, stranger.tenant, squatted.parse().unwrap(), Ok(())).await;
    assert!(matches!(taken, Err(AppError::Conflict { code: "DOMAIN_TAKEN", .. })), "{taken:?}");
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    assert_eq!(verify(&door, &host).await, (200, String::new()));
    assert_eq!(verify(&door, &host.to_uppercase()).await, (200, String::new()));

    // It no longer points here: the other one may have it.
    let gone = domains::record(&door.app, shop.tenant, yes.id, Err("it points elsewhere".to_owned())).await;
    assert_eq!(gone.unwrap().problem.as_deref(), Some("it points elsewhere"));
    domains::record(&door.app, stranger.tenant, squatted.parse().unwrap(), Ok(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_names_that_can_have_a_certificate_are_taken() {
    let door = Door::open().await;
    let shop = door.shop().await;
    for host in
        ["", "localhost", "192.0.2.1", "https://pay.example.com", "pay.example.com:443", "*.example.com"]
    {
        let answer = door.post(&shop.key, "/v1/domains", &json!({ "siteId": shop.site, "host": host })).await;
        assert_eq!((answer.status, answer.fields()), (400, vec!["host"]), "{host}");
        assert_eq!(verify(&door, host).await.0, 403);
    }
    let host = format!("Twice-{}.example.com", shop.site);
    register(&door, &shop, &host).await;
    let again = door.post(&shop.key, "/v1/domains", &json!({ "siteId": shop.site, "host": host })).await;
    assert_eq!(again.refused(409), "DOMAIN_EXISTS");
    assert_eq!(verify(&door, "%00").await, (403, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_to_change() {
    let door = Door::open().await;
    let shop = door.shop().await;
    // This name is reserved so that nobody has it (RFC 6761).
    let id = register(&door, &shop, &format!("pay-{}.invalid", shop.site)).await;
    let checked = door.post(&shop.key, &format!("/v1/domains/{id}/check"), &json!({})).await.ok(200);
    assert_eq!(checked["state"], "pending");
    assert!(checked["problem"].as_str().unwrap().contains("CNAME"), "{checked}");
    assert!(checked["checkedAt"].is_string());
    let listed = door.get(&shop.key, "/v1/domains").await.ok(200);
    assert_eq!(listed["data"][0]["id"], *id);
    assert_eq!(door.delete(&shop.key, &format!("/v1/domains/{id}")).await.status, 204);
    assert_eq!(door.get(&shop.key, &format!("/v1/domains/{id}")).await.refused(404), "NOT_FOUND");
}
