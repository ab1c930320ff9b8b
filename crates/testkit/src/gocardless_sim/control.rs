//! What payers, banks and `GoCardless` itself do; tests stand in for them.

use std::collections::BTreeMap;

use serde_json::json;

use super::GoCardlessSim;
use super::state::{GoCardless, Why};
use crate::sim::SimError;

fn wrong(id: &str, state: &str, wanted: &'static str) -> SimError {
    SimError::WrongState { id: id.to_owned(), state: state.to_owned(), wanted }
}

/// What a change of a mandate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MandateChange {
    /// Sent to the banks.
    Submitted,
    /// Ready to be charged.
    Active,
    /// The bank refused it.
    Failed,
    /// Cancelled by the payer or the bank.
    Cancelled,
    /// Unused for too long.
    Expired,
    /// Brought back after it was cancelled, failed or expired.
    Reinstated,
}

impl GoCardless {
    /// Moves a payment on, if it is in one of these states.
    fn step(
        &mut self,
        id: &str,
        from: &[&str],
        to: &'static str,
        action: &str,
        why: Why,
    ) -> Result<(), SimError> {
        let payment = self.payment(id)?;
        if !from.contains(&payment.status) {
            return Err(wrong(id, payment.status, "the payment's status does not allow it"));
        }
        payment.status_before = payment.status;
        payment.status = to;
        self.emit_payment(id, action, why);
        Ok(())
    }

    fn finish_refund(
        &mut self,
        id: &str,
        status: &'static str,
        action: &str,
        why: Why,
    ) -> Result<(), SimError> {
        let refund = self.refunds.get_mut(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?;
        let open = matches!(refund.status, "created" | "pending_submission" | "submitted");
        // Money that was paid can still come back.
        let returns = refund.status == "paid" && status != "paid";
        if !open && !returns {
            return Err(wrong(id, refund.status, "the refund is final"));
        }
        refund.status = status;
        let (payment, amount) = (refund.payment.clone(), refund.amount);
        if status != "paid" {
            self.payment(&payment)?.amount_refunded -= amount;
        }
        self.emit("refunds", action, &json!({ "refund": id }), why);
        Ok(())
    }

    fn change_mandate(&mut self, id: &str, change: MandateChange) -> Result<(), SimError> {
        let (status, action, why) = match change {
            MandateChange::Submitted => (
                "submitted",
                "submitted",
                Why::new("gocardless", "mandate_submitted", "The mandate was submitted."),
            ),
            MandateChange::Active => {
                ("active", "active", Why::new("gocardless", "mandate_activated", "The mandate is active."))
            }
            MandateChange::Failed => (
                "failed",
                "failed",
                Why::new("bank", "invalid_bank_details", "The bank refused it.").code("AUDDIS-5"),
            ),
            MandateChange::Cancelled => {
                let why = Why::new("bank", "mandate_cancelled", "Cancelled at the bank.").code("ADDACS-1");
                ("cancelled", "cancelled", why)
            }
            MandateChange::Expired => {
                ("expired", "expired", Why::new("gocardless", "mandate_expired", "Not used for too long."))
            }
            MandateChange::Reinstated => {
                ("active", "reinstated", Why::new("gocardless", "mandate_reinstated", "The mandate is back."))
            }
        };
        let mandate = self.mandates.get_mut(id).ok_or_else(|| SimError::NotFound(id.to_owned()))?;
        if mandate.usable() == (change == MandateChange::Reinstated) {
            return Err(wrong(id, mandate.status, "the mandate's status does not allow it"));
        }
        mandate.status = status;
        self.emit("mandates", action, &json!({ "mandate": id }), why);
        Ok(())
    }

    pub(super) fn exit_flow(&mut self, flow: &str, billing_request: &str) {
        let why = Why::new("payer", "billing_request_flow_exited", "The payer left the flow.");
        let links = json!({ "billing_request": billing_request, "billing_request_flow": flow });
        self.emit("billing_requests", "flow_exited", &links, why);
    }
}

/// What a fulfilled billing request made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfilled {
    /// The payment, where one was asked for.
    pub payment: Option<String>,
    /// The mandate, where one was asked for.
    pub mandate: Option<String>,
}

/// Acts of payers, banks and `GoCardless`; payments, refunds and mandates by their ids.
impl GoCardlessSim {
    /// The payer approves; payment and mandate come to be.
    pub fn fulfil(&self, billing_request: &str) -> Result<Fulfilled, SimError> {
        self.with(|sim| sim.fulfil(billing_request)).map(|(payment, mandate)| Fulfilled { payment, mandate })
    }

    /// The billing request is cancelled in the dashboard.
    pub fn cancel_billing_request(&self, billing_request: &str) -> Result<(), SimError> {
        self.with(|sim| sim.cancel_billing_request(billing_request, "gocardless"))
            .map_err(|error| SimError::Refused(error.message))
    }

    /// The billing request fails (it is shown as cancelled then).
    pub fn fail_billing_request(&self, billing_request: &str) -> Result<(), SimError> {
        self.with(|sim| {
            let found = sim.billing_requests.get_mut(billing_request);
            let found = found.ok_or_else(|| SimError::NotFound(billing_request.to_owned()))?;
            if found.status != "pending" {
                return Err(wrong(billing_request, found.status, "the billing request must be pending"));
            }
            found.status = "cancelled";
            let why = Why::new("bank", "billing_request_failed", "The payer's bank refused it.");
            sim.emit("billing_requests", "failed", &json!({ "billing_request": billing_request }), why);
            Ok(())
        })
    }

    /// The payer approves a single payment (where the account asks for it).
    pub fn approve(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("customer", "customer_approval_granted", "The customer approved the payment.");
        let from = ["pending_customer_approval"];
        self.with(|sim| sim.step(payment, &from, "pending_submission", "customer_approval_granted", why))
    }

    /// The payer denies it.
    pub fn deny(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("customer", "customer_approval_denied", "The customer denied the payment.");
        let from = ["pending_customer_approval", "pending_submission"];
        self.with(|sim| sim.step(payment, &from, "customer_approval_denied", "customer_approval_denied", why))
    }

    /// The payment goes to the banks.
    pub fn submit(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "payment_submitted", "The payment was submitted to the banks.");
        self.with(|sim| sim.step(payment, &["pending_submission"], "submitted", "submitted", why))
    }

    /// The money was collected.
    pub fn confirm(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "payment_confirmed", "The payment was confirmed.");
        let from = ["pending_submission", "submitted"];
        self.with(|sim| sim.step(payment, &from, "confirmed", "confirmed", why))
    }

    /// The money was paid out to the merchant.
    pub fn pay_out(&self, payment: &str) -> Result<(), SimError> {
        self.with(|sim| {
            let payout = sim.next_id("PO");
            let why = Why::new("gocardless", "payment_paid_out", "The payment was paid out.");
            sim.step(payment, &["confirmed"], "paid_out", "paid_out", why)?;
            sim.payment(payment)?.payout = Some(payout);
            Ok(())
        })
    }

    /// The bank refuses; with `will_attempt_retry` `resubmit` follows some days later.
    pub fn fail(&self, payment: &str, will_attempt_retry: bool) -> Result<(), SimError> {
        let why = Why::new("bank", "refer_to_payer", "The payer's bank refused the payment.")
            .code("ARUDD-0")
            .retry(will_attempt_retry);
        let from = ["pending_submission", "submitted"];
        self.with(|sim| sim.step(payment, &from, "failed", "failed", why))
    }

    /// A failed payment is tried again.
    pub fn resubmit(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "payment_retried", "The payment is tried again.");
        self.with(|sim| sim.step(payment, &["failed"], "pending_submission", "resubmission_requested", why))
    }

    /// A payment that was confirmed or paid out fails after all.
    pub fn late_failure(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("bank", "refer_to_payer", "The payment failed late.").code("ARUDD-0").retry(false);
        self.with(|sim| sim.step(payment, &["confirmed", "paid_out"], "failed", "failed", why))
    }

    /// The late failure is taken off a payout; the payment stays failed.
    pub fn settle_late_failure(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "late_failure_settled", "The late failure was settled.");
        self.with(|sim| sim.step(payment, &["failed"], "failed", "late_failure_settled", why))
    }

    /// The payment is cancelled in the dashboard or with its mandate.
    pub fn cancel_payment(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("bank", "mandate_cancelled", "The payment was cancelled with its mandate.");
        let from = ["pending_customer_approval", "pending_submission", "submitted"];
        self.with(|sim| sim.step(payment, &from, "cancelled", "cancelled", why))
    }

    /// The payer takes the money back through the bank.
    pub fn charge_back(&self, payment: &str) -> Result<(), SimError> {
        let why =
            Why::new("bank", "authorisation_disputed", "The payer disputes the payment.").code("DDICA-1");
        self.with(|sim| sim.step(payment, &["confirmed", "paid_out"], "charged_back", "charged_back", why))
    }

    /// The bank gives the disputed money back.
    pub fn charge_back_cancelled(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("bank", "payment_confirmed", "The chargeback was cancelled.");
        self.with(|sim| {
            let before = sim.payment(payment)?.status_before;
            sim.step(payment, &["charged_back"], before, "chargeback_cancelled", why)
        })
    }

    /// The chargeback is taken off a payout; it can still be cancelled.
    pub fn settle_charge_back(&self, payment: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "chargeback_settled", "The chargeback was settled.");
        self.with(|sim| {
            let before = sim.payment(payment)?.status_before;
            sim.step(payment, &["charged_back"], "charged_back", "chargeback_settled", why)?;
            sim.payment(payment)?.status_before = before;
            Ok(())
        })
    }

    /// Somebody refunds so much (minor units) in the dashboard. Answers the refund's id.
    pub fn dashboard_refund(&self, payment: &str, amount: i64) -> Result<String, SimError> {
        let why = Why::new("gocardless", "refund_created", "The refund has been created.");
        self.with(|sim| {
            let found = sim.payment(payment)?;
            if found.amount_refunded + amount > found.amount {
                return Err(wrong(payment, found.status, "there must be so much left to refund"));
            }
            let id = sim.new_refund(payment, amount, None, BTreeMap::new());
            sim.emit("refunds", "created", &json!({ "refund": id }), why);
            Ok(id)
        })
    }

    /// The refund reaches the payer.
    pub fn refund_paid(&self, refund: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "refund_paid", "The refund was paid.");
        self.with(|sim| sim.finish_refund(refund, "paid", "paid", why))
    }

    /// The refund cannot be paid.
    pub fn refund_failed(&self, refund: &str) -> Result<(), SimError> {
        let why = Why::new("bank", "refund_failed", "The refund could not be paid.");
        self.with(|sim| sim.finish_refund(refund, "bounced", "failed", why))
    }

    /// The payer's bank sends the refund back.
    pub fn refund_bounced(&self, refund: &str) -> Result<(), SimError> {
        let why = Why::new("bank", "refund_bounced", "The payer's bank sent the refund back.");
        self.with(|sim| sim.finish_refund(refund, "bounced", "bounced", why))
    }

    /// The refunded money is back with the merchant.
    pub fn refund_funds_returned(&self, refund: &str) -> Result<(), SimError> {
        let why = Why::new("gocardless", "refund_funds_returned", "The refunded money was returned.");
        self.with(|sim| sim.finish_refund(refund, "funds_returned", "funds_returned", why))
    }

    /// Something happens to a mandate.
    pub fn change_mandate(&self, mandate: &str, change: MandateChange) -> Result<(), SimError> {
        self.with(|sim| sim.change_mandate(mandate, change))
    }
}
