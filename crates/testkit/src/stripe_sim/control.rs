//! What customers, banks and the dashboard do; tests stand in for them.

use std::collections::BTreeMap;

use serde_json::json;

use super::error::ApiError;
use super::objects::Dispute;
use super::state::Stripe;
use super::{DisputeOutcome, StripeSim};
use crate::sim::SimError;

impl From<ApiError> for SimError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error.body()["error"]["message"].as_str().unwrap_or_default().to_owned())
    }
}

fn wrong(id: &str, state: &str, wanted: &'static str) -> SimError {
    SimError::WrongState { id: id.to_owned(), state: state.to_owned(), wanted }
}

impl Stripe {
    /// The intent behind a session or intent id, made now if the session has none yet.
    fn attempt(&mut self, id: &str) -> Result<String, SimError> {
        if id.starts_with("pi_") {
            let status = self.intents.get(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?.status;
            return match status {
                "requires_payment_method" | "requires_action" | "requires_confirmation" => Ok(id.to_owned()),
                status => Err(wrong(id, status, "an attempt needs an intent without a payment")),
            };
        }
        let session = self.sessions.get(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?.clone();
        if session.status != "open" {
            return Err(wrong(id, session.status, "an attempt needs an open session"));
        }
        if let Some(intent) = session.payment_intent {
            return Ok(intent);
        }
        let (amount, currency, metadata) = Self::intent_seed(&session);
        let intent_id = self.new_intent(amount, currency);
        let intent = self.intent(&intent_id)?;
        intent.metadata = metadata;
        intent.manual_capture = session.manual_capture;
        intent.description = session.description;
        intent.payment_method_types = session.payment_method_types;
        intent.session = Some(id.to_owned());
        self.session(id)?.payment_intent = Some(intent_id.clone());
        self.emit("payment_intent.created", &intent_id);
        Ok(intent_id)
    }

    fn complete(&mut self, intent_id: &str, payment_status: &'static str) -> Result<(), SimError> {
        let Some(session_id) = self.intent(intent_id)?.session.clone() else { return Ok(()) };
        let session = self.session(&session_id)?;
        session.status = "complete";
        session.payment_status = payment_status;
        session.customer_email.get_or_insert_with(|| "customer@example.com".to_owned());
        self.emit("checkout.session.completed", &session_id);
        Ok(())
    }

    pub(super) fn pay(&mut self, id: &str) -> Result<String, SimError> {
        if let Some(session) = self.sessions.get_mut(id).filter(|session| session.total() == 0) {
            if session.status != "open" {
                return Err(wrong(id, session.status, "an attempt needs an open session"));
            }
            session.status = "complete";
            session.payment_status = "no_payment_required";
            self.emit("checkout.session.completed", id);
            return Ok(id.to_owned());
        }
        let intent_id = self.attempt(id)?;
        let manual = self.intent(&intent_id)?.manual_capture;
        let charge = self.new_charge(&intent_id, "succeeded")?;
        let intent = self.intent(&intent_id)?;
        intent.last_payment_error = None;
        if manual {
            intent.status = "requires_capture";
            let previous = json!({ "amount_capturable": 0, "status": "requires_payment_method" });
            self.emit("charge.succeeded", &charge);
            self.emit_changed("payment_intent.amount_capturable_updated", &intent_id, Some(previous));
            self.complete(&intent_id, "unpaid")?;
        } else {
            intent.status = "succeeded";
            intent.amount_received = intent.amount;
            self.emit("charge.succeeded", &charge);
            self.emit("payment_intent.succeeded", &intent_id);
            self.complete(&intent_id, "paid")?;
        }
        Ok(intent_id)
    }

    fn authorize(&mut self, id: &str) -> Result<String, SimError> {
        let manual = match self.sessions.get(id) {
            Some(session) => session.manual_capture,
            None => self.intents.get(id).is_some_and(|intent| intent.manual_capture),
        };
        if !manual {
            return Err(wrong(id, "captured automatically", "authorising needs capture_method=manual"));
        }
        self.pay(id)
    }

    pub(super) fn decline(&mut self, id: &str) -> Result<String, SimError> {
        let intent_id = self.attempt(id)?;
        self.fail_attempt(&intent_id)?;
        Ok(intent_id)
    }

    fn fail_attempt(&mut self, intent_id: &str) -> Result<(), SimError> {
        let charge_id = match self.intent(intent_id)?.latest_charge.clone() {
            Some(id) if self.charges.get(&id).is_some_and(|charge| charge.status == "pending") => id,
            _ => self.new_charge(intent_id, "failed")?,
        };
        let charge = self.charge(&charge_id)?;
        charge.status = "failed";
        charge.captured = false;
        charge.failure_code = Some("card_declined");
        charge.failure_message = Some("Your card was declined.");
        let intent = self.intent(intent_id)?;
        intent.status = "requires_payment_method";
        intent.last_payment_error = Some(json!({
            "charge": charge_id,
            "code": "card_declined",
            "decline_code": "generic_decline",
            "doc_url": "https://stripe.com/docs/error-codes/card-declined",
            "message": "Your card was declined.",
            "payment_method": { "id": format!("pm_{}", &charge_id[3..]), "object": "payment_method", "type": "card" },
            "type": "card_error",
        }));
        self.emit("charge.failed", &charge_id);
        self.emit("payment_intent.payment_failed", intent_id);
        Ok(())
    }

    pub(super) fn require_action(&mut self, id: &str) -> Result<String, SimError> {
        let intent_id = self.attempt(id)?;
        self.intent(&intent_id)?.status = "requires_action";
        self.emit("payment_intent.requires_action", &intent_id);
        Ok(intent_id)
    }

    pub(super) fn processing(&mut self, id: &str) -> Result<String, SimError> {
        let intent_id = self.attempt(id)?;
        let charge = self.new_charge(&intent_id, "pending")?;
        self.intent(&intent_id)?.status = "processing";
        self.emit("charge.pending", &charge);
        self.emit("payment_intent.processing", &intent_id);
        self.complete(&intent_id, "unpaid")?;
        Ok(intent_id)
    }

    /// The intent of a payment that is under way, by session or intent id.
    fn under_way(&self, id: &str) -> Result<String, SimError> {
        let intent_id = match self.sessions.get(id) {
            Some(session) => session.payment_intent.clone().unwrap_or_default(),
            None => id.to_owned(),
        };
        match self.intents.get(&intent_id) {
            None => Err(SimError::NotFound(id.to_owned())),
            Some(intent) if intent.status == "processing" => Ok(intent_id),
            Some(intent) => Err(wrong(id, intent.status, "the payment must be processing")),
        }
    }

    pub(super) fn async_succeed(&mut self, id: &str) -> Result<String, SimError> {
        let intent_id = self.under_way(id)?;
        let intent = self.intent(&intent_id)?;
        intent.status = "succeeded";
        intent.amount_received = intent.amount;
        let (charge_id, session) = (intent.latest_charge.clone().unwrap_or_default(), intent.session.clone());
        let charge = self.charge(&charge_id)?;
        charge.status = "succeeded";
        charge.amount_captured = charge.amount;
        self.emit("charge.succeeded", &charge_id);
        self.emit("payment_intent.succeeded", &intent_id);
        if let Some(session) = session {
            self.session(&session)?.payment_status = "paid";
            self.emit("checkout.session.async_payment_succeeded", &session);
        }
        Ok(intent_id)
    }

    pub(super) fn async_fail(&mut self, id: &str) -> Result<String, SimError> {
        let intent_id = self.under_way(id)?;
        let session = self.intent(&intent_id)?.session.clone();
        self.fail_attempt(&intent_id)?;
        if let Some(session) = session {
            self.emit("checkout.session.async_payment_failed", &session);
        }
        Ok(intent_id)
    }

    fn charge_of(&self, intent_id: &str) -> Result<String, SimError> {
        let intent = self.intents.get(intent_id).ok_or_else(|| SimError::NotFound(intent_id.to_owned()))?;
        let charge = intent.latest_charge.clone();
        charge.ok_or_else(|| wrong(intent_id, intent.status, "there must be a charge"))
    }

    /// In the charge's currency, where the bank states none of its own.
    fn open_dispute(
        &mut self,
        intent_id: &str,
        amount: i64,
        currency: Option<&str>,
        inquiry: bool,
    ) -> Result<String, SimError> {
        let charge_id = self.charge_of(intent_id)?;
        let created = self.now_s();
        let id = self.next_id("dp_");
        let charge = self.charge(&charge_id)?;
        if charge.status != "succeeded" || !charge.captured {
            return Err(wrong(intent_id, charge.status, "only money that was taken can be disputed"));
        }
        charge.disputed = true;
        let dispute = Dispute {
            id: id.clone(),
            created,
            amount,
            currency: currency.map_or_else(|| charge.currency.clone(), str::to_owned),
            status: if inquiry { "warning_needs_response" } else { "needs_response" },
            charge: charge_id,
            payment_intent: intent_id.to_owned(),
            withdrawn: !inquiry,
        };
        self.disputes.insert(id.clone(), dispute);
        self.emit("charge.dispute.created", &id);
        if !inquiry {
            self.emit("charge.dispute.funds_withdrawn", &id);
        }
        Ok(id)
    }

    fn change_dispute(&mut self, id: &str, kind: &str, status: &'static str) -> Result<(), SimError> {
        let dispute = self.disputes.get_mut(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?;
        if matches!(dispute.status, "won" | "lost" | "warning_closed") {
            return Err(wrong(id, dispute.status, "the dispute must be open"));
        }
        let previous = json!({ "status": dispute.status });
        dispute.status = status;
        self.emit_changed(kind, id, Some(previous));
        Ok(())
    }

    fn close_dispute(&mut self, id: &str, outcome: DisputeOutcome) -> Result<(), SimError> {
        let status = match outcome {
            DisputeOutcome::Won => "won",
            DisputeOutcome::Lost => "lost",
            DisputeOutcome::WarningClosed => "warning_closed",
        };
        self.change_dispute(id, "charge.dispute.closed", status)?;
        let withdrawn = self.disputes.get(id).is_some_and(|dispute| dispute.withdrawn);
        if outcome == DisputeOutcome::Won && withdrawn {
            self.emit("charge.dispute.funds_reinstated", id);
        }
        Ok(())
    }

    fn finish_pending_refund(&mut self, id: &str, status: &'static str) -> Result<(), SimError> {
        let current = self.refunds.get(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?.status;
        // A refund that succeeded can still fail; any other end is final.
        let possible = current == "pending" || (current == "succeeded" && status == "failed");
        if !possible {
            return Err(wrong(id, current, "the refund must be pending, or succeeded and about to fail"));
        }
        Ok(self.finish_refund(id, status)?)
    }
}

/// Acts of customers, banks and the dashboard. `target` is a session or, for embedded payments, an intent.
impl StripeSim {
    /// The customer pays (3-D Secure included); with manual capture this authorises. Answers the intent's id
    /// (of a session with nothing to pay: the session's).
    pub fn pay(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.pay(target))
    }

    /// The customer's bank authorises; the money waits to be captured. Needs `capture_method=manual`.
    pub fn authorize(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.authorize(target))
    }

    /// The card is declined; the session stays open for another attempt.
    pub fn decline(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.decline(target))
    }

    /// The bank asks for 3-D Secure; `pay` or `decline` follows.
    pub fn require_action(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.require_action(target))
    }

    /// The customer finishes a session with a method that is confirmed later.
    pub fn complete_unpaid(&self, session: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.processing(session))
    }

    /// An embedded payment is under way at the bank.
    pub fn processing(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.processing(target))
    }

    /// The late payment arrives.
    pub fn async_succeed(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.async_succeed(target))
    }

    /// The late payment does not arrive.
    pub fn async_fail(&self, target: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.async_fail(target))
    }

    /// An open session runs out.
    pub fn expire(&self, session: &str) -> Result<(), SimError> {
        self.with(|stripe| match stripe.sessions.get(session).map(|found| found.status) {
            None => Err(SimError::NotFound(session.to_owned())),
            Some("open") => {
                stripe.expire_session(session);
                Ok(())
            }
            Some(status) => Err(wrong(session, status, "the session must be open")),
        })
    }

    /// Somebody cancels an intent in the dashboard, authorised ones included.
    pub fn dashboard_cancel(&self, intent: &str) -> Result<(), SimError> {
        self.with(|stripe| match stripe.intents.get(intent).map(|found| found.status) {
            None => Err(SimError::NotFound(intent.to_owned())),
            Some(status @ ("succeeded" | "canceled")) => {
                Err(wrong(intent, status, "the intent must be open"))
            }
            Some(_) => {
                stripe.close_intent(intent, "requested_by_customer");
                Ok(())
            }
        })
    }

    /// Somebody captures part of an authorisation in the dashboard.
    pub fn dashboard_capture(&self, intent: &str, amount: i64) -> Result<(), SimError> {
        self.with(|stripe| match stripe.intents.get(intent).map(|found| found.status) {
            None => Err(SimError::NotFound(intent.to_owned())),
            Some("requires_capture") => Ok(stripe.capture(intent, amount)?),
            Some(status) => Err(wrong(intent, status, "there must be something to capture")),
        })
    }

    /// The cardholder disputes so much (minor units); the money is withdrawn. Answers the dispute's id.
    pub fn open_dispute(&self, intent: &str, amount: i64) -> Result<String, SimError> {
        self.with(|stripe| stripe.open_dispute(intent, amount, None, false))
    }

    /// The same in another currency (lower case), as a bank abroad may state it.
    pub fn open_dispute_in(&self, intent: &str, amount: i64, currency: &str) -> Result<String, SimError> {
        self.with(|stripe| stripe.open_dispute(intent, amount, Some(currency), false))
    }

    /// The bank inquires; no money moves. Answers the dispute's id.
    pub fn open_inquiry(&self, intent: &str, amount: i64) -> Result<String, SimError> {
        self.with(|stripe| stripe.open_dispute(intent, amount, None, true))
    }

    /// The inquiry was not answered well: it becomes a dispute, and the money is withdrawn.
    pub fn escalate_inquiry(&self, dispute: &str) -> Result<(), SimError> {
        self.with(|stripe| {
            stripe.change_dispute(dispute, "charge.dispute.updated", "needs_response")?;
            if let Some(found) = stripe.disputes.get_mut(dispute) {
                found.withdrawn = true;
            }
            stripe.emit("charge.dispute.funds_withdrawn", dispute);
            Ok(())
        })
    }

    /// Evidence was handed in: `charge.dispute.updated`.
    pub fn update_dispute(&self, dispute: &str) -> Result<(), SimError> {
        self.with(|stripe| {
            let inquiry = stripe.disputes.get(dispute).is_some_and(|found| !found.withdrawn);
            let status = if inquiry { "warning_under_review" } else { "under_review" };
            stripe.change_dispute(dispute, "charge.dispute.updated", status)
        })
    }

    /// The bank decides.
    pub fn close_dispute(&self, dispute: &str, outcome: DisputeOutcome) -> Result<(), SimError> {
        self.with(|stripe| stripe.close_dispute(dispute, outcome))
    }

    /// A day has gone by: idempotency keys are forgotten, and what comes with one of them is new.
    pub fn forget_keys(&self) {
        self.with(|stripe| stripe.idempotency.clear());
    }

    /// Somebody refunds so much (minor units) in the dashboard. Answers the refund's id.
    pub fn dashboard_refund(&self, intent: &str, amount: i64) -> Result<String, SimError> {
        self.with(|stripe| {
            let charge = stripe.charge_of(intent)?;
            Ok(stripe.refund_charge(&charge, Some(amount), Some("requested_by_customer"), BTreeMap::new())?)
        })
    }

    /// A pending refund reaches the customer.
    pub fn refund_succeeds(&self, refund: &str) -> Result<(), SimError> {
        self.with(|stripe| stripe.finish_pending_refund(refund, "succeeded"))
    }

    /// A refund fails, even one that had succeeded; the money is back in the balance.
    pub fn refund_fails(&self, refund: &str) -> Result<(), SimError> {
        self.with(|stripe| stripe.finish_pending_refund(refund, "failed"))
    }
}
