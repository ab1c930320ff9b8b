//! Every list and search over an organization with many rows beside a bigger one: what the database says that it
//! looked at. Nothing is read without an index, sorted in memory, or looked at much more often than it is shown.

use std::fmt::Write as _;

use futures::TryStreamExt;
use gateway_core::domain::{role::Role, transaction::Transaction};
use mongodb::{
    Database,
    bson::{Document, doc},
};
use reqwest::Method;
use testkit::seed;

use super::Operator;
use crate::{
    admin::door::{Door, Shop},
    front::Front,
};

/// Transactions of the organization that is looked at; the one beside it has twice as many.
const TRANSACTIONS: u64 = 6000;

/// Looked at beyond what is shown: settings, and the row after a page.
const SPARE: i64 = 110;

/// Every list with each of its filters and searches, in the API and in the panel; what begins with `/v1` is the
/// API's. `{…}` is of some transaction in the middle.
const LISTS: &[&str] = &[
    "/v1/transactions",
    "/v1/transactions?limit=100&page=3",
    "/v1/transactions?limit=100&after={id}",
    "/v1/transactions?status=failed",
    "/v1/transactions?status=succeeded",
    "/v1/transactions?status=lost,disputed",
    "/v1/transactions?currency=EUR",
    "/v1/transactions?currency=USD",
    "/v1/transactions?siteId={site}",
    "/v1/transactions?providerId={provider}",
    "/v1/transactions?externalReference={reference}",
    "/v1/transactions?siteId={site}&externalReference={reference}",
    "/v1/transactions?metadata[campaign]=example-7",
    "/v1/transactions?from={day}&to={day}T23:59:59Z",
    "/v1/transactions?clientId=client-17",
    "/v1/checkouts",
    "/v1/checkouts?status=expired",
    "/v1/checkouts?siteId={site}",
    "/v1/checkouts?externalReference={reference}",
    "/v1/checkouts?email=customer17@example.com",
    "/v1/checkouts?clientId=client-17",
    "/v1/checkouts?metadata[campaign]=example-7",
    "/v1/invoices",
    "/v1/invoices?status=draft",
    "/v1/invoices?externalReference={reference}",
    "/v1/invoices?email=customer17@example.com",
    "/v1/credit-notes",
    "/v1/deliveries",
    "/v1/deliveries?state=failed",
    "/v1/deliveries?transactionId={id}",
    "/v1/events",
    "/v1/events?state=parked",
    "/v1/events?transactionId={id}",
    "/v1/audit-log",
    "/v1/audit-log?operation=createSite",
    "/v1/products",
    "/v1/discounts",
    "/v1/sites",
    "/v1/providers",
    "/v1/domains",
    "/v1/webhook-endpoints",
    "/v1/dashboard?days=90",
    "/v1/organizations/{org}/people",
    "/v1/organizations/{org}/invitations",
    "/v1/organizations/{org}/api-keys",
    "",
    "/transactions",
    "/transactions?q={reference}",
    "/transactions?q=customer17%40example.com",
    "/transactions?q=campaign%3Dexample-7",
    "/transactions?q={id}",
    "/transactions?status=failed&from={day}",
    "/transactions?needsReview=true",
    "/checkouts",
    "/checkouts?q={reference}",
    "/checkouts?q=customer17%40example.com",
    "/invoices",
    "/invoices?q={reference}",
    "/deliveries",
    "/events",
    "/audit-log",
    "/products",
    "/products?q=Example",
    "/discounts",
    "/people",
];

/// What the database wrote down about one question.
struct Told {
    what: String,
    plan: String,
    looked_at: i64,
    keys: i64,
    shown: i64,
    sorts: bool,
}

/// Has the database write everything down from now on.
async fn listen(database: &Database) {
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    database.collection::<Document>("system.profile").drop().await.unwrap();
    database.run_command(doc! { "profile": 2 }).await.unwrap();
}

/// What it wrote down of reading.
async fn heard(database: &Database) -> Vec<Told> {
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    let filter = doc! { "ns": { "$not": { "$regex": "system" } }, "planSummary": { "$exists": true } };
    let rows = database.collection::<Document>("system.profile").find(filter).await.unwrap();
    let rows: Vec<Document> = rows.try_collect().await.unwrap();
    let mut all = Vec::new();
    for row in &rows {
        let mut told = told(row);
        if let Some(counted) = counted(database, row).await {
            told.shown = counted;
        }
        all.push(told);
    }
    all
}

/// What a total came to: it is asked for once more.
async fn counted(database: &Database, row: &Document) -> Option<i64> {
    let command = row.get_document("command").ok()?;
    let (collection, pipeline) = (command.get_str("aggregate").ok()?, command.get_array("pipeline").ok()?);
    let last = pipeline.last()?.as_document()?;
    if !last.contains_key("$count") && !last.contains_key("$group") {
        return None;
    }
    let stages = pipeline.iter().filter_map(|stage| stage.as_document().cloned());
    let found = database.collection::<Document>(collection).aggregate(stages).await.unwrap();
    let found: Vec<Document> = found.try_collect().await.unwrap();
    let number = |one: &Document| one.get_i64("n").or_else(|_| one.get_i32("n").map(i64::from)).ok();
    Some(found.first().and_then(number).unwrap_or_default())
}

fn told(row: &Document) -> Told {
    let number =
        |name: &str| row.get_i64(name).or_else(|_| row.get_i32(name).map(i64::from)).unwrap_or_default();
    let command = row.get_document("command").map(ToString::to_string).unwrap_or_default();
    Told {
        what: format!("{} {}", row.get_str("ns").unwrap(), command.chars().take(600).collect::<String>()),
        plan: row.get_str("planSummary").unwrap().to_owned(),
        looked_at: number("docsExamined"),
        keys: number("keysExamined"),
        shown: number("nreturned"),
        sorts: row.get_bool("hasSortStage").unwrap_or_default(),
    }
}

impl Told {
    /// Why this is no good.
    fn wrong(&self) -> Option<&'static str> {
        if self.plan.contains("COLLSCAN") {
            return Some("no index");
        }
        if self.sorts {
            return Some("sorted in memory");
        }
        (self.looked_at > 2 * self.shown + SPARE).then_some("looks at too much")
    }
}

async fn fill(door: &Door, shop: &Shop, transactions: u64) {
    let plan = seed::Plan { tenant: shop.tenant, transactions, days: 90, now: door.app.now() };
    seed::fill(&door.app.store, &plan).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_read_by_an_index_and_no_further_than_it_is_shown() {
    let front = Front::start().await;
    let (door, shop) = Door::beside(&front, &[]).await;
    let beside = door.shop().await;
    fill(&door, &shop, TRANSACTIONS).await;
    fill(&door, &beside, 2 * TRANSACTIONS).await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let store = door.app.store.for_org(shop.tenant);
    let some =
        store.find::<Transaction>(doc! { "status": "succeeded" }, doc! { "_id": 1 }, 2000).await.unwrap();
    let some = some.last().unwrap();
    let database = door.app.store.database();
    let mut wrong = String::new();
    for list in LISTS {
        let path = list
            .replace("{id}", &some.id.to_string())
            .replace("{org}", &shop.tenant.organization.to_string())
            .replace("{site}", &some.site_id.to_string())
            .replace("{provider}", &some.provider_id.unwrap().to_string())
            .replace("{reference}", &some.external_reference)
            .replace("{day}", &some.created_at.to_string()[..10]);
        let is_api = path.starts_with("/v1");
        // Once before: settings and sums that are kept for a while are another matter.
        for turn in 0..2 {
            if turn == 1 {
                listen(database).await;
            }
            let answer = if is_api {
                door.get(&shop.key, &path).await
            } else {
                door.send(admin.request(Method::GET, &admin.path(&path))).await
            };
            assert!([200, 303].contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
        }
        for told in heard(database).await {
            let Some(why) = told.wrong() else { continue };
            let Told { what, plan, looked_at, keys, shown, .. } = told;
            let _ = writeln!(
                wrong,
                "{list}: {why}: {looked_at} documents and {keys} keys for {shown} shown, {plan}\n    {what}"
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
