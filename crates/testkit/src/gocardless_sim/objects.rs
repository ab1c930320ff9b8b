//! `GoCardless`'s resources, as far as an adapter reads them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::{date, iso_ms};

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone)]
pub(super) struct PaymentRequest {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) description: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) scheme: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(super) struct MandateRequest {
    pub(super) id: String,
    pub(super) currency: String,
    pub(super) scheme: String,
    pub(super) verify: String,
    pub(super) description: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(super) struct BillingRequest {
    pub(super) id: String,
    pub(super) created_ms: i64,
    /// `pending`, `fulfilled`, `cancelled`
    pub(super) status: &'static str,
    pub(super) payment_request: Option<PaymentRequest>,
    pub(super) mandate_request: Option<MandateRequest>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) customer: String,
    pub(super) bank_account: String,
    pub(super) payment: Option<String>,
    pub(super) mandate: Option<String>,
}

impl BillingRequest {
    pub(super) fn json(&self, creditor: &str) -> Value {
        let mut links = json!({
            "creditor": creditor,
            "customer": self.customer,
            "customer_billing_detail": self.customer,
            "organisation": "OR000001SIMULATED",
        });
        if self.status == "fulfilled" {
            links["customer_bank_account"] = json!(self.bank_account);
        }
        let payment_request = self.payment_request.as_ref().map(|request| {
            links["payment_request"] = json!(request.id);
            json!({
                "amount": request.amount,
                "app_fee": null,
                "currency": request.currency,
                "description": request.description,
                "funds_settlement": "managed",
                "links": self.payment.as_ref().map_or_else(|| json!({}), |payment| json!({ "payment": payment })),
                "metadata": request.metadata,
                "reference": request.reference,
                "scheme": request.scheme,
            })
        });
        let mandate_request = self.mandate_request.as_ref().map(|request| {
            links["mandate_request"] = json!(request.id);
            json!({
                "currency": request.currency,
                "description": request.description,
                "links": self.mandate.as_ref().map_or_else(|| json!({}), |mandate| json!({ "mandate": mandate })),
                "metadata": request.metadata,
                "scheme": request.scheme,
                "verify": request.verify,
            })
        });
        if let Some(payment) = &self.payment {
            links["payment_request_payment"] = json!(payment);
        }
        if let Some(mandate) = &self.mandate {
            links["mandate_request_mandate"] = json!(mandate);
        }
        json!({
            "id": self.id,
            "actions": [],
            "created_at": iso_ms(self.created_ms),
            "fallback_enabled": false,
            "fallback_occurred": false,
            "links": links,
            "mandate_request": mandate_request,
            "metadata": self.metadata,
            "payment_request": payment_request,
            "purpose_code": null,
            "resources": { "customer": { "id": self.customer, "email": "customer@example.com", "language": "en", "metadata": {} } },
            "status": self.status,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) billing_request: String,
    pub(super) redirect_uri: Option<String>,
    pub(super) exit_uri: Option<String>,
    pub(super) language: Option<String>,
    pub(super) prefilled_customer: Value,
}

impl Flow {
    /// Whether its address leads nowhere any more.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        now_ms >= self.created_ms + 7 * DAY_MS
    }

    pub(super) fn json(&self, base_url: &str) -> Value {
        json!({
            "id": self.id,
            "authorisation_url": format!("{base_url}/flow/{}", self.id),
            "auto_fulfil": true,
            "created_at": iso_ms(self.created_ms),
            "customer_details_captured": false,
            "exit_uri": self.exit_uri,
            "expires_at": iso_ms(self.created_ms + 7 * DAY_MS),
            "language": self.language,
            "links": { "billing_request": self.billing_request },
            "lock_bank_account": false,
            "lock_currency": false,
            "lock_customer_details": false,
            "prefilled_bank_account": null,
            "prefilled_customer": self.prefilled_customer,
            "redirect_uri": self.redirect_uri,
            "session_token": null,
            "show_redirect_buttons": false,
            "show_success_redirect_button": false,
            "skip_success_screen": false,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) amount: i64,
    pub(super) amount_refunded: i64,
    pub(super) currency: String,
    pub(super) description: Option<String>,
    pub(super) reference: Option<String>,
    /// As `GoCardless` writes it: `pending_submission`, `submitted`, `confirmed`, …
    pub(super) status: &'static str,
    /// What it was before it was charged back.
    pub(super) status_before: &'static str,
    pub(super) scheme: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) mandate: Option<String>,
    pub(super) payout: Option<String>,
}

impl Payment {
    pub(super) fn json(&self, creditor: &str) -> Value {
        let mut links = json!({ "creditor": creditor });
        if let Some(mandate) = &self.mandate {
            links["mandate"] = json!(mandate);
        }
        if let Some(payout) = &self.payout {
            links["payout"] = json!(payout);
        }
        json!({
            "id": self.id,
            "amount": self.amount,
            "amount_refunded": self.amount_refunded,
            "charge_date": date(self.created_ms + 2 * DAY_MS),
            "created_at": iso_ms(self.created_ms),
            "currency": self.currency,
            "description": self.description,
            "faster_ach": null,
            "fx": { "estimated_exchange_rate": null, "exchange_rate": null, "fx_amount": null, "fx_currency": self.currency },
            "links": links,
            "metadata": self.metadata,
            "reference": self.reference,
            "retry_if_possible": false,
            "scheme": self.scheme,
            "status": self.status,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Mandate {
    pub(super) id: String,
    pub(super) created_ms: i64,
    /// As `GoCardless` writes it: `pending_submission`, `active`, `cancelled`, …
    pub(super) status: &'static str,
    pub(super) scheme: String,
    pub(super) reference: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) customer: String,
    pub(super) bank_account: String,
}

impl Mandate {
    /// Whether it can be charged.
    pub(super) fn usable(&self) -> bool {
        matches!(self.status, "pending_submission" | "submitted" | "active")
    }

    pub(super) fn json(&self, creditor: &str) -> Value {
        json!({
            "id": self.id,
            "authorisation_source": "web",
            "consent_parameters": null,
            "consent_type": null,
            "created_at": iso_ms(self.created_ms),
            "funds_settlement": "managed",
            "links": { "creditor": creditor, "customer": self.customer, "customer_bank_account": self.bank_account },
            "metadata": self.metadata,
            "next_possible_charge_date": self.usable().then(|| date(self.created_ms + 3 * DAY_MS)),
            "payments_require_approval": false,
            "reference": self.reference,
            "scheme": self.scheme,
            "status": self.status,
            "verified_at": null,
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reference: Option<String>,
    /// `created`, `submitted`, `paid`, `bounced`, `funds_returned`, …
    pub(super) status: &'static str,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) payment: String,
    pub(super) mandate: Option<String>,
}

impl Refund {
    pub(super) fn json(&self) -> Value {
        let mut links = json!({ "payment": self.payment });
        if let Some(mandate) = &self.mandate {
            links["mandate"] = json!(mandate);
        }
        json!({
            "id": self.id,
            "amount": self.amount,
            "created_at": iso_ms(self.created_ms),
            "currency": self.currency,
            "fx": { "estimated_exchange_rate": null, "exchange_rate": null, "fx_amount": null, "fx_currency": self.currency },
            "links": links,
            "metadata": self.metadata,
            "reference": self.reference,
            "status": self.status,
        })
    }
}
