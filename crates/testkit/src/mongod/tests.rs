use mongodb::options::{ReadConcern, WriteConcern};
use mongodb::{Collection, Database};

use super::*;

fn majority(database: &Database) -> Collection<Document> {
    let options = mongodb::options::CollectionOptions::builder()
        .write_concern(WriteConcern::majority())
        .read_concern(ReadConcern::majority())
        .build();
    database.collection_with_options("things", options)
}

async fn things(uri: &str) -> Collection<Document> {
    majority(&connect(uri).await.unwrap().database("mongod_test"))
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let mut mongod = Mongod::start(Options::default()).await.unwrap();
    let things = things(&mongod.uri()).await;
    for round in 0..3 {
        things.insert_one(doc! {"_id": round}).await.unwrap();
        mongod.kill9().await;
        assert!(!mongod.is_running());
        mongod.restart().await.unwrap();
        assert_eq!(things.count_documents(doc! {}).await.unwrap(), u64::try_from(round).unwrap() + 1);
    }
    let folder = mongod.dbpath().to_owned();
    mongod.stop().await;
    assert!(!mongod.is_running());
    mongod.restart().await.unwrap();
    assert_eq!(things.count_documents(doc! {}).await.unwrap(), 3);
    drop(mongod);
    assert!(!folder.exists(), "a scratch folder goes with its server");
}

#[tokio::test]
async fn a_given_folder_is_continued_on_another_port() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { dbpath: Some(folder.path().join("data")), ..Options::default() };
    let mut first = Mongod::start(options()).await.unwrap();
    things(&first.uri()).await.insert_one(doc! {"_id": 1}).await.unwrap();
    first.stop().await;
    let second = Mongod::start(options()).await.unwrap();
    assert_ne!(first.port(), second.port());
    assert_eq!(things(&second.uri()).await.count_documents(doc! {}).await.unwrap(), 1);
}

#[tokio::test]
async fn fail_points_can_be_set() {
    let mongod = Mongod::start(Options::default()).await.unwrap();
    let things = things(&mongod.uri()).await;
    mongod.fail_command(&["insert"], 1, doc! {"errorCode": 8000}).await.unwrap();
    assert!(things.insert_one(doc! {"_id": 1}).await.is_err());
    things.insert_one(doc! {"_id": 1}).await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_answers_nothing_until_it_thaws() {
    let mut mongod = Mongod::start(Options::default()).await.unwrap();
    let things = things(&mongod.uri()).await;
    things.insert_one(doc! {"_id": 1}).await.unwrap();
    mongod.freeze();
    let late = tokio::time::timeout(Duration::from_millis(300), things.insert_one(doc! {"_id": 2})).await;
    assert!(late.is_err());
    mongod.thaw();
    things.insert_one(doc! {"_id": 3}).await.unwrap();
}

#[tokio::test]
async fn a_majority_survives_the_loss_of_the_primary() {
    let mut set = ReplicaSet::start(3).await.unwrap();
    let things = things(&set.uri()).await;
    things.insert_one(doc! {"_id": 1}).await.unwrap();

    let killed = set.kill_primary().await.unwrap();
    let next = set.primary().await.unwrap();
    assert_ne!(killed, next);
    things.insert_one(doc! {"_id": 2}).await.unwrap();
    set.revive().await.unwrap();

    let before = set.primary().await.unwrap();
    let after = set.step_down().await.unwrap();
    assert_ne!(before, after);
    things.insert_one(doc! {"_id": 3}).await.unwrap();
    assert_eq!(things.count_documents(doc! {}).await.unwrap(), 3);
}

#[tokio::test]
async fn the_shared_server_is_one_for_all() {
    let (one, two) = tokio::join!(shared_mongod(), shared_mongod());
    assert_eq!(one, two);
    things(&one).await.find_one(doc! {}).await.unwrap();
}
