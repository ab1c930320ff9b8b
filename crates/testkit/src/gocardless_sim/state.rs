//! The simulated account and its events.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::error::ApiError;
use super::objects::{BillingRequest, Flow, Mandate, Payment, Refund};
use super::{GoCardlessConfig, GoCardlessEffects};
use crate::sim::{SimError, iso_ms, new_id};

type Change = Box<dyn Fn(&mut Value) + Send>;

/// One simulated `GoCardless` account.
pub struct GoCardless {
    pub(super) config: GoCardlessConfig,
    pub(super) base_url: String,
    pub(super) now_ms: i64,
    pub(super) billing_requests: BTreeMap<String, BillingRequest>,
    pub(super) flows: BTreeMap<String, Flow>,
    pub(super) payments: BTreeMap<String, Payment>,
    pub(super) mandates: BTreeMap<String, Mandate>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) events: Vec<Value>,
    pub(super) fresh: Vec<Value>,
    /// Resource and key → the id that was made.
    pub(super) idempotency: HashMap<(String, String), String>,
    pub(super) effects: GoCardlessEffects,
    pub(super) changes: Vec<(String, Change)>,
    counter: u64,
}

/// Why something happened, as an event's `details` tell it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Why {
    pub(super) origin: &'static str,
    pub(super) cause: &'static str,
    pub(super) description: &'static str,
    pub(super) reason_code: Option<&'static str>,
    pub(super) will_attempt_retry: Option<bool>,
}

impl Why {
    pub(super) fn new(origin: &'static str, cause: &'static str, description: &'static str) -> Self {
        Self { origin, cause, description, reason_code: None, will_attempt_retry: None }
    }

    pub(super) fn code(self, reason_code: &'static str) -> Self {
        Self { reason_code: Some(reason_code), ..self }
    }

    pub(super) fn retry(self, will_attempt_retry: bool) -> Self {
        Self { will_attempt_retry: Some(will_attempt_retry), ..self }
    }
}

impl GoCardless {
    pub(super) fn new(config: GoCardlessConfig, base_url: String) -> Self {
        Self {
            config,
            base_url,
            now_ms: 0,
            billing_requests: BTreeMap::new(),
            flows: BTreeMap::new(),
            payments: BTreeMap::new(),
            mandates: BTreeMap::new(),
            refunds: BTreeMap::new(),
            events: Vec::new(),
            fresh: Vec::new(),
            idempotency: HashMap::new(),
            effects: GoCardlessEffects::default(),
            changes: Vec::new(),
            counter: 0,
        }
    }

    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        new_id(prefix, self.counter, 8).to_ascii_uppercase()
    }

    /// A resource by its id, as the API shows it (without its wrapping).
    pub(super) fn object(&self, id: &str) -> Option<Value> {
        let creditor = &self.config.creditor_id;
        let mut object = match id.get(..3)? {
            "BRQ" => self.billing_requests.get(id)?.json(creditor),
            "BRF" => self.flows.get(id)?.json(&self.base_url),
            _ => match id.get(..2)? {
                "PM" => self.payments.get(id)?.json(creditor),
                "MD" => self.mandates.get(id)?.json(creditor),
                "RF" => self.refunds.get(id)?.json(),
                "CR" if id == creditor => self.creditor(),
                _ => return None,
            },
        };
        for (_, change) in self.changes.iter().filter(|(changed, _)| changed == id) {
            change(&mut object);
        }
        Some(object)
    }

    fn creditor(&self) -> Value {
        json!({
            "id": self.config.creditor_id,
            "can_create_refunds": self.config.can_create_refunds,
            "country_code": "GB",
            "created_at": "2024-01-01T00:00:00.000Z",
            "creditor_type": "company",
            "custom_payment_pages_enabled": false,
            "fx_payout_currency": null,
            "links": {},
            "name": "Example Shop",
            "scheme_identifiers": [],
            "verification_status": "successful",
        })
    }

    pub(super) fn payment(&mut self, id: &str) -> Result<&mut Payment, SimError> {
        self.payments.get_mut(id).ok_or_else(|| SimError::NotFound(id.to_owned()))
    }

    pub(super) fn new_payment(
        &mut self,
        amount: i64,
        currency: String,
        scheme: String,
        mandate: Option<String>,
    ) -> Payment {
        Payment {
            id: self.next_id("PM"),
            created_ms: self.now_ms,
            amount,
            amount_refunded: 0,
            currency,
            description: None,
            reference: None,
            status: "pending_submission",
            status_before: "pending_submission",
            scheme,
            metadata: BTreeMap::new(),
            mandate,
            payout: None,
        }
    }

    /// Makes an event; `links` name the resources that it is about.
    pub(super) fn emit(&mut self, resource: &str, action: &str, links: &Value, why: Why) {
        let subject = match resource {
            "billing_requests" => "billing_request",
            "payments" => "payment",
            "mandates" => "mandate",
            _ => "refund",
        };
        let subject = links[subject].as_str().and_then(|id| self.object(id)).unwrap_or_default();
        let metadata = if subject["metadata"].is_object() { subject["metadata"].clone() } else { json!({}) };
        let mut details = json!({ "origin": why.origin, "cause": why.cause, "description": why.description });
        if let Some(code) = why.reason_code {
            details["reason_code"] = json!(code);
        }
        if why.origin == "bank" {
            details["scheme"] = subject["scheme"].clone();
        }
        if let Some(retry) = why.will_attempt_retry {
            details["will_attempt_retry"] = json!(retry);
        }
        let event = json!({
            "id": self.next_id("EV"),
            "created_at": iso_ms(self.now_ms),
            "resource_type": resource,
            "action": action,
            "links": links,
            "details": details,
            "metadata": {},
            "resource_metadata": metadata,
        });
        self.events.push(event.clone());
        self.fresh.push(event);
    }

    /// An event about one payment.
    pub(super) fn emit_payment(&mut self, id: &str, action: &str, why: Why) {
        self.emit("payments", action, &json!({ "payment": id }), why);
    }

    /// What the payer's approval makes: the payment, the mandate, and their events.
    pub(super) fn fulfil(&mut self, id: &str) -> Result<(Option<String>, Option<String>), SimError> {
        let request = self.billing_requests.get(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?.clone();
        if request.status != "pending" {
            return Err(SimError::WrongState {
                id: id.to_owned(),
                state: request.status.to_owned(),
                wanted: "the billing request must be pending",
            });
        }
        let mandate = request.mandate_request.as_ref().map(|wanted| {
            let (id, reference) = (self.next_id("MD"), self.next_id("REF-"));
            let mandate = Mandate {
                id: id.clone(),
                created_ms: self.now_ms,
                status: "pending_submission",
                scheme: wanted.scheme.clone(),
                reference,
                metadata: wanted.metadata.clone(),
                customer: request.customer.clone(),
                bank_account: request.bank_account.clone(),
            };
            self.mandates.insert(id.clone(), mandate);
            id
        });
        let payment = request.payment_request.as_ref().map(|wanted| {
            let scheme = match (&wanted.scheme, wanted.currency.as_str()) {
                (Some(scheme), _) => scheme.clone(),
                (None, "GBP") => "faster_payments".to_owned(),
                (None, _) => "sepa_credit_transfer".to_owned(),
            };
            let mut payment =
                self.new_payment(wanted.amount, wanted.currency.clone(), scheme, mandate.clone());
            payment.description.clone_from(&wanted.description);
            payment.reference.clone_from(&wanted.reference);
            payment.metadata.clone_from(&wanted.metadata);
            let id = payment.id.clone();
            self.payments.insert(id.clone(), payment);
            id
        });
        if let Some(found) = self.billing_requests.get_mut(id) {
            found.status = "fulfilled";
            found.payment.clone_from(&payment);
            found.mandate.clone_from(&mandate);
        }
        self.announce_fulfilled(id, &request.customer, payment.as_deref(), mandate.as_deref());
        Ok((payment, mandate))
    }

    fn announce_fulfilled(&mut self, id: &str, customer: &str, payment: Option<&str>, mandate: Option<&str>) {
        let mut links = json!({ "billing_request": id, "customer": customer });
        if let Some(payment) = payment {
            links["payment_request_payment"] = json!(payment);
        }
        if let Some(mandate) = mandate {
            links["mandate_request_mandate"] = json!(mandate);
        }
        let why =
            Why::new("gocardless", "billing_request_fulfilled", "This billing request has been fulfilled.");
        self.emit("billing_requests", "fulfilled", &links, why);
        if let Some(mandate) = mandate {
            let why = Why::new("gocardless", "mandate_created", "Mandate created by a billing request.");
            self.emit("mandates", "created", &json!({ "mandate": mandate }), why);
        }
        if let Some(payment) = payment {
            let why = Why::new("gocardless", "payment_created", "Payment created by a billing request.");
            self.emit_payment(payment, "created", why);
        }
    }

    /// Ends a pending billing request.
    pub(super) fn cancel_billing_request(&mut self, id: &str, origin: &'static str) -> Result<(), ApiError> {
        let found = self.billing_requests.get_mut(id).ok_or_else(ApiError::missing)?;
        if found.status != "pending" {
            let message = "Billing request cannot be cancelled";
            return Err(ApiError::state("cancellation_failed", message));
        }
        found.status = "cancelled";
        let why = Why::new(origin, "billing_request_cancelled", "This billing request has been cancelled.");
        self.emit("billing_requests", "cancelled", &json!({ "billing_request": id }), why);
        Ok(())
    }
}
