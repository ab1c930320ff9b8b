//! The panel over an organization with many payments: how soon each screen's first byte comes, beside the driver that
//! reads the same page of rows.

use std::time::Instant;

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId};
use serde_json::json;
use testkit::seed::{Access, fill_named, sign_in};

use super::create::expect;
use super::http::{Connection, request};
use super::report::{Latencies, ms};
use super::{Bench, Section};
use crate::Outcome;
use crate::settings;
use crate::stack::say;
use crate::workspace;

/// Payments in the organization, unless told otherwise.
pub const TRANSACTIONS: u64 = 100_000;
/// Over how many days.
const DAYS: u32 = 365;
/// Rows of a page, and the one that says whether more follow.
const ROWS: i64 = 51;

/// Screens by name and path below the organization.
const SCREENS: [(&str, &str); 14] = [
    ("dashboard", ""),
    ("transactions", "/transactions"),
    ("  second page", "/transactions?page=2"),
    ("  by state", "/transactions?status=failed"),
    ("  by reference", "/transactions?q=EX-000777"),
    ("  by e-mail", "/transactions?q=customer17%40example.com"),
    ("  by metadata", "/transactions?q=campaign%3Dexample-7"),
    ("checkouts", "/checkouts"),
    ("  by e-mail", "/checkouts?q=customer17%40example.com"),
    ("invoices", "/invoices"),
    ("deliveries", "/deliveries"),
    ("products", "/products"),
    ("people", "/people"),
    ("audit log", "/audit-log"),
];

/// Fills the organization and measures.
pub async fn run(bench: &Bench, transactions: u64) -> Outcome<Section> {
    println!("\nThe panel: first byte of each screen over {transactions} payments");
    let gateway = bench.stack.gateway();
    let organization = gateway.seed.organization_id.clone();
    let folder = workspace::root().join("target/bench/stack");
    let keys = settings::keys(&folder)?.into_iter();
    let keys = keys.map(|(name, made)| (name.to_owned(), settings::from_caller(name).unwrap_or(made)));
    let access = Access {
        uri: gateway.mongodb_uri.clone(),
        database: gateway.database.clone(),
        keys: keys.collect(),
        organization: organization.clone(),
    };
    say(&format!("Making {transactions} example payments"));
    fill_named(&access, transactions, DAYS).await?;
    let cookie = format!("cookie: tollgate={}", sign_in(&access).await?);
    let times = if bench.quick { 50 } else { 500 };

    let raw = raw_find(bench, &organization, times).await?;
    let [raw_p50, raw_p99] = raw.percentiles([50, 99]);
    println!(
        "  {:<26}p50 {:>10}, p99 {:>10} ({times} times, one after another)",
        "driver, newest page",
        ms(raw_p50),
        ms(raw_p99)
    );
    let mut panel = Connection::open(super::address(&gateway.direct.urls.admin_panel)?).await?;
    let mut figures = vec![json!({ "screen": "driver", "firstByte": raw.json() })];
    for (name, path) in SCREENS {
        let path = format!("/o/{organization}/test{path}");
        let ask = request("GET", &path, &["accept: text/html", "accept-language: en", &cookie], "");
        // Sums and settings that are kept for a while are there.
        expect(panel.ask(&ask).await?.status, 200, path.as_bytes())?;
        let mut latencies = Latencies::default();
        for _ in 0..times {
            let sent = Instant::now();
            let answer = panel.ask(&ask).await?;
            expect(answer.status, 200, b"")?;
            latencies.push(answer.first_byte - sent);
        }
        let [p50, p99] = latencies.percentiles([50, 99]);
        println!("  {name:<26}p50 {:>10}, p99 {:>10}", ms(p50), ms(p99));
        figures.push(json!({ "screen": name.trim(), "path": path, "firstByte": latencies.json() }));
    }
    let figures = json!({ "transactions": transactions, "screens": figures });
    Ok(Section { name: "panel", figures, aims: Vec::new() })
}

/// What the list of transactions needs at least: its newest page, as bytes.
async fn raw_find(bench: &Bench, organization: &str, times: usize) -> Outcome<Latencies> {
    let rows = bench.database.collection::<RawDocumentBuf>("transactions");
    let filter: Document = doc! { "org": Bson::ObjectId(ObjectId::parse_str(organization)?), "mode": "test" };
    let mut latencies = Latencies::default();
    for turn in 0..=times {
        let sent = Instant::now();
        let page = rows.find(filter.clone()).sort(doc! { "_id": -1 }).limit(ROWS).await?;
        let page: Vec<RawDocumentBuf> = page.try_collect().await?;
        if page.is_empty() {
            return Err("the driver finds no payments".into());
        }
        // The first opens its connection.
        if turn > 0 {
            latencies.push(sent.elapsed());
        }
    }
    Ok(latencies)
}
