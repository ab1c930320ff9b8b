//! `admin-api backup` and `admin-api restore`: the binary, on real databases.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt;
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{App, create_checkout::create_checkout, start_payment::start_payment},
    store::Store,
};
use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc, oid::ObjectId},
};
use reqwest::header::LOCATION;
use testkit::process::{ScratchFolder, workspace_binary};
use tokio_util::sync::CancellationToken;

use crate::{
    front::Front,
    in_process::{self, database_name},
};

fn admin(front: &Front, arguments: &[&str], more: &[(&str, &str)]) -> Output {
    let mut command = Command::new(workspace_binary("admin-api"));
    command.args(arguments).envs(front.variables()).envs(more.iter().copied());
    command.output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn fails(output: &Output, why: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(why), "{text}");
}

fn scratch() -> ScratchFolder {
    ScratchFolder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "backup-").unwrap()
}

fn path(folder: &ScratchFolder, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

/// Every document and index of a database, by collection.
async fn content(database: &Database) -> BTreeMap<String, (Vec<RawDocumentBuf>, Vec<Document>)> {
    let mut content = BTreeMap::new();
    for name in database.list_collection_names().await.unwrap() {
        let collection = database.collection::<RawDocumentBuf>(&name);
        let documents: Vec<_> =
            collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap().try_collect().await.unwrap();
        let indexes = database.run_cursor_command(doc! { "listIndexes": &name }).await.unwrap();
        let mut indexes: Vec<Document> = indexes.try_collect().await.unwrap();
        indexes.sort_by_key(|index| index.get_str("name").unwrap().to_owned());
        content.insert(name, (documents, indexes));
    }
    content
}

fn other(store: &Store, name: &str) -> Database {
    store.client().database(name)
}

/// Makes checkouts and starts their payments until it is stopped; answers how many.
async fn load(app: App, front: Arc<Front>, stop: CancellationToken) -> u32 {
    let (tenant, site) = (front.seed.tenant, front.seed.site.id);
    let provider = front.seed.sandbox.as_ref().unwrap().id;
    let mut made = 0;
    while !stop.is_cancelled() {
        let reference = format!("LOAD-{}", ObjectId::new());
        let reply =
            create_checkout(&app, tenant, site, in_process::ten_euros(&reference), None).await.unwrap();
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let code = reply["shortCode"].as_str().unwrap();
        let checkout = app.store.lookup_checkout_by_code(code).await.unwrap().unwrap();
        start_payment(&app, &checkout, provider, SecondPayment::Ask).await.unwrap();
        made += 1;
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment() {
    let front = Arc::new(Front::start().await);
    let (folder, stop) = (scratch(), CancellationToken::new());
    let workers: Vec<_> =
        (0..4).map(|_| tokio::spawn(load(front.app.clone(), Arc::clone(&front), stop.clone()))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (file, writer) = (path(&folder, "one"), Arc::clone(&front));
    let target = file.clone();
    let output =
        tokio::task::spawn_blocking(move || admin(&writer, &["backup", &target], &[])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.cancel();
    let mut made = 0;
    for worker in workers {
        made += worker.await.unwrap();
    }
    succeeds(&output);

    let name = database_name("restored");
    let restored = other(&front.app.store, &name);
    succeeds(&admin(&front, &["restore", &file], &[("MONGODB_DATABASE", &name)]));
    // `checkouts` was read before `transactions`, and more came between.
    let count =
        async |name: &str| restored.collection::<Document>(name).count_documents(doc! {}).await.unwrap();
    let (checkouts, transactions) = (count("checkouts").await, count("transactions").await);
    assert!(transactions > 0 && checkouts >= transactions && checkouts - transactions <= 4);
    assert!(u64::from(made) > checkouts, "the load went on while the backup was made");
    let of_backup = restored.collection::<Document>("transactions").find(doc! {}).await.unwrap();
    let of_backup: Vec<Document> = of_backup.try_collect().await.unwrap();
    for transaction in of_backup {
        let id = transaction.get_object_id("checkoutId").unwrap();
        let checkout =
            restored.collection::<Document>("checkouts").find_one(doc! { "_id": id }).await.unwrap();
        assert!(checkout.is_some(), "a transaction without its checkout");
    }
    restored.drop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_is_the_same_and_takes_a_payment() {
    let front = Front::start().await;
    let (folder, name) = (scratch(), database_name("restored"));
    let open = front.ten_euros().await;
    front.ten_euros().await;
    let file = path(&folder, "backup");
    let told = succeeds(&admin(&front, &["backup", &file], &[]));
    assert!(told.contains("checkouts") && told.contains("wrote"), "{told}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    fails(&admin(&front, &["backup", &file], &[]), "exists");
    // To standard output it is the same but for the moment.
    let piped = admin(&front, &["backup", "-"], &[]);
    assert_eq!(piped.stdout.len(), std::fs::read(&file).unwrap().len());

    let told = succeeds(&admin(&front, &["restore", &file], &[("MONGODB_DATABASE", &name)]));
    assert!(told.contains("restored and verified"), "{told}");
    let (before, after) =
        (content(front.app.store.database()).await, content(&other(&front.app.store, &name)).await);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (collection, (documents, indexes)) in &before {
        assert_eq!(&after[collection].0, documents, "{collection}");
        assert_eq!(&after[collection].1, indexes, "{collection}");
    }
    assert!(before["checkouts"].0.len() == 2 && before["transactions"].1.len() > 5);
    // The validator came along.
    let live = doc! { "type": "sandbox", "mode": "live" };
    assert!(other(&front.app.store, &name).collection("providers").insert_one(live).await.is_err());

    let front = front.move_to(&name).await;
    let sandbox = front.choose(&open, "sandbox").await.location.unwrap();
    let back = front.press_sandbox(&sandbox, "paid").await.headers[LOCATION].to_str().unwrap().to_owned();
    assert_eq!(front.follow(&back).await.heading(), "Payment received");
    other(&front.app.store, &name).drop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_could_do_harm_is_refused_before_it_does() {
    let front = Front::start().await;
    let (folder, name) = (scratch(), database_name("restored"));
    let file = path(&folder, "backup");
    succeeds(&admin(&front, &["backup", &file], &[]));
    let into = [("MONGODB_DATABASE", name.as_str())];

    // Into what is not empty.
    fails(&admin(&front, &["restore", &file], &[]), "is not empty");
    // Under another key.
    let wrong = "ab".repeat(32);
    for key in ["SYSTEM_ENCRYPTION_KEY", "SYSTEM_SEARCH_HASH_KEY", "API_KEY_PEPPER"] {
        fails(&admin(&front, &["restore", &file], &[into[0], (key, &wrong)]), key);
    }
    // A rotated key that still holds the old version is right.
    let system = front.variables().into_iter().find(|(key, _)| *key == "SYSTEM_ENCRYPTION_KEY").unwrap().1;
    let rotated = format!("2:{wrong},1:{system}");

    // Damaged or cut off.
    let whole = std::fs::read(&file).unwrap();
    let damaged = path(&folder, "damaged");
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    for (bytes, why) in
        [(&bytes[..], "cannot be used"), (&whole[..whole.len() - 40], "too early"), (b"x", "cannot be used")]
    {
        std::fs::write(&damaged, bytes).unwrap();
        fails(&admin(&front, &["restore", &damaged], &into), why);
        fails(&admin(&front, &["restore", "--replace", &damaged], &[]), why);
    }
    let target = other(&front.app.store, &name);
    assert!(target.list_collection_names().await.unwrap().is_empty());
    assert!(front.app.store.lookup_organization(front.seed.tenant.organization).await.unwrap().is_some());

    succeeds(&admin(&front, &["restore", &file], &[into[0], ("SYSTEM_ENCRYPTION_KEY", &rotated)]));
    target.collection("checkouts").insert_one(doc! { "shortCode": "later" }).await.unwrap();
    fails(&admin(&front, &["restore", &file], &into), "is not empty");
    succeeds(&admin(&front, &["restore", "--replace", &file], &into));
    let later =
        target.collection::<Document>("checkouts").find_one(doc! { "shortCode": "later" }).await.unwrap();
    assert_eq!(later, None);
    target.drop().await.unwrap();
}
