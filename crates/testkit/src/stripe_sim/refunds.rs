//! Refunds and disputes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::page;
use super::error::ApiError;
use super::form::Params;
use super::objects::{Refund, list};
use super::state::Stripe;

impl Stripe {
    pub(super) fn create_refund(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["payment_intent", "charge", "amount", "reason", "metadata.**", "expand.*"])?;
        let reasons = ["duplicate", "fraudulent", "requested_by_customer"];
        let reason = params.one_of("reason", &reasons)?;
        let metadata = params.metadata("metadata")?;
        let charge_id = self.charge_to_refund(params)?;
        let amount = params.integer("amount")?;
        if amount.is_some_and(|amount| amount < 1) {
            let message = "The amount must be at least 1.".to_owned();
            return Err(ApiError::invalid(Some("parameter_invalid_integer"), message, "amount".to_owned()));
        }
        let id = self.refund_charge(&charge_id, amount, reason, metadata)?;
        self.effects.refunds_created += 1;
        self.effects.amount_refunded += self.refunds.get(&id).map_or(0, |refund| refund.amount);
        self.object(&id).ok_or_else(|| ApiError::missing("refund", &id, "id"))
    }

    fn charge_to_refund(&mut self, params: &Params) -> Result<String, ApiError> {
        match (params.get("payment_intent"), params.get("charge")) {
            (Some(intent), None) => {
                let found = self.intents.get(intent);
                let found =
                    found.ok_or_else(|| ApiError::missing("payment_intent", intent, "payment_intent"))?;
                let charge = found.latest_charge.clone();
                charge.ok_or_else(|| {
                    ApiError::state(None, "This PaymentIntent does not have a successful charge to refund.")
                })
            }
            (None, Some(charge)) if self.charges.contains_key(charge) => Ok(charge.to_owned()),
            (None, Some(charge)) => Err(ApiError::missing("charge", charge, "charge")),
            (Some(_), Some(_)) | (None, None) => {
                let message = "Pass exactly one of payment_intent and charge.".to_owned();
                Err(ApiError::invalid(Some("parameter_missing"), message, "charge".to_owned()))
            }
        }
    }

    /// What older API versions make of the part of an authorisation that is let go.
    pub(super) fn release_as_refund(&mut self, charge_id: &str, amount: i64) {
        let (created, id) = (self.now_s(), self.next_id("re_"));
        let Ok(charge) = self.charge(charge_id) else { return };
        let refund = Refund {
            id: id.clone(),
            created,
            amount,
            currency: charge.currency.clone(),
            status: "succeeded",
            reason: None,
            failure_reason: None,
            charge: charge_id.to_owned(),
            payment_intent: charge.payment_intent.clone(),
            metadata: BTreeMap::new(),
            is_release: true,
        };
        self.refunds.insert(id.clone(), refund);
        self.emit("refund.created", &id);
    }

    /// Makes a refund (`amount` left out: all that is left), with its events.
    pub(super) fn refund_charge(
        &mut self,
        charge_id: &str,
        amount: Option<i64>,
        reason: Option<&str>,
        metadata: BTreeMap<String, String>,
    ) -> Result<String, ApiError> {
        let status = if self.config.refunds_start_pending { "pending" } else { "succeeded" };
        let created = self.now_s();
        let disputed = self.open_dispute_on(charge_id).is_some_and(|dispute| dispute.withdrawn);
        let charge = self.charge(charge_id)?;
        if charge.status != "succeeded" || !charge.captured {
            return Err(ApiError::state(None, "This charge has not succeeded and been captured."));
        }
        if disputed {
            return Err(ApiError::state(Some("charge_disputed"), "The charge has an open dispute."));
        }
        let left = charge.refundable();
        if left <= 0 {
            return Err(ApiError::state(
                Some("charge_already_refunded"),
                "The charge has already been refunded.",
            ));
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            let message =
                format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(ApiError::invalid(None, message, "amount".to_owned()).remember());
        }
        let (currency, intent) = (charge.currency.clone(), charge.payment_intent.clone());
        let id = self.next_id("re_");
        let refund = Refund {
            id: id.clone(),
            created,
            amount,
            currency,
            status,
            reason: reason.map(str::to_owned),
            failure_reason: None,
            charge: charge_id.to_owned(),
            payment_intent: intent,
            metadata,
            is_release: false,
        };
        self.refunds.insert(id.clone(), refund);
        self.shift_refunded(charge_id, amount);
        self.emit("refund.created", &id);
        Ok(id)
    }

    /// Adds to a charge's refunded amount and tells of it.
    fn shift_refunded(&mut self, charge_id: &str, amount: i64) {
        let before = self.object(charge_id);
        let Ok(charge) = self.charge(charge_id) else { return };
        charge.amount_refunded += amount;
        let previous = before.map(
            |before| json!({ "amount_refunded": before["amount_refunded"], "refunded": before["refunded"] }),
        );
        self.emit_changed("charge.refunded", charge_id, previous);
    }

    /// Gives a pending refund its end, or lets one that had succeeded fail after all.
    pub(super) fn finish_refund(&mut self, id: &str, status: &'static str) -> Result<(), ApiError> {
        let refund = self.refunds.get_mut(id).ok_or_else(|| ApiError::missing("refund", id, "id"))?;
        let previous = json!({ "status": refund.status });
        refund.status = status;
        let (charge_id, amount) = (refund.charge.clone(), refund.amount);
        if status == "failed" {
            refund.failure_reason = Some("lost_or_stolen_card");
            // The money returns to the balance; Stripe sends no charge.refunded for that.
            self.charge(&charge_id)?.amount_refunded -= amount;
            self.emit_changed("refund.updated", id, Some(previous));
            self.emit("refund.failed", id);
        } else {
            self.emit_changed("refund.updated", id, Some(previous));
        }
        Ok(())
    }

    pub(super) fn list_refunds(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "payment_intent",
            "charge",
            "limit",
            "starting_after",
            "ending_before",
            "expand.*",
            "created.*",
        ])?;
        let found = self.refunds.values().rev().filter(|refund| {
            params.get("payment_intent").is_none_or(|wanted| refund.payment_intent == wanted)
                && params.get("charge").is_none_or(|wanted| refund.charge == wanted)
        });
        page(&found.filter_map(|refund| self.object(&refund.id)).collect::<Vec<_>>(), params, "/v1/refunds")
    }

    pub(super) fn refunds_of_charge(&self, charge: &str) -> Value {
        let found = self.refunds.values().rev().filter(|refund| refund.charge == charge);
        let data: Vec<Value> = found.filter_map(|refund| self.object(&refund.id)).collect();
        list(&data, false, &format!("/v1/charges/{charge}/refunds"))
    }

    pub(super) fn list_disputes(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "payment_intent",
            "charge",
            "limit",
            "starting_after",
            "ending_before",
            "expand.*",
            "created.*",
        ])?;
        let found = self.disputes.values().rev().filter(|dispute| {
            params.get("payment_intent").is_none_or(|wanted| dispute.payment_intent == wanted)
                && params.get("charge").is_none_or(|wanted| dispute.charge == wanted)
        });
        page(
            &found.filter_map(|dispute| self.object(&dispute.id)).collect::<Vec<_>>(),
            params,
            "/v1/disputes",
        )
    }
}
