//! Passkeys, with an authenticator in software.

use gateway_core::{
    app::people::passkeys,
    domain::{person::Person, role::Role},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{authenticator::Authenticator, world};
use crate::admin::door::{Answer, Door};

/// The panel's origin, where browsers ask for passkeys.
fn panel(door: &Door) -> String {
    door.app.urls.admin_frontend.origin().ascii_serialization()
}

async fn registered(door: &Door, person: &Person, authenticator: &mut Authenticator) {
    let begun = passkeys::begin_registration(&door.app, &world::now(&door.app, person).await).await.unwrap();
    assert_eq!(begun.options["publicKey"]["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(begun.options["publicKey"]["authenticatorSelection"]["userVerification"], "required");
    let answer = authenticator.register(&begun.options);
    let challenge = begun.challenge.expose();
    let record = passkeys::finish_registration(&door.app, person.id, challenge, "Laptop", answer.clone());
    assert_eq!(record.await.unwrap().name, "Laptop");
    let again = passkeys::finish_registration(&door.app, person.id, challenge, "Laptop", answer).await;
    assert_eq!(again.unwrap_err().code(), "PASSKEY_REFUSED", "a challenge is answered once");
}

async fn begin(door: &Door) -> (String, Value) {
    let begun = door.send(door.request(Method::POST, "/v1/auth/passkey/begin")).await.ok(200);
    (begun["challenge"].as_str().unwrap().to_owned(), begun["options"].clone())
}

async fn finish(door: &Door, challenge: &str, credential: &Value) -> Answer {
    let body = json!({ "challenge": challenge, "credential": credential });
    door.send(door.request(Method::POST, "/v1/auth/passkey/login").json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_in_without_a_name_and_each_challenge_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let person = world::member(&door.app, shop.tenant.organization, Role::Editor).await;
    let mut authenticator = Authenticator::new(&panel(&door));
    registered(&door, &person, &mut authenticator).await;

    let (challenge, options) = begin(&door).await;
    let answer = authenticator.sign(&options);
    let tokens = finish(&door, &challenge, &answer).await.ok(200);
    let me = door.get(tokens["accessToken"].as_str().unwrap(), "/v1/auth/me").await.ok(200);
    assert_eq!(me["id"], person.id.to_string());
    assert!(me["passkeys"][0]["lastUsedAt"].is_string(), "{me}");
    assert_eq!(finish(&door, &challenge, &answer).await.refused(401), "PASSKEY_REFUSED");
    let (other, _) = begin(&door).await;
    assert_eq!(finish(&door, &other, &answer).await.refused(401), "PASSKEY_REFUSED", "another's signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_and_weak_answers_are_refused() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let person = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
    let mut authenticator = Authenticator::new(&panel(&door));
    registered(&door, &person, &mut authenticator).await;

    let (challenge, options) = begin(&door).await;
    let first = authenticator.sign(&options);
    finish(&door, &challenge, &first).await.ok(200);
    // A copy of the key, whose counter is behind.
    authenticator.counter = 0;
    let (challenge, options) = begin(&door).await;
    let cloned = authenticator.sign(&options);
    assert_eq!(finish(&door, &challenge, &cloned).await.refused(401), "PASSKEY_REFUSED");
    authenticator.counter = 100;
    // Nobody was asked for a finger or a PIN.
    authenticator.without_verification();
    let (challenge, options) = begin(&door).await;
    let weak = authenticator.sign(&options);
    assert_eq!(finish(&door, &challenge, &weak).await.refused(401), "PASSKEY_REFUSED");
    // A page of somebody else's.
    let (challenge, options) = begin(&door).await;
    authenticator.flags = 0x05;
    authenticator.origin = "https://admin.example.net".to_owned();
    let phished = authenticator.sign(&options);
    assert_eq!(finish(&door, &challenge, &phished).await.refused(401), "PASSKEY_REFUSED");
    // All of that was the fault of the answers, not of the key.
    authenticator.origin = panel(&door);
    let (challenge, options) = begin(&door).await;
    let good = authenticator.sign(&options);
    finish(&door, &challenge, &good).await.ok(200);
}
