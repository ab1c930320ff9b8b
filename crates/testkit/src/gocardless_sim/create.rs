//! What requests to the API make and cancel.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::Fields;
use super::objects::{BillingRequest, Flow, MandateRequest, PaymentRequest, Refund};
use super::state::{GoCardless, Why};

const CURRENCIES: &[&str] = &["AUD", "CAD", "DKK", "EUR", "GBP", "NZD", "SEK", "USD"];

/// Currencies of payments that the payer makes at once.
const INSTANT_CURRENCIES: &[&str] = &["AUD", "EUR", "GBP"];

const MANDATE_SCHEMES: &[&str] = &[
    "ach",
    "autogiro",
    "bacs",
    "becs",
    "becs_nz",
    "betalingsservice",
    "faster_payments",
    "pad",
    "pay_to",
    "sepa_core",
];

/// Refunds per payment.
const REFUNDS_MAX: usize = 5;

/// The largest payment in minor units, where no scheme says less.
const AMOUNT_MAX: i64 = 100_000_000;

impl GoCardless {
    pub(super) fn create_billing_request(&mut self, body: &Value) -> Result<String, ApiError> {
        let known =
            ["fallback_enabled", "links", "mandate_request", "metadata", "payment_request", "purpose_code"];
        let fields = Fields::of(body, "billing_requests", &known)?;
        let metadata = fields.metadata()?;
        let payment_request = self.read_payment_request(&fields)?;
        let mandate_request = self.read_mandate_request(&fields)?;
        if payment_request.is_none() && mandate_request.is_none() {
            return Err(ApiError::usage(
                "billing_requests",
                "\"payment_request\" or \"mandate_request\" must be given.",
            ));
        }
        let request = BillingRequest {
            id: self.next_id("BRQ"),
            created_ms: self.now_ms,
            status: "pending",
            payment_request,
            mandate_request,
            metadata,
            customer: self.next_id("CU"),
            bank_account: self.next_id("BA"),
            payment: None,
            mandate: None,
        };
        let id = request.id.clone();
        self.billing_requests.insert(id.clone(), request);
        self.effects.billing_requests_created += 1;
        let why = Why::new("api", "billing_request_created", "This billing request has been created.");
        self.emit("billing_requests", "created", &json!({ "billing_request": id }), why);
        Ok(id)
    }

    fn read_payment_request(&mut self, fields: &Fields<'_>) -> Result<Option<PaymentRequest>, ApiError> {
        let known = [
            "amount",
            "app_fee",
            "currency",
            "description",
            "funds_settlement",
            "metadata",
            "reference",
            "scheme",
        ];
        let Some(wanted) = fields.object("payment_request", &known)? else { return Ok(None) };
        Ok(Some(PaymentRequest {
            id: self.next_id("PRQ"),
            amount: within_limit(&wanted)?,
            currency: wanted.currency("currency", INSTANT_CURRENCIES)?,
            description: wanted.text("description", 255)?,
            reference: wanted.text("reference", 140)?,
            scheme: wanted.text("scheme", 40)?,
            metadata: wanted.metadata()?,
        }))
    }

    fn read_mandate_request(&mut self, fields: &Fields<'_>) -> Result<Option<MandateRequest>, ApiError> {
        let known = ["constraints", "currency", "description", "metadata", "reference", "scheme", "verify"];
        let Some(wanted) = fields.object("mandate_request", &known)? else { return Ok(None) };
        let currency = wanted.currency("currency", CURRENCIES)?;
        let scheme = wanted.text("scheme", 40)?;
        if scheme.as_ref().is_some_and(|scheme| !MANDATE_SCHEMES.contains(&scheme.as_str())) {
            return Err(wanted.wrong("scheme", "is not included in the list"));
        }
        let usual = match currency.as_str() {
            "GBP" => "bacs",
            "EUR" => "sepa_core",
            "USD" => "ach",
            "SEK" => "autogiro",
            "DKK" => "betalingsservice",
            "CAD" => "pad",
            "NZD" => "becs_nz",
            _ => "becs",
        };
        Ok(Some(MandateRequest {
            id: self.next_id("MRQ"),
            scheme: scheme.unwrap_or_else(|| usual.to_owned()),
            verify: wanted.text("verify", 40)?.unwrap_or_else(|| "recommended".to_owned()),
            description: wanted.text("description", 255)?,
            metadata: wanted.metadata()?,
            currency,
        }))
    }

    pub(super) fn create_flow(&mut self, body: &Value) -> Result<String, ApiError> {
        let known = [
            "auto_fulfil",
            "exit_uri",
            "language",
            "links",
            "lock_bank_account",
            "lock_currency",
            "lock_customer_details",
            "prefilled_customer",
            "redirect_uri",
            "show_redirect_buttons",
            "show_success_redirect_button",
            "skip_success_screen",
        ];
        let fields = Fields::of(body, "billing_request_flows", &known)?;
        let billing_request = required_link(&fields, "billing_request_flows", "billing_request")?;
        let found = self.billing_requests.get(&billing_request);
        let status = found.ok_or_else(|| ApiError::link("billing_request_flows", "billing_request"))?.status;
        if status != "pending" {
            return Err(ApiError::state("bad_request", "The billing request is not pending"));
        }
        for name in ["redirect_uri", "exit_uri"] {
            let address = fields.text(name, 2048)?;
            if address.is_some_and(|address| url::Url::parse(&address).is_err()) {
                return Err(fields.wrong(name, "must be a valid URI"));
            }
        }
        check_customer(&fields.raw("prefilled_customer"))?;
        let flow = Flow {
            id: self.next_id("BRF"),
            created_ms: self.now_ms,
            billing_request: billing_request.clone(),
            redirect_uri: fields.text("redirect_uri", 2048)?,
            exit_uri: fields.text("exit_uri", 2048)?,
            language: fields.text("language", 5)?,
            prefilled_customer: fields.raw("prefilled_customer"),
        };
        let id = flow.id.clone();
        self.flows.insert(id.clone(), flow);
        self.effects.flows_created += 1;
        let why = Why::new(
            "api",
            "billing_request_flow_created",
            "A flow for this billing request has been created.",
        );
        let links = json!({ "billing_request": billing_request, "billing_request_flow": id });
        self.emit("billing_requests", "flow_created", &links, why);
        Ok(id)
    }

    pub(super) fn create_payment(&mut self, body: &Value) -> Result<String, ApiError> {
        let known = [
            "amount",
            "app_fee",
            "charge_date",
            "currency",
            "description",
            "faster_ach",
            "links",
            "metadata",
            "reference",
            "retry_if_possible",
        ];
        let fields = Fields::of(body, "payments", &known)?;
        let amount = within_limit(&fields)?;
        let currency = fields.currency("currency", CURRENCIES)?;
        let mandate_id = required_link(&fields, "payments", "mandate")?;
        let mandate = self.mandates.get(&mandate_id).ok_or_else(|| ApiError::link("payments", "mandate"))?;
        if !mandate.usable() {
            return Err(ApiError::state("mandate_is_inactive", "Mandate is inactive"));
        }
        let scheme = mandate.scheme.clone();
        let (description, reference) = (fields.text("description", 255)?, fields.text("reference", 140)?);
        let metadata = fields.metadata()?;
        let mut payment = self.new_payment(amount, currency, scheme, Some(mandate_id));
        payment.description = description;
        payment.reference = reference;
        payment.metadata = metadata;
        if self.config.payments_need_approval {
            payment.status = "pending_customer_approval";
        }
        let id = payment.id.clone();
        self.payments.insert(id.clone(), payment);
        self.effects.payments_created += 1;
        self.effects.amount_charged += amount;
        self.emit_payment(&id, "created", Why::new("api", "payment_created", "Payment created via the API."));
        Ok(id)
    }

    pub(super) fn cancel_payment_by_request(&mut self, id: &str) -> Result<(), ApiError> {
        let payment = self.payments.get_mut(id).ok_or_else(ApiError::missing)?;
        if payment.status != "pending_submission" {
            return Err(ApiError::state("cancellation_failed", "Payment cannot be cancelled"));
        }
        payment.status = "cancelled";
        self.effects.payments_cancelled += 1;
        let why = Why::new("api", "payment_cancelled", "The payment was cancelled at your request.");
        self.emit_payment(id, "cancelled", why);
        Ok(())
    }

    pub(super) fn cancel_mandate_by_request(&mut self, id: &str) -> Result<(), ApiError> {
        let mandate = self.mandates.get_mut(id).ok_or_else(ApiError::missing)?;
        if !mandate.usable() {
            return Err(ApiError::state("cancellation_failed", "Mandate cannot be cancelled"));
        }
        mandate.status = "cancelled";
        self.effects.mandates_cancelled += 1;
        let why = Why::new("api", "mandate_cancelled", "The mandate was cancelled at your request.");
        self.emit("mandates", "cancelled", &json!({ "mandate": id }), why);
        Ok(())
    }

    pub(super) fn create_refund(&mut self, body: &Value) -> Result<String, ApiError> {
        let known = ["amount", "links", "metadata", "reference", "total_amount_confirmation"];
        let fields = Fields::of(body, "refunds", &known)?;
        if !self.config.can_create_refunds {
            return Err(ApiError::bad(403, "feature_disabled", "Refunds are not enabled for this account"));
        }
        let amount = fields.amount("amount")?;
        let confirmed_total = fields.amount("total_amount_confirmation")?;
        let payment_id = required_link(&fields, "refunds", "payment")?;
        let (reference, metadata) = (fields.text("reference", 140)?, fields.metadata()?);
        let payment = self.payments.get(&payment_id).ok_or_else(|| ApiError::link("refunds", "payment"))?;
        if !matches!(payment.status, "confirmed" | "paid_out") {
            let message = "The payment must be confirmed or paid out to be refunded";
            return Err(ApiError::state("refund_payment_invalid_state", message));
        }
        let made = self.refunds.values().filter(|refund| refund.payment == payment_id).count();
        if made >= REFUNDS_MAX {
            return Err(ApiError::state("number_of_refunds_exceeded", "No more refunds for this payment"));
        }
        if payment.amount_refunded + amount > payment.amount {
            return Err(fields.wrong("amount", "is greater than the amount that is left to refund"));
        }
        if payment.amount_refunded + amount != confirmed_total {
            let message = "The total does not match the total amount refunded";
            return Err(ApiError::state("total_amount_confirmation_invalid", message));
        }
        let id = self.new_refund(&payment_id, amount, reference, metadata);
        self.effects.refunds_created += 1;
        self.effects.amount_refunded += amount;
        let why = Why::new("api", "refund_created", "The refund has been created.");
        self.emit("refunds", "created", &json!({ "refund": id }), why);
        Ok(id)
    }

    /// Makes a refund of a payment that is there.
    pub(super) fn new_refund(
        &mut self,
        payment_id: &str,
        amount: i64,
        reference: Option<String>,
        metadata: BTreeMap<String, String>,
    ) -> String {
        let id = self.next_id("RF");
        let Some(payment) = self.payments.get_mut(payment_id) else { return id };
        payment.amount_refunded += amount;
        let refund = Refund {
            id: id.clone(),
            created_ms: self.now_ms,
            amount,
            currency: payment.currency.clone(),
            reference,
            status: "created",
            metadata,
            payment: payment_id.to_owned(),
            mandate: payment.mandate.clone(),
        };
        self.refunds.insert(id.clone(), refund);
        id
    }
}

fn required_link(fields: &Fields<'_>, resource: &str, name: &'static str) -> Result<String, ApiError> {
    let absent = || ApiError::usage(resource, &format!("\"links/{name}\" wasn't supplied."));
    let links = fields.object("links", &["billing_request", "creditor", "customer", "mandate", "payment"])?;
    links.ok_or_else(absent)?.text(name, 64)?.ok_or_else(absent)
}

/// What is filled in is checked like anything else, though nothing of it is needed.
fn check_customer(customer: &Value) -> Result<(), ApiError> {
    let Some(fields) = customer.as_object() else { return Ok(()) };
    for (name, value) in fields {
        let text = value.as_str().unwrap_or_default();
        let domain = text.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
        let problem = match name.as_str() {
            _ if text.chars().count() > 255 => "is too long (maximum is 255 characters)",
            "email" if !text.is_ascii() || !domain.contains('.') => "is invalid",
            "country_code" if matches!(text, "XK" | "ZZ" | "EU") => "is invalid",
            "postal_code" if text.contains('!') => "is invalid",
            _ => continue,
        };
        let place = format!("prefilled_customer/{name}");
        return Err(ApiError::field("billing_request_flows", &place, problem));
    }
    Ok(())
}

fn within_limit(fields: &Fields<'_>) -> Result<i64, ApiError> {
    let amount = fields.amount("amount")?;
    if amount > AMOUNT_MAX {
        return Err(fields.wrong("amount", "is greater than the permitted scheme maximum"));
    }
    Ok(amount)
}
