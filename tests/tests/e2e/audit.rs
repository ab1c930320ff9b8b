//! The audit log: whatever is administered leaves an entry, nothing is done without one, and whatever happens to the
//! entries afterwards is found.

use std::collections::BTreeSet;

use admin_api::{
    audit::NOT_RECORDED,
    panel::{self, operations, screens::Needs},
};
use gateway_core::{
    app::{
        App, AppError,
        audit::{self, Filter, HeadLine, verify::Finding},
        people::password,
    },
    crypto::Secret,
    domain::{
        OrganizationId, Tenant,
        audit::{AuditDraft, AuditEntry, Channel, Ending},
        role::Role,
    },
    store::list::PageRequest,
};
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{process::workspace_binary, shared_mongod};

use crate::{
    admin::door::{Answer, Door},
    in_process,
    panel::{Operator, fresh_key, person},
};

const NOTHING: &str = "000000000000000000000000";
const PASSWORD: &str = "seven green bottles fell";

/// The entry that a request left.
async fn entry_of(app: &App, request: &str) -> Option<AuditEntry> {
    let log = app.store.database().collection::<AuditEntry>("audit_log");
    log.find_one(doc! { "act.request": request }).await.unwrap()
}

fn a_request() -> String {
    format!("audit-{:032x}", rand::random::<u128>())
}

async fn newest(app: &App, tenant: Tenant) -> Vec<AuditEntry> {
    let all = PageRequest { page: 1, limit: 100, after: None };
    audit::list(app, tenant, &Filter::default(), &all).await.unwrap().rows
}

/// Signs in over the API.
async fn login(door: &Door, email: &str, password: &str, request: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    let sent = door.request(Method::POST, "/v1/auth/login").header("x-request-id", request);
    door.send(sent.json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_writes_leaves_an_entry() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let someone = person(&door, &[(&shop, Role::Admin)]).await;
    password::set(&door.app, someone.id, &Secret::new(PASSWORD), None).await.unwrap();
    let token = login(&door, &someone.email, PASSWORD, &a_request()).await.ok(200);
    let token = token["accessToken"].as_str().unwrap();
    let document = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    let mut recorded = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let reads_a_secret = id == "getSiteWebhookSecret";
            if (method == "get" && !reads_a_secret) || operation["x-public"] == true {
                continue;
            }
            let organization = shop.tenant.organization.to_string();
            let path = template.replace("/organizations/{id}", &format!("/organizations/{organization}"));
            let path = if reads_a_secret { path.replace("{id}", &shop.site) } else { path };
            let parts = path.split('/').map(|part| if part.starts_with('{') { NOTHING } else { part });
            let path = parts.collect::<Vec<_>>().join("/");
            let request = a_request();
            let sent = door.request(method.to_uppercase().parse().unwrap(), &path);
            let key = if operation["x-person"] == true || id == "createCheckout" { token } else { &shop.key };
            let sent = sent.bearer_auth(key).header("x-request-id", &request);
            let answer = door.send(if method == "get" { sent } else { sent.json(&json!({})) }).await;
            let entry = entry_of(&door.app, &request).await;
            let entry =
                entry.unwrap_or_else(|| panic!("{id} left no entry: {} {}", answer.status, answer.text));
            assert_eq!((entry.act.operation.as_str(), entry.act.channel), (id, Channel::Api));
            assert_eq!(entry.outcome.ending == Ending::Done, answer.status < 400, "{id}: {}", answer.text);
            assert!(entry.act.actor.is_some() && entry.act.address.is_some(), "{id}");
            recorded += 1;
        }
    }
    assert!(recorded > 50, "{recorded}");
    for (id, _) in NOT_RECORDED {
        assert!(document.to_string().contains(&format!("\"{id}\"")), "{id} is no operation any more");
    }
    // Business of a shop's server is no administration.
    let request = a_request();
    let body = json!({ "amount": 1, "currency": "EUR", "externalReference": "ORD-1" });
    let sent = door.request(Method::POST, &format!("/v1/checkouts/{}/create", shop.site));
    door.send(sent.bearer_auth(&shop.key).header("x-request-id", &request).json(&body)).await.ok(200);
    assert!(entry_of(&door.app, &request).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_panel_leaves_an_entry() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let tenant = shop.tenant;
    let mut recorded = BTreeSet::new();
    for screen in panel::table().iter().filter(|screen| screen.method == Method::POST) {
        if screen.needs == Needs::Nobody || operations::NOT_RECORDED.contains(&screen.path.as_str()) {
            continue;
        }
        // Somebody new each time: a form may end the session.
        let operator = Operator::of(&door, &shop, Role::Admin).await;
        let path = screen.path.replace("{org}", &tenant.organization.to_string());
        let path = path.replace("{mode}", tenant.mode.as_str());
        let parts = path.split('/').map(|part| if part.starts_with('{') { NOTHING } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let request = a_request();
        let sent = operator.request(Method::POST, &path).header("x-request-id", &request);
        let answer = door
            .send(sent.form(&[("csrf", operator.csrf.as_str()), ("key", &fresh_key()), ("name", "")]))
            .await;
        let entry = entry_of(&door.app, &request).await;
        let entry = entry.unwrap_or_else(|| panic!("{path} left no entry: {}", answer.status));
        assert_eq!(entry.act.channel, Channel::Panel);
        assert_eq!(entry.act.actor, Some(gateway_core::domain::actor::Actor::Person(operator.person.id)));
        assert_eq!(entry.act.fields, ["name"], "the form's token is no field");
        recorded.insert(entry.act.operation);
    }
    assert!(recorded.len() > 40, "{recorded:?}");
    let unnamed: Vec<&String> = recorded.iter().filter(|name| name.contains('.')).collect();
    assert!(unnamed.is_empty(), "give these forms a name in panel/operations.rs: {unnamed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_stand_in_the_log_and_so_do_those_that_fail() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let someone = person(&door, &[(&shop, Role::Viewer)]).await;
    password::set(&door.app, someone.id, &Secret::new(PASSWORD), None).await.unwrap();
    let (wrong, right, out, unknown) = (a_request(), a_request(), a_request(), a_request());
    login(&door, &someone.email, "nine green bottles fell", &wrong).await.refused(401);
    let failed = entry_of(&door.app, &wrong).await.unwrap();
    assert_eq!((failed.act.actor, failed.outcome.ending), (None, Ending::Refused));
    assert_eq!(failed.act.on[0].id, someone.id.to_string(), "whose account it was tried at");
    assert_eq!(failed.org, shop.tenant.organization);
    let tokens = login(&door, &someone.email, PASSWORD, &right).await.ok(200);
    let done = entry_of(&door.app, &right).await.unwrap();
    assert_eq!((done.act.operation.as_str(), done.outcome.ending), ("login", Ending::Done));
    let text = format!("{failed:?} {done:?}");
    assert!(!text.contains(&someone.email) && !text.contains("green bottles"), "{text}");
    let body = json!({ "refreshToken": tokens["refreshToken"] });
    let sent = door.request(Method::POST, "/v1/auth/logout").header("x-request-id", &out).json(&body);
    assert_eq!(door.send(sent).await.status, 204);
    let ended = entry_of(&door.app, &out).await.unwrap();
    assert_eq!((ended.act.operation.as_str(), ended.outcome.ending), ("logout", Ending::Done));
    login(&door, "nobody@example.com", PASSWORD, &unknown).await.refused(401);
    assert!(entry_of(&door.app, &unknown).await.is_none(), "whoever is unknown fills no log");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_shows_the_log_of_its_organization_and_no_value() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let site = json!({ "name": "Very Private Name" });
    let made = door.post(&shop.key, "/v1/sites", &site).await.ok(201);
    let answer = door.get(&shop.key, "/v1/audit-log?operation=createSite&outcome=done").await;
    let text = answer.text.clone();
    let entries = answer.ok(200);
    let entry = &entries["data"][0];
    assert_eq!(entry["on"][0], json!({ "kind": "sites", "id": made["id"] }));
    assert_eq!((&entry["fields"], &entry["mode"]), (&json!(["name"]), &json!("test")));
    assert!(entry["actor"].as_str().unwrap().starts_with("key:"), "{entry}");
    assert!(!text.contains("Very Private Name"), "{text}");
    let none = door.get(&shop.key, "/v1/audit-log?operation=deleteSite").await.ok(200);
    assert_eq!(none["data"], Value::Array(Vec::new()));
    let wrong = door.get(&shop.key, "/v1/audit-log?actor=robot&outcome=perhaps&from=soon").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.fields(), ["actor", "outcome", "from"]);
    let stranger = door.shop().await;
    let foreign = door.get(&stranger.key, "/v1/audit-log").await.ok(200);
    assert!(!foreign.to_string().contains(made["id"].as_str().unwrap()));
}

/// A database of its own, for what is done to whole collections.
async fn own_app() -> App {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("audit"));
    in_process::app(&config).await
}

async fn act(app: &App, organization: OrganizationId, operation: &str) {
    let done = async { Ok::<_, AppError>(()) };
    audit::by_operator(app, Some(organization), operation, done).await.unwrap();
}

async fn findings(app: &App, organization: OrganizationId, kept: &[HeadLine]) -> Vec<Finding> {
    let reports = audit::verify::verify(app, Some(organization), kept).await.unwrap();
    reports.into_iter().next().unwrap().findings
}

/// A chain of five, its collection and its head.
async fn chain(app: &App) -> (OrganizationId, mongodb::Collection<Document>, HeadLine) {
    let organization = OrganizationId::generate();
    for number in 0..5 {
        act(app, organization, &format!("step{number}")).await;
    }
    let log = app.store.database().collection("audit_log");
    let heads = audit::heads(app).await.unwrap();
    let head = heads.into_iter().find(|head| head.organization == organization).unwrap();
    assert_eq!(head.sequence, 5);
    assert_eq!(findings(app, organization, &[head]).await, []);
    (organization, log, head)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_chain_is_found() {
    let app = own_app().await;
    let at = |organization: OrganizationId, sequence: i64| doc! { "org": organization, "sequence": sequence };

    let (edited, log, _) = chain(&app).await;
    let other = doc! { "$set": { "act.operation": "somethingElse" } };
    log.update_one(at(edited, 3), other).await.unwrap();
    assert_eq!(findings(&app, edited, &[]).await, [Finding::Changed(3)]);

    // With its hash made anew, as somebody does who knows how: nobody vouches for it, and the next one does not follow.
    let (rehashed, ..) = chain(&app).await;
    let typed = app.store.database().collection::<AuditEntry>("audit_log");
    let mut entry = typed.find_one(at(rehashed, 3)).await.unwrap().unwrap();
    entry.act.operation = "somethingElse".to_owned();
    entry.hash = entry.true_hash();
    typed.replace_one(at(rehashed, 3), &entry).await.unwrap();
    assert_eq!(findings(&app, rehashed, &[]).await, [Finding::Forged(3), Finding::Unlinked(4)]);

    let (deleted, ..) = chain(&app).await;
    log.delete_one(at(deleted, 2)).await.unwrap();
    assert_eq!(findings(&app, deleted, &[]).await, [Finding::Missing(2, 2)]);

    // Put in between, the later ones moved up.
    let (inserted, ..) = chain(&app).await;
    for sequence in [5_i64, 4, 3] {
        log.update_one(at(inserted, sequence), doc! { "$inc": { "sequence": 1_i64 } }).await.unwrap();
    }
    let mut copy = log.find_one(at(inserted, 2)).await.unwrap().unwrap();
    copy.insert("_id", mongodb::bson::oid::ObjectId::new());
    copy.insert("sequence", 3_i64);
    log.insert_one(copy).await.unwrap();
    let found = findings(&app, inserted, &[]).await;
    assert!(found.contains(&Finding::Changed(3)) && found.contains(&Finding::Unlinked(3)), "{found:?}");

    let (reordered, ..) = chain(&app).await;
    for (from, to) in [(2_i64, 99_i64), (3, 2), (99, 3)] {
        log.update_one(at(reordered, from), doc! { "$set": { "sequence": to } }).await.unwrap();
    }
    let found = findings(&app, reordered, &[]).await;
    assert!(found.contains(&Finding::Changed(2)) && found.contains(&Finding::Unlinked(3)), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_cut_off_is_found_by_its_head_and_goes_on_visibly() {
    let app = own_app().await;
    let (cut, log, kept) = chain(&app).await;
    let tail = doc! { "org": cut, "sequence": { "$gt": 3_i64 } };
    log.delete_many(tail.clone()).await.unwrap();
    assert_eq!(findings(&app, cut, &[]).await, [Finding::CutOff { ends: 3, head: 5 }]);
    // Growing past the old end hides nothing: the head stays where it was.
    for number in 0..4 {
        act(&app, cut, &format!("later{number}")).await;
    }
    assert_eq!(findings(&app, cut, &[]).await, [Finding::OtherThanHead(5)]);

    // The head was taken away as well: a kept one shows it, and so does its absence.
    let (both, _, kept_too) = chain(&app).await;
    let heads = app.store.database().collection::<Document>("audit_heads");
    log.delete_many(doc! { "org": both, "sequence": { "$gt": 3_i64 } }).await.unwrap();
    heads.delete_one(doc! { "_id": both }).await.unwrap();
    assert_eq!(findings(&app, both, &[]).await, [Finding::NoHead]);
    let found = findings(&app, both, &[kept_too]).await;
    assert_eq!(found, [Finding::CutOff { ends: 3, head: 5 }, Finding::NoHead]);

    // A head that somebody wrote who has no key.
    let (forged, ..) = chain(&app).await;
    heads.update_one(doc! { "_id": forged }, doc! { "$set": { "sequence": 4_i64 } }).await.unwrap();
    let found = findings(&app, forged, &[]).await;
    assert_eq!(found, [Finding::OtherThanHead(4), Finding::ForgedHead]);

    // A whole log that is gone is known only to who kept its head.
    log.delete_many(doc! { "org": both }).await.unwrap();
    assert_eq!(findings(&app, both, &[]).await, []);
    assert_eq!(findings(&app, both, &[kept_too]).await, [Finding::CutOff { ends: 0, head: 5 }]);
    assert_eq!(kept.to_string().parse::<HeadLine>().unwrap(), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_writers_make_one_chain() {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("audit"));
    let (one, other) = (in_process::app(&config).await, in_process::app(&config).await);
    let organization = OrganizationId::generate();
    let writes = (0..30).map(|number| {
        let app = if number % 2 == 0 { one.clone() } else { other.clone() };
        async move { act(&app, organization, &format!("step{number}")).await }
    });
    futures::future::join_all(writes).await;
    let reports = audit::verify::verify(&one, Some(organization), &[]).await.unwrap();
    assert_eq!((reports[0].entries, reports[0].findings.as_slice()), (30, &[][..]));
    let drafts = one.store.database().collection::<Document>("audit_drafts");
    assert_eq!(drafts.count_documents(doc! {}).await.unwrap(), 0);
    let head = audit::heads(&one).await.unwrap();
    assert_eq!(head[0].sequence, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_draft_nothing_is_done_and_without_its_entry_the_draft_stays() {
    let app = own_app().await;
    let database = app.store.database();
    let refuse = |collection: &'static str, on: bool| {
        let rule = if on {
            doc! { "never": true }
        } else {
            doc! {}
        };
        database.run_command(doc! { "collMod": collection, "validator": rule })
    };
    let organization = OrganizationId::generate();
    refuse("audit_drafts", true).await.unwrap();
    let mut was_done = false;
    let run = async {
        was_done = true;
        Ok::<_, AppError>(())
    };
    assert!(audit::by_operator(&app, Some(organization), "first", run).await.is_err());
    assert!(!was_done, "nothing is done that could not be written down");
    refuse("audit_drafts", false).await.unwrap();

    refuse("audit_log", true).await.unwrap();
    act(&app, organization, "second").await;
    refuse("audit_log", false).await.unwrap();
    let log = newest(&app, AuditEntry::tenant_of(organization)).await;
    let seen: Vec<_> = log.iter().map(|entry| (entry.act.operation.as_str(), entry.outcome.ending)).collect();
    assert_eq!(seen, [("first", Ending::Failed)], "the try is told as soon as it can be");
    while audit::sweep(&app).await.unwrap() > 0 {}
    let log = newest(&app, AuditEntry::tenant_of(organization)).await;
    assert_eq!((log.len(), log[0].act.operation.as_str()), (2, "second"));
    assert_eq!(log[0].outcome.ending, Ending::Done, "the draft knew how it ended");
    assert_eq!(findings(&app, organization, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_said_to_be_unknown() {
    let app = own_app().await;
    let organization = OrganizationId::generate();
    let forever = std::future::pending::<Result<(), AppError>>();
    let begun = audit::by_operator(&app, Some(organization), "endless", forever);
    let cut = tokio::time::timeout(std::time::Duration::from_millis(500), begun).await;
    assert!(cut.is_err());
    assert_eq!(audit::sweep(&app).await.unwrap(), 0, "it may still be under way");
    let drafts = app.store.database().collection::<AuditDraft>("audit_drafts");
    let due = doc! { "$set": { "due": mongodb::bson::DateTime::from_millis(0) } };
    assert_eq!(drafts.update_many(doc! {}, due).await.unwrap().modified_count, 1);
    assert_eq!(audit::sweep(&app).await.unwrap(), 1);
    let log = newest(&app, AuditEntry::tenant_of(organization)).await;
    assert_eq!((log.len(), log[0].outcome.ending), (1, Ending::Unknown));
    assert_eq!(audit::sweep(&app).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_verifies_at_the_command_line() {
    let keys: [String; 4] = std::array::from_fn(|_| hex::encode(rand::random::<[u8; 32]>()));
    let mut config = in_process::config(&shared_mongod().await, &in_process::database_name("audit"));
    config.keys.system = keys[0].parse().unwrap();
    config.keys.search = keys[1].parse().unwrap();
    config.keys.pepper = keys[2].parse().unwrap();
    let app = in_process::app(&config).await;
    let verify = async |arguments: &[&str]| {
        let names = ["SYSTEM_ENCRYPTION_KEY", "SYSTEM_SEARCH_HASH_KEY", "API_KEY_PEPPER", "JWT_KEY"];
        let urls = [
            ("ADMIN_FRONTEND_URL", &config.urls.admin_frontend),
            ("ADMIN_BACKEND_URL", &config.urls.admin_backend),
            ("MAIN_FRONTEND_URL", &config.urls.main_frontend),
            ("MAIN_BACKEND_URL", &config.urls.main_backend),
        ];
        let mut command = tokio::process::Command::new(workspace_binary("admin-api"));
        command.args(["audit", "verify"]).args(arguments).envs(names.into_iter().zip(&keys));
        command.envs(urls.map(|(name, url)| (name, url.as_str())));
        command.env("MONGODB_URI", &config.store.uri).env("MONGODB_DATABASE", &config.store.database);
        let output = command.output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (organization, log, head) = chain(&app).await;
    let (good, said) = verify(&[]).await;
    assert!(good && said.contains(&format!("ends at {head}")), "{said}");
    let (good, said) = verify(&["--organization", &organization.to_string()]).await;
    assert!(good && said.contains("5 entries"), "{said}");
    log.delete_one(doc! { "org": organization, "sequence": 5_i64 }).await.unwrap();
    let (good, said) = verify(&[]).await;
    assert!(!good && said.contains("the end is cut off: the last entry is 4, and there were 5"), "{said}");
    app.store.database().collection::<Document>("audit_heads").delete_many(doc! {}).await.unwrap();
    log.delete_many(doc! {}).await.unwrap();
    assert!(verify(&[]).await.0, "nothing is left that could tell");
    let (good, said) = verify(&["--head", &head.to_string()]).await;
    assert!(!good && said.contains("there were 5"), "{said}");
}
