//! The one error body of every endpoint.
//!
//! `{"error": text, "message": the same text, "code", "requestId", "details": [{"field", "problem"}]}`:
//! the published shop plugins read `error` or `message`, programs read `code`, people quote `requestId`.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::request_id;

/// One field of a request and what is wrong with it, in words that say what to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Path of the field, such as `items[2].quantity`.
    #[schema(example = "items[2].quantity")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must be at least 1")]
    pub problem: String,
}

/// Most problems that one answer tells.
const DETAILS_MAX: usize = 100;
/// Longest name of a field, and longest text of what is wrong with it, in bytes: both may hold what was sent.
const FIELD_BYTES_MAX: usize = 200;
const PROBLEM_BYTES_MAX: usize = 1000;

impl FieldProblem {
    /// A problem of one field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    fn shorten(&mut self) {
        for (text, bytes_max) in [(&mut self.field, FIELD_BYTES_MAX), (&mut self.problem, PROBLEM_BYTES_MAX)]
        {
            if text.len() > bytes_max {
                text.truncate(text.floor_char_boundary(bytes_max));
                text.push('…');
            }
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// What went wrong and what to change, for people.
    pub error: String,
    /// The same text as `error`.
    pub message: String,
    /// A stable code for programs.
    #[schema(example = "VALIDATION_FAILED")]
    pub code: String,
    /// The request's id, as in the `X-Request-ID` header.
    pub request_id: String,
    /// The fields at fault; empty when the fault is in no single field.
    pub details: Vec<FieldProblem>,
}

/// An answer that is not a success.
///
/// The request id is taken from the task (see [`request_id`]) when the answer is made.
#[derive(Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code, `UPPER_SNAKE_CASE`.
    pub code: Cow<'static, str>,
    /// Text for people; must hold nothing of the inside.
    pub message: Cow<'static, str>,
    /// Fields at fault.
    pub details: Vec<FieldProblem>,
    /// When to try again; sent as `Retry-After` in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only. It never reaches the body.
    pub internal: Option<Box<dyn StdError + Send + Sync>>,
}

impl ApiError {
    /// An error with everything stated.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            internal: None,
        }
    }

    /// 400 `VALIDATION_FAILED` naming the fields, the first hundred of them. The text repeats the problems, since
    /// some clients show nothing else.
    pub fn bad_request(mut details: Vec<FieldProblem>) -> Self {
        details.truncate(DETAILS_MAX);
        details.iter_mut().for_each(FieldProblem::shorten);
        let message = match details.as_slice() {
            [] => "The request is not valid.".to_owned(),
            [one] => format!("{}: {}", one.field, one.problem),
            [first, rest @ ..] => {
                format!("{}: {} (and {} more, see details)", first.field, first.problem, rest.len())
            }
        };
        Self { details, ..Self::new(StatusCode::BAD_REQUEST, "VALIDATION_FAILED", message) }
    }

    /// 400 `VALIDATION_FAILED` for one field.
    pub fn bad_field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::bad_request(vec![FieldProblem::new(field, problem)])
    }

    /// 401 `UNAUTHORIZED`. The text is the same whatever was wrong with the key.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "A valid API key or access token is required: send it as 'Authorization: Bearer …'.",
        )
    }

    /// 403 `FORBIDDEN` for a key that lacks `scope`, which the text names.
    pub fn forbidden_scope(scope: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            format!("This API key lacks the scope '{scope}'. Add the scope to the key or use another key."),
        )
    }

    /// 403 `FORBIDDEN` for a person whose role does not grant `scope`, which the text names.
    pub fn forbidden_role(scope: &str) -> Self {
        let text = format!("Your role in this organization does not grant '{scope}'. Ask one of its Admins.");
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", text)
    }

    /// 403 `NO_ORGANIZATION` for a person whose token speaks for no organization of theirs.
    pub fn no_organization() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "NO_ORGANIZATION",
            "This token speaks for no organization that you are a member of. Refresh it for another one.",
        )
    }

    /// 403 `FORBIDDEN` with a reason.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    /// 404 `NOT_FOUND` of a thing (`"checkout"`): also for what belongs to someone else.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("There is no such {what}."))
    }

    /// 409 with a code of its own.
    pub fn conflict(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { retry_after, ..Self::new(StatusCode::CONFLICT, code, message) }
    }

    /// 422 with a code of its own: well-formed, but it cannot be done.
    pub fn unprocessable(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// 429 `RATE_LIMITED`.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                "Too many requests. Wait for the time given in Retry-After, then try again.",
            )
        }
    }

    /// 503 `UNAVAILABLE`: nothing was done, and the same request may be sent again.
    pub fn unavailable(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "The service is busy or restarting. Try again shortly.",
            )
        }
    }

    /// 500 `INTERNAL_ERROR`; `source` goes to the log and nowhere else.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            internal: Some(source.into()),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "Something went wrong on our side. Quote the request id when you report it.",
            )
        }
    }

    /// The same error with the fields at fault.
    pub fn with_details(mut self, details: Vec<FieldProblem>) -> Self {
        self.details = details;
        self
    }

    /// The same error with a cause for the log.
    pub fn with_internal(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.internal = Some(source.into());
        self
    }

    /// Logs the cause. Called once, where the error becomes an answer, also by pages that show it as HTML.
    pub fn log(&self) {
        if let Some(internal) = &self.internal {
            tracing::error!(
                code = %self.code,
                status = self.status.as_u16(),
                error = %Chain(internal.as_ref()),
                "request failed"
            );
        }
    }

    /// The body as it is sent, with the id of the running request.
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error: self.message.clone().into_owned(),
            message: self.message.clone().into_owned(),
            code: self.code.clone().into_owned(),
            request_id: request_id::current().into(),
            details: self.details.clone(),
        }
    }

    /// `Retry-After` in whole seconds, at least 1, where a time was given.
    pub fn retry_after_secs(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.message)
    }
}

impl StdError for ApiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.internal.as_ref().map(|internal| internal.as_ref() as _)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let body = self.body();
        let mut response = (self.status, axum::Json(&body)).into_response();
        // A listener of pages shows the same error as HTML; see `stack::pages`.
        response.extensions_mut().insert(body);
        let headers = response.headers_mut();
        if let Some(secs) = self.retry_after_secs() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An error and its causes on one line.
struct Chain<'a>(&'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// Fallback of a JSON API: an unknown route.
pub async fn unknown_route() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "ROUTE_NOT_FOUND",
        "There is no such route. The OpenAPI document lists all of them.",
    )
}

/// Fallback of a JSON API: a known route, another method. The router adds `Allow`.
pub async fn method_not_allowed(method: http::Method) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        format!("This route does not take {method}. The Allow header names what it takes."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn json_of(error: ApiError) -> (http::response::Parts, serde_json::Value) {
        let (parts, body) = error.into_response().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn body_has_exactly_the_five_fields() {
        let error = ApiError::bad_field("items[0].quantity", "must be at least 1");
        let (parts, body) = request_id::scope("abc".into(), json_of(error)).await;
        assert_eq!(parts.status, 400);
        assert_eq!(
            body,
            serde_json::json!({
                "error": "items[0].quantity: must be at least 1",
                "message": "items[0].quantity: must be at least 1",
                "code": "VALIDATION_FAILED",
                "requestId": "abc",
                "details": [{"field": "items[0].quantity", "problem": "must be at least 1"}],
            })
        );
    }

    /// What was sent comes back in names and texts: an answer is no larger for a body that is wrong throughout.
    #[test]
    fn an_answer_tells_so_many_problems_and_none_at_length() {
        let long = "ä".repeat(100_000);
        let problems = (0..5_000).map(|_| FieldProblem::new(&long, &long)).collect();
        let error = ApiError::bad_request(problems);
        assert_eq!(error.details.len(), DETAILS_MAX);
        assert!(
            error
                .details
                .iter()
                .all(|one| one.field.len() <= FIELD_BYTES_MAX + 3 && one.field.ends_with("ä…"))
        );
        assert!(error.message.len() < 2_000);
        let short = ApiError::bad_field("name", "is required");
        assert_eq!(short.details, [FieldProblem::new("name", "is required")]);
    }

    #[tokio::test]
    async fn internal_errors_say_nothing_of_the_inside() {
        let (parts, body) = json_of(ApiError::internal("mongodb://secret@db is down")).await;
        assert_eq!(parts.status, 500);
        assert!(!body.to_string().contains("secret"));
        assert_eq!(body["code"], "INTERNAL_ERROR");
        assert_eq!(body["details"], serde_json::json!([]));
    }

    #[tokio::test]
    async fn retry_after_is_rounded_up_to_a_second() {
        let (parts, _) = json_of(ApiError::too_many_requests(Duration::from_millis(1200))).await;
        assert_eq!(parts.headers["retry-after"], "2");
        let (parts, _) = json_of(ApiError::unavailable(Duration::ZERO)).await;
        assert_eq!(parts.headers["retry-after"], "1");
    }

    #[tokio::test]
    async fn missing_scope_is_named() {
        let (parts, body) = json_of(ApiError::forbidden_scope("refund:create")).await;
        assert_eq!(parts.status, 403);
        assert!(body["error"].as_str().unwrap().contains("refund:create"));
    }
}
