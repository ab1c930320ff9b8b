//! Stripe's objects, as far as an adapter reads them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What the objects of one account have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) livemode: bool,
    pub(super) base_url: &'a str,
}

#[derive(Debug, Clone)]
pub(super) struct LineItem {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) unit_amount: i64,
    pub(super) quantity: i64,
}

impl LineItem {
    pub(super) fn total(&self) -> i64 {
        self.unit_amount.saturating_mul(self.quantity)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) expires_at: i64,
    /// open, complete, expired
    pub(super) status: &'static str,
    /// `unpaid`, `paid`, `no_payment_required`
    pub(super) payment_status: &'static str,
    pub(super) currency: String,
    pub(super) line_items: Vec<LineItem>,
    pub(super) client_reference_id: Option<String>,
    pub(super) customer_email: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) intent_metadata: BTreeMap<String, String>,
    pub(super) description: Option<String>,
    pub(super) manual_capture: bool,
    pub(super) payment_method_types: Vec<String>,
    pub(super) payment_intent: Option<String>,
    pub(super) success_url: String,
    pub(super) cancel_url: Option<String>,
}

impl Session {
    pub(super) fn total(&self) -> i64 {
        self.line_items.iter().map(LineItem::total).sum()
    }

    pub(super) fn json(&self, frame: Frame<'_>) -> Value {
        let url = (self.status == "open").then(|| format!("{}/pay/{}", frame.base_url, self.id));
        let details = self.customer_email.as_ref().map(|email| {
            json!({ "address": null, "email": email, "name": null, "phone": null, "tax_exempt": "none", "tax_ids": [] })
        });
        json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": false },
            "after_expiration": null,
            "allow_promotion_codes": null,
            "amount_subtotal": self.total(),
            "amount_total": self.total(),
            "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
            "billing_address_collection": null,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "client_secret": null,
            "consent": null,
            "created": self.created,
            "currency": self.currency,
            "custom_fields": [],
            "customer": null,
            "customer_creation": "if_required",
            "customer_details": details,
            "customer_email": self.customer_email,
            "discounts": [],
            "expires_at": self.expires_at,
            "invoice": null,
            "livemode": frame.livemode,
            "locale": self.locale,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.payment_intent,
            "payment_link": null,
            "payment_method_collection": "if_required",
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "payment_status": self.payment_status,
            "phone_number_collection": { "enabled": false },
            "recovered_from": null,
            "setup_intent": null,
            "shipping_options": [],
            "status": self.status,
            "submit_type": null,
            "subscription": null,
            "success_url": self.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted_page",
            "url": url,
        })
    }

    pub(super) fn line_items_json(&self) -> Value {
        let items: Vec<Value> = self
            .line_items
            .iter()
            .map(|item| {
                json!({
                    "id": item.id,
                    "object": "item",
                    "amount_discount": 0,
                    "amount_subtotal": item.total(),
                    "amount_tax": 0,
                    "amount_total": item.total(),
                    "currency": self.currency,
                    "description": item.name,
                    "quantity": item.quantity,
                })
            })
            .collect();
        list(&items, false, &format!("/v1/checkout/sessions/{}/line_items", self.id))
    }
}

#[derive(Debug, Clone)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) amount_received: i64,
    pub(super) currency: String,
    /// As Stripe writes it: `requires_payment_method`, `processing`, `requires_capture`, …
    pub(super) status: &'static str,
    pub(super) manual_capture: bool,
    pub(super) secret: String,
    pub(super) description: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) payment_method_types: Vec<String>,
    pub(super) latest_charge: Option<String>,
    pub(super) last_payment_error: Option<Value>,
    pub(super) canceled_at: Option<i64>,
    pub(super) cancellation_reason: Option<String>,
    /// The checkout session that made it.
    pub(super) session: Option<String>,
}

impl PaymentIntent {
    pub(super) fn amount_capturable(&self) -> i64 {
        if self.status == "requires_capture" { self.amount } else { 0 }
    }

    pub(super) fn json(&self, frame: Frame<'_>) -> Value {
        let next_action = (self.status == "requires_action").then(|| {
            json!({ "type": "redirect_to_url", "redirect_to_url": { "return_url": null, "url": frame.base_url } })
        });
        let method = self.latest_charge.as_ref().map(|charge| format!("pm_{}", &charge[3..]));
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": self.amount_capturable(),
            "amount_details": { "tip": {} },
            "amount_received": self.amount_received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": if self.manual_capture { "manual" } else { "automatic_async" },
            "client_secret": format!("{}_secret_{}", self.id, self.secret),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": self.latest_charge,
            "livemode": frame.livemode,
            "metadata": self.metadata,
            "next_action": next_action,
            "on_behalf_of": null,
            "payment_method": method,
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) amount_captured: i64,
    pub(super) amount_refunded: i64,
    /// Authorised money let go without a refund object, shown as refunded where the account is set so.
    pub(super) amount_released: i64,
    pub(super) currency: String,
    /// succeeded, pending, failed
    pub(super) status: &'static str,
    pub(super) captured: bool,
    pub(super) disputed: bool,
    pub(super) failure_code: Option<&'static str>,
    pub(super) failure_message: Option<&'static str>,
    pub(super) payment_intent: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) description: Option<String>,
}

impl Charge {
    /// What may still be refunded.
    pub(super) fn refundable(&self) -> i64 {
        self.amount_captured - self.amount_refunded
    }

    fn refunded(&self) -> bool {
        let whole = if self.amount_released > 0 { self.amount } else { self.amount_captured };
        let returned = self.amount_refunded + self.amount_released;
        returned > 0 && returned >= whole
    }

    pub(super) fn json(&self, frame: Frame<'_>) -> Value {
        let declined = self.status == "failed";
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount_captured,
            "amount_refunded": self.amount_refunded + self.amount_released,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": (self.captured && !declined).then(|| format!("txn_{}", &self.id[3..])),
            "billing_details": {
                "address": { "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null },
                "email": null, "name": null, "phone": null, "tax_id": null,
            },
            "calculated_statement_descriptor": "EXAMPLE SHOP",
            "captured": self.captured,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "disputed": self.disputed,
            "failure_balance_transaction": null,
            "failure_code": self.failure_code,
            "failure_message": self.failure_message,
            "fraud_details": {},
            "livemode": frame.livemode,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": {
                "network_status": if declined { "declined_by_network" } else { "approved_by_network" },
                "reason": self.failure_code,
                "risk_level": "normal",
                "seller_message": if declined { "The bank did not accept the payment." } else { "Payment complete." },
                "type": if declined { "issuer_declined" } else { "authorized" },
            },
            "paid": self.status == "succeeded",
            "payment_intent": self.payment_intent,
            "payment_method": format!("pm_{}", &self.id[3..]),
            "payment_method_details": {
                "card": {
                    "brand": "visa", "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
                    "country": "US", "exp_month": 12, "exp_year": 2034, "fingerprint": "SimulatedCard001",
                    "funding": "credit", "last4": "4242", "network": "visa", "three_d_secure": null, "wallet": null,
                },
                "type": "card",
            },
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": self.refunded(),
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status,
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    /// pending, succeeded, failed, canceled
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) failure_reason: Option<&'static str>,
    pub(super) charge: String,
    pub(super) payment_intent: String,
    pub(super) metadata: BTreeMap<String, String>,
    /// Whether it only let the rest of an authorisation go: the balance knows nothing of it.
    pub(super) is_release: bool,
}

impl Refund {
    pub(super) fn json(&self) -> Value {
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": (!self.is_release && self.status == "succeeded")
                .then(|| format!("txn_{}", &self.id[3..])),
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": { "card": { "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" }, "type": "card" },
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": self.status,
            "transfer_reversal": null,
        });
        // Stripe leaves the fields of a failure out where there is none.
        if let Some(reason) = self.failure_reason {
            refund["failure_reason"] = json!(reason);
            refund["failure_balance_transaction"] = Value::Null;
        }
        refund
    }
}

#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    /// `needs_response`, `under_review`, `won`, `lost`, and `warning_…` for inquiries
    pub(super) status: &'static str,
    pub(super) charge: String,
    pub(super) payment_intent: String,
    pub(super) withdrawn: bool,
}

impl Dispute {
    pub(super) fn json(&self, frame: Frame<'_>) -> Value {
        let inquiry = self.status.starts_with("warning_");
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": {},
            "evidence_details": { "due_by": self.created + 7 * 86_400, "has_evidence": false, "past_due": false, "submission_count": 0 },
            "is_charge_refundable": inquiry,
            "livemode": frame.livemode,
            "metadata": {},
            "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": { "brand": "visa", "case_type": if inquiry { "inquiry" } else { "chargeback" }, "network_reason_code": "10.4" },
                "type": "card",
            },
            "reason": "fraudulent",
            "status": self.status,
        })
    }
}

/// A page of a list.
pub(super) fn list(data: &[Value], has_more: bool, url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": has_more, "url": url })
}
