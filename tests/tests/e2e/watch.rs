//! Metrics and alerts: each alert of `deploy/prometheus/alerts.yml` is provoked on running services, what they show
//! at `/metrics` is scraped, and promtool judges it by Prometheus's own rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        create_checkout::create_checkout,
        settings::providers::NewCredentials,
        start_payment::start_payment,
    },
    domain::{Mode, checkout::Checkout},
};
use gateway_providers::sandbox::{self, Outcome, SandboxPayment};
use mongodb::bson::{Document, doc};
use serde_json::json;
use testkit::{
    gocardless_sim::signature,
    mongod::{Mongod, Options},
    receiver::Answer,
    tools::{self, Tool},
};

use crate::{
    cluster::{Cluster, Service},
    in_process,
};

/// How long what was provoked may take to show.
const PATIENCE: Duration = Duration::from_secs(40);

const GOCARDLESS_SECRET: &str = "example-webhook-secret";
/// Events in one webhook, and webhooks: more than may wait (8,192) and be on their way to MongoDB (1,000).
const BATCH: usize = 1000;
const BATCHES: usize = 12;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What one look at the three services found: series with their values, as Prometheus would store them.
type Scrape = BTreeMap<String, String>;

async fn scrape(cluster: &Cluster) -> Scrape {
    let mut found = Scrape::new();
    for service in Service::ALL {
        let target = format!("job=\"tollgate\",instance=\"{}\"", service.name());
        let url = format!("http://{}/metrics", cluster.health(service));
        let text = match cluster.http.get(url).timeout(Duration::from_secs(10)).send().await {
            Ok(answer) if answer.status() == 200 => answer.text().await.unwrap_or_default(),
            _ => String::new(),
        };
        found.insert(format!("up{{{target}}}"), if text.is_empty() { "0" } else { "1" }.to_owned());
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let series = match series.split_once('{') {
                Some((name, labels)) => format!("{name}{{{target},{labels}"),
                None => format!("{series}{{{target}}}"),
            };
            found.insert(series, value.to_owned());
        }
    }
    found
}

/// The value of a worker's gauge without labels.
fn gauge(scrape: &Scrape, name: &str) -> Option<f64> {
    scrape.get(&of_worker(name, ""))?.parse().ok()
}

/// The name of a worker's series; labels of its own begin with a comma.
fn of_worker(name: &str, labels: &str) -> String {
    format!("{name}{{job=\"tollgate\",instance=\"worker\"{labels}}}")
}

/// Scrapes until a worker's gauge is above a value.
async fn until_above(cluster: &Cluster, name: &str, value: f64) -> Scrape {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = scrape(cluster).await;
        if gauge(&found, name).is_some_and(|now| now > value) {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{name} is {:?}: {found:#?}", gauge(&found, name));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Lets promtool judge: the first scrape holds for five minutes, the others for one each, the last one goes on for
/// twenty. Nothing may fire in the first five, and exactly these alerts must in the end.
fn judge(scrapes: &[Scrape], alerts: &[&str]) {
    // Four samples a minute.
    let held = |index: usize| match index {
        0 => 20,
        last if last == scrapes.len() - 1 => 80,
        _ => 4,
    };
    let names: BTreeSet<&String> = scrapes.iter().flat_map(BTreeMap::keys).collect();
    let mut test = format!(
        "rule_files: [{}]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n",
        repository().join("deploy/prometheus/alerts.yml").display()
    );
    for name in names {
        let mut values = String::new();
        for (index, scrape) in scrapes.iter().enumerate() {
            let _ = match scrape.get(name) {
                Some(value) => write!(values, "{value}+0x{} ", held(index) - 1),
                None => write!(values, "_x{} ", held(index)),
            };
        }
        let _ = writeln!(test, "  - series: '{name}'\n    values: '{}'", values.trim_end());
    }
    let end = if scrapes.len() == 1 { 4 } else { scrapes.len() - 2 + 5 + 19 };
    let since = (end - 4).max(1);
    let firing = "ALERTS{alertstate=\"firing\"}";
    let _ = writeln!(
        test,
        "  promql_expr_test:\n  - expr: count({firing})\n    eval_time: 4m\n    exp_samples: []\n  \
         - expr: max by (alertname) (max_over_time({firing}[{since}m]))\n    eval_time: {end}m\n    exp_samples:",
    );
    for alert in alerts {
        let _ = writeln!(test, "    - labels: '{{alertname=\"{alert}\"}}'\n      value: 1");
    }
    if alerts.is_empty() {
        test.push_str("      []\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.yml");
    std::fs::write(&file, test).unwrap();
    let judged = tools::command("promtool").args(["test", "rules"]).arg(&file).output().unwrap();
    let told =
        format!("{}{}", String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "expected {alerts:?}: {told}");
}

/// A webhook of GoCardless's with as many events as a shop with many mandates gets at once.
fn events(batch: usize) -> String {
    let event = |number| {
        json!({ "id": format!("EV{batch:03}{number:05}"), "created_at": "2030-01-31T12:00:00.000Z",
            "resource_type": "mandates", "action": "created", "links": { "mandate": "MD000" } })
    };
    json!({ "events": (0..BATCH).map(event).collect::<Vec<_>>() }).to_string()
}

struct Scene {
    mongod: Mongod,
    cluster: Cluster,
    seed: Bootstrapped,
    count: usize,
}

impl Scene {
    async fn open() -> Self {
        let mongod = Mongod::start(Options::default()).await.unwrap();
        // One account sends more here than it may.
        let unlimited = vec![("RATE_LIMIT_EVENTS_PER_PROVIDER".to_owned(), "0".to_owned())];
        let cluster = Cluster::start_with(&mongod.uri(), "watch", unlimited).await;
        let credentials = NewCredentials {
            api_key: Some("sk_test_simulated".to_owned()),
            webhook_secrets: Some(vec!["whsec_example_secret".to_owned()]),
        };
        let gocardless = NewCredentials {
            api_key: Some("sandbox_simulated".to_owned()),
            webhook_secrets: Some(vec![GOCARDLESS_SECRET.to_owned()]),
        };
        let plan = Plan {
            organization: "Example GmbH".to_owned(),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: Wanted { wanted: true, credentials },
            gocardless: Wanted { wanted: true, credentials: gocardless },
        };
        let seed = bootstrap(&cluster.app, &plan).await.unwrap();
        Self { mongod, cluster, seed, count: 0 }
    }

    async fn checkout(&mut self) -> Checkout {
        self.count += 1;
        let mut new = in_process::ten_euros(&format!("ORD-{}", self.count));
        new.ipn_url = Some(self.cluster.receiver.url("/ipn"));
        let app = &self.cluster.app;
        let reply = create_checkout(app, self.seed.tenant, self.seed.site.id, new, None).await.unwrap();
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        app.store.lookup_checkout_by_code(reply["shortCode"].as_str().unwrap()).await.unwrap().unwrap()
    }

    fn payments(&self) -> mongodb::Collection<SandboxPayment> {
        self.cluster.app.store.database().collection(SandboxPayment::COLLECTION)
    }

    /// A customer pays at the sandbox, after `change` was done to the sandbox's payment.
    async fn pay(&mut self, change: Option<Document>) {
        let checkout = self.checkout().await;
        let app = &self.cluster.app;
        let provider = self.seed.sandbox.as_ref().unwrap().id;
        let started = start_payment(app, &checkout, provider, SecondPayment::Ask).await.unwrap().transaction;
        let of_it = doc! { "transactionId": started.id };
        if let Some(change) = change {
            self.payments().update_one(of_it.clone(), change).await.unwrap();
        }
        let payment = self.payments().find_one(of_it).await.unwrap().unwrap();
        sandbox::choose(app, payment.id, &payment.token, Outcome::Paid).await.unwrap();
    }

    async fn update_all(&self, collection: &str, filter: Document, update: Document) {
        let collection = self.cluster.app.store.database().collection::<Document>(collection);
        let done = collection.update_many(filter, update).await.unwrap();
        assert!(done.modified_count > 0);
    }

    fn without(recovery: &str) -> Vec<(String, String)> {
        vec![("TOLLGATE_WITHOUT".to_owned(), recovery.to_owned())]
    }

    async fn receivers_fail(&mut self, quiet: &Scrape) {
        self.cluster.receiver.always("/ipn", Answer::status(503));
        for _ in 0..8 {
            self.pay(None).await;
        }
        let open = until_above(&self.cluster, "breakers_open", 0.0).await;
        judge(&[quiet.clone(), open], &["TollgateReceiverFailing"]);
        // Whoever holds the lane would store its breaker again.
        self.cluster.kill9(Service::Worker).await;
        self.cluster.receiver.always("/ipn", Answer::ok());
        self.update_all("lanes", doc! {}, doc! { "$unset": { "breaker": "" } }).await;
        self.cluster.restart(Service::Worker, Vec::new()).await;
    }

    async fn a_payment_needs_review(&mut self, quiet: &Scrape) {
        self.pay(Some(doc! { "$set": { "amount": 999_i64 } })).await;
        let flagged = until_above(&self.cluster, "transactions_needing_review", 0.0).await;
        judge(&[quiet.clone(), flagged], &["TollgatePaymentNeedsReview"]);
        self.update_all(
            "transactions",
            doc! { "needsReview": { "$exists": true } },
            doc! { "$unset": { "needsReview": "" } },
        )
        .await;
    }

    async fn a_provider_fails(&mut self) {
        let nobody = ("STRIPE_API_BASE_URL".to_owned(), "http://127.0.0.1:9/".to_owned());
        self.cluster.restart(Service::Main, vec![nobody]).await;
        let provider = self.seed.stripe.as_ref().unwrap().id.to_string();
        let before = scrape(&self.cluster).await;
        for _ in 0..4 {
            let checkout = self.checkout().await;
            let url = format!("{}/api/v1/transactions/create", self.cluster.runtime);
            let body = json!({ "sessionPublicId": checkout.public_id, "providerId": provider });
            let answer = self.cluster.http.post(url).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 409);
        }
        // All of them between two looks.
        judge(&[before, scrape(&self.cluster).await], &["TollgateProviderFailing"]);
        // Its counters begin at 0 again.
        self.cluster.restart(Service::Main, Vec::new()).await;
    }

    async fn the_inbox_does_not_drain(&mut self, quiet: &Scrape) {
        self.cluster.restart(Service::Worker, Self::without("event_sweep")).await;
        let long_ago = self.cluster.app.now().millis() - 600_000;
        let update = doc! { "$set": { "due": mongodb::bson::DateTime::from_millis(long_ago) } };
        self.update_all("provider_events", doc! {}, update).await;
        let waiting = until_above(&self.cluster, "inbox_oldest_seconds", 500.0).await;
        judge(&[quiet.clone(), waiting], &["TollgateInboxNotDraining"]);
        self.update_all("provider_events", doc! {}, doc! { "$unset": { "due": "" } }).await;
    }

    async fn notifications_are_late(&mut self, quiet: &Scrape) {
        self.cluster.kill9(Service::Worker).await;
        self.pay(None).await;
        let long_ago = mongodb::bson::DateTime::from_millis(self.cluster.app.now().millis() - 600_000);
        let late = doc! { "$set": { "outbox.due": long_ago, "outbox.entries.$[].at": long_ago } };
        self.update_all("transactions", doc! { "outbox.due": { "$exists": true } }, late).await;
        self.cluster.restart(Service::Worker, Self::without("outbox_poll")).await;
        let waiting = until_above(&self.cluster, "outbox_oldest_seconds", 500.0).await;
        judge(&[quiet.clone(), waiting], &["TollgateNotificationsLate"]);
        self.update_all(
            "transactions",
            doc! { "outbox.due": { "$exists": true } },
            doc! { "$unset": { "outbox.due": "" } },
        )
        .await;
    }

    /// No bug and no intruder is at hand, so the values are set where a running worker shows them.
    fn what_bugs_and_intruders_do(quiet: &Scrape) {
        for (series, value, alert) in [
            (of_worker("job_panics_total", ",task=\"event_sweep\""), "1", "TollgateJobPanicked"),
            (of_worker("health_check_ok", ",check=\"jobs\""), "0", "TollgateJobStandsStill"),
            (of_worker("health_check_ok", ",check=\"keys\""), "0", "TollgateKeyMissing"),
            (of_worker("audit_chains_broken_total", ""), "1", "TollgateAuditLogBroken"),
        ] {
            assert!(quiet.contains_key(&series), "{series} is not among {quiet:#?}");
            let mut failed = quiet.clone();
            failed.insert(series, value.to_owned());
            judge(&[quiet.clone(), failed], &[alert]);
        }
    }

    /// MongoDB takes no writes for a while, and providers send more than may wait.
    async fn the_queue_is_full(&mut self) {
        let before = scrape(&self.cluster).await;
        let slow = doc! { "blockConnection": true, "blockTimeMS": 8000, "appName": "main-backend" };
        self.mongod.fail_command(&["insert"], 2, slow).await.unwrap();
        let account = self.seed.gocardless.as_ref().unwrap().id;
        let url = format!("{}/hooks/gocardless/{account}", self.cluster.runtime);
        let sent = (0..BATCHES).map(|batch| {
            let body = events(batch);
            let signature = signature(GOCARDLESS_SECRET, body.as_bytes());
            self.cluster.http.post(&url).header("webhook-signature", signature).body(body).send()
        });
        let answers = futures::future::join_all(sent).await;
        let statuses: Vec<u16> =
            answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
        let turned_away = statuses.iter().filter(|status| **status == 503).count();
        assert!((1..BATCHES).contains(&turned_away), "{statuses:?}");
        judge(&[before, scrape(&self.cluster).await], &["TollgateBusy"]);
    }

    async fn a_service_is_down(&mut self) {
        let before = scrape(&self.cluster).await;
        self.cluster.kill9(Service::Worker).await;
        judge(&[before, scrape(&self.cluster).await], &["TollgateServiceDown"]);
        self.cluster.restart(Service::Worker, Vec::new()).await;
    }

    async fn the_database_is_gone(&mut self) {
        let before = scrape(&self.cluster).await;
        self.mongod.kill9().await;
        let key = self.seed.api_key.as_ref().unwrap().expose().to_owned();
        let url = format!("{}/v1/checkouts/{}/create", self.cluster.admin_api, self.seed.site.id);
        let body = json!({ "amount": 1000, "currency": "EUR", "externalReference": "ORD-0" });
        let create = self.cluster.http.post(&url).bearer_auth(&key).json(&body).send().await.unwrap();
        assert!(create.status().is_server_error(), "{}", create.status());
        let scrapes = [before, scrape(&self.cluster).await];
        judge(&scrapes, &["TollgateDatabaseUnreachable"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_fires_when_its_condition_is_there_and_not_before() {
    if !tools::need(Tool::Promtool) {
        return;
    }
    let mut scene = Scene::open().await;
    scene.pay(None).await;
    let quiet = scrape(&scene.cluster).await;
    judge(std::slice::from_ref(&quiet), &[]);
    Scene::what_bugs_and_intruders_do(&quiet);
    scene.receivers_fail(&quiet).await;
    scene.a_payment_needs_review(&quiet).await;
    scene.a_provider_fails().await;
    scene.the_inbox_does_not_drain(&quiet).await;
    scene.notifications_are_late(&quiet).await;
    scene.the_queue_is_full().await;
    scene.a_service_is_down().await;
    scene.the_database_is_gone().await;
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_every_metric_its_row() {
    let rules = std::fs::read_to_string(repository().join("deploy/prometheus/alerts.yml")).unwrap();
    let runbook = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 6);
    for alert in alerts {
        assert!(runbook.contains(&format!("### {alert}\n")), "docs/operations.md has no section {alert}");
        assert!(rules.contains(&format!("docs/operations.md#{}", alert.to_lowercase())), "{alert}");
    }
    // Every metric that the code records is told.
    let mut code = String::new();
    for folder in ["crates", "services"] {
        collect(&repository().join(folder), &mut code);
    }
    let pulse = std::fs::read_to_string(repository().join("crates/core/src/jobs/pulse.rs")).unwrap();
    // Before it, collections are counted by their names.
    let pulse = pulse.split_once("pub fn publish").unwrap().1.to_owned();
    for (code, start) in [
        (&code, "counter!(\""),
        (&code, "gauge!(\""),
        (&code, "histogram!(\""),
        (&code, "gather(\""),
        (&pulse, "count(\""),
        (&pulse, "age(\""),
    ] {
        for part in code.split(start).skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(runbook.contains(&format!("`{name}`")), "docs/operations.md does not tell of {name}");
        }
    }
}

/// All Rust sources of the services and of what they are made of.
fn collect(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("xtask") && !path.ends_with("testkit") {
                collect(&path, code);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
