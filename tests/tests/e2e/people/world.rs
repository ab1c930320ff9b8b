//! People for tests: made as they come, through an invitation.

use gateway_core::{
    app::{
        App,
        people::{
            self,
            invitations::{self, NewInvitation},
        },
    },
    crypto::Secret,
    domain::{OrganizationId, person::Person, role::Role},
};
use serde_json::{Value, json};

use crate::{
    admin::door::{Answer, Door},
    in_process,
};

/// A password that nobody refuses.
pub const PASSWORD: &str = "mango-lantern-orbit";

/// An address that no other test has.
pub fn address() -> String {
    format!("{}@example.com", in_process::database_name("person"))
}

/// The token at the end of a link.
pub fn token_of(link: &Secret) -> String {
    link.expose().rsplit('/').next().unwrap().to_owned()
}

/// Invites an address and answers the token of the link.
pub async fn invited(app: &App, organization: OrganizationId, email: &str, role: Role) -> String {
    let new = NewInvitation { email: email.to_owned(), role, language: "en".to_owned() };
    token_of(&invitations::invite_by_hand(app, organization, &new).await.unwrap())
}

/// Somebody new in an organization, with [`PASSWORD`].
pub async fn member(app: &App, organization: OrganizationId, role: Role) -> Person {
    let email = address();
    let token = invited(app, organization, &email, role).await;
    invitations::accept_new(app, &token, "Ada Example", "en", &Secret::new(PASSWORD)).await.unwrap()
}

/// Somebody as they are now.
pub async fn now(app: &App, person: &Person) -> Person {
    people::get(app, person.id).await.unwrap()
}

/// A log-in with more or other fields than address and password.
pub async fn log_in(door: &Door, person: &Person, extra: &Value) -> Answer {
    let mut body = json!({ "email": person.email, "password": PASSWORD });
    for (name, value) in extra.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    // From an address of its own each time: tries from one address are counted together.
    let [a, b]: [u8; 2] = rand::random();
    let request = door.request(reqwest::Method::POST, "/v1/auth/login");
    door.send(request.header("x-real-ip", format!("198.18.{a}.{b}")).json(&body)).await
}

/// An access token.
pub async fn access(door: &Door, person: &Person, extra: &Value) -> String {
    log_in(door, person, extra).await.ok(200)["accessToken"].as_str().unwrap().to_owned()
}
