//! Sites, providers, webhook endpoints.

use std::time::Duration;

use gateway_core::domain::Mode;
use serde_json::json;

use super::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_made_changed_and_given_a_new_secret_at_a_chosen_moment() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let new = json!({ "name": " Example Shop ", "brandColor": "#0a7d5c",
        "origins": ["https://Shop.example.com/"], "defaultIpnUrl": "https://shop.example.com/ipn?token=s3cret" });
    let made = door.post(&shop.key, "/v1/sites", &new).await.ok(201);
    assert_eq!((&made["name"], &made["ipnVersion"]), (&"Example Shop".into(), &2.into()));
    assert_eq!(made["origins"], json!(["https://shop.example.com"]));
    let path = format!("/v1/sites/{}", made["id"].as_str().unwrap());
    let change = json!({ "ipnVersion": 1, "brandColor": null, "providerIds": [shop.seed.sandbox.as_ref().unwrap().id.to_string()] });
    let changed = door.patch(&shop.key, &path, &change).await.ok(200);
    assert_eq!((&changed["ipnVersion"], changed["brandColor"].is_null()), (&1.into(), true));
    assert_eq!(changed["defaultIpnUrl"], made["defaultIpnUrl"]);
    for (wrong, field) in [
        (json!({ "brandColor": "red" }), "brandColor"),
        (json!({ "ipnVersion": 3 }), "ipnVersion"),
        (json!({ "origins": ["shop.example.com"] }), "origins[0]"),
        (json!({ "providerIds": ["650000000000000000000001"] }), "providerIds[0]"),
        (json!({ "defaultIpnUrl": "ftp://shop.example.com" }), "defaultIpnUrl"),
        (json!({ "colour": "#000000" }), "colour"),
    ] {
        assert_eq!(door.patch(&shop.key, &path, &wrong).await.fields(), [field], "{wrong}");
    }

    let secret_path = format!("{path}/webhook-secret");
    let first = door.get(&shop.key, &secret_path).await.ok(200)["secret"].clone();
    let at = door.app.now() + Duration::from_secs(3);
    let regenerate = format!("{secret_path}/regenerate");
    let next = door.post(&shop.key, &regenerate, &json!({ "effectiveAt": at.to_string() })).await.ok(200);
    let waiting = door.get(&shop.key, &secret_path).await.ok(200);
    assert_eq!((&waiting["secret"], &waiting["nextSecret"]), (&first, &next["secret"]));
    tokio::time::sleep(Duration::from_millis(3200)).await;
    let now = door.get(&shop.key, &secret_path).await.ok(200);
    assert_eq!((&now["secret"], now["nextSecret"].is_null()), (&next["secret"], true));
    // At once, on top of one that has come into effect.
    let third = door.post(&shop.key, &regenerate, &json!({})).await.ok(200);
    assert_eq!(door.get(&shop.key, &secret_path).await.ok(200)["secret"], third["secret"]);

    let test = door.post(&shop.key, &format!("{path}/test-ipn"), &json!({})).await.ok(200);
    assert_eq!((&test["event"], &test["state"]), (&"ipn.test".into(), &"pending".into()));
    let delivery =
        door.get(&shop.key, &format!("/v1/deliveries/{}", test["id"].as_str().unwrap())).await.ok(200);
    assert_eq!(delivery["url"], made["defaultIpnUrl"]);
    assert!(delivery["body"].as_str().unwrap().contains("ipn.test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_secret_that_is_guessed_is_refused() {
    let door = Door::open().await;
    let shop = door.shop().await;
    for (kind, key, secret, problem) in [
        ("gocardless", "sandbox_x", "a", "at least 16 characters"),
        ("gocardless", "sandbox_x", "fifteen.letters", "at least 16 characters"),
        ("stripe", "sk_test_x", "whsec_short", "at least 16 characters"),
        ("stripe", "sk_test_x", "sixteen.letters.and.more", "starts with whsec_"),
        ("sandbox", "", "a", "at least 16 characters"),
    ] {
        let new = json!({ "type": kind, "credentials": { "apiKey": key, "webhookSecrets": [secret] } });
        let refused = door.post(&shop.key, "/v1/providers", &new).await;
        assert_eq!(refused.refused(400), "VALIDATION_FAILED");
        let detail = &refused.json["details"][0];
        assert_eq!(detail["field"], "credentials.webhookSecrets", "{kind} {secret}: {detail}");
        assert!(detail["problem"].as_str().unwrap().contains(problem), "{kind} {secret}: {detail}");
        assert!(!refused.text.contains(secret) || secret.len() < 3, "{}", refused.text);
    }
    let new = json!({ "type": "gocardless", "credentials": { "apiKey": "sandbox_x", "webhookSecrets": ["sixteen.letters."] } });
    let made = door.post(&shop.key, "/v1/providers", &new).await.ok(201);
    let path = format!("/v1/providers/{}", made["id"].as_str().unwrap());
    let weaker = json!({ "credentials": { "webhookSecrets": ["sixteen.letters.", "b"] } });
    assert_eq!(door.patch(&shop.key, &path, &weaker).await.refused(400), "VALIDATION_FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_never_shows_its_credentials() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let new = json!({ "type": "stripe", "name": "Stripe", "credentials": {
        "apiKey": "sk_test_s3cret", "webhookSecrets": ["whsec_s3cret_of_stripe"] } });
    let made = door.post(&shop.key, "/v1/providers", &new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    let path = format!("/v1/providers/{id}");
    assert!(made.json["webhookUrl"].as_str().unwrap().ends_with(&format!("/hooks/stripe/{id}")));
    assert_eq!(made.json["credentials"], json!({ "hasApiKey": true, "webhookSecrets": 1 }));
    let rolled =
        json!({ "credentials": { "webhookSecrets": ["whsec_s3cret_of_stripe", "whsec_s3cret2_of_stripe"] } });
    let rolled = door.patch(&shop.key, &path, &rolled).await;
    assert_eq!(rolled.json["credentials"], json!({ "hasApiKey": true, "webhookSecrets": 2 }));
    for text in [made.text, rolled.text, door.get(&shop.key, "/v1/providers").await.text] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    let off = door.post(&shop.key, &format!("{path}/toggle"), &json!({})).await.ok(200);
    assert_eq!(off["enabled"], false);
    let on = door.post(&shop.key, &format!("{path}/toggle"), &json!({ "enabled": true })).await.ok(200);
    assert_eq!(on["enabled"], true);
    assert_eq!(door.delete(&shop.key, &path).await.refused(409), "PROVIDER_ENABLED");
    door.post(&shop.key, &format!("{path}/toggle"), &json!({ "enabled": false })).await.ok(200);
    assert_eq!(door.delete(&shop.key, &path).await.status, 204);
    assert_eq!(door.get(&shop.key, &path).await.status, 404);

    let sandbox = format!("/v1/providers/{}/test", shop.seed.sandbox.as_ref().unwrap().id);
    assert_eq!(door.post(&shop.key, &sandbox, &json!({})).await.ok(200)["ok"], true);
    for (wrong, field) in [
        (json!({ "type": "stripe" }), "credentials.apiKey"),
        (json!({ "type": "stripe", "credentials": { "apiKey": "sk_live_x" } }), "credentials.apiKey"),
        (json!({ "type": "cash" }), "type"),
    ] {
        assert_eq!(door.post(&shop.key, "/v1/providers", &wrong).await.fields(), [field], "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_cannot_exist_in_live_mode() {
    let door = Door::open().await;
    let shop = door.shop_of(&crate::in_process::database_name("live"), Mode::Live).await;
    let answer = door.post(&shop.key, "/v1/providers", &json!({ "type": "sandbox" })).await;
    assert_eq!(answer.refused(422), "SANDBOX_NOT_IN_LIVE_MODE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_endpoint_shows_its_secret_when_it_is_made_and_rotated() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let new = json!({ "url": "https://shop.example.com/events", "eventTypes": ["session.paid"] });
    let made = door.post(&shop.key, "/v1/webhook-endpoints", &new).await.ok(201);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let path = format!("/v1/webhook-endpoints/{}", made["id"].as_str().unwrap());
    let read = door.get(&shop.key, &path).await.ok(200);
    assert_eq!((&read["url"], read.get("secret")), (&new["url"], None));
    let overlap = json!({ "overlapSeconds": 60 });
    let rotated = door.post(&shop.key, &format!("{path}/rotate-secret"), &overlap).await.ok(200);
    assert!(rotated["previousSecretUntil"].is_string() && rotated["secret"] != made["secret"]);
    let changed = json!({ "description": "Example", "eventTypes": [] });
    assert_eq!(door.patch(&shop.key, &path, &changed).await.ok(200)["eventTypes"], json!([]));
    let off = door.post(&shop.key, &format!("{path}/enable"), &json!({ "enabled": false })).await.ok(200);
    assert_eq!(off["enabled"], false);
    assert_eq!(door.post(&shop.key, &format!("{path}/enable"), &json!({})).await.ok(200)["enabled"], true);
    for (wrong, field) in [
        (json!({}), "url"),
        (json!({ "url": "gopher://x" }), "url"),
        (json!({ "url": "https://shop.example.com", "eventTypes": ["session.lost"] }), "eventTypes[0]"),
    ] {
        assert_eq!(door.post(&shop.key, "/v1/webhook-endpoints", &wrong).await.fields(), [field], "{wrong}");
    }
    // Of several that are wrong all are told.
    let many = json!({ "url": "https://shop.example.com", "eventTypes": ["a", "session.paid", "b"] });
    let many = door.post(&shop.key, "/v1/webhook-endpoints", &many).await;
    assert_eq!(many.fields(), ["eventTypes[0]", "eventTypes[2]"]);
    for _ in 1..16 {
        door.post(&shop.key, "/v1/webhook-endpoints", &new).await.ok(201);
    }
    let answer = door.post(&shop.key, "/v1/webhook-endpoints", &new).await;
    assert_eq!(answer.refused(409), "TOO_MANY_ENDPOINTS");
    assert_eq!(door.delete(&shop.key, &path).await.status, 204);
    assert_eq!(door.delete(&shop.key, &path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_api_document_is_public_and_stays_as_it_is() {
    let door = Door::open().await;
    let answer = door.send(door.request(reqwest::Method::GET, "/api/v1/openapi.json")).await;
    let mut document = answer.ok(200);
    let servers = document["servers"].take();
    assert!(servers[0]["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{servers}");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            if operation["x-public"] == true {
                assert_eq!(operation["security"], json!([]), "{method} {path}");
                continue;
            }
            let is_personal = operation["x-person"] == true;
            assert!(
                is_personal || operation["x-required-scope"].is_string(),
                "{method} {path} names no scope"
            );
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
        }
    }
    insta::assert_json_snapshot!("openapi", document);
}
