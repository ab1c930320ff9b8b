//! Calls to `GoCardless`'s API: JSON wrapped by the resource's name, a pinned version, idempotency keys whose
//! conflict names the resource that was made, errors.

use std::collections::BTreeMap;

use gateway_core::{
    domain::{Mode, Timestamp, transaction::Failure},
    provider::{Account, ProviderError},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    GoCardless, VERSION,
    objects::{ErrorBody, ErrorDetail},
};
use crate::http::{Answer, Request, endpoint, unreadable};

/// Where a list goes on.
#[derive(Deserialize)]
struct Meta {
    cursors: Cursors,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}

/// What a call that makes something did.
pub(super) enum Made<T> {
    /// It made this.
    New(T),
    /// The same key has made the resource of this id before.
    Before(String),
}

/// A refusal of our own, before `GoCardless` is asked.
pub(super) fn rejected(code: &str, message: &str) -> ProviderError {
    ProviderError::Rejected(Failure::new(code, message))
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

    /// Reads one resource; `None` where the answer has one of these statuses.
    pub(super) async fn get_some<T: DeserializeOwned>(
        &self,
        account: &Account,
        resource: &str,
        id: &str,
        absent: &[StatusCode],
    ) -> Result<Option<T>, ProviderError> {
        let answer = self.ask(account, &[resource, id], &[]).await?;
        if absent.contains(&answer.status) {
            return Ok(None);
        }
        if answer.status.is_success() { unwrap(&answer, resource).map(Some) } else { Err(refusal(&answer)) }
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

    /// Reads a list, newest first, each object as it came; with where older ones follow, and the provider's time.
    pub(super) async fn list_raw(
        &self,
        account: &Account,
        resource: &str,
        query: &[(&str, &str)],
    ) -> Result<(Vec<Box<RawValue>>, Option<String>, Option<Timestamp>), ProviderError> {
        let answer = self.read(account, &[resource], query).await?;
        let (objects, after) = unwrap_list(&answer, resource)?;
        Ok((objects, after, answer.at))
    }

    async fn read(
        &self,
        account: &Account,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        let answer = self.ask(account, path, query).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    async fn ask(
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
            keep_server_errors: false,
        };
        self.http.send(&request).await
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
            keep_server_errors: false,
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
    serde_json::from_value(wrapped).map_err(|error| malformed(format!("{resource}: {}", unreadable(&error))))
}

/// Takes the raw objects of a list out of its wrapping, with where older ones follow.
fn unwrap_list(
    answer: &Answer,
    resource: &str,
) -> Result<(Vec<Box<RawValue>>, Option<String>), ProviderError> {
    let mut body: BTreeMap<String, Box<RawValue>> = answer.json()?;
    let wrapped = body.remove(resource).ok_or_else(|| malformed(format!("the answer has no {resource}")))?;
    let read = |error| malformed(format!("{resource}: {}", unreadable(&error)));
    let objects = serde_json::from_str(wrapped.get()).map_err(read)?;
    let meta = body.get("meta").and_then(|meta| serde_json::from_str::<Meta>(meta.get()).ok());
    Ok((objects, meta.and_then(|meta| meta.cursors.after)))
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
    let detail = error.errors.first();
    let code = detail.and_then(|detail| detail.reason.clone()).unwrap_or(error.kind);
    if status == StatusCode::CONFLICT {
        // Something else is under way with this resource or key.
        return ProviderError::Unknown(format!("HTTP 409: {}", Failure::new(&code, "").code));
    }
    let is_of_customer = error.errors.iter().any(points_at_customer);
    let message = match detail {
        Some(ErrorDetail { field: Some(field), message: Some(message), .. }) => {
            format!("{}: {field} {message}", error.message)
        }
        _ => error.message,
    };
    let failure = Failure::new(&code, message);
    if is_of_customer { ProviderError::CustomerData(failure) } else { ProviderError::Rejected(failure) }
}

/// Whether it is about what was filled in of the customer.
fn points_at_customer(detail: &ErrorDetail) -> bool {
    let places = [detail.request_pointer.as_deref(), detail.field.as_deref()];
    places.into_iter().flatten().any(|place| place.split(['/', '.']).any(|part| part == "prefilled_customer"))
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
    fn a_refusal_of_what_was_filled_in_says_so() {
        let refused = |detail: Value| {
            let body = json!({ "error": {
                "type": "validation_failed", "message": "Validation failed", "errors": [detail],
            }});
            matches!(refusal(&answer(422, &body)), ProviderError::CustomerData(_))
        };
        let pointer = "/billing_request_flows/prefilled_customer/email";
        assert!(refused(json!({ "field": "email", "message": "is invalid", "request_pointer": pointer })));
        assert!(refused(json!({ "field": "prefilled_customer.city", "message": "is too long" })));
        assert!(!refused(json!({ "field": "amount", "message": "is too large" })));
    }

    #[test]
    fn resources_come_out_of_their_wrapping() {
        let found: Vec<i64> = unwrap(&answer(200, &json!({ "payments": [1, 2] })), "payments").unwrap();
        assert_eq!(found, [1, 2]);
        assert!(unwrap::<i64>(&answer(200, &json!({ "refunds": 1 })), "payments").is_err());
    }
}
