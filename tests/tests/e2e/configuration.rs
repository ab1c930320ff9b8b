//! What is wrong with the configuration is told at once and in full: each variable by its name, in a line of its
//! own, and no secret with it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;
use testkit::process::{Child, ScratchFolder, Spec, workspace_binary};

use crate::cluster::Service;

/// A process that cannot run ends within this.
const LIMIT: Duration = Duration::from_secs(20);

/// Any text is right for these.
const FREE: [&str; 6] = [
    "MONGODB_DATABASE",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "GOCARDLESS_ACCESS_TOKEN",
    "GOCARDLESS_WEBHOOK_SECRET",
    "OTEL_SERVICE_NAME",
];

/// Nothing of these may be read in a log.
fn is_secret(name: &str) -> bool {
    let parts = ["KEY", "SECRET", "TOKEN", "PEPPER", "MONGODB_URI", "SMTP_URL"];
    parts.iter().any(|part| name.contains(part)) && !name.starts_with("RATE_")
}

/// The variables that docs/configuration.md tells of under these headings.
fn documented(headings: &[&str]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let sections = text.split("\n## ").filter(|section| headings.contains(&section.lines().next().unwrap()));
    let rows = sections.flat_map(str::lines).filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

fn of(service: Service) -> Vec<String> {
    let mut names = documented(&["All three services", service.name()]);
    if service == Service::Main {
        names.push("TRUSTED_PROXIES".to_owned());
    }
    assert!(names.len() > 25, "{names:?}");
    names
}

/// Starts a service with nothing but these; answers the whole log and what its errors say.
async fn refused(service: Service, variables: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let folder = ScratchFolder::new(&std::env::temp_dir(), "tollgate-configuration-").unwrap();
    let log = folder.path().join("log");
    let absent = of(service).into_iter().map(|name| (name, String::new()));
    let spec = Spec::new(service.name(), workspace_binary(service.name()), log).envs(absent);
    let mut child = Child::spawn(&spec.envs(variables.clone())).unwrap();
    let ended = tokio::time::timeout(LIMIT, child.wait()).await;
    let log = child.log_text();
    let code = ended.unwrap_or_else(|_| panic!("{} runs on:\n{log}", service.name()));
    assert_eq!(code, 1, "{}:\n{log}", service.name());
    assert!(!log.contains("panicked"), "{log}");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors = lines.filter(|line| line["level"] == "ERROR");
    let told = errors.filter_map(|line| line["message"].as_str().map(str::to_owned)).collect();
    (log, told)
}

/// How many of these tell of a variable.
fn about(told: &[String], name: &str) -> usize {
    let starts = [format!("{name}:"), format!("{name} is missing")];
    told.iter().filter(|line| starts.iter().any(|start| line.starts_with(start))).count()
}

#[tokio::test]
async fn every_missing_variable_is_named_at_once() {
    let required = [
        "MONGODB_URI",
        "SYSTEM_ENCRYPTION_KEY",
        "SYSTEM_SEARCH_HASH_KEY",
        "API_KEY_PEPPER",
        "ADMIN_FRONTEND_DOMAIN",
        "ADMIN_BACKEND_DOMAIN",
        "MAIN_FRONTEND_DOMAIN",
        "MAIN_BACKEND_DOMAIN",
    ];
    for service in Service::ALL {
        let (log, told) = refused(service, &BTreeMap::new()).await;
        // Who signs people in needs one key more.
        let own = if service == Service::Admin { &["JWT_KEY"][..] } else { &[] };
        for name in required.iter().chain(own) {
            assert_eq!(about(&told, name), 1, "{name}: {log}");
        }
        assert_eq!(told.len(), required.len() + own.len() + 1, "these, and that it ends: {log}");
    }
}

#[tokio::test]
async fn every_wrong_variable_is_named_at_once_and_no_secret_with_it() {
    for service in Service::ALL {
        for without in ["_DOMAIN", "_URL"] {
            let (mut variables, mut secrets) = (BTreeMap::new(), Vec::new());
            // Of a public address either its host or the whole is given.
            let is_public = |name: &str| name.contains("TEND_") || name.contains("KEND_");
            for name in of(service).into_iter().filter(|n| !(is_public(n) && n.ends_with(without))) {
                let secret = hex::encode(rand::random::<[u8; 12]>());
                let value = match name.as_str() {
                    "MONGODB_URI" => format!("mongodb://user:{secret}@[db/?replicaSet=rs0"),
                    "SMTP_URL" => format!("http://user:{secret}@mail.example.com"),
                    "RUST_LOG" => format!("=={secret}=="),
                    _ => format!("? {secret}"),
                };
                if is_secret(&name) {
                    secrets.push(secret);
                }
                variables.insert(name, value);
            }
            let (log, told) = refused(service, &variables).await;
            for name in variables.keys().filter(|name| !FREE.contains(&name.as_str())) {
                assert_eq!(about(&told, name), 1, "{name}: {log}");
            }
            for secret in secrets {
                assert!(!log.contains(&secret), "a secret was told: {log}");
            }
        }
    }
}

#[tokio::test]
async fn file_that_cannot_be_read_is_named_without_the_line_at_fault() {
    let folder = ScratchFolder::new(&std::env::temp_dir(), "tollgate-configuration-").unwrap();
    let path = folder.path().join("gateway.toml");
    let secret = hex::encode(rand::random::<[u8; 32]>());
    std::fs::write(&path, format!("mongodb_database = \"payments\"\napi_key_pepper = {secret}\n")).unwrap();
    for service in Service::ALL {
        let file = ("CONFIG_FILE".to_owned(), path.to_str().unwrap().to_owned());
        let pool = ("MONGODB_POOL_SIZE".to_owned(), "many".to_owned());
        let (log, told) = refused(service, &BTreeMap::from([file, pool])).await;
        let of_file = told.iter().find(|line| line.starts_with("CONFIG_FILE:"));
        assert!(of_file.is_some_and(|line| line.contains("line 2")), "{log}");
        assert_eq!(about(&told, "MONGODB_POOL_SIZE"), 1, "the rest is told as well: {log}");
        assert!(!log.contains(&secret), "{log}");
    }
}
