//! `target/dev/gateway.json`: all that a program needs to use the gateway that `up` started.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::workspace::write_private;

/// The file's name in the folder of a stack.
pub const FILE: &str = "gateway.json";

/// What is written to the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// What people use: through Caddy where it runs.
    pub urls: Urls,
    /// The listeners on loopback.
    pub direct: Direct,
    /// MongoDB's address.
    pub mongodb_uri: String,
    /// Database name.
    pub database: String,
    /// What `admin-api bootstrap` made.
    #[serde(flatten)]
    pub seed: Seed,
}

/// The four public addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Urls {
    /// Admin Panel.
    pub admin_panel: String,
    /// Admin API.
    pub admin_api: String,
    /// Checkout pages.
    pub checkout: String,
    /// Webhooks and runtime API.
    pub main_backend: String,
}

/// The same four on loopback, and the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Direct {
    /// The four.
    #[serde(flatten)]
    pub urls: Urls,
    /// The worker's documents.
    pub worker: String,
}

/// The object that `admin-api bootstrap --json` prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seed {
    /// The organization.
    pub organization_id: String,
    /// Its test-mode site.
    pub site_id: String,
    /// Signs the site's IPNs.
    pub site_webhook_secret: String,
    /// An API key of test mode, shown when it was made; empty where bootstrap cannot show it again.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub api_key: String,
    /// Ids of the providers.
    pub providers: Providers,
    /// Signs what the Stripe simulator or `stripe listen` sends.
    pub stripe_webhook_secret: String,
    /// Signs GoCardless webhooks.
    pub gocardless_webhook_secret: String,
}

/// Ids of the seeded providers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Providers {
    /// The built-in sandbox.
    pub sandbox: String,
    /// Stripe in test mode.
    pub stripe: String,
    /// The GoCardless sandbox.
    pub gocardless: String,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(from)?.unwrap_or_default())
}

impl Gateway {
    /// Reads the file from a stack's folder; `None` when there is none, or none that can be understood.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(FILE)).ok()?).ok()
    }

    /// Writes the file into a stack's folder, readable by its owner alone.
    pub fn write(&self, folder: &Path) -> Outcome<()> {
        write_private(&folder.join(FILE), &(serde_json::to_string_pretty(self)? + "\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_published_names() {
        let urls = |host: &str| Urls {
            admin_panel: format!("http://{host}:1"),
            admin_api: format!("http://{host}:2"),
            checkout: format!("http://{host}:3"),
            main_backend: format!("http://{host}:4"),
        };
        let seed = serde_json::json!({
            "organizationId": "o", "siteId": "s", "siteWebhookSecret": "w", "apiKey": null,
            "providers": {"sandbox": "a", "stripe": "b", "gocardless": "c"},
            "stripeWebhookSecret": "x", "gocardlessWebhookSecret": "y",
        });
        let gateway = Gateway {
            urls: urls("public"),
            direct: Direct { urls: urls("direct"), worker: "http://direct:5".into() },
            mongodb_uri: "mongodb://m".into(),
            database: "d".into(),
            seed: serde_json::from_value(seed).unwrap(),
        };
        let folder = tempfile::tempdir().unwrap();
        gateway.write(folder.path()).unwrap();
        let written: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.path().join(FILE)).unwrap()).unwrap();
        let names =
            |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let four = ["adminApi", "adminPanel", "checkout", "mainBackend"];
        assert_eq!(names(&written["urls"]), four);
        assert_eq!(names(&written["direct"]), [&four[..], &["worker"]].concat());
        assert_eq!(
            names(&written),
            [
                "apiKey",
                "database",
                "direct",
                "gocardlessWebhookSecret",
                "mongodbUri",
                "organizationId",
                "providers",
                "siteId",
                "siteWebhookSecret",
                "stripeWebhookSecret",
                "urls"
            ]
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(folder.path().join(FILE)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Gateway::read(folder.path()).unwrap().direct.worker, "http://direct:5");
    }
}
