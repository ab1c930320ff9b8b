//! The dashboard and the export, over more payments than fit a page; and what an organization sees before its first.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use futures::StreamExt;
use gateway_core::{
    app::dashboard::{self, Period},
    domain::{Currency, Tenant, provider_event::ProviderEvent, role::Role, transaction::Transaction},
    store::daily_sums::{self, day_of, plus_days},
};
use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::seed;

use super::Operator;
use crate::admin::door::{Door, Shop};

/// Payments in the tests that need many. `DASHBOARD_TRANSACTIONS=100000` with `--nocapture` shows the figures of
/// docs/operations.md.
fn many() -> u64 {
    std::env::var("DASHBOARD_TRANSACTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(5000)
}

async fn filled(door: &Door) -> Shop {
    let shop = door.shop().await;
    let plan = seed::Plan { tenant: shop.tenant, transactions: many(), days: 90, now: door.app.now() };
    seed::fill(&door.app.store, &plan).await.unwrap();
    shop
}

/// Added up by hand: what the dashboard must say.
async fn by_hand(door: &Door, tenant: Tenant, period: Period) -> [i64; 5] {
    let from = plus_days(day_of(door.app.now()), 1 - period.days());
    let of = doc! { "createdAt": { "$gte": from }, "currency": "EUR" };
    let all = door.app.store.for_org(tenant).find::<Transaction>(of, doc! {}, 0).await.unwrap();
    let mut sums = [0; 5];
    for one in all {
        let is_unpaid = ["failed", "cancelled", "expired"].contains(&one.status.as_str());
        sums[0] += 1;
        sums[1] += i64::from(one.status.is_paid());
        sums[2] += i64::from(is_unpaid);
        sums[3] += one.captured;
        sums[4] += one.refunded;
    }
    sums
}

async fn told(door: &Door, tenant: Tenant, period: Period) -> [i64; 5] {
    let found = dashboard::dashboard(&door.app, tenant, period, Some(Currency::EUR)).await.unwrap();
    let of = found.total.now;
    let by_day: i64 = found.days.iter().map(|(_, day)| day.now.volume).sum();
    let by_site: i64 = found.sites.iter().map(|(_, site)| site.now.volume).sum();
    let by_provider: i64 = found.providers.iter().map(|(_, provider)| provider.now.volume).sum();
    assert_eq!([by_day, by_site, by_provider], [of.volume; 3], "the parts are the whole");
    [of.begun, of.paid, of.unpaid, of.volume, of.refunded]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_are_those_of_the_payments_and_follow_them() {
    let door = Door::open().await;
    let shop = filled(&door).await;
    for period in Period::ALL {
        assert_eq!(told(&door, shop.tenant, *period).await, by_hand(&door, shop.tenant, *period).await);
    }
    // A payment of today, and a refund of one of long ago: both are seen at the next look.
    let paid = door.started(&shop, &json!({})).await;
    door.pay(&paid).await;
    let old = plus_days(day_of(door.app.now()), -40);
    let old = doc! { "createdAt": { "$lt": old }, "status": "succeeded", "currency": "EUR" };
    let store = door.app.store.for_org(shop.tenant);
    let mut old = store.find_one::<Transaction>(old).await.unwrap().unwrap();
    old.refunded = old.captured;
    old.updated_at = door.app.now();
    store.save(&mut old).await.unwrap();
    for period in Period::ALL {
        assert_eq!(told(&door, shop.tenant, *period).await, by_hand(&door, shop.tenant, *period).await);
    }
    // Many who look at once, while it is made anew, agree.
    for collection in [daily_sums::COLLECTION, daily_sums::MARKS] {
        let of = doc! { "org": shop.tenant.organization };
        door.app.store.database().collection::<Document>(collection).delete_many(of).await.unwrap();
    }
    let looks = (0..8).map(|_| told(&door, shop.tenant, Period::Quarter));
    let expected = by_hand(&door, shop.tenant, Period::Quarter).await;
    for seen in futures::future::join_all(looks).await {
        assert_eq!(seen, expected);
    }
    let answer = door.get(&shop.key, "/v1/dashboard?days=90&currency=EUR").await.ok(200);
    assert_eq!(answer["total"]["volume"], expected[3]);
    assert_eq!(answer["byDay"].as_array().unwrap().len(), 90);
    assert_eq!(answer["currencies"][0], "EUR");
    let wrong = door.get(&shop.key, "/v1/dashboard?days=8&currency=XXX").await;
    assert_eq!(wrong.fields(), ["days", "currency"]);
    let empty = door.shop().await;
    let none = door.get(&empty.key, "/v1/dashboard").await.ok(200);
    assert_eq!((&none["currency"], &none["total"]["begun"]), (&Value::Null, &json!(0)));
}

/// The stages of a plan, the innermost last, and what it looked at.
fn plan(explained: &Document) -> String {
    explained.to_string()
}

async fn explain(door: &Door, command: Document) -> Document {
    let command = doc! { "explain": command, "verbosity": "executionStats" };
    door.app.store.database().run_command(command).await.unwrap()
}

/// Every number of a name in a tree.
fn numbers(tree: &mongodb::bson::Bson, name: &str, found: &mut Vec<i64>) {
    use mongodb::bson::Bson;
    match tree {
        Bson::Document(document) => {
            for (key, value) in document {
                match value {
                    Bson::Int32(number) if key == name => found.push((*number).into()),
                    Bson::Int64(number) if key == name => found.push(*number),
                    _ => numbers(value, name, found),
                }
            }
        }
        Bson::Array(list) => list.iter().for_each(|one| numbers(one, name, found)),
        _ => {}
    }
}

fn most(explained: &Document, name: &str) -> i64 {
    let mut found = Vec::new();
    numbers(&explained.clone().into(), name, &mut found);
    found.into_iter().max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_asked_of_indexes_and_look_at_no_more_than_they_need() {
    let door = Door::open().await;
    let shop = filled(&door).await;
    let total = i64::try_from(many()).unwrap();
    let scope = doc! { "$match": { "org": shop.tenant.organization, "mode": "test" } };
    let ask = |pipeline: Vec<Document>| {
        let stages: Vec<Document> = std::iter::once(scope.clone()).chain(pipeline).collect();
        doc! { "aggregate": "transactions", "pipeline": stages, "cursor": {} }
    };
    let today = day_of(door.app.now());
    let one_day = explain(&door, ask(daily_sums::sum_up(plus_days(today, -9), plus_days(today, -8)))).await;
    let text = plan(&one_day);
    assert!(text.contains("tenant_id") && !text.contains("COLLSCAN"), "{text}");
    let looked_at = most(&one_day, "totalDocsExamined");
    assert!(
        looked_at > 0 && looked_at < total / 45,
        "a day of ninety, and some minutes: {looked_at} of {total}"
    );

    let mut changed = ask(daily_sums::changed_since(plus_days(today, -1), plus_days(today, -180)));
    changed.insert("hint", daily_sums::CHANGED_INDEX);
    let changed = explain(&door, changed).await;
    let text = plan(&changed);
    assert!(text.contains("\"changed\"") && !text.contains("COLLSCAN"), "{text}");
    assert_eq!(most(&changed, "totalDocsExamined"), 0, "the index alone answers: {text}");
    assert!(most(&changed, "totalKeysExamined") < total / 20, "{text}");

    dashboard::dashboard(&door.app, shop.tenant, Period::Quarter, None).await.unwrap();
    let began = Instant::now();
    for _ in 0..10 {
        dashboard::dashboard(&door.app, shop.tenant, Period::Quarter, None).await.unwrap();
    }
    eprintln!("dashboard over {total} transactions: {:?} each", began.elapsed() / 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_figures_with_a_table_behind_the_chart() {
    let door = Door::open().await;
    let shop = filled(&door).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let html = viewer.page("").await;
    for part in
        ["Volume", "Net", "Success rate", "By provider", "By site", "<svg", "The same as a table", "Sandbox"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(html.contains("need a look") || html.contains("needs a look"), "{html}");
    assert!(!html.contains("style=") && !html.contains("First steps"), "{html}");
    let usd = viewer.page("?days=90&currency=USD").await;
    assert!(usd.contains('$') && usd.contains("aria-current=\"true\">USD"), "{usd}");
    let wrong = viewer.page("?days=8").await;
    assert!(wrong.contains("role=\"alert\"") && wrong.contains("By site"), "{wrong}");
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert!(!stranger.page("").await.contains("By site"), "another organization's figures are its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_steps_tick_themselves() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let html = editor.page("").await;
    for part in ["First steps", "3 of 6 done", "/hooks/stripe/", "$TOLLGATE_API_KEY", &shop.site] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains(&shop.key), "the secret was shown once");
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    assert!(!viewer.page("").await.contains("/checkouts/example"));
    assert_eq!(viewer.send("/checkouts/example", &[]).await.status, 403);
    let to = editor.done("/checkouts/example", &[]).await;
    let html = editor.page(&to).await;
    assert!(html.contains("€10.00") && html.contains("<svg"), "{html}");
    assert!(editor.page("").await.contains("4 of 6 done"));
    let paid = door.started(&shop, &json!({})).await;
    door.pay(&paid).await;
    let html = editor.page("").await;
    assert!(html.contains("5 of 6 done") && html.contains(&paid.id.to_string()), "{html}");
    let stripe = shop.seed.stripe.as_ref().unwrap().id;
    let sandbox = door.app.store.for_org(shop.tenant).find_one::<ProviderEvent>(doc! {}).await.unwrap();
    assert!(sandbox.is_none_or(|event| event.provider_id != stripe));
    assert!(html.contains("Test the credentials"), "nothing was heard of Stripe yet: {html}");
}

async fn export(viewer: &Operator<'_>, query: &str) -> (String, Vec<u8>) {
    let path = viewer.path(&format!("/transactions.csv{query}"));
    let answer = viewer.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    (name, answer.bytes().await.unwrap().to_vec())
}

/// Reads CSV with a reader that is not ours; answers its rows as JSON.
fn read_by_python(csv: &[u8]) -> Vec<Value> {
    let script = "import csv,io,json,sys; t=io.TextIOWrapper(sys.stdin.buffer,encoding='utf-8-sig',newline=''); \
                  json.dump(list(csv.DictReader(t,strict=True)),sys.stdout)";
    let python =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = python.unwrap();
    let mut input = python.stdin.take().unwrap();
    let csv = csv.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&csv).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_read_by_others_and_runs_nowhere() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let nasty = json!({
        "externalReference": "=HYPERLINK(\"https://x.example\",\"a\")", "clientId": "@SUM(A1)",
        "metadata": { "note": "two\nlines, \"quoted\"" },
    });
    let first = door.started(&shop, &nasty).await;
    door.pay(&first).await;
    door.started(&shop, &json!({ "externalReference": "Größe 3" })).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let (name, csv) = export(&viewer, "?from=2020-01-01&to=2020-01-31").await;
    assert!(name.contains("test_organization") || name.contains("_test_2020-01-01_2020-01-31.csv"), "{name}");
    assert!(csv.starts_with("\u{feff}transactionId,".as_bytes()), "spreadsheets see that it is UTF-8");
    let (_, csv) = export(&viewer, "").await;
    let rows = read_by_python(&csv);
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["externalReference"], &rows[0]["captured"]), (&json!("Größe 3"), &json!("0.00")));
    let one = &rows[1];
    assert_eq!(one["externalReference"], "'=HYPERLINK(\"https://x.example\",\"a\")");
    assert_eq!(
        (&one["clientId"], &one["amount"], &one["currency"]),
        (&json!("'@SUM(A1)"), &json!("10.00"), &json!("EUR"))
    );
    assert_eq!((&one["status"], &one["provider"]), (&json!("succeeded"), &json!("Sandbox")));
    assert!(one["createdAt"].as_str().unwrap().ends_with('Z'));
    let metadata: Value = serde_json::from_str(one["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata["note"], "two\nlines, \"quoted\"");
    let (_, filtered) = export(&viewer, "?status=succeeded").await;
    assert_eq!(read_by_python(&filtered).len(), 1);
    assert_eq!(viewer.see("/transactions.csv?status=paid").await.status, 400);
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    let (_, none) = export(&stranger, "").await;
    assert!(read_by_python(&none).is_empty(), "nothing of another organization");
}

/// Resident memory of the service, in kB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Time to the first byte of a page's body, the best of some.
async fn first_byte(viewer: &Operator<'_>, path: &str) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let answer = viewer.request(Method::GET, &viewer.path(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let mut body = answer.bytes_stream();
        body.next().await.unwrap().unwrap();
        best = best.min(began.elapsed());
    }
    best
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_export_is_whole_and_needs_no_more_memory() {
    let door = Door::open().await;
    let shop = filled(&door).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let before = resident(door.pid);
    let path = viewer.path("/transactions.csv");
    let mut body = viewer.request(Method::GET, &path).send().await.unwrap().bytes_stream();
    let (mut lines, mut bytes, mut peak) = (0, 0, before);
    while let Some(piece) = body.next().await {
        let piece = piece.unwrap();
        lines += bytecount(&piece);
        bytes += piece.len();
        peak = peak.max(resident(door.pid));
    }
    assert_eq!(lines, many() + 1, "a line each, and the names");
    eprintln!("export of {bytes} bytes: {before} kB before, {peak} kB at most");
    assert!(peak < before + 60_000, "from {before} to {peak} kB over {bytes} bytes");
    let reference = format!("EX-{:06}", many() / 2);
    let store = door.app.store.for_org(shop.tenant);
    let one = store.find_one::<Transaction>(doc! { "externalReference": &reference }).await.unwrap().unwrap();
    for path in [
        String::new(),
        "?days=90".to_owned(),
        "/transactions".to_owned(),
        "/transactions?status=failed".to_owned(),
        "/transactions?status=lost".to_owned(),
        format!("/transactions?siteId={}", shop.site),
        "/transactions?needsReview=true".to_owned(),
        "/transactions?from=2020-01-01&to=2020-02-01".to_owned(),
        format!("/transactions?q={reference}"),
        "/transactions?q=customer7%40example.com".to_owned(),
        "/transactions?q=campaign%3Dexample-7".to_owned(),
        format!("/transactions/{}", one.id),
        "/checkouts".to_owned(),
        "/checkouts?status=expired".to_owned(),
        format!("/checkouts?externalReference={reference}"),
        "/checkouts?email=customer7%40example.com".to_owned(),
        format!("/checkouts/{}", one.checkout_id),
        "/transactions.csv".to_owned(),
    ] {
        eprintln!("{:>8.1?}  {path}", first_byte(&viewer, &path).await);
    }
}

fn bytecount(piece: &[u8]) -> u64 {
    piece.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}
