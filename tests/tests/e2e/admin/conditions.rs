//! What a request depends on, shown for every operation of the OpenAPI document: parameters that there are, and the
//! version that an edit was made of.

use gateway_core::{
    app::settings::api_keys::{self, NewKey},
    domain::{Mode, Tenant, scope::Scope},
};
use reqwest::Method;
use serde_json::json;

use super::{
    authorization::{CHANGES_PEOPLE, Operation, Things, operations},
    door::{Answer, Door, Shop},
};

/// A key that may do it: people belong to both modes, and only one of live mode changes them.
async fn key_for(door: &Door, shop: &Shop, operation: &Operation) -> String {
    if !CHANGES_PEOPLE.contains(&operation.id.as_str()) {
        return shop.key.clone();
    }
    let live = Tenant { mode: Mode::Live, ..shop.tenant };
    let new = NewKey { name: "Live".to_owned(), scopes: vec![Scope::All], ..NewKey::default() };
    api_keys::create(&door.app, live, new, None).await.unwrap().1.expose().to_owned()
}

/// An installation with something of every kind, and all operations on it.
async fn filled() -> (Door, Shop, Vec<Operation>) {
    let door = Door::open().await;
    let shop = door.shop().await;
    let document = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    let things = Things::of(&door, &shop).await;
    let operations = operations(&document, &things, &shop);
    (door, shop, operations)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_overlooks_a_parameter_that_it_does_not_have() {
    let (door, shop, operations) = Box::pin(filled()).await;
    let mut lists = 0;
    for operation in &operations {
        if operation.query.is_empty() && !operation.id.starts_with("list") {
            continue;
        }
        lists += 1;
        let path = &operation.path;
        for wrong in ["needReview=true", "status%5B%5D=failed", "Page=2", "metadata=1", "x%5Bkey%5D=1"] {
            let (name, _) = wrong.split_once('=').unwrap();
            let name = name.replace("%5B", "[").replace("%5D", "]");
            // The document calls the map by its name alone.
            let known = operation.query.contains(&name) && name != "metadata";
            let answer = door.get(&shop.key, &format!("{path}?{wrong}&limit=1")).await;
            if operation.query.contains(&"limit".to_owned()) {
                assert_eq!(answer.fields(), [name.as_str()], "{path}?{wrong}: {}", answer.text);
            }
            assert_eq!(answer.status, if known { 200 } else { 400 }, "{path}?{wrong}: {}", answer.text);
        }
        for name in &operation.query {
            let name = if name == "metadata" { "metadata%5Bkey%5D" } else { name };
            let answer = door.get(&shop.key, &format!("{path}?{name}=")).await;
            assert!(!answer.text.contains("is not a parameter"), "{path}?{name}: {}", answer.text);
        }
    }
    assert!(lists > 15, "{lists}");
    // Whoever may not see the list is told that and nothing else.
    let nobody = door.request(Method::GET, "/v1/transactions?needReview=true");
    assert_eq!(door.send(nobody).await.refused(401), "UNAUTHORIZED");
}

/// Sends an edit on the condition of a version.
async fn edit(door: &Door, shop: &Shop, operation: &Operation, tag: &str) -> Answer {
    let key = key_for(door, shop, operation).await;
    let request = door.request(operation.method.clone(), &operation.path).bearer_auth(key);
    let body = match operation.id.as_str() {
        // One that stays what it is has no other version.
        "updatePerson" => json!({ "role": "editor" }),
        "updateOrganization" | "updateClient" | "updateSite" => json!({ "name": "Another" }),
        _ => operation.body.clone().unwrap(),
    };
    door.send(request.header("if-match", tag).json(&body)).await
}

fn tag(answer: &Answer) -> &str {
    answer.headers["etag"].to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_edit_can_be_made_on_the_condition_of_what_it_was_made_of() {
    let (door, shop, operations) = Box::pin(filled()).await;
    let mut edited = 0;
    for operation in operations.iter().filter(|one| [Method::PATCH, Method::PUT].contains(&one.method)) {
        let what = format!("{} {}", operation.method, operation.path);
        let read = door.get(&shop.key, &operation.path).await;
        assert_eq!(read.status, 200, "{what}: {}", read.text);
        let first = tag(&read).to_owned();
        assert!(first.starts_with('"') && first.ends_with('"'), "{what}: {first}");
        for stale in ["\"other\"", "\"999999\""] {
            let answer = edit(&door, &shop, operation, stale).await;
            assert_eq!(answer.refused(412), "PRECONDITION_FAILED", "{what} with {stale}: {}", answer.text);
        }
        for wrong in ["7", "W/\"7\"", "\"7\", \"8\""] {
            let answer = edit(&door, &shop, operation, wrong).await;
            assert_eq!((answer.status, answer.fields()), (400, vec!["If-Match"]), "{what}: {}", answer.text);
        }
        assert_eq!(tag(&door.get(&shop.key, &operation.path).await), first, "{what}: nothing was written");
        let done = edit(&door, &shop, operation, &first).await;
        assert_eq!(done.status, 200, "{what}: {}", done.text);
        let second = tag(&done).to_owned();
        assert_ne!(first, second, "{what}");
        assert_eq!(tag(&door.get(&shop.key, &operation.path).await), second, "{what}");
        let late = edit(&door, &shop, operation, &first).await;
        assert_eq!(late.refused(412), "PRECONDITION_FAILED", "{what}");
        let any = edit(&door, &shop, operation, "*").await;
        assert_eq!(any.status, 200, "{what}: {}", any.text);
        edited += 1;
    }
    assert!(edited >= 10, "{edited}");
}
