//! Stripe's error body.

use serde_json::{Value, json};

/// What went wrong, in Stripe's words.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    payment_intent: Option<Value>,
    /// Whether an idempotency key remembers it: validation errors are not remembered, since nothing began.
    pub(super) remembered: bool,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            message: message.into(),
            param: None,
            payment_intent: None,
            remembered: false,
        }
    }

    /// 400: a parameter is wrong.
    pub(super) fn invalid(code: Option<&'static str>, message: String, param: String) -> Self {
        Self { code, param: Some(param), ..Self::new(400, "invalid_request_error", message) }
    }

    /// Lets an idempotency key remember this error.
    pub(super) fn remember(self) -> Self {
        Self { remembered: true, ..self }
    }

    /// 400: the object's state does not allow it.
    pub(super) fn state(code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { code, remembered: true, ..Self::new(400, "invalid_request_error", message) }
    }

    /// 400: the payment intent's state does not allow it; the body carries the intent.
    pub(super) fn intent_state(message: impl Into<String>, intent: Value) -> Self {
        let state = Self::state(Some("payment_intent_unexpected_state"), message);
        Self { payment_intent: Some(intent), ..state }
    }

    /// 404: no such object.
    pub(super) fn missing(what: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self {
            code: Some("resource_missing"),
            param: Some(param.to_owned()),
            ..Self::new(404, "invalid_request_error", message)
        }
    }

    /// 404: no such route.
    pub(super) fn no_route(method: &str, path: &str) -> Self {
        Self::new(404, "invalid_request_error", format!("Unrecognized request URL ({method}: {path})."))
    }

    /// 401: no key, or one that is not this account's.
    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(401, "invalid_request_error", message)
    }

    /// 403: a restricted key without the permission.
    pub(super) fn forbidden() -> Self {
        Self::new(403, "invalid_request_error", "The provided key does not have the required permissions.")
    }

    /// 400: the key was used for something else.
    pub(super) fn idempotency() -> Self {
        let message = "This idempotency key was first used with other parameters or for another endpoint.";
        Self::new(400, "idempotency_error", message)
    }

    /// The body for a status that a test injected.
    pub(super) fn injected(status: u16) -> Self {
        match status {
            401 => Self::unauthorized("Invalid API Key provided"),
            402 => Self {
                code: Some("card_declined"),
                ..Self::new(402, "card_error", "Your card was declined.")
            },
            409 => Self {
                code: Some("idempotency_key_in_use"),
                ..Self::new(409, "idempotency_error", "Another request with this key is under way.")
            },
            429 => Self {
                code: Some("rate_limit"),
                ..Self::new(429, "invalid_request_error", "Too many requests.")
            },
            400..500 => Self::new(status, "invalid_request_error", "An injected fault."),
            _ => Self::new(status, "api_error", "An injected fault."),
        }
    }

    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = json!(code);
            error["doc_url"] =
                json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        }
        if let Some(param) = &self.param {
            error["param"] = json!(param);
        }
        if let Some(intent) = &self.payment_intent {
            error["payment_intent"] = intent.clone();
        }
        json!({ "error": error })
    }
}
