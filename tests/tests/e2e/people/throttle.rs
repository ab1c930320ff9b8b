//! Guessing is slowed down by network and by account, and keeps nobody out whose browser is known.

use gateway_core::domain::{person::Person, role::Role};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{self, PASSWORD, log_in};
use crate::admin::door::{Answer, Door};

/// Tries from a network that wait for nothing.
const FREE_OF_NETWORK: usize = 50;

/// A password that nobody can have: refused without the work of hashing it.
fn too_long() -> String {
    "x".repeat(600)
}

/// An IPv6 network that no other test uses.
fn network() -> String {
    let [a, b]: [u16; 2] = rand::random();
    format!("2001:db8:{a:x}:{b:x}")
}

/// A try in the panel, at an account that there is not.
async fn try_panel(door: &Door, address: &str, path: &str) -> Answer {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = client.build().unwrap().request(Method::POST, format!("{}{path}", door.panel));
    let (email, password) = (world::address(), too_long());
    let form = [("email", email.as_str()), ("password", password.as_str())];
    door.send(request.header("x-real-ip", address).form(&form)).await
}

/// The same over the API.
async fn try_api(door: &Door, address: &str, body: &Value) -> Answer {
    door.send(door.request(Method::POST, "/v1/auth/login").header("x-real-ip", address).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_one_caller_to_panel_and_api_alike() {
    let door = Door::open().await;
    let network = network();
    for host in 0..FREE_OF_NETWORK {
        let answer = try_panel(&door, &format!("{network}::{host:x}"), "/login").await;
        assert_eq!(answer.status, 422, "{host}: {}", answer.text);
    }
    // The one after them is judged still, and puts off the next.
    try_panel(&door, &format!("{network}:ffff::1"), "/login").await;
    let late = try_panel(&door, &format!("{network}:ffff::2"), "/login").await;
    assert_eq!(late.status, 429, "{}", late.text);
    assert!(late.headers.contains_key("retry-after") && late.text.contains("role=\"alert\""));
    let body = json!({ "email": world::address(), "password": too_long() });
    let api = try_api(&door, &format!("{network}:ffff::3"), &body).await;
    assert_eq!(api.refused(429), "RATE_LIMITED", "the API counts with the same counter");
    assert_eq!(try_panel(&door, "2001:db8:ffff:ffff::1", "/login").await.status, 422, "another network");
}

/// The same mark in other letters, which decodes to the same bytes.
fn in_other_letters(mark: &str, round: usize) -> String {
    let (token, hash) = mark.split_once('.').unwrap();
    let mut letters = 0;
    let written = hash.chars().map(|c| {
        if !c.is_ascii_alphabetic() {
            return c;
        }
        letters += 1;
        if round >> (letters - 1) & 1 == 1 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
    });
    let written: String = written.collect();
    format!("{token}.{written}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_browser_is_one_however_its_mark_is_written() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let person = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
    let mark = log_in(&door, &person, &json!({})).await.ok(200)["browser"].clone();
    let mark = mark.as_str().unwrap();
    assert_ne!(in_other_letters(mark, 0), in_other_letters(mark, 1));
    let mut judged = 0;
    for round in 0..12 {
        let extra = json!({ "password": too_long(), "browser": in_other_letters(mark, round) });
        judged += usize::from(log_in(&door, &person, &extra).await.status == 401);
    }
    assert!((5..=6).contains(&judged), "{judged} were judged");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_is_known_is_held_up_by_their_network() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    let [known, new]: [Person; 2] = [
        world::member(&door.app, organization, Role::Viewer).await,
        world::member(&door.app, organization, Role::Viewer).await,
    ];
    let mark = log_in(&door, &known, &json!({})).await.ok(200)["browser"].clone();
    let office = network();
    for host in 0..=FREE_OF_NETWORK {
        let body = json!({ "email": world::address(), "password": too_long() });
        try_api(&door, &format!("{office}::{host:x}"), &body).await;
    }
    let from_there = |person: &Person, browser: &Value| {
        let body = json!({ "email": person.email, "password": PASSWORD, "browser": browser });
        let (door, office) = (&door, format!("{office}::1"));
        async move { try_api(door, &office, &body).await }
    };
    assert_eq!(from_there(&new, &Value::Null).await.status, 429, "the network has used its tries up");
    assert_eq!(from_there(&new, &mark).await.status, 429, "somebody else's mark");
    assert_eq!(from_there(&known, &mark).await.status, 200);
}
