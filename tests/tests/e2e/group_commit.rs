//! The group-commit writer and the idempotency that rides on it, against a real MongoDB that fails in every
//! way that a driver can see. Fail points are global to a server, so this module has one of its own and its
//! tests take turns.

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;
use gateway_core::{
    app::{
        App, AppError,
        create_checkout::{IdempotencyKey, create_checkout},
    },
    crypto::RequestDigest,
    domain::{Mode, SiteId, Tenant},
    store::{GroupCommit, GroupCommitConfig, InsertOutcome},
};
use mongodb::{
    Client,
    bson::{Document, RawDocumentBuf, doc, oid::ObjectId},
};
use testkit::mongod::{Mongod, Options, ReplicaSet};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::in_process;

static SERVER: OnceCell<Mutex<Mongod>> = OnceCell::const_new();

async fn server() -> MutexGuard<'static, Mongod> {
    let start = || async { Mutex::new(Mongod::start(Options::default()).await.unwrap()) };
    SERVER.get_or_init(start).await.lock().await
}

async fn collection(uri: &str, name: &str) -> mongodb::Collection<RawDocumentBuf> {
    let client = Client::with_uri_str(uri).await.unwrap();
    let database = client.database(&in_process::database_name("writer"));
    database.create_collection(name).await.unwrap();
    database.collection(name)
}

fn document(id: ObjectId, key: i32) -> RawDocumentBuf {
    RawDocumentBuf::try_from(&doc! { "_id": id, "key": key }).unwrap()
}

async fn insert(writer: &GroupCommit, key: i32) -> (ObjectId, InsertOutcome) {
    let id = ObjectId::new();
    (id, writer.insert(id, document(id, key)).await.unwrap())
}

async fn count(collection: &mongodb::Collection<RawDocumentBuf>) -> u64 {
    collection.count_documents(doc! {}).await.unwrap()
}

#[tokio::test]
async fn many_inserts_become_few_batches_and_all_are_there() {
    let server = server().await;
    let collection = collection(&server.uri(), "plain").await;
    let writer = GroupCommit::start(collection.clone(), GroupCommitConfig::default());
    let outcomes = join_all((0..2000).map(|key| insert(&writer, key))).await;
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == InsertOutcome::Committed));
    assert_eq!(count(&collection).await, 2000);
}

#[tokio::test]
async fn a_taken_unique_value_fails_that_document_alone() {
    let server = server().await;
    let collection = collection(&server.uri(), "unique").await;
    let index = mongodb::IndexModel::builder()
        .keys(doc! { "key": 1 })
        .options(mongodb::options::IndexOptions::builder().unique(true).build())
        .build();
    collection.create_index(index).await.unwrap();
    let writer = GroupCommit::start(collection.clone(), GroupCommitConfig::default());
    let outcomes = join_all([1, 1, 2, 1, 3].map(|key| insert(&writer, key))).await;
    let committed = outcomes.iter().filter(|(_, o)| *o == InsertOutcome::Committed).count();
    let duplicates = outcomes.iter().filter(|(_, o)| *o == InsertOutcome::Duplicate).count();
    assert_eq!((committed, duplicates, count(&collection).await), (3, 2, 3));
}

#[tokio::test]
async fn a_document_that_the_server_refuses_fails_alone() {
    let server = server().await;
    let collection = collection(&server.uri(), "refused").await;
    let client = Client::with_uri_str(server.uri()).await.unwrap();
    let command = doc! { "collMod": "refused", "validator": { "key": { "$lt": 10 } } };
    client.database(&collection.namespace().db).run_command(command).await.unwrap();
    let writer = GroupCommit::start(collection.clone(), GroupCommitConfig::default());
    let outcomes = join_all([1, 99, 2].map(|key| insert(&writer, key))).await;
    assert!(matches!(outcomes[1].1, InsertOutcome::Rejected(_)), "{:?}", outcomes[1].1);
    assert_eq!(outcomes[0].1, InsertOutcome::Committed);
    assert_eq!(outcomes[2].1, InsertOutcome::Committed);
}

/// What `failCommand` does to inserts, how often, and whether the writer can still find out.
#[tokio::test]
async fn an_answer_that_is_lost_or_wrong_never_counts_twice_and_never_lies() {
    let server = server().await;
    let cases: Vec<(&str, u32, Document, bool)> = vec![
        ("connection closed once", 1, doc! { "closeConnection": true }, true),
        ("connection closed twice: the driver's retry too", 2, doc! { "closeConnection": true }, true),
        ("connection closed for good", 50, doc! { "closeConnection": true }, false),
        ("an error once", 1, doc! { "errorCode": 50 }, true),
        ("an error for good", 50, doc! { "errorCode": 50 }, false),
        (
            "written, but the majority was not awaited, once",
            1,
            doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
            true,
        ),
        (
            "written, but the majority was never awaited",
            50,
            doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
            false,
        ),
    ];
    for (what, times, fault, found_out) in cases {
        let collection = collection(&server.uri(), "faulty").await;
        let writer = GroupCommit::start(collection.clone(), GroupCommitConfig::default());
        server.fail_command(&["insert"], times, fault).await.unwrap();
        let outcomes = join_all((0..20).map(|key| insert(&writer, key))).await;
        server.fail_nothing().await.unwrap();
        let stored: HashSet<ObjectId> = {
            use futures::TryStreamExt;
            let all: Vec<RawDocumentBuf> =
                collection.find(doc! {}).await.unwrap().try_collect().await.unwrap();
            all.iter().map(|d| d.get_object_id("_id").unwrap()).collect()
        };
        for (id, outcome) in &outcomes {
            match outcome {
                InsertOutcome::Committed => assert!(stored.contains(id), "{what}: acknowledged and lost"),
                InsertOutcome::Unknown(_) => assert!(!found_out, "{what}: {outcome:?}"),
                other => panic!("{what}: {other:?}"),
            }
        }
        if found_out {
            assert_eq!(stored.len(), 20, "{what}");
        }
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_dropped_request_cancels_nothing() {
    let mut server = server().await;
    let collection = collection(&server.uri(), "queue").await;
    let config = GroupCommitConfig { queue_documents_max: 4, batches_in_flight: 1, ..Default::default() };
    let writer = GroupCommit::start(collection.clone(), config);
    insert(&writer, 0).await;
    server.freeze();
    let mut waiting = Vec::new();
    let mut refused = 0;
    for key in 1..=20 {
        let id = ObjectId::new();
        let mut attempt = Box::pin(writer.insert(id, document(id, key)));
        match futures::poll!(&mut attempt) {
            std::task::Poll::Ready(Err(_)) => refused += 1,
            _ => waiting.push((id, attempt)),
        }
        tokio::task::yield_now().await;
    }
    assert!(refused > 0 && !waiting.is_empty());
    let ids: Vec<ObjectId> = waiting.iter().map(|(id, _)| *id).collect();
    // The callers go away; their documents do not.
    drop(waiting);
    server.thaw();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let filter = doc! { "_id": { "$in": &ids } };
    while collection.count_documents(filter.clone()).await.unwrap() < ids.len() as u64 {
        assert!(tokio::time::Instant::now() < deadline, "a dropped request's document did not arrive");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn shop(server: &Mongod) -> (App, Tenant, SiteId) {
    let config = in_process::config(&server.uri(), &in_process::database_name("create"));
    let app = in_process::app(&config).await;
    let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
    (app, tenant, site)
}

fn key(name: &str, body: &str) -> IdempotencyKey {
    IdempotencyKey {
        route: "POST /v1/checkouts/{siteId}/create",
        key: name.to_owned(),
        digest: RequestDigest::of("POST", "/v1/checkouts/x/create", body.as_bytes()),
    }
}

async fn create(app: &App, tenant: Tenant, site: SiteId, name: &str, body: &str) -> Result<String, AppError> {
    create_checkout(app, tenant, site, in_process::ten_euros("ORD-1"), Some(&key(name, body))).await
}

async fn checkouts(app: &App) -> u64 {
    let collection = app.store.database().collection::<Document>("checkouts");
    collection.count_documents(doc! {}).await.unwrap()
}

#[tokio::test]
async fn fifty_equal_requests_at_once_make_one_checkout_and_one_answer() {
    let server = server().await;
    let (app, tenant, site) = shop(&server).await;
    let replies = join_all((0..50).map(|_| create(&app, tenant, site, "k1", "a"))).await;
    let replies: HashSet<String> = replies.into_iter().map(Result::unwrap).collect();
    assert_eq!((replies.len(), checkouts(&app).await), (1, 1));
    // Later, too, and byte for byte.
    assert_eq!(create(&app, tenant, site, "k1", "a").await.unwrap(), *replies.iter().next().unwrap());
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_another_tenant_is_another_key() {
    let server = server().await;
    let (app, tenant, site) = shop(&server).await;
    create(&app, tenant, site, "k1", "a").await.unwrap();
    let error = create(&app, tenant, site, "k1", "b").await.unwrap_err();
    assert_eq!(error.code(), "IDEMPOTENCY_KEY_REUSED");
    let (other, other_site) = in_process::tenant(&app, Mode::Test).await;
    create(&app, other, other_site, "k1", "b").await.unwrap();
    assert_eq!(checkouts(&app).await, 2);
}

#[tokio::test]
async fn a_retry_after_an_unknown_outcome_finds_the_first_checkout_or_makes_it() {
    let server = server().await;
    for fault in [
        doc! { "closeConnection": true },
        doc! { "errorCode": 50 },
        doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
    ] {
        let (app, tenant, site) = shop(&server).await;
        app.store.for_org(tenant).keys().await.unwrap();
        server.fail_command(&["insert"], 50, fault.clone()).await.unwrap();
        let outcome = create(&app, tenant, site, "k1", "a").await;
        server.fail_nothing().await.unwrap();
        let first = create(&app, tenant, site, "k1", "a").await.unwrap();
        match outcome {
            // A majority has it after all, as the writer found out.
            Ok(reply) => assert_eq!(reply, first, "{fault}"),
            Err(error) => assert!(matches!(error, AppError::Busy), "{fault}: {error:?}"),
        }
        assert_eq!(create(&app, tenant, site, "k1", "a").await.unwrap(), first, "{fault}");
        assert_eq!(checkouts(&app).await, 1, "{fault}");
    }
}

/// With replication stopped a local read shows what a fail-over would erase: nobody may be told of it.
#[tokio::test]
async fn nothing_is_acknowledged_that_only_the_primary_has() {
    let mut set = ReplicaSet::start(3).await.unwrap();
    let config = in_process::config(&set.uri(), &in_process::database_name("replica"));
    let app = in_process::app(&config).await;
    let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
    create(&app, tenant, site, "before", "a").await.unwrap();
    let primary = set.primary().await.unwrap();
    for (index, node) in set.nodes().iter_mut().enumerate() {
        if index != primary {
            node.freeze();
        }
    }
    // The primary steps down once it misses its majority; until then it takes writes that may be lost.
    let lonely = tokio::time::timeout(Duration::from_secs(40), create(&app, tenant, site, "k1", "a")).await;
    assert!(!matches!(lonely, Ok(Ok(_))), "acknowledged by the primary alone");
    for node in set.nodes() {
        node.thaw();
    }
    set.primary().await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    let reply = loop {
        match create(&app, tenant, site, "k1", "a").await {
            Ok(reply) => break reply,
            Err(error) => {
                assert!(tokio::time::Instant::now() < deadline, "{error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    };
    assert_eq!(create(&app, tenant, site, "k1", "a").await.unwrap(), reply);
    assert_eq!(checkouts(&app).await, 2);
}
