//! How many mails leave, and to whom.

use gateway_core::{
    app::invoices::number,
    domain::{Timestamp, role::Role},
};
use serde_json::json;

use super::world::{invoicing, queued};
use crate::{admin::door::Door, in_process, panel::Operator};

/// Mails to one address in an hour.
const TO_ONE_MAX: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_so_many_mails_in_an_hour_and_strangers_none_in_test_mode() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    invoicing(&door.app, shop.tenant).await;
    let draft = queued(&door.app, shop.tenant).await;
    number::number_series(&door.app, shop.tenant, draft.series_id).await.unwrap();
    let path = format!("/v1/invoices/{}/send", draft.id);
    let [one, two] = ["one", "two"].map(|name| format!("{name}.{}@example.com", draft.id));
    for email in [&one, &two] {
        in_process::colleague(&door.app, organization, email).await;
    }
    let stranger = json!({ "email": format!("stranger.{}@example.com", draft.id) });
    let answer = door.post(&shop.key, &path, &stranger).await;
    assert_eq!((answer.status, answer.fields()), (400, vec!["email"]), "{}", answer.text);

    // The same request again is the same mail, and counted once.
    let keyed = async || {
        let request = door.request(reqwest::Method::POST, &path).bearer_auth(&shop.key);
        door.send(request.header("idempotency-key", "one").json(&json!({ "email": one }))).await.ok(202)
    };
    assert_eq!(keyed().await["id"], keyed().await["id"]);
    // In other letters it is the same address.
    let body = json!({ "email": one.to_uppercase() });
    for number in 1..TO_ONE_MAX {
        let answer = door.post(&shop.key, &path, &body).await;
        assert_eq!(answer.status, 202, "{number}: {}", answer.text);
    }
    let refused = door.post(&shop.key, &path, &body).await;
    assert_eq!(refused.refused(429), "RATE_LIMITED");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3_000..=3_600).contains(&wait), "{wait}");
    let message = refused.json["message"].as_str().unwrap();
    let until = Timestamp::parse(message.rsplit(" at ").next().unwrap()).unwrap();
    assert!(message.contains("20 mails in an hour") && until > door.app.now(), "{message}");
    keyed().await;
    door.post(&shop.key, &path, &json!({ "email": two })).await.ok(202);

    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let answer = editor.send(&format!("/invoices/{}/send", draft.id), &[("email", &one)]).await;
    assert!(
        answer.status == 422 && answer.text.contains("20 mails in an hour: it goes on at"),
        "{}",
        answer.text
    );
}
