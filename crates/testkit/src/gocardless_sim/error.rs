//! `GoCardless`'s error body.

use serde_json::{Value, json};

/// What went wrong, in `GoCardless`'s words.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: u16,
    kind: &'static str,
    anchor: String,
    pub(super) message: String,
    details: Value,
    /// Whether it points at what an idempotency key made before.
    pub(super) conflict: bool,
}

impl ApiError {
    fn with_reason(status: u16, kind: &'static str, reason: &str, message: &str) -> Self {
        let details = json!({ "reason": reason, "message": message });
        Self {
            status,
            kind,
            anchor: reason.to_owned(),
            message: message.to_owned(),
            details,
            conflict: false,
        }
    }

    /// 422: a field has a value that is not allowed.
    pub(super) fn field(resource: &str, field: &str, message: &str) -> Self {
        Self {
            status: 422,
            kind: "validation_failed",
            anchor: "validation_failed".to_owned(),
            message: "Validation failed".to_owned(),
            details: json!({
                "field": field.rsplit('/').next(),
                "message": message,
                "request_pointer": format!("/{resource}/{field}"),
            }),
            conflict: false,
        }
    }

    /// 422: a field is missing, unknown or of the wrong type.
    pub(super) fn usage(resource: &str, message: &str) -> Self {
        Self {
            status: 422,
            kind: "invalid_api_usage",
            anchor: "invalid_type".to_owned(),
            message: "One of your parameters was incorrectly typed".to_owned(),
            details: json!({ "message": message, "request_pointer": format!("/{resource}") }),
            conflict: false,
        }
    }

    /// 422: the resource's state does not allow it.
    pub(super) fn state(reason: &str, message: &str) -> Self {
        Self::with_reason(422, "invalid_state", reason, message)
    }

    /// 409: the key made this resource before.
    pub(super) fn conflict(existing: &str) -> Self {
        let message = "A resource has already been created with this idempotency key";
        let mut error = Self::with_reason(409, "invalid_state", "idempotent_creation_conflict", message);
        error.details["links"] = json!({ "conflicting_resource_id": existing });
        error.conflict = true;
        error
    }

    /// 404: no such resource.
    pub(super) fn missing() -> Self {
        Self::with_reason(404, "invalid_api_usage", "resource_not_found", "Resource not found")
    }

    /// 422: a link leads nowhere.
    pub(super) fn link(resource: &str, link: &str) -> Self {
        let mut error = Self::with_reason(422, "invalid_api_usage", "link_not_found", "Link not found");
        error.details["request_pointer"] = json!(format!("/{resource}/links/{link}"));
        error
    }

    /// Any other refusal of the request as such.
    pub(super) fn bad(status: u16, reason: &str, message: &str) -> Self {
        Self::with_reason(status, "invalid_api_usage", reason, message)
    }

    /// The body for a status that a test injected.
    pub(super) fn injected(status: u16) -> Self {
        match status {
            401 => Self::bad(401, "unauthorized", "Unauthorized"),
            403 => Self::bad(403, "forbidden", "Forbidden"),
            404 => Self::missing(),
            429 => Self::bad(429, "rate_limit_exceeded", "Rate limit exceeded"),
            400..500 => Self::bad(status, "bad_request", "An injected fault"),
            _ => Self::with_reason(status, "gocardless", "internal_server_error", "Internal server error"),
        }
    }

    pub(super) fn body(&self, request_id: &str) -> Value {
        json!({
            "error": {
                "message": self.message,
                "errors": [self.details],
                "documentation_url": format!("https://developer.gocardless.com/api-reference#{}", self.anchor),
                "type": self.kind,
                "request_id": request_id,
                "code": self.status,
            }
        })
    }
}
