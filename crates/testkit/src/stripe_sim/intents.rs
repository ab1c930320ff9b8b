//! Payment intents, and the charges that attempts on them make.

use serde_json::{Value, json};

use super::api::page;
use super::error::ApiError;
use super::form::Params;
use super::objects::{Charge, PaymentIntent};
use super::sessions::{check_amount, check_unit, read_currency};
use super::state::Stripe;

const CREATE_PARAMS: &[&str] = &[
    "amount",
    "automatic_payment_methods.allow_redirects",
    "automatic_payment_methods.enabled",
    "capture_method",
    "currency",
    "description",
    "expand.*",
    "metadata.**",
    "payment_method_options.**",
    "payment_method_types.*",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
];

impl Stripe {
    pub(super) fn create_intent(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(CREATE_PARAMS)?;
        params.require("amount")?;
        let amount = params.integer("amount")?.unwrap_or_default();
        let currency = read_currency(params, "currency")?;
        check_unit(amount, &currency, "amount")?;
        check_amount(amount, &currency, "amount")?;
        let capture = params.one_of("capture_method", &["automatic", "automatic_async", "manual"])?;
        let metadata = params.metadata("metadata")?;
        let mut types = params.list("payment_method_types");
        if types.is_empty() {
            types.push("card".to_owned());
        }
        let id = self.new_intent(amount, currency);
        let intent = self.intent(&id)?;
        intent.metadata = metadata;
        intent.manual_capture = capture == Some("manual");
        intent.description = params.owned("description");
        intent.payment_method_types = types;
        self.effects.payment_intents_created += 1;
        self.emit("payment_intent.created", &id);
        self.shown(&id)
    }

    pub(super) fn new_intent(&mut self, amount: i64, currency: String) -> String {
        let id = self.next_id("pi_");
        let secret = self.next_id("");
        let intent = PaymentIntent {
            id: id.clone(),
            created: self.now_s(),
            amount,
            amount_received: 0,
            currency,
            status: "requires_payment_method",
            manual_capture: false,
            secret,
            description: None,
            metadata: std::collections::BTreeMap::new(),
            payment_method_types: vec!["card".to_owned()],
            latest_charge: None,
            last_payment_error: None,
            canceled_at: None,
            cancellation_reason: None,
            session: None,
        };
        self.intents.insert(id.clone(), intent);
        id
    }

    /// Adds a charge to an intent; `status` is succeeded, pending or failed.
    pub(super) fn new_charge(&mut self, intent_id: &str, status: &'static str) -> Result<String, ApiError> {
        let id = self.next_id("ch_");
        let created = self.now_s();
        let intent = self.intent(intent_id)?;
        let captured = !intent.manual_capture && status != "failed";
        let charge = Charge {
            id: id.clone(),
            created,
            amount: intent.amount,
            amount_captured: if captured && status == "succeeded" { intent.amount } else { 0 },
            amount_refunded: 0,
            amount_released: 0,
            currency: intent.currency.clone(),
            status,
            captured,
            disputed: false,
            failure_code: None,
            failure_message: None,
            payment_intent: intent_id.to_owned(),
            metadata: intent.metadata.clone(),
            description: intent.description.clone(),
        };
        intent.latest_charge = Some(id.clone());
        self.charges.insert(id.clone(), charge);
        Ok(id)
    }

    pub(super) fn list_intents(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["customer", "limit", "starting_after", "ending_before", "expand.*", "created.*"])?;
        let found: Vec<Value> = self.intents.keys().rev().filter_map(|id| self.object(id)).collect();
        page(&found, params, "/v1/payment_intents")
    }

    pub(super) fn shown(&self, id: &str) -> Result<Value, ApiError> {
        self.object(id).ok_or_else(|| ApiError::missing("payment_intent", id, "intent"))
    }

    pub(super) fn capture_intent(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "amount_to_capture",
            "final_capture",
            "metadata.**",
            "statement_descriptor",
            "expand.*",
        ])?;
        let (status, capturable) = {
            let intent = self.intent(id)?;
            (intent.status, intent.amount_capturable())
        };
        if status != "requires_capture" {
            let message =
                format!("This PaymentIntent could not be captured because it has a status of {status}.");
            return Err(ApiError::intent_state(message, self.shown(id)?));
        }
        let amount = params.integer("amount_to_capture")?.unwrap_or(capturable);
        if amount > capturable || amount < 1 {
            let message =
                "The amount to capture must be between 1 and the amount that is capturable.".to_owned();
            return Err(ApiError::invalid(Some("amount_too_large"), message, "amount_to_capture".to_owned()));
        }
        self.capture(id, amount)?;
        self.effects.captures += 1;
        self.effects.amount_captured += amount;
        self.shown(id)
    }

    pub(super) fn capture(&mut self, id: &str, amount: i64) -> Result<(), ApiError> {
        let shows_release = self.config.release_shows_as_refund;
        let intent = self.intent(id)?;
        intent.status = "succeeded";
        intent.amount_received = amount;
        let (charge_id, session) = (intent.latest_charge.clone().unwrap_or_default(), intent.session.clone());
        let charge = self.charge(&charge_id)?;
        charge.captured = true;
        charge.amount_captured = amount;
        let released = charge.amount - amount;
        if shows_release {
            charge.amount_released = released;
        }
        if self.config.release_makes_refund && released > 0 {
            self.release_as_refund(&charge_id, released);
        }
        self.emit("charge.captured", &charge_id);
        self.emit("payment_intent.succeeded", id);
        if let Some(session) = session {
            self.session(&session)?.payment_status = "paid";
        }
        Ok(())
    }

    pub(super) fn cancel_intent(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["cancellation_reason", "expand.*"])?;
        let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
        let reason = params.one_of("cancellation_reason", &reasons)?;
        let intent = self.intent(id)?;
        let (status, session) = (intent.status, intent.session.clone());
        if matches!(status, "succeeded" | "canceled" | "processing") {
            let message =
                format!("You cannot cancel this PaymentIntent because it has a status of {status}.");
            return Err(ApiError::intent_state(message, self.shown(id)?));
        }
        if session
            .and_then(|session| self.sessions.get(&session))
            .is_some_and(|session| session.status == "open")
        {
            let message = "The intent of an open checkout session ends by expiring the session.";
            return Err(ApiError::intent_state(message, self.shown(id)?));
        }
        self.close_intent(id, reason.unwrap_or_default());
        self.effects.cancellations += 1;
        self.shown(id)
    }

    /// Cancels an intent that is not final yet, and lets go of authorised money.
    pub(super) fn close_intent(&mut self, id: &str, reason: &str) {
        let now = self.now_s();
        let shows_release = self.config.release_shows_as_refund;
        let Ok(intent) = self.intent(id) else { return };
        if matches!(intent.status, "succeeded" | "canceled") {
            return;
        }
        let authorised = intent.status == "requires_capture";
        intent.status = "canceled";
        intent.canceled_at = Some(now);
        intent.cancellation_reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let charge_id = intent.latest_charge.clone().filter(|_| authorised && shows_release);
        if let Some(charge_id) = charge_id {
            let mut released = 0;
            if let Ok(charge) = self.charge(&charge_id) {
                charge.amount_released = charge.amount;
                released = charge.amount;
            }
            if self.config.release_makes_refund {
                self.release_as_refund(&charge_id, released);
            }
            let previous = json!({ "amount_refunded": 0, "refunded": false });
            self.emit_changed("charge.refunded", &charge_id, Some(previous));
        }
        self.emit("payment_intent.canceled", id);
    }
}
