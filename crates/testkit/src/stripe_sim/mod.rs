//! A Stripe account on loopback: Checkout, payment intents, refunds, disputes, events, signed webhooks.
//!
//! Sources: Stripe's API reference and `OpenAPI` document (MIT) for names and shapes. Requests are checked as
//! strictly as Stripe checks them: unknown parameters, missing ones and reused idempotency keys are refused.

mod api;
mod control;
mod error;
mod form;
mod intents;
mod objects;
mod page;
mod refunds;
mod sessions;
mod state;
#[cfg(test)]
mod tests;

use std::io;

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use self::error::ApiError;
pub use self::state::Stripe;
use crate::sim::{ApiRequest, Dialect, Page, Provider, Reply, Sim, SimError};

/// The API version that the simulator speaks.
pub const API_VERSION: &str = "2026-10-28.endive";

/// How a simulated account is set up.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a habit of its own that accounts have or have not"
)]
pub struct StripeConfig {
    /// Loopback port; 0 for any free one.
    pub port: u16,
    /// The secret key that requests must carry.
    pub api_key: String,
    /// The account's own id.
    pub account_id: String,
    /// Written into every object and event.
    pub livemode: bool,
    /// Written into every event.
    pub api_version: String,
    /// `account` of events, as for a connected account; left out if `None`.
    pub connected_account: Option<String>,
    /// Refunds start as `pending` instead of `succeeded`.
    pub refunds_start_pending: bool,
    /// Show authorised money that is let go (a cancelled or partial capture) as `amount_refunded`, with
    /// `charge.refunded` when it is cancelled. Accounts differ in this; a gateway must bear both.
    pub release_shows_as_refund: bool,
    /// With [`Self::release_shows_as_refund`]: a refund object is made as well, as API versions before
    /// 2025-03-31.basil do.
    pub release_makes_refund: bool,
    /// New sessions are refused with these words.
    pub refuse_sessions: Option<String>,
    /// Routes (`GET /v1/disputes`) that the key may not use: 403.
    pub forbidden: Vec<&'static str>,
}

impl Default for StripeConfig {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: "sk_test_simulated".to_owned(),
            account_id: "acct_simulated0001".to_owned(),
            livemode: false,
            api_version: API_VERSION.to_owned(),
            connected_account: None,
            refunds_start_pending: false,
            release_shows_as_refund: false,
            release_makes_refund: false,
            refuse_sessions: None,
            forbidden: Vec::new(),
        }
    }
}

/// What API requests really did, each counted once however often it was sent. Amounts in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StripeEffects {
    /// Checkout sessions made.
    pub sessions_created: u64,
    /// Checkout sessions ended by request.
    pub sessions_expired: u64,
    /// Payment intents made by request (not those that sessions make).
    pub payment_intents_created: u64,
    /// Captures.
    pub captures: u64,
    /// Sum of the captures.
    pub amount_captured: i64,
    /// Payment intents cancelled.
    pub cancellations: u64,
    /// Refunds made (not those of the dashboard).
    pub refunds_created: u64,
    /// Sum of those refunds.
    pub amount_refunded: i64,
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeOutcome {
    /// For the merchant; withdrawn money comes back.
    Won,
    /// For the cardholder.
    Lost,
    /// An inquiry that came to nothing.
    WarningClosed,
}

/// A running simulated Stripe account.
pub type StripeSim = Sim<Stripe>;

impl Provider for Stripe {
    type Effects = StripeEffects;

    fn dialect() -> Dialect {
        Dialect { batch_max: 1, render: render_event, sign: sign_event }
    }

    fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.expire_overdue();
    }

    fn api(&mut self, request: &ApiRequest) -> Reply {
        self.handle(request)
    }

    fn page(&mut self, request: &ApiRequest) -> Option<Page> {
        self.hosted_page(request)
    }

    fn fault_reply(&self, status: u16) -> Reply {
        Reply::new(status, ApiError::injected(status).body())
    }

    fn take_fresh_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.fresh)
    }

    fn event_kind(event: &Value) -> String {
        event["type"].as_str().unwrap_or_default().to_owned()
    }

    fn effects(&self) -> StripeEffects {
        self.effects
    }
}

impl StripeSim {
    /// Starts an account with [`StripeConfig::default`] on a free port.
    pub async fn start() -> Self {
        Self::start_with(StripeConfig::default()).await.expect("a free loopback port")
    }

    /// Starts an account as configured.
    pub async fn start_with(config: StripeConfig) -> io::Result<Self> {
        Self::launch(config.port, |base_url| Stripe::new(config, base_url)).await
    }

    /// Changes the account's settings (the port stays).
    pub fn configure(&self, change: impl FnOnce(&mut StripeConfig)) {
        self.with(|stripe| change(&mut stripe.config));
    }

    /// An object as the API shows it: session, payment intent, charge, refund or dispute.
    pub fn object(&self, id: &str) -> Option<Value> {
        self.with(|stripe| stripe.object(id))
    }

    /// The ids of all checkout sessions, oldest first.
    pub fn sessions(&self) -> Vec<String> {
        self.with(|stripe| stripe.sessions.keys().cloned().collect())
    }

    /// The intent of a session, once there has been an attempt.
    pub fn intent_of(&self, session: &str) -> Option<String> {
        self.with(|stripe| stripe.sessions.get(session)?.payment_intent.clone())
    }

    /// Every event so far, oldest first, delivered or not.
    pub fn events(&self) -> Vec<Value> {
        self.with(|stripe| stripe.events.clone())
    }

    /// From now on this object is shown changed, in the API as in events; with `re_*` every object of that kind.
    pub fn tamper_object(&self, id: impl Into<String>, change: impl Fn(&mut Value) + Send + 'static) {
        let id = id.into();
        self.with(|stripe| stripe.changes.push((id, Box::new(change))));
    }

    /// Delivers one event now, once; answers the receiver's status.
    pub async fn deliver(&self, event: &Value) -> Result<u16, SimError> {
        self.deliver_batch(std::slice::from_ref(event)).await
    }
}

/// Stripe writes events with indentation; a receiver must verify the bytes and not its own rendering.
fn render_event(events: &[Value]) -> Vec<u8> {
    events.first().and_then(|event| serde_json::to_vec_pretty(event).ok()).unwrap_or_default()
}

fn sign_event(secret: &str, now_s: i64, body: &[u8]) -> (&'static str, String) {
    ("stripe-signature", signature_header(secret, now_s, body))
}

/// The value of `Stripe-Signature`: HMAC-SHA256 over `<unix seconds>.<body>` under the whole secret.
pub fn signature_header(secret: &str, unix_s: i64, body: &[u8]) -> String {
    let mut message = format!("{unix_s}.").into_bytes();
    message.extend_from_slice(body);
    format!("t={unix_s},v1={}", hmac_hex(secret, &message))
}

/// Lower-case hex of HMAC-SHA256.
pub fn hmac_hex(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}
