//! The `Idempotency-Key` header.

use axum::extract::FromRequestParts;
use gateway_core::{
    app::create_checkout::{IDEMPOTENCY_KEY_BYTES_MAX, IdempotencyKey},
    crypto::RequestDigest,
};
use http::{Method, request};
use web_kit::ApiError;

/// The header as it came, and what of the request belongs to its fingerprint.
#[derive(Debug, Clone)]
pub struct IdempotencyHeader {
    key: Option<String>,
    method: Method,
    path: String,
}

impl IdempotencyHeader {
    /// The key together with the body's fingerprint; `route` is the route's template.
    pub fn with(self, route: &'static str, body: &[u8]) -> Option<IdempotencyKey> {
        let digest = RequestDigest::of(self.method.as_str(), &self.path, body);
        self.key.map(|key| IdempotencyKey { route, key, digest })
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        // Routers have taken `/api/v1` or `/v1` off: the two are the same route, so a retry may use either.
        let path = format!("/api/v1{}", parts.uri);
        let method = parts.method.clone();
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let key = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(value.to_str().ok().filter(|key| fits(key)).ok_or_else(refusal)?),
            _ => return Err(refusal()),
        };
        Ok(Self { key: key.map(str::to_owned), method, path })
    }
}

fn fits(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
}

fn refusal() -> ApiError {
    ApiError::bad_field("Idempotency-Key", "must be one header of 1 to 255 printable ASCII characters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    async fn read(keys: &[&str]) -> Result<Option<String>, ApiError> {
        let mut request = Request::post("/checkouts/1/create");
        for key in keys {
            request = request.header("Idempotency-Key", *key);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let header = IdempotencyHeader::from_request_parts(&mut parts, &()).await?;
        assert_eq!(header.path, "/api/v1/checkouts/1/create");
        Ok(header.with("route", b"{}").map(|key| key.key))
    }

    #[tokio::test]
    async fn one_key_of_at_most_255_characters() {
        assert_eq!(read(&[]).await.unwrap(), None);
        assert_eq!(read(&["order-1"]).await.unwrap().as_deref(), Some("order-1"));
        assert!(read(&["x".repeat(255).as_str()]).await.is_ok());
        for wrong in [&[String::new()][..], &["x".repeat(256)], &["a".to_owned(), "b".to_owned()]] {
            let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
            assert_eq!(read(&wrong).await.unwrap_err().status, 400);
        }
    }
}
