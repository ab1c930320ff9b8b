//! The Admin API answers as its OpenAPI document says: Schemathesis asks every operation, with sense and without.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        confirm_manual::{NewConfirmation, confirm_manual},
        create_checkout::create_checkout,
        invoices::issue::{self, NewCredit},
        settings::{
            api_keys::{self, NewKey},
            clients::{self, ClientSettings},
            domains,
            endpoints::{self, EndpointSettings},
            providers::{self, NewCredentials, ProviderSettings},
        },
        start_payment::start_payment,
    },
    domain::{
        Mode, ProviderId, RefundId,
        checkout::CaptureMethod,
        custom_domain::Found,
        outbox::EventType,
        person::Person,
        provider_account::ProviderKind,
        role::Role,
        scope::Scope,
        transaction::{RefundRequest, Transaction},
    },
};
use gateway_providers::sandbox::Outcome;
use mongodb::bson::doc;
use testkit::shared_mongod;

use crate::{
    cluster::{Cluster, Service},
    in_process,
    invoices::world::{all_numbered, choose, invoicing, queued, queued_or_not},
    people,
    tools::{install, pip},
    wire,
};

/// Of the operations, so many percent must be answered with success at least once. Some are not: nobody here holds a
/// passkey, and the provider whose list of events could be read is out of reach.
const ANSWERED_PERCENT_MIN: usize = 97;

/// Drafts that are made, and as many issued invoices.
const PAPERS: usize = 12;

/// An organization with one of everything, so that the operations have something to work on.
async fn seed(cluster: &Cluster) -> Bootstrapped {
    let app = &cluster.app;
    let credentials = NewCredentials {
        api_key: Some("sk_test_simulated".to_owned()),
        webhook_secrets: Some(vec!["whsec_example_secret".to_owned()]),
    };
    let plan = Plan {
        organization: in_process::database_name("schema"),
        site: "Example Shop".to_owned(),
        mode: Mode::Test,
        sandbox: Wanted { wanted: true, ..Wanted::default() },
        stripe: Wanted { wanted: true, credentials },
        gocardless: Wanted::default(),
    };
    let seed = bootstrap(app, &plan).await.unwrap();
    for path in ["/events", "/more", "/most"] {
        let settings = EndpointSettings {
            url: Some(cluster.receiver.url(path)),
            event_types: Some(vec![EventType::SessionPaid, EventType::ProviderEventReceived]),
            ..EndpointSettings::default()
        };
        endpoints::create(app, seed.tenant, settings).await.unwrap();
    }
    for _ in 0..12 {
        let key =
            NewKey { name: "Example".to_owned(), scopes: vec![Scope::CheckoutRead], ..NewKey::default() };
        api_keys::create(app, seed.tenant, key, None).await.unwrap();
    }
    for (index, outcome) in [None, None, Some(Outcome::Paid), Some(Outcome::Paid), Some(Outcome::Declined)]
        .into_iter()
        .cycle()
        .take(30)
        .enumerate()
    {
        let manual = index % 3 == 0;
        let sandbox = seed.sandbox.as_ref().unwrap().id;
        let transaction = started(cluster, &seed, index, manual, sandbox).await;
        if let Some(outcome) = outcome {
            choose(app, &transaction, outcome).await;
        }
    }
    seed_payments(cluster, &seed).await;
    seed_corrections(cluster, &seed).await;
    seed_papers(cluster, &seed).await;
    seed_domains(cluster, &seed).await;
    for _ in 0..8 {
        people::world::member(app, seed.tenant.organization, Role::Viewer).await;
    }
    seed
}

/// An Admin who runs the whole installation.
async fn operator(cluster: &Cluster, seed: &Bootstrapped) -> Person {
    let person = people::world::member(&cluster.app, seed.tenant.organization, Role::Admin).await;
    let (store, change) = (&cluster.app.store, doc! { "$set": { "systemAdmin": true } });
    store.for_org(Person::TENANT).update::<Person>(person.id, doc! {}, change).await.unwrap();
    person
}

/// Invoices in every state, and credit notes. Only now: what was paid before is not invoiced by itself.
async fn seed_papers(cluster: &Cluster, seed: &Bootstrapped) {
    let (app, tenant) = (&cluster.app, seed.tenant);
    invoicing(app, tenant).await;
    for _ in 0..PAPERS {
        queued_or_not(app, tenant, false).await;
        queued(app, tenant).await;
    }
    for invoice in all_numbered(app, tenant, PAPERS).await.iter().take(PAPERS / 3) {
        let credit = NewCredit { amount: Some(100), ..NewCredit::default() };
        issue::credit(app, tenant, invoice.id, credit, None, &|_, _| String::new()).await.unwrap();
    }
    all_numbered(app, tenant, PAPERS + PAPERS / 3).await;
}

/// Providers that nobody has paid with, and payments whose money is still to be taken.
async fn seed_payments(cluster: &Cluster, seed: &Bootstrapped) {
    let app = &cluster.app;
    for _ in 0..24 {
        let settings = ProviderSettings { enabled: Some(false), ..ProviderSettings::default() };
        providers::create(app, seed.tenant, ProviderKind::Sandbox, settings).await.unwrap();
    }
    let sandbox = seed.sandbox.as_ref().unwrap().id;
    for index in 100..130 {
        let transaction = started(cluster, seed, index, true, sandbox).await;
        choose(app, &transaction, Outcome::Paid).await;
    }
    let bank = wire::bank(app, seed.tenant).await;
    for index in 200..224 {
        started(cluster, seed, index, false, bank).await;
    }
}

/// Transfers that were confirmed, refunds of which the provider knows nothing, and clients who have bought nothing.
async fn seed_corrections(cluster: &Cluster, seed: &Bootstrapped) {
    let (app, tenant) = (&cluster.app, seed.tenant);
    let store = app.store.for_org(tenant);
    let bank = wire::bank(app, tenant).await;
    for index in 300..312 {
        let transaction = started(cluster, seed, index, false, bank).await;
        let new = NewConfirmation { amount: 1000, ..NewConfirmation::default() };
        confirm_manual(app, tenant, transaction.id, new, None, &|_, _| String::new()).await.unwrap();
    }
    let sandbox = seed.sandbox.as_ref().unwrap().id;
    for index in 400..412 {
        let transaction = started(cluster, seed, index, false, sandbox).await;
        choose(app, &transaction, Outcome::Paid).await;
        let mut paid = store.get::<Transaction>(transaction.id).await.unwrap().unwrap();
        let long_ago = app.now() - Duration::from_hours(1);
        let asked = RefundRequest { id: RefundId::generate(), amount: Some(100), reason: None, idem: None };
        paid.request_refund(asked, long_ago).unwrap();
        store.save(&mut paid).await.unwrap();
    }
    for number in 0..12 {
        let email = Some(Some(format!("nobody-{number}@example.com")));
        clients::create(app, tenant, ClientSettings { email, ..ClientSettings::default() }).await.unwrap();
    }
}

/// Hosts of the site, verified as if their DNS said so.
async fn seed_domains(cluster: &Cluster, seed: &Bootstrapped) {
    for number in 0..8 {
        let host = format!("pay{number}.{}.example.com", seed.tenant.organization);
        let domain = domains::create(&cluster.app, seed.tenant, seed.site.id, &host).await.unwrap();
        domains::record(&cluster.app, seed.tenant, domain.id, Found::Proven).await.unwrap();
    }
}

/// A payment at a provider, and beside it a checkout that nobody has begun to pay.
async fn started(
    cluster: &Cluster,
    seed: &Bootstrapped,
    index: usize,
    manual: bool,
    provider: ProviderId,
) -> Transaction {
    let app = &cluster.app;
    let mut checkouts = Vec::new();
    for what in ["A", "B"] {
        let mut new = in_process::ten_euros(&format!("ORD-{index}-{what}"));
        new.ipn_url = Some(cluster.receiver.url("/ipn"));
        new.capture_method = if manual { CaptureMethod::Manual } else { CaptureMethod::Automatic };
        let reply = create_checkout(app, seed.tenant, seed.site.id, new, None).await.unwrap();
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let code = reply["shortCode"].as_str().unwrap();
        checkouts.push(app.store.lookup_checkout_by_code(code).await.unwrap().unwrap());
    }
    start_payment(app, &checkouts[0], provider, SecondPayment::Ask).await.unwrap().transaction
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_document_describes() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let libraries = install("schemathesis", &sources, &["requirements.txt"], pip);
    let libraries = libraries.unwrap_or_else(|missing| panic!("{missing}"));
    let cluster = Cluster::start(&shared_mongod().await, "schema").await;
    let seed = seed(&cluster).await;
    let key = seed.api_key.as_ref().unwrap().expose().to_owned();
    let key_id = key.split(['_', '.']).nth(2).unwrap().to_owned();
    let person = operator(&cluster, &seed).await;
    let folder = tempfile::tempdir().unwrap();
    let statuses = folder.path().join("statuses.json");
    let sandbox_id = seed.sandbox.as_ref().unwrap().id;
    let mut run = Command::new("python3");
    run.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "--config-file"])
        .arg(sources.join("schemathesis.toml"))
        .args(["run", &format!("{}/api/v1/openapi.json", cluster.admin_api)])
        .args([
            "--url",
            &cluster.admin_api,
            "--phases",
            "examples,coverage,fuzzing",
            "--no-shrink",
            "--continue-on-failure",
        ])
        .args(["--warnings", "off"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .env("PYTHONPATH", libraries.as_os_str())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", sources.join("hooks.py"))
        .env("SCHEMA_API", &cluster.admin_api)
        .env("SCHEMA_KEY", &key)
        .env("SCHEMA_ORGANIZATION", seed.tenant.organization.to_string())
        .env("SCHEMA_EMAIL", &person.email)
        .env("SCHEMA_PASSWORD", people::world::PASSWORD)
        .env("SCHEMA_SPARED", format!("{key_id},{sandbox_id},{},{}", seed.site.id, person.id))
        .env("SCHEMA_STATUSES", &statuses)
        .current_dir(folder.path())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = cluster.log_tail(Service::Admin, 20);
    assert!(output.status.success(), "{text}\n{log}");

    let found = std::fs::read_to_string(&statuses).unwrap();
    let found: BTreeMap<String, BTreeMap<String, u64>> = serde_json::from_str(&found).unwrap();
    let is_answered =
        |statuses: &BTreeMap<String, u64>| statuses.keys().any(|status| status.starts_with('2'));
    let answered = found.values().filter(|statuses| is_answered(statuses)).count();
    let never: Vec<_> = found.iter().filter(|(_, statuses)| !is_answered(statuses)).collect();
    eprintln!("{answered} of {} operations were answered with success, not: {never:?}", found.len());
    let document: serde_json::Value = cluster
        .http
        .get(format!("{}/api/v1/openapi.json", cluster.admin_api))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let all: usize =
        document["paths"].as_object().unwrap().values().map(|i| i.as_object().unwrap().len()).sum();
    assert_eq!(found.len(), all, "every operation was asked");
    assert!(answered * 100 >= all * ANSWERED_PERCENT_MIN, "{answered} of {all}, not: {never:?}");
}
