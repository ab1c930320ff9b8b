//! Static files, embedded at compile time and served under addresses that carry their hash, so that a browser
//! may keep them for ever.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, unknown_route};

/// A file as it is embedded: `StaticFile::new("checkout.js", "text/javascript", include_bytes!("…"))`.
#[derive(Debug, Clone, Copy)]
pub struct StaticFile {
    /// Its name, with extension.
    pub name: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

impl StaticFile {
    /// A file.
    pub const fn new(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, content_type, bytes }
    }
}

#[derive(Debug)]
struct Served {
    name: &'static str,
    url: String,
    integrity: String,
    content_type: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
}

/// The files of a service. Cloning shares them.
#[derive(Debug, Clone)]
pub struct StaticFiles(Arc<[Served]>);

impl StaticFiles {
    /// Hashes and compresses the files, once, at start.
    pub fn new(files: &[StaticFile]) -> Self {
        Self(files.iter().map(prepare).collect())
    }

    /// The address of a file: `/static/checkout.1f2e3d4c5b6a7980.js`. An unknown name gives an address that
    /// answers 404.
    pub fn url(&self, name: &str) -> &str {
        self.find(name).map_or("/static/missing", |file| &file.url)
    }

    /// The file's `integrity` attribute: `sha256-…`. Empty for an unknown name.
    pub fn integrity(&self, name: &str) -> &str {
        self.find(name).map_or("", |file| &file.integrity)
    }

    fn find(&self, name: &str) -> Option<&Served> {
        self.0.iter().find(|file| file.name == name)
    }

    /// Serves `/static/{file}`.
    pub fn router(&self) -> Router {
        Router::new().route("/static/{file}", get(serve)).with_state(self.clone())
    }
}

fn prepare(file: &StaticFile) -> Served {
    let digest = Sha256::digest(file.bytes);
    let hash = hex::encode(&digest[..8]);
    let (stem, extension) = file.name.rsplit_once('.').unwrap_or((file.name, "bin"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let gzip = encoder.write_all(file.bytes).and_then(|()| encoder.finish()).ok();
    Served {
        name: file.name,
        url: format!("/static/{stem}.{hash}.{extension}"),
        integrity: format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest)),
        content_type: file.content_type,
        plain: Bytes::from_static(file.bytes),
        gzip: gzip.filter(|packed| packed.len() < file.bytes.len()).map(Bytes::from),
    }
}

async fn serve(
    State(files): State<StaticFiles>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = files.0.iter().find(|file| file.url.strip_prefix("/static/") == Some(name.as_str()));
    let Some(file) = file else { return Err(unknown_route().await) };
    let packed = file.gzip.as_ref().filter(|_| accepts_gzip(&headers));
    let body = packed.unwrap_or(&file.plain).clone();
    let mut response = body.into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether a caller takes a gzipped body.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|entry| {
            let (coding, weight) = entry.split_once(';').unwrap_or((entry, ""));
            coding.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request;
    use std::io::Read;
    use tower::ServiceExt;

    #[tokio::test]
    async fn files_are_served_by_hash_and_compressed() {
        static TEXT: [u8; 4000] = [b'x'; 4000];
        let files = StaticFiles::new(&[StaticFile::new("a.js", "text/javascript", &TEXT)]);
        let ask = |uri: &str, coding: &str| {
            let request = Request::get(uri).header("accept-encoding", coding).body(Body::empty()).unwrap();
            files.router().oneshot(request)
        };
        let response = ask(files.url("a.js"), "br, gzip;q=0.8").await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        let packed = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, TEXT);
        let plain = ask(files.url("a.js"), "gzip;q=0").await.unwrap();
        assert!(!plain.headers().contains_key("content-encoding"));
        assert_eq!(ask("/static/a.js", "gzip").await.unwrap().status(), 404);
        assert!(files.integrity("a.js").starts_with("sha256-"));
    }
}
