//! Path, query and form extractors that answer in the one error shape.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::{StatusCode, header, request};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, FieldProblem};
use crate::json::body_error;

/// Path parameters.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// Query parameters. Unknown ones are ignored unless `T` denies them.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

/// A posted form.
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(path_error(rejection)),
        }
    }
}

fn path_error(rejection: PathRejection) -> ApiError {
    let PathRejection::FailedToDeserializePathParams(inner) = rejection else {
        return ApiError::internal(rejection.to_string());
    };
    match inner.into_kind() {
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
            ApiError::bad_field(key, format!("must be a valid {expected_type}"))
        }
        ErrorKind::DeserializeError { key, message, .. } => ApiError::bad_field(key, message),
        ErrorKind::InvalidUtf8InPathParam { key } => {
            ApiError::bad_field(key, "must be UTF-8 once percent-decoded")
        }
        ErrorKind::ParseErrorAtIndex { index, expected_type, .. } => {
            ApiError::bad_field(format!("path[{index}]"), format!("must be a valid {expected_type}"))
        }
        ErrorKind::ParseError { expected_type, .. } => {
            ApiError::bad_field("path", format!("must be a valid {expected_type}"))
        }
        ErrorKind::Message(message) => ApiError::bad_field("path", message),
        // What is left is a route declared with other parameters than its handler takes.
        other => ApiError::internal(other.to_string()),
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        parse_urlencoded(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "Send the body as application/x-www-form-urlencoded.",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|error| body_error(&error))?;
        parse_urlencoded(&bytes).map(Self)
    }
}

/// Reads `a=1&b=2`, naming the parameter at fault.
pub fn parse_urlencoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let pairs = url::form_urlencoded::parse(bytes);
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        let field = match problem.split('`').nth(1) {
            Some(name) if path == "." && problem.contains("field `") => name.to_owned(),
            _ if path == "." => "query".to_owned(),
            _ => path,
        };
        ApiError::bad_request(vec![FieldProblem::new(field, problem)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::routing::{get, post};
    use serde::Deserialize;
    use tower::ServiceExt;

    #[derive(Debug, Deserialize)]
    struct Filter {
        site: String,
        count: u8,
    }

    async fn answer(request: http::request::Builder, body: &'static str) -> (StatusCode, serde_json::Value) {
        let app = Router::new()
            .route("/n/{number}", get(async |Path(number): Path<u8>| number.to_string()))
            .route("/k/{a}/{b}", get(async |Path((_, b)): Path<(String, u8)>| b.to_string()))
            .route("/q", get(async |Query(q): Query<Filter>| format!("{}{}", q.site, q.count)))
            .route("/f", post(async |Form(q): Form<Filter>| format!("{}{}", q.site, q.count)));
        let response = app.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null))
    }

    #[tokio::test]
    async fn parameters_at_fault_are_named() {
        for (uri, field) in [
            ("/n/x", "path"),
            ("/k/a/x", "path[1]"),
            ("/q?site=1&count=900", "count"),
            ("/q?count=1", "site"),
            ("/q?site=a&site=b&count=1", "site"),
        ] {
            let (status, body) = answer(Request::get(uri), "").await;
            assert_eq!((status.as_u16(), &body["details"][0]["field"]), (400, &field.into()), "{uri} {body}");
        }
    }

    #[tokio::test]
    async fn forms_must_say_that_they_are_forms() {
        let (status, body) = answer(Request::post("/f"), "site=a&count=1").await;
        assert_eq!((status.as_u16(), &body["code"]), (415, &"UNSUPPORTED_MEDIA_TYPE".into()));
        let typed =
            Request::post("/f").header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(answer(typed, "site=a&count=1").await.0, 200);
    }
}
