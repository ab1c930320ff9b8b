//! A `GoCardless` account on loopback: billing requests, flows, payments, mandates, refunds, signed events.
//!
//! Sources: `GoCardless`'s client libraries (MIT) for names, shapes and error reasons. As there, an idempotency
//! key that was used before is answered 409 with the id of what it made, whatever the parameters.

mod api;
mod control;
mod create;
mod error;
mod fields;
mod objects;
mod page;
mod state;
#[cfg(test)]
mod tests;

use std::io;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub use self::control::{Fulfilled, MandateChange};
use self::error::ApiError;
pub use self::state::GoCardless;
use crate::sim::{ApiRequest, Dialect, Page, Provider, Reply, Sim, new_id};

/// The API version that requests must name.
pub const API_VERSION: &str = "2015-07-06";

/// How a simulated account is set up.
#[derive(Debug, Clone)]
pub struct GoCardlessConfig {
    /// Loopback port; 0 for any free one.
    pub port: u16,
    /// The token that requests must carry.
    pub access_token: String,
    /// The one creditor of the account.
    pub creditor_id: String,
    /// Refunds must be enabled by `GoCardless` for an account.
    pub can_create_refunds: bool,
    /// Payments on a mandate wait for the payer's approval first.
    pub payments_need_approval: bool,
}

impl Default for GoCardlessConfig {
    fn default() -> Self {
        Self {
            port: 0,
            access_token: "sandbox_simulated".to_owned(),
            creditor_id: "CR000001SIMULATED".to_owned(),
            can_create_refunds: true,
            payments_need_approval: false,
        }
    }
}

/// What API requests really did, each counted once however often it was sent. Amounts in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GoCardlessEffects {
    /// Billing requests made.
    pub billing_requests_created: u64,
    /// Billing requests cancelled.
    pub billing_requests_cancelled: u64,
    /// Flows made.
    pub flows_created: u64,
    /// Payments made on a mandate.
    pub payments_created: u64,
    /// Sum of those payments.
    pub amount_charged: i64,
    /// Payments cancelled.
    pub payments_cancelled: u64,
    /// Mandates cancelled.
    pub mandates_cancelled: u64,
    /// Refunds made.
    pub refunds_created: u64,
    /// Sum of those refunds.
    pub amount_refunded: i64,
}

/// A running simulated `GoCardless` account.
pub type GoCardlessSim = Sim<GoCardless>;

impl Provider for GoCardless {
    type Effects = GoCardlessEffects;

    fn dialect() -> Dialect {
        Dialect { batch_max: 250, render: render_events, sign: sign_events }
    }

    fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    fn api(&mut self, request: &ApiRequest) -> Reply {
        self.handle(request)
    }

    fn page(&mut self, request: &ApiRequest) -> Option<Page> {
        self.hosted_page(request)
    }

    fn fault_reply(&self, status: u16) -> Reply {
        Reply::new(status, ApiError::injected(status).body("RQ000000INJECTED"))
    }

    fn take_fresh_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.fresh)
    }

    /// `payments.confirmed` and the like.
    fn event_kind(event: &Value) -> String {
        let part = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        format!("{}.{}", part("resource_type"), part("action"))
    }

    fn effects(&self) -> GoCardlessEffects {
        self.effects
    }
}

impl GoCardlessSim {
    /// Starts an account with [`GoCardlessConfig::default`] on a free port.
    pub async fn start() -> Self {
        Self::start_with(GoCardlessConfig::default()).await.expect("a free loopback port")
    }

    /// Starts an account as configured.
    pub async fn start_with(config: GoCardlessConfig) -> io::Result<Self> {
        Self::launch(config.port, |base_url| GoCardless::new(config, base_url)).await
    }

    /// Changes the account's settings (the port stays).
    pub fn configure(&self, change: impl FnOnce(&mut GoCardlessConfig)) {
        self.with(|sim| change(&mut sim.config));
    }

    /// A resource as the API shows it, without its wrapping.
    pub fn object(&self, id: &str) -> Option<Value> {
        self.with(|sim| sim.object(id))
    }

    /// The ids of all billing requests, oldest first.
    pub fn billing_requests(&self) -> Vec<String> {
        self.with(|sim| sim.billing_requests.keys().cloned().collect())
    }

    /// The ids of all payments, oldest first.
    pub fn payments(&self) -> Vec<String> {
        self.with(|sim| sim.payments.keys().cloned().collect())
    }

    /// The ids of all refunds, oldest first.
    pub fn refunds(&self) -> Vec<String> {
        self.with(|sim| sim.refunds.keys().cloned().collect())
    }

    /// Every event so far, oldest first, delivered or not.
    pub fn events(&self) -> Vec<Value> {
        self.with(|sim| sim.events.clone())
    }

    /// From now on this resource is shown changed.
    pub fn tamper_object(&self, id: impl Into<String>, change: impl Fn(&mut Value) + Send + 'static) {
        let id = id.into();
        self.with(|sim| sim.changes.push((id, Box::new(change))));
    }
}

/// A batch with a trailing newline, which is part of what is signed.
fn render_events(events: &[Value]) -> Vec<u8> {
    let body =
        json!({ "events": events, "meta": { "webhook_id": new_id("WB", 1, 10).to_ascii_uppercase() } });
    format!("{body}\n").into_bytes()
}

fn sign_events(secret: &str, _now_s: i64, body: &[u8]) -> (&'static str, String) {
    ("webhook-signature", signature(secret, body))
}

/// The value of `Webhook-Signature`: lower-case hex of HMAC-SHA256 over the raw body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
