//! Calls to `GoCardless`'s API: JSON wrapped by the resource's name, a pinned version, idempotency keys whose
//! conflict names the resource that was made, errors.

use gateway_core::{
    domain::{Mode, Timestamp, transaction::Failure},
    provider::{Account, ProviderError},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    GoCardless, VERSION,
    objects::{ErrorBody, ErrorDetail},
};
use crate::http::{Answer, Request, endpoint};

/// What a call that makes something did.
pub(super) enum Made<T> {
    /// It made this.
    New(T),
    /// The same key has made the resource of this id before.
    Before(String),
}

/// A refusal of our own, before `GoCardless` is asked.
pub(super) fn rejected(code: &str, message: &str) -> ProviderError {
    ProviderError::Rejected(Failure { code: code.to_owned(), message: message.to_owned() })
}

pub(super) fn malformed(problem: impl Into<String>) -> ProviderError {
    ProviderError::Malformed(problem.into())
}

impl GoCardless {
    /// Reads one resource.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        account: &Account,
        resource: &str,
        id: &str,
    ) -> Result<T, ProviderError> {
        let answer = self.read(account, &[resource, id], &[]).await?;
        unwrap(&answer, resource)
    }

    /// Reads a list, newest first; with the provider's time of the answer.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        account: &Account,
        resource: &str,
        query: &[(&str, &str)],
    ) -> Result<(Vec<T>, Option<Timestamp>), ProviderError> {
        let answer = self.read(account, &[resource], query).await?;
        Ok((unwrap(&answer, resource)?, answer.at))
    }

    async fn read(
        &self,
        account: &Account,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        let mut url = endpoint(self.base_url(account.mode), path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = Request {
            method: Method::GET,
            url,
            headers: headers(account)?,
            body: bytes::Bytes::new(),
            conflict_means_running: false,
        };
        let answer = self.http.send(&request).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// Makes a resource, once per key.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        account: &Account,
        resource: &str,
        fields: Value,
        idempotency_key: &str,
    ) -> Result<Made<T>, ProviderError> {
        let mut headers = headers(account)?;
        let key = HeaderValue::from_str(idempotency_key)
            .map_err(|_| rejected("idempotency_key", "the idempotency key is no header value"))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
        let mut body = Map::new();
        body.insert(resource.to_owned(), fields);
        let answer = self.post(account, &[resource], headers, &Value::Object(body)).await?;
        if answer.status.is_success() {
            return unwrap(&answer, resource).map(Made::New);
        }
        match conflicting_resource(&answer) {
            Some(id) => Ok(Made::Before(id)),
            None => Err(refusal(&answer)),
        }
    }

    /// Makes a resource, or reads the one that the same key made before.
    pub(super) async fn create_once<T: DeserializeOwned>(
        &self,
        account: &Account,
        resource: &str,
        fields: Value,
        idempotency_key: &str,
    ) -> Result<T, ProviderError> {
        match self.create(account, resource, fields, idempotency_key).await? {
            Made::New(made) => Ok(made),
            Made::Before(id) => self.get(account, resource, &id).await,
        }
    }

    /// Does something to a resource. A repeat is harmless: its state does not allow it twice.
    pub(super) async fn act(
        &self,
        account: &Account,
        resource: &str,
        id: &str,
        action: &str,
    ) -> Result<(), ProviderError> {
        let path = [resource, id, "actions", action];
        let answer = self.post(account, &path, headers(account)?, &json!({ "data": {} })).await?;
        if answer.status.is_success() { Ok(()) } else { Err(refusal(&answer)) }
    }

    async fn post(
        &self,
        account: &Account,
        path: &[&str],
        mut headers: HeaderMap,
        body: &Value,
    ) -> Result<Answer, ProviderError> {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = Request {
            method: Method::POST,
            url: endpoint(self.base_url(account.mode), path)?,
            headers,
            body: body.to_string().into(),
            conflict_means_running: false,
        };
        self.http.send(&request).await
    }

    fn base_url(&self, mode: Mode) -> &url::Url {
        if mode.is_live() { &self.live_url } else { &self.test_url }
    }
}

fn headers(account: &Account) -> Result<HeaderMap, ProviderError> {
    let token = account.credentials.api_key.as_deref().map(str::trim).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| ProviderError::Unauthorized("no access token is set".to_owned()))?;
    let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| ProviderError::Unauthorized("the access token is malformed".to_owned()))?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, authorization);
    headers.insert(HeaderName::from_static("gocardless-version"), HeaderValue::from_static(VERSION));
    Ok(headers)
}

/// Takes a resource, or a list of them, out of its wrapping.
fn unwrap<T: DeserializeOwned>(answer: &Answer, resource: &str) -> Result<T, ProviderError> {
    let mut body: Map<String, Value> = answer.json()?;
    let wrapped = body.remove(resource).ok_or_else(|| malformed(format!("the answer has no {resource}")))?;
    serde_json::from_value(wrapped).map_err(|error| malformed(format!("{resource}: {error}")))
}

/// What the idempotency key made before.
fn conflicting_resource(answer: &Answer) -> Option<String> {
    if answer.status != StatusCode::CONFLICT {
        return None;
    }
    let body: ErrorBody = answer.json().ok()?;
    let is_conflict =
        |detail: &&ErrorDetail| detail.reason.as_deref() == Some("idempotent_creation_conflict");
    let detail = body.error.errors.iter().find(is_conflict)?;
    detail.links.get("conflicting_resource_id").map(str::to_owned)
}

fn refusal(answer: &Answer) -> ProviderError {
    let status = answer.status;
    let Ok(ErrorBody { error }) = answer.json() else { return rejected("error", &format!("HTTP {status}")) };
    if status == StatusCode::CONFLICT {
        // Something else is under way with this resource or key.
        return ProviderError::Unknown(error.message);
    }
    let detail = error.errors.first();
    let code = detail.and_then(|detail| detail.reason.clone()).unwrap_or(error.kind);
    let message = match detail {
        Some(ErrorDetail { field: Some(field), message: Some(message), .. }) => {
            format!("{}: {field} {message}", error.message)
        }
        _ => error.message,
    };
    ProviderError::Rejected(Failure { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer::for_test(status, body.to_string())
    }

    #[test]
    fn a_conflict_names_what_was_made_before() {
        let conflict = json!({ "error": {
            "type": "invalid_state", "code": 409, "message": "A resource has already been created",
            "errors": [{
                "reason": "idempotent_creation_conflict", "message": "…",
                "links": { "conflicting_resource_id": "BRQ1" },
            }],
        }});
        assert_eq!(conflicting_resource(&answer(409, &conflict)).as_deref(), Some("BRQ1"));
        assert_eq!(conflicting_resource(&answer(422, &conflict)), None);
    }

    #[test]
    fn refusals_carry_reason_and_words() {
        let cases = [
            (
                json!({ "error": { "type": "invalid_state", "message": "Payment cannot be cancelled",
                    "errors": [{ "reason": "cancellation_failed", "message": "Payment cannot be cancelled" }] } }),
                "cancellation_failed",
                "Payment cannot be cancelled",
            ),
            (
                json!({ "error": { "type": "validation_failed", "message": "Validation failed",
                    "errors": [{ "field": "amount", "message": "is too large" }] } }),
                "validation_failed",
                "Validation failed: amount is too large",
            ),
            (json!("nonsense"), "error", "HTTP 422 Unprocessable Entity"),
        ];
        for (body, code, message) in cases {
            let ProviderError::Rejected(failure) = refusal(&answer(422, &body)) else {
                panic!("not a refusal")
            };
            assert_eq!((failure.code.as_str(), failure.message.as_str()), (code, message));
        }
    }

    #[test]
    fn resources_come_out_of_their_wrapping() {
        let found: Vec<i64> = unwrap(&answer(200, &json!({ "payments": [1, 2] })), "payments").unwrap();
        assert_eq!(found, [1, 2]);
        assert!(unwrap::<i64>(&answer(200, &json!({ "refunds": 1 })), "payments").is_err());
    }
}
