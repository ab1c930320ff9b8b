//! Checkout sessions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::page;
use super::error::ApiError;
use super::form::{Params, bracketed};
use super::objects::{LineItem, Session};
use super::state::Stripe;

const CREATE_PARAMS: &[&str] = &[
    "adaptive_pricing.enabled",
    "allow_promotion_codes",
    "automatic_tax.enabled",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "custom_text.**",
    "customer_creation",
    "customer_email",
    "expand.*",
    "expires_at",
    "invoice_creation.**",
    "line_items.*.price_data.currency",
    "line_items.*.price_data.product_data.description",
    "line_items.*.price_data.product_data.images.*",
    "line_items.*.price_data.product_data.metadata.*",
    "line_items.*.price_data.product_data.name",
    "line_items.*.price_data.product_data.tax_code",
    "line_items.*.price_data.tax_behavior",
    "line_items.*.price_data.unit_amount",
    "line_items.*.quantity",
    "locale",
    "metadata.**",
    "mode",
    "payment_intent_data.capture_method",
    "payment_intent_data.description",
    "payment_intent_data.metadata.**",
    "payment_intent_data.receipt_email",
    "payment_intent_data.setup_future_usage",
    "payment_intent_data.statement_descriptor",
    "payment_intent_data.statement_descriptor_suffix",
    "payment_intent_data.transfer_group",
    "payment_method_options.**",
    "payment_method_types.*",
    "phone_number_collection.enabled",
    "submit_type",
    "success_url",
    "ui_mode",
];

/// The largest amount that a card takes, in minor units.
const AMOUNT_MAX: i64 = 99_999_999;

const MINUTE_S: i64 = 60;
const DAY_S: i64 = 86_400;

impl Stripe {
    pub(super) fn create_session(&mut self, params: &Params) -> Result<Value, ApiError> {
        params.only(CREATE_PARAMS)?;
        if let Some(words) = &self.config.refuse_sessions {
            return Err(ApiError::invalid(Some("parameter_invalid"), words.clone(), "line_items".to_owned()));
        }
        check_mode(params)?;
        let success_url = web_address(params, "success_url")?.ok_or_else(|| missing("success_url"))?;
        let cancel_url = web_address(params, "cancel_url")?;
        let (currency, line_items) = self.read_line_items(params)?;
        let expires_at = self.read_expiry(params)?;
        check_email(params)?;
        let reference = params.owned("client_reference_id");
        if reference.as_ref().is_some_and(|text| text.chars().count() > 200) {
            let message = "client_reference_id has up to 200 characters.".to_owned();
            return Err(ApiError::invalid(None, message, "client_reference_id".to_owned()));
        }
        let capture = params
            .one_of("payment_intent_data.capture_method", &["automatic", "automatic_async", "manual"])?;
        let mut types = params.list("payment_method_types");
        if types.is_empty() {
            types.push("card".to_owned());
        }
        let session = Session {
            id: String::new(),
            created: self.now_s(),
            expires_at,
            status: "open",
            payment_status: "unpaid",
            currency,
            line_items,
            client_reference_id: reference,
            customer_email: params.owned("customer_email"),
            locale: params.owned("locale"),
            metadata: params.metadata("metadata")?,
            intent_metadata: params.metadata("payment_intent_data.metadata")?,
            description: params.owned("payment_intent_data.description"),
            manual_capture: capture == Some("manual"),
            payment_method_types: types,
            payment_intent: None,
            success_url,
            cancel_url,
        };
        check_total(&session)?;
        let prefix = if self.config.livemode { "cs_live_" } else { "cs_test_" };
        let id = self.next_id(prefix);
        self.sessions.insert(id.clone(), Session { id: id.clone(), ..session });
        self.effects.sessions_created += 1;
        self.object(&id).ok_or_else(|| ApiError::missing("checkout.session", &id, "session"))
    }

    fn read_expiry(&self, params: &Params) -> Result<i64, ApiError> {
        let now = self.now_s();
        let Some(at) = params.integer("expires_at")? else { return Ok(now + DAY_S) };
        // Stripe measures from its own clock, a moment after the caller's; leave that moment out.
        if at < now + 30 * MINUTE_S - 5 || at > now + DAY_S + 5 {
            let message = "expires_at must be between 30 minutes and 24 hours from now.".to_owned();
            return Err(ApiError::invalid(None, message, "expires_at".to_owned()));
        }
        Ok(at)
    }

    fn read_line_items(&mut self, params: &Params) -> Result<(String, Vec<LineItem>), ApiError> {
        let count = params.count("line_items")?;
        if count == 0 {
            return Err(missing("line_items"));
        }
        if count > 100 {
            let message = "A session has at most 100 line items.".to_owned();
            return Err(ApiError::invalid(None, message, "line_items".to_owned()));
        }
        let mut items = Vec::with_capacity(count);
        let mut currency: Option<String> = None;
        for index in 0..count {
            let name = |field: &str| format!("line_items.{index}.{field}");
            let its_currency = read_currency(params, &name("price_data.currency"))?;
            if currency.as_ref().is_some_and(|currency| *currency != its_currency) {
                let message = "All line items must have the same currency.".to_owned();
                return Err(ApiError::invalid(None, message, bracketed(&name("price_data.currency"))));
            }
            let unit_amount = params
                .integer(&name("price_data.unit_amount"))?
                .ok_or_else(|| missing(&name("price_data.unit_amount")))?;
            check_unit(unit_amount, &its_currency, &name("price_data.unit_amount"))?;
            let quantity = params.integer(&name("quantity"))?.ok_or_else(|| missing(&name("quantity")))?;
            if !(1..=999_999).contains(&quantity) {
                let message = "quantity must be between 1 and 999999.".to_owned();
                return Err(ApiError::invalid(None, message, bracketed(&name("quantity"))));
            }
            let title = params.require(&name("price_data.product_data.name"))?.to_owned();
            items.push(LineItem { id: self.next_id("li_"), name: title, unit_amount, quantity });
            currency = Some(its_currency);
        }
        Ok((currency.unwrap_or_default(), items))
    }

    pub(super) fn list_sessions(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "payment_intent",
            "status",
            "limit",
            "starting_after",
            "ending_before",
            "expand.*",
            "created.*",
        ])?;
        let found = self.sessions.values().rev().filter(|session| {
            params
                .get("payment_intent")
                .is_none_or(|wanted| session.payment_intent.as_deref() == Some(wanted))
                && params.get("status").is_none_or(|wanted| session.status == wanted)
        });
        let found: Vec<Value> = found.filter_map(|session| self.object(&session.id)).collect();
        page(&found, params, "/v1/checkout/sessions")
    }

    pub(super) fn expire_open_session(&mut self, id: &str, params: &Params) -> Result<Value, ApiError> {
        params.only(&["expand.*"])?;
        let status = self.session(id)?.status;
        if status != "open" {
            let message = format!("Only open checkout sessions can be expired; this one is {status}.");
            return Err(ApiError::state(None, message));
        }
        self.expire_session(id);
        self.effects.sessions_expired += 1;
        self.object(id).ok_or_else(|| ApiError::missing("checkout.session", id, "session"))
    }

    /// Ends an open session and the payment intent that a failed attempt may have left.
    pub(super) fn expire_session(&mut self, id: &str) {
        let Ok(session) = self.session(id) else { return };
        session.status = "expired";
        if let Some(intent) = session.payment_intent.clone() {
            self.close_intent(&intent, "automatic");
        }
        self.emit("checkout.session.expired", id);
    }

    /// What the intent of a session starts with.
    pub(super) fn intent_seed(session: &Session) -> (i64, String, BTreeMap<String, String>) {
        (session.total(), session.currency.clone(), session.intent_metadata.clone())
    }
}

fn missing(name: &str) -> ApiError {
    let name = bracketed(name);
    ApiError::invalid(Some("parameter_missing"), format!("Missing required param: {name}."), name)
}

fn check_mode(params: &Params) -> Result<(), ApiError> {
    params.one_of("ui_mode", &["hosted_page"])?;
    let mode = params.require("mode")?;
    if mode != "payment" {
        let message = "The simulator only has sessions with mode=payment.".to_owned();
        return Err(ApiError::invalid(None, message, "mode".to_owned()));
    }
    Ok(())
}

fn web_address(params: &Params, name: &str) -> Result<Option<String>, ApiError> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let parsed = url::Url::parse(&text.replace("{CHECKOUT_SESSION_ID}", "cs_test_placeholder"));
    if !parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) || text.len() > 5000 {
        return Err(ApiError::invalid(Some("url_invalid"), "Not a valid URL".to_owned(), name.to_owned()));
    }
    Ok(Some(text.to_owned()))
}

/// Stripe refuses a whole session over an address that it does not like. Which it likes, it does not say: these rules
/// refuse what reports say was refused.
fn check_email(params: &Params) -> Result<(), ApiError> {
    let Some(email) = params.get("customer_email") else { return Ok(()) };
    let domain = email.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
    let is_liked =
        email.is_ascii() && domain.contains('.') && !domain.ends_with('.') && !domain.contains(".gmile");
    if is_liked {
        return Ok(());
    }
    let message = format!("Invalid email address: {email}");
    Err(ApiError::invalid(Some("email_invalid"), message, "customer_email".to_owned()))
}

/// A three-letter currency in lower case, as Stripe answers it.
pub(super) fn read_currency(params: &Params, name: &str) -> Result<String, ApiError> {
    let text = params.require(name)?;
    if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let message = format!("Invalid currency: {text}.");
        return Err(ApiError::invalid(None, message, bracketed(name)));
    }
    Ok(text.to_ascii_lowercase())
}

/// ISK and UGX are sent with two decimals that are 00; three-decimal currencies with a last digit of 0.
pub(super) fn check_unit(amount: i64, currency: &str, name: &str) -> Result<(), ApiError> {
    let step = match currency {
        "isk" | "ugx" => 100,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        _ => 1,
    };
    if amount < 0 || amount % step != 0 {
        let message =
            format!("Invalid amount for {currency}: it must be a multiple of {step} and not negative.");
        return Err(ApiError::invalid(Some("parameter_invalid_integer"), message, bracketed(name)));
    }
    Ok(())
}

/// The smallest charge where it is known, in minor units.
pub(super) fn smallest(currency: &str) -> i64 {
    match currency {
        "eur" | "usd" | "chf" | "jpy" => 50,
        "gbp" => 30,
        _ => 1,
    }
}

pub(super) fn check_amount(amount: i64, currency: &str, name: &str) -> Result<(), ApiError> {
    if amount < smallest(currency) {
        let message = "The amount is below the minimum for this currency.".to_owned();
        return Err(ApiError::invalid(Some("amount_too_small"), message, name.to_owned()));
    }
    if amount > AMOUNT_MAX {
        let message = "The amount is too large.".to_owned();
        return Err(ApiError::invalid(Some("amount_too_large"), message, name.to_owned()));
    }
    Ok(())
}

fn check_total(session: &Session) -> Result<(), ApiError> {
    // A session of nothing is allowed: it completes with no_payment_required.
    if session.total() == 0 {
        return Ok(());
    }
    check_amount(session.total(), &session.currency, "line_items")
}
