//! `GET /api/v1/docs`: the OpenAPI document as a page for people.
//!
//! Rendered and compressed once, when somebody first asks. Its style and its script are in the page, allowed by their hashes, so
//! that the same bytes suit every reader and a proxy may keep them.

mod example;
mod model;

use std::io::Write as _;

use askama::Template;
use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use web_kit::{ApiError, static_files::accepts_gzip};

const SCRIPT: &str = include_str!("../../../static/docs.js");
const STYLE: &str = include_str!("../../../static/docs.css");

/// The page.
#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    reference: model::Reference,
    style: &'a str,
    script: &'a str,
}

/// The page as it is sent.
#[derive(Debug)]
struct Docs(Sent);

#[derive(Debug)]
struct Sent {
    policy: HeaderValue,
    tag: HeaderValue,
    plain: Bytes,
    gzip: Bytes,
}

impl Docs {
    /// Renders an OpenAPI document.
    ///
    /// # Panics
    /// When it is not one that [`super::document`] makes: a mistake of this program.
    fn of(document: &Value) -> Self {
        let style = web_kit::look::minify(web_kit::look::BASE_CSS) + &web_kit::look::minify(STYLE);
        let page = DocsPage { reference: model::Reference::of(document), style: &style, script: SCRIPT };
        let html = page.render().expect("the template prints plain text");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = encoder.write_all(html.as_bytes()).and_then(|()| encoder.finish());
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; form-action 'none'; \
             frame-ancestors 'none'; base-uri 'none'",
            hash(&style),
            hash(SCRIPT)
        );
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&html)[..8]));
        let text = |text: String| HeaderValue::from_str(&text).expect("base64 and hex are ASCII");
        Self(Sent {
            policy: text(policy),
            tag: text(tag),
            gzip: gzip.expect("memory takes all that is written").into(),
            plain: html.into(),
        })
    }
}

/// As a content security policy names an inline element.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// The page, or 304 for who has it. Made on a thread of its own, as the document is.
pub(super) async fn show(headers: HeaderMap) -> Result<Response, ApiError> {
    static DOCS: OnceCell<Docs> = OnceCell::const_new();
    let render = async || {
        let made = tokio::task::spawn_blocking(|| Docs::of(&super::document())).await;
        made.map_err(ApiError::internal)
    };
    Ok(answer(DOCS.get_or_try_init(render).await?, &headers))
}

fn answer(Docs(docs): &Docs, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == docs.tag);
    let packed = accepts_gzip(headers);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (if packed { &docs.gzip } else { &docs.plain }).clone().into_response()
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    out.insert(header::CONTENT_SECURITY_POLICY, docs.policy.clone());
    out.insert(header::ETAG, docs.tag.clone());
    // Kept, and asked about each time: the page changes with every version.
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed && !known {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_schema_has_its_place_and_every_link_its_target() {
        let document = crate::api::document();
        let docs = Docs::of(&document);
        let html = std::str::from_utf8(&docs.0.plain).unwrap();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(html.contains(&format!("id=\"op-{id}\"")), "{id}");
                assert!(html.contains(operation["x-required-scope"].as_str().unwrap_or("")), "{id}");
            }
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            let is_page = name.starts_with("Page_");
            assert_ne!(html.contains(&format!("id=\"schema-{name}\"")), is_page, "{name}");
        }
        for link in html.split("href=\"#").skip(1) {
            let target = link.split_once('"').unwrap().0;
            assert_eq!(html.matches(&format!("id=\"{target}\"")).count(), 1, "#{target}");
        }
        assert!(docs.0.gzip.len() < 70_000, "{} bytes", docs.0.gzip.len());
    }

    #[test]
    fn the_page_is_sent_compressed_under_a_strict_policy_and_once() {
        let docs = Docs::of(&crate::api::document());
        let ask = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            answer(&docs, &headers)
        };
        let response = ask(header::ACCEPT_ENCODING, "gzip");
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(ask(header::IF_NONE_MATCH, &tag).status(), 304);
        assert_eq!(ask(header::IF_NONE_MATCH, "\"other\"").status(), 200);
    }
}
