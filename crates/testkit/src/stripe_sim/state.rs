//! The simulated account and its events.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::error::ApiError;
use super::objects::{Charge, Dispute, Frame, PaymentIntent, Refund, Session};
use super::{StripeConfig, StripeEffects};
use crate::sim::{Reply, new_id};

/// What an idempotency key remembers.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) fingerprint: String,
    pub(super) request_id: String,
    pub(super) reply: Reply,
}

/// The API request that is being handled; events name it as their cause.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) request_id: String,
    pub(super) idempotency_key: Option<String>,
}

type Change = Box<dyn Fn(&mut Value) + Send>;

/// One simulated Stripe account.
pub struct Stripe {
    pub(super) config: StripeConfig,
    pub(super) base_url: String,
    pub(super) now_ms: i64,
    pub(super) cause: Option<Cause>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) intents: BTreeMap<String, PaymentIntent>,
    pub(super) charges: BTreeMap<String, Charge>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) events: Vec<Value>,
    pub(super) fresh: Vec<Value>,
    pub(super) idempotency: HashMap<String, Remembered>,
    pub(super) effects: StripeEffects,
    pub(super) changes: Vec<(String, Change)>,
    counter: u64,
}

impl Stripe {
    pub(super) fn new(config: StripeConfig, base_url: String) -> Self {
        Self {
            config,
            base_url,
            now_ms: 0,
            cause: None,
            sessions: BTreeMap::new(),
            intents: BTreeMap::new(),
            charges: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputes: BTreeMap::new(),
            events: Vec::new(),
            fresh: Vec::new(),
            idempotency: HashMap::new(),
            effects: StripeEffects::default(),
            changes: Vec::new(),
            counter: 0,
        }
    }

    /// Now, in Unix seconds.
    pub(super) fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        new_id(prefix, self.counter, 18)
    }

    fn frame(&self) -> Frame<'_> {
        Frame { livemode: self.config.livemode, base_url: &self.base_url }
    }

    /// An object by its id, as the API shows it.
    pub(super) fn object(&self, id: &str) -> Option<Value> {
        let frame = self.frame();
        let mut object = match id.split('_').next()? {
            "cs" => self.sessions.get(id)?.json(frame),
            "pi" => self.intents.get(id)?.json(frame),
            "ch" => self.charges.get(id)?.json(frame),
            "re" => self.refunds.get(id)?.json(),
            "dp" => self.disputes.get(id)?.json(frame),
            _ => return None,
        };
        let is_meant = |changed: &str| match changed.strip_suffix('*') {
            Some(prefix) => id.starts_with(prefix),
            None => changed == id,
        };
        for (_, change) in self.changes.iter().filter(|(changed, _)| is_meant(changed)) {
            change(&mut object);
        }
        Some(object)
    }

    pub(super) fn session(&mut self, id: &str) -> Result<&mut Session, ApiError> {
        self.sessions.get_mut(id).ok_or_else(|| ApiError::missing("checkout.session", id, "session"))
    }

    pub(super) fn intent(&mut self, id: &str) -> Result<&mut PaymentIntent, ApiError> {
        self.intents.get_mut(id).ok_or_else(|| ApiError::missing("payment_intent", id, "intent"))
    }

    pub(super) fn charge(&mut self, id: &str) -> Result<&mut Charge, ApiError> {
        self.charges.get_mut(id).ok_or_else(|| ApiError::missing("charge", id, "id"))
    }

    /// The open dispute or inquiry on a charge.
    pub(super) fn open_dispute_on(&self, charge: &str) -> Option<&Dispute> {
        self.disputes.values().find(|dispute| {
            dispute.charge == charge && !matches!(dispute.status, "won" | "lost" | "warning_closed")
        })
    }

    /// Makes an event about an object as it is now.
    pub(super) fn emit(&mut self, kind: &str, object_id: &str) {
        self.emit_changed(kind, object_id, None);
    }

    /// Makes an event; `previous` holds what the changed fields were.
    pub(super) fn emit_changed(&mut self, kind: &str, object_id: &str, previous: Option<Value>) {
        let Some(object) = self.object(object_id) else { return };
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let request = match &self.cause {
            Some(cause) => json!({ "id": cause.request_id, "idempotency_key": cause.idempotency_key }),
            None => json!({ "id": null, "idempotency_key": null }),
        };
        let mut event = json!({
            "id": self.next_id("evt_"),
            "object": "event",
            "api_version": self.config.api_version,
            "created": self.now_s(),
            "data": data,
            "livemode": self.config.livemode,
            "pending_webhooks": 1,
            "request": request,
            "type": kind,
        });
        if let Some(account) = &self.config.connected_account {
            event["account"] = json!(account);
        }
        self.events.push(event.clone());
        self.fresh.push(event);
    }

    /// Expires the sessions whose time has run out.
    pub(super) fn expire_overdue(&mut self) {
        let now = self.now_s();
        let overdue: Vec<String> = self
            .sessions
            .values()
            .filter(|session| session.status == "open" && session.expires_at <= now)
            .map(|session| session.id.clone())
            .collect();
        for id in overdue {
            self.expire_session(&id);
        }
    }
}
