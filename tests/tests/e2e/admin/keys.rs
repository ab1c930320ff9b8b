//! API keys: where, how long and for what they work.

use std::time::{Duration, Instant};

use gateway_core::app::settings::api_keys;
use reqwest::Method;
use serde_json::json;

use super::door::{Door, Shop};

fn keys_of(shop: &Shop) -> String {
    format!("/v1/organizations/{}/api-keys", shop.tenant.organization)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_hands_out_no_more_than_it_holds() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let path = keys_of(&shop);
    let new = json!({ "name": "Checkout", "scopes": ["checkout:create", "api-key:write", "api-key:read"] });
    let made = door.post(&shop.key, &path, &new).await.ok(201);
    let (key, id) = (made["apiKey"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert!(key.starts_with(&format!("sk_test_{id}.")), "{key}");
    let read = door.get(key, &format!("{path}/{id}")).await;
    assert_eq!(read.status, 200);
    assert!(!read.text.contains("apiKey") && !read.text.contains("hash"), "{}", read.text);
    let listed = door.get(key, &path).await.ok(200);
    assert_eq!(listed["total"], 2);

    let more = json!({ "name": "More", "scopes": ["refund:create"] });
    let refused = door.post(key, &path, &more).await;
    assert_eq!(refused.refused(403), "FORBIDDEN");
    assert!(refused.text.contains("refund:create"));
    // Who rotates a key learns its secret.
    let powerful = shop.key.trim_start_matches("sk_test_").split('.').next().unwrap();
    assert_eq!(door.post(key, &format!("{path}/{powerful}/rotate"), &json!({})).await.status, 403);
    for (wrong, field) in [
        (json!({ "name": "", "scopes": ["checkout:create"] }), "name"),
        (json!({ "name": "A", "scopes": [] }), "scopes"),
        (json!({ "name": "A", "scopes": ["money:print"] }), "scopes[0]"),
        (
            json!({ "name": "A", "scopes": ["checkout:create"], "allowedNetworks": ["here"] }),
            "allowedNetworks[0]",
        ),
        (
            json!({ "name": "A", "scopes": ["checkout:create"], "expiresAt": "2020-01-01T00:00:00Z" }),
            "expiresAt",
        ),
    ] {
        assert_eq!(door.post(key, &path, &wrong).await.fields(), [field], "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_by_time_and_works_from_its_networks_only() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let soon = door.app.now() + Duration::from_secs(2);
    let new = json!({ "name": "Short", "scopes": ["site:read"], "expiresAt": soon.to_string(),
        "allowedNetworks": ["203.0.113.0/24", "2001:db8::7"] });
    let made = door.post(&shop.key, &keys_of(&shop), &new).await.ok(201);
    let key = made["apiKey"].as_str().unwrap();
    // The gateway believes its proxy, and nobody else, on where a call came from.
    let from = async |address: &str| {
        let request = door.request(Method::GET, &format!("/v1/sites/{}", shop.site));
        door.send(request.bearer_auth(key).header("X-Real-IP", address)).await
    };
    assert_eq!(from("203.0.113.9").await.status, 200);
    assert_eq!(from("2001:db8::7").await.status, 200);
    assert_eq!(from("203.0.114.9").await.refused(403), "ADDRESS_NOT_ALLOWED");
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(from("203.0.113.9").await.refused(401), "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_overlaps_as_long_as_asked_for() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let path = keys_of(&shop);
    let new = json!({ "name": "Rotated", "scopes": ["site:read"] });
    let made = door.post(&shop.key, &path, &new).await.ok(201);
    let (old, id) = (made["apiKey"].as_str().unwrap(), made["id"].as_str().unwrap());
    let site = format!("/v1/sites/{}", shop.site);
    let rotate = format!("{path}/{id}/rotate");
    let rotated = door.post(&shop.key, &rotate, &json!({ "overlapSeconds": 2 })).await.ok(200);
    let fresh = rotated["apiKey"].as_str().unwrap();
    assert_ne!(old, fresh);
    assert_eq!((door.get(fresh, &site).await.status, door.get(old, &site).await.status), (200, 200));
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!((door.get(fresh, &site).await.status, door.get(old, &site).await.status), (200, 401));
    let at_once = door.post(&shop.key, &rotate, &json!({})).await.ok(200);
    assert_eq!(door.get(fresh, &site).await.status, 401);
    assert_eq!(door.get(at_once["apiKey"].as_str().unwrap(), &site).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_on_every_node_within_five_seconds() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let site = format!("/v1/sites/{}", shop.site);
    let (here, there) = {
        let make = async || {
            let new = json!({ "name": "Revoked", "scopes": ["site:read"] });
            door.post(&shop.key, &keys_of(&shop), &new).await.ok(201)
        };
        (make().await, make().await)
    };
    let key = |made: &serde_json::Value| made["apiKey"].as_str().unwrap().to_owned();
    let (here_key, there_key) = (key(&here), key(&there));
    assert_eq!(door.get(&here_key, &site).await.status, 200);
    assert_eq!(door.get(&there_key, &site).await.status, 200);
    // Through the node that serves: at once.
    let path = format!("{}/{}/revoke", keys_of(&shop), here["id"].as_str().unwrap());
    assert!(door.post(&shop.key, &path, &json!({})).await.ok(200)["revokedAt"].is_string());
    assert_eq!(door.get(&here_key, &site).await.status, 401);
    // Through another node: when what this one remembers is too old.
    let id = there["id"].as_str().unwrap().parse().unwrap();
    let revoked = Instant::now();
    api_keys::revoke(&door.app, shop.tenant, id).await.unwrap();
    while door.get(&there_key, &site).await.status == 200 {
        assert!(revoked.elapsed() < Duration::from_secs(5), "still accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_may_leave_their_mode_out_but_not_change_it() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let site = format!("/v1/sites/{}", shop.site);
    assert_eq!(door.get(&shop.key.replace("sk_test_", "sk_"), &site).await.status, 200);
    assert_eq!(door.get(&shop.key.replace("sk_test_", "sk_live_"), &site).await.status, 401);
    let mut typo = shop.key.clone();
    typo.pop();
    assert_eq!(door.get(&typo, &site).await.status, 401);
}
