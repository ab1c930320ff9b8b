//! Invitations: one mail, one use, one address.

use std::sync::Arc;

use gateway_core::{
    app::{
        invoices::mail::Mailer,
        people::invitations::{self, accept, accept_new},
    },
    crypto::Secret,
    domain::{Mode, role::Role},
    store::codec::binary,
};
use mongodb::bson::{Document, doc};
use serde_json::json;
use testkit::smtp_sink::SmtpSink;
use worker::mail::SmtpMailer;

use super::world::{self, PASSWORD, access};
use crate::admin::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn the_invited_get_a_mail_with_a_link_that_works_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    let admin = world::member(&door.app, organization, Role::Admin).await;
    let token = access(&door, &admin, &json!({})).await;
    let path = format!("/v1/organizations/{organization}/invitations");
    let email = world::address();
    let body = json!({ "email": email.to_uppercase(), "role": "editor", "language": "de" });
    let made = door.post(&token, &path, &body).await.ok(201);
    assert_eq!(
        (&made["email"], &made["state"], &made["mail"]),
        (&json!(email), &json!("open"), &json!("waiting"))
    );
    assert!(!made.to_string().contains("http"), "whoever invites never sees the link: {made}");
    // Not again within minutes, revoked or not; then it is the same invitation with a new link.
    let early = door.post(&token, &path, &body).await;
    assert_eq!(early.refused(429), "RATE_LIMITED");
    let wait: u64 = early.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((200..=300).contains(&wait) && early.text.contains("it goes on at 20"), "{wait} {}", early.text);
    let pause = door.app.store.keys().tokens();
    let pause = pause.hash("quota: invitation_pause", &format!("{organization} {email}"));
    let quotas = door.app.store.database().collection::<Document>("quotas");
    let slot = doc! { "_id": binary::to_bson(&pause.to_bytes()) };
    assert_eq!(quotas.delete_one(slot).await.unwrap().deleted_count, 1, "five minutes later");
    let again = door.post(&token, &path, &body).await.ok(201);
    assert_eq!(made["id"], again["id"]);

    let sink = SmtpSink::start().await;
    let mailer: Arc<dyn Mailer> =
        Arc::new(SmtpMailer::new(&sink.url(), "Example <mail@example.com>").unwrap());
    let link = loop {
        invitations::send_due(&door.app, &mailer).await.unwrap();
        let mails = sink.mails();
        if let Some(mail) = mails.iter().find(|mail| mail.to.iter().any(|to| to.contains(&email))) {
            let text = mail.text.replace("=\r\n", "").replace("=\n", "");
            let start = text.find("/invitation/").unwrap() + "/invitation/".len();
            break text[start..start + 52].to_owned();
        }
    };
    let shown = door.get(&token, &format!("{path}/{}", made["id"].as_str().unwrap())).await.ok(200);
    assert_eq!(shown["mail"], "sent");
    let both = futures::future::join_all(
        (0..2).map(|_| async { accept_new(&door.app, &link, "Ada", "de", &Secret::new(PASSWORD)).await }),
    );
    let made: Vec<_> = both.await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(made.len(), 1, "one link makes one person");
    assert_eq!(made[0].role_in(organization), Some(Role::Editor));
    let late = accept_new(&door.app, &link, "Ada", "de", &Secret::new(PASSWORD)).await;
    assert_eq!(late.unwrap_err().code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_known_accepts_signed_in_and_nobody_else_does() {
    let door = Door::open().await;
    let (one, two) = (door.shop().await, door.shop().await);
    let (org, other) = (one.tenant.organization, two.tenant.organization);
    let person = world::member(&door.app, org, Role::Viewer).await;
    let stranger = world::member(&door.app, org, Role::Viewer).await;
    let token = world::invited(&door.app, other, &person.email, Role::Editor).await;
    let unproven = accept_new(&door.app, &token, "Ada", "en", &Secret::new(PASSWORD)).await;
    assert_eq!(unproven.unwrap_err().code(), "SIGN_IN_TO_ACCEPT");
    assert_eq!(accept(&door.app, &token, stranger.id).await.unwrap_err().code(), "NOT_FOUND");
    let person = accept(&door.app, &token, person.id).await.unwrap();
    assert_eq!((person.role_in(org), person.role_in(other)), (Some(Role::Viewer), Some(Role::Editor)));
    assert_eq!(accept(&door.app, &token, person.id).await.unwrap_err().code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_opens_nothing_and_test_keys_invite_nobody() {
    let door = Door::open().await;
    let name = crate::in_process::database_name("invitations");
    let (test, live) = (door.shop_of(&name, Mode::Test).await, door.shop_of(&name, Mode::Live).await);
    let organization = live.tenant.organization;
    let path = format!("/v1/organizations/{organization}/invitations");
    let body = json!({ "email": world::address(), "role": "admin" });
    assert_eq!(door.post(&test.key, &path, &body).await.refused(403), "LIVE_KEY_REQUIRED");
    // A key that may invite, and may not all that an Admin may.
    let small = door.key(&live, &["person:write".parse().unwrap()]).await;
    door.post(&small, &path, &body).await.refused(403);
    let wrong = json!({ "email": "nobody", "role": "admin", "language": "xx" });
    assert_eq!(door.post(&live.key, &path, &wrong).await.fields(), ["email", "language"]);

    let email = world::address();
    let token = world::invited(&door.app, organization, &email, Role::Viewer).await;
    let open = door.get(&live.key, &format!("{path}?state=open")).await.ok(200);
    let id = open["data"][0]["id"].as_str().unwrap();
    let revoke = format!("{path}/{id}/revoke");
    assert_eq!(door.post(&live.key, &revoke, &json!({})).await.ok(200)["state"], "revoked");
    assert_eq!(door.post(&live.key, &revoke, &json!({})).await.ok(200)["state"], "revoked");
    let late = accept_new(&door.app, &token, "Ada", "en", &Secret::new(PASSWORD)).await;
    assert_eq!(late.unwrap_err().code(), "NOT_FOUND");
}
