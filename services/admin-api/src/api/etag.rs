//! Versions of resources: `ETag` on what is read, `If-Match` on what is changed (RFC 9110, 13.1.1). Who sends the one
//! back in the other is refused where somebody else came between; who sends none changes whatever stands.

use std::{fmt::Display, str::FromStr};

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header, request};
use serde::Serialize;
use web_kit::{ApiError, Json};

/// A resource with its version.
#[derive(Debug)]
pub struct Tagged<T> {
    tag: String,
    body: T,
}

impl<T> Tagged<T> {
    /// Of a version; whatever tells one state of the resource from another.
    pub fn new(version: impl Display, body: T) -> Self {
        Self { tag: format!("\"{version}\""), body }
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = HeaderValue::from_str(&self.tag);
        let mut response = Json(self.body).into_response();
        if let Ok(tag) = tag {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// The version that a change was decided on, if its sender says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Any will do.
    Any,
    /// This one.
    Version(String),
}

impl IfMatch {
    /// The version, as the resource counts it; `none` where the tag is no version of any resource, so that nothing
    /// matches it.
    pub fn version<T: FromStr>(self, none: T) -> Option<T> {
        match self {
            Self::Any => None,
            Self::Version(text) => Some(text.parse().unwrap_or(none)),
        }
    }

    /// The version of what counts its versions.
    pub fn number(self) -> Option<i64> {
        self.version(-1)
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let refused =
            || ApiError::bad_field("If-Match", "must be one ETag as it was answered, such as \"3\", or *");
        let text = match (values.next(), values.next()) {
            (None, _) => return Ok(Self::Any),
            (Some(value), None) => value.to_str().map_err(|_| refused())?.trim(),
            _ => return Err(refused()),
        };
        if text == "*" {
            return Ok(Self::Any);
        }
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let bare = bare.filter(|text| !text.contains('"')).ok_or_else(refused)?;
        Ok(Self::Version(bare.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    async fn read(values: &[&str]) -> Result<IfMatch, ApiError> {
        let mut request = Request::patch("/products/1");
        for value in values {
            request = request.header("If-Match", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn a_tag_is_sent_back_as_it_was_answered() {
        let tagged = Tagged::new(7, ()).into_response();
        let tag = tagged.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(read(&[&tag]).await.unwrap().number(), Some(7));
        assert_eq!(read(&[]).await.unwrap().number(), None);
        assert_eq!(read(&["*"]).await.unwrap().number(), None);
        assert_eq!(read(&["\"other\""]).await.unwrap().number(), Some(-1));
        for wrong in [&["7"][..], &["W/\"7\""], &["\"7\", \"8\""], &["\"7\"", "\"8\""], &["\""]] {
            assert_eq!(read(wrong).await.unwrap_err().status, 400, "{wrong:?}");
        }
    }
}
