//! Access tokens and refresh tokens of people.

use std::time::Duration;

use gateway_core::{
    app::people::{Authority, members},
    domain::{Mode, Tenant, role::Role},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{self, access, log_in};
use crate::admin::door::{Answer, Door, Shop};

async fn refresh(door: &Door, token: &Value) -> Answer {
    let body = json!({ "refreshToken": token });
    door.send(door.request(Method::POST, "/v1/auth/refresh").json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_twice_ends_its_log_in() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let person = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
    let first = log_in(&door, &person, &json!({})).await.ok(200);
    let untouched = log_in(&door, &person, &json!({})).await.ok(200);
    let second = refresh(&door, &first["refreshToken"]).await.ok(200);
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    door.get(second["accessToken"].as_str().unwrap(), "/v1/auth/me").await.ok(200);
    assert_eq!(refresh(&door, &first["refreshToken"]).await.refused(401), "TOKEN_REFUSED");
    assert_eq!(
        refresh(&door, &second["refreshToken"]).await.refused(401),
        "TOKEN_REFUSED",
        "its heir ends too"
    );
    let answer = door.get(second["accessToken"].as_str().unwrap(), "/v1/auth/me").await;
    assert_eq!(answer.refused(401), "UNAUTHORIZED");
    let third = refresh(&door, &untouched["refreshToken"]).await.ok(200);

    // Two at once: at most one gets through, and then both are out.
    let both = [&third["refreshToken"], &third["refreshToken"]].map(|token| refresh(&door, token));
    let both = futures::future::join_all(both).await;
    let passed = both.iter().filter(|answer| answer.status == 200).count();
    assert!(passed <= 1, "{both:?}");
    for answer in both.into_iter().filter(|answer| answer.status == 200) {
        assert_eq!(refresh(&door, &answer.json["refreshToken"]).await.refused(401), "TOKEN_REFUSED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_out_ends_the_access_token_as_well() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let person = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
    let tokens = log_in(&door, &person, &json!({})).await.ok(200);
    let access = tokens["accessToken"].as_str().unwrap();
    door.get(access, "/v1/sites").await.ok(200);
    let body = json!({ "refreshToken": tokens["refreshToken"] });
    let out = door.send(door.request(Method::POST, "/v1/auth/logout").json(&body)).await;
    assert_eq!(out.status, 204, "{}", out.text);
    assert_eq!(door.get(access, "/v1/sites").await.refused(401), "UNAUTHORIZED");
    let mut forged = access.to_owned();
    forged.replace_range(forged.len() - 3.., "AAA");
    assert_eq!(door.get(&forged, "/v1/sites").await.refused(401), "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_speaks_for_one_organization_and_mode_of_its_person() {
    let door = Door::open().await;
    let (shop, stranger) = (door.shop().await, door.shop().await);
    let person = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
    let own = access(&door, &person, &json!({})).await;
    let site = format!("/v1/sites/{}", shop.site);
    door.get(&own, &site).await.ok(200);
    assert_eq!(door.get(&own, &format!("/v1/sites/{}", stranger.site)).await.refused(404), "NOT_FOUND");
    let live = access(&door, &person, &json!({ "mode": "live" })).await;
    assert_eq!(door.get(&live, &site).await.refused(404), "NOT_FOUND");
    let foreign = json!({ "organizationId": stranger.tenant.organization.to_string() });
    assert_eq!(log_in(&door, &person, &foreign).await.refused(404), "NOT_FOUND");
    let listed = door.get(&own, "/v1/organizations").await.ok(200);
    assert_eq!(listed["data"][0]["id"], shop.tenant.organization.to_string());
    assert_eq!(listed["total"], 1);
}

fn admin_of(shop: &Shop, person: gateway_core::domain::person::Person) -> Authority {
    let tenant = Tenant::new(shop.tenant.organization, Mode::Live);
    Authority::Person { person: std::sync::Arc::new(person), tenant }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_or_demoted_feels_it_within_five_seconds() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    let admin = world::member(&door.app, organization, Role::Admin).await;
    let other = world::member(&door.app, organization, Role::Admin).await;
    let token = access(&door, &other, &json!({})).await;
    let path = format!("/v1/organizations/{organization}/people");
    door.get(&token, &path).await.ok(200);
    let by = admin_of(&shop, admin.clone());
    // In this process, which the service cannot know of but through the database.
    members::set_role(&door.app, organization, other.id, Role::Viewer, &by).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let change = door.patch(&token, &format!("{path}/{}", admin.id), &json!({ "role": "viewer" })).await;
    assert_eq!(change.refused(403), "FORBIDDEN");
    members::remove(&door.app, organization, other.id, &by).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(door.get(&token, &path).await.refused(403), "NO_ORGANIZATION");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_even_if_all_demote_each_other_at_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    let mut admins = Vec::new();
    for _ in 0..4 {
        admins.push(world::member(&door.app, organization, Role::Admin).await);
    }
    let by = admin_of(&shop, admins[0].clone());
    let demoted =
        admins.iter().map(|one| members::set_role(&door.app, organization, one.id, Role::Viewer, &by));
    let demoted = futures::future::join_all(demoted).await;
    let refused: Vec<&str> = demoted.iter().filter_map(|done| Some(done.as_ref().err()?.code())).collect();
    assert_eq!(refused, ["LAST_ADMIN"]);
    let mut left = 0;
    for one in &admins {
        left += usize::from(world::now(&door.app, one).await.role_in(organization) == Some(Role::Admin));
    }
    assert_eq!(left, 1);
    for one in &admins {
        let is_last = world::now(&door.app, one).await.role_in(organization) == Some(Role::Admin);
        let removed = members::remove(&door.app, organization, one.id, &by).await;
        assert_eq!(removed.is_err(), is_last);
    }
}
