//! Reading JSON bodies, with the field at fault named.

use std::fmt::Write as _;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::error::{ApiError, FieldProblem};

/// A JSON body, and a JSON answer.
///
/// Reads straight from the bytes, so that fields of type `RawValue` keep their text: amounts never pass
/// through a float.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A JSON body together with the bytes it was read from, for fingerprints.
#[derive(Debug, Clone)]
pub struct RawJson<T> {
    /// The body as it came.
    pub bytes: Bytes,
    /// What it says.
    pub value: T,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        RawJson::from_request(request, state).await.map(|raw| Self(raw.value))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for RawJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;
        check_encoding(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|error| body_error(&error))?;
        let value = parse(&bytes)?;
        Ok(Self { bytes, value })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

/// Reads JSON from bytes. 400 `INVALID_JSON` for what is no JSON, 400 `VALIDATION_FAILED` naming the field for
/// JSON of the wrong shape.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Some editors and tools put a byte order mark in front, which is no part of the text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let path = path_text(error.path());
        shape_error(path, &error.into_inner())
    })?;
    source.end().map_err(|error| syntax_error(&error))?;
    Ok(value)
}

fn shape_error(mut path: String, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return syntax_error(error);
    }
    let problem = without_position(&error.to_string());
    // For a missing or unknown field serde's path ends at the object around it, and the text names the field.
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| problem.strip_prefix(start)?.split_once('`'));
    if let Some((field, _)) = named
        && path != field
        && !path.ends_with(&format!(".{field}"))
    {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(field);
    }
    if path.is_empty() {
        path.push_str("body");
    }
    ApiError::bad_request(vec![FieldProblem::new(path, problem)])
}

fn syntax_error(error: &serde_json::Error) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_JSON", format!("The body is not valid JSON: {error}."))
}

/// serde's text without " at line 1 column 5": the path says it better.
fn without_position(text: &str) -> String {
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

fn path_text(path: &serde_path_to_error::Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Segment::Unknown => {}
        }
    }
    text
}

/// 415 unless the body says that it is JSON (`application/json` or `…+json`).
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "Send the body as JSON, with the header 'Content-Type: application/json'.",
    ))
}

/// 415 for a body that is compressed: it is read as it comes.
fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get_all(header::CONTENT_ENCODING).iter();
    let given = given.flat_map(|value| value.to_str().unwrap_or("?").split(','));
    let other = given.map(str::trim).find(|one| !one.is_empty() && !one.eq_ignore_ascii_case("identity"));
    match other {
        None => Ok(()),
        Some(other) => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            format!("Send the body as it is: the Content-Encoding '{other}' is not taken."),
        )),
    }
}

/// 413 for a body beyond the limit, 400 for one that broke off.
pub fn body_error(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            "The body is larger than this route takes.",
        );
    }
    ApiError::new(StatusCode::BAD_REQUEST, "BODY_UNREADABLE", "The body broke off before its end.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::value::RawValue;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        quantity: u32,
    }

    #[derive(Debug, Deserialize)]
    struct Order {
        amount: Option<Box<RawValue>>,
        items: Vec<Item>,
    }

    fn problem(body: &str) -> (String, String, Vec<FieldProblem>) {
        let error = parse::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(error.status, 400);
        (error.code.into_owned(), error.message.into_owned(), error.details)
    }

    #[test]
    fn raw_values_keep_their_text() {
        let order: Order = parse(br#"{"amount": 4900.0, "items": [{"quantity": 2}]}"#).unwrap();
        assert_eq!(order.amount.unwrap().get(), "4900.0");
        assert_eq!(order.items[0].quantity, 2);
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let field = |body: &str| problem(body).2[0].field.clone();
        assert_eq!(field(r#"{"items": [{"quantity": 1}, {"quantity": "two"}]}"#), "items[1].quantity");
        assert_eq!(field(r#"{"items": [{}]}"#), "items[0].quantity");
        assert_eq!(field("{}"), "items");
        assert_eq!(field(r#"{"items": [{"quantity": 1, "size": 3}]}"#), "items[0].size");
        assert_eq!(field(r#"{"items": [{"quantity": 1, "quantity": 3}]}"#), "items[0].quantity");
        assert_eq!(field("[]"), "body");
        assert_eq!(field("7"), "body");
    }

    #[tokio::test]
    async fn a_mark_in_front_is_skipped_and_an_encoding_is_named() {
        let order: Order = parse(b"\xef\xbb\xbf{\"items\": []}").unwrap();
        assert!(order.items.is_empty());
        let send = async |encoding: Option<&str>| {
            let mut request = http::Request::post("/").header(header::CONTENT_TYPE, "application/json");
            if let Some(encoding) = encoding {
                request = request.header(header::CONTENT_ENCODING, encoding);
            }
            let request = request.body(axum::body::Body::from(r#"{"items": []}"#)).unwrap();
            Json::<Order>::from_request(request, &()).await.map(|_| ())
        };
        for good in [None, Some("identity"), Some(" Identity ")] {
            assert!(send(good).await.is_ok(), "{good:?}");
        }
        for other in ["gzip", "identity, br", "zstd"] {
            let error = send(Some(other)).await.unwrap_err();
            assert_eq!(error.status, 415, "{other}");
            assert!(error.message.contains(other.trim_start_matches("identity, ")), "{}", error.message);
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        for body in ["", "{", r#"{"items": [}"#, r#"{"items": []} x"#] {
            let (code, message, details) = problem(body);
            assert_eq!(code, "INVALID_JSON", "{body}");
            assert!(message.contains("line 1"), "{message}");
            assert!(details.is_empty());
        }
    }
}
