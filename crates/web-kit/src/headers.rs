//! Security headers, and the content security policy of pages.
//!
//! # `form-action` and providers
//!
//! Chromium applies `form-action` to every redirect that follows a form's POST. A checkout form posts to
//! itself and is answered with a 303 to the provider, so with `form-action 'self'` alone the customer would
//! be stuck on our page. Opening it to all of `https:` would undo the directive. So a page lists the origins
//! of the providers it offers ([`Csp::form_to`]), and the handler asks [`Csp::allows_form_to`] before it
//! answers: where the target is listed, 303; where it is not (a provider on a domain of the merchant's own, a
//! simulator), a 200 with the hand-over page, which goes on by `meta refresh` and a plain link. Both work
//! without JavaScript, and neither loosens the policy.

use std::fmt::Write as _;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, header, request};
use url::Url;

use crate::error::ApiError;

/// The request's nonce for inline style and script elements; an extractor on pages.
#[derive(Debug, Clone)]
pub struct Nonce(String);

impl Nonce {
    /// 128 random bits in base64.
    pub fn random() -> Self {
        Self(base64::engine::general_purpose::STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>()))
    }

    /// A fixed nonce, for samples and tests.
    pub fn fixed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The nonce as it stands in the attribute.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Nonce {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::internal("the page headers layer is missing on this route"))
    }
}

/// A page's content security policy: `default-src 'none'` and what the page asks for.
///
/// A handler that needs more than [`Csp::page`] puts its own into the response as an extension
/// (`Extension(csp)` in the response tuple); [`page_layer`] writes it out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Csp {
    form: Vec<String>,
    frame: Vec<String>,
    script: Vec<String>,
    connect: Vec<String>,
}

impl Csp {
    /// The policy of a page of our own: nonced style and script, own images, forms to itself.
    pub fn page() -> Self {
        Self::default()
    }

    /// Lets forms (and the redirects that answer them) go to these addresses' origins.
    pub fn form_to<'a>(mut self, targets: impl IntoIterator<Item = &'a Url>) -> Self {
        add_origins(&mut self.form, targets);
        self
    }

    /// Lets a provider's embedded form in: its script, its frame, its calls.
    pub fn embed<'a>(mut self, origins: impl IntoIterator<Item = &'a Url> + Clone) -> Self {
        add_origins(&mut self.frame, origins.clone());
        add_origins(&mut self.script, origins.clone());
        add_origins(&mut self.connect, origins);
        self
    }

    /// Whether a form on the page may be answered with a redirect to `target`.
    pub fn allows_form_to(&self, target: &Url) -> bool {
        origin_of(target).is_some_and(|origin| self.form.contains(&origin))
    }

    /// The header's value.
    pub fn value(&self, nonce: &Nonce) -> HeaderValue {
        let mut text = String::with_capacity(400);
        let _ = write!(
            text,
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'{}; img-src 'self' data:; \
             connect-src 'self'{}; form-action 'self'{}; ",
            spaced(&self.script),
            spaced(&self.connect),
            spaced(&self.form),
        );
        if !self.frame.is_empty() {
            let _ = write!(text, "frame-src{}; ", spaced(&self.frame));
        }
        text.push_str("frame-ancestors 'none'; base-uri 'none'");
        // Origins are ASCII by construction and the nonce is base64: this cannot fail. If it did, the strictest
        // policy stands.
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
    }
}

fn spaced(origins: &[String]) -> String {
    origins.iter().fold(String::new(), |text, origin| text + " " + origin)
}

fn add_origins<'a>(list: &mut Vec<String>, targets: impl IntoIterator<Item = &'a Url>) {
    for origin in targets.into_iter().filter_map(origin_of) {
        if !list.contains(&origin) {
            list.push(origin);
        }
    }
}

/// `scheme://host[:port]` of an http(s) address.
fn origin_of(target: &Url) -> Option<String> {
    matches!(target.scheme(), "https" | "http").then(|| target.origin().ascii_serialization())
}

/// What the headers depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderConfig {
    /// Whether the public address is https; only then is HSTS sent.
    pub https: bool,
}

/// Middleware of page listeners: a nonce per request, the policy, and the rest of the headers.
pub async fn page_layer(State(config): State<HeaderConfig>, mut request: Request, next: Next) -> Response {
    let nonce = Nonce::random();
    request.extensions_mut().insert(nonce.clone());
    let mut response = next.run(request).await;
    let csp = response.extensions_mut().remove::<Csp>().unwrap_or_default();
    let headers = response.headers_mut();
    set_if_absent(headers, header::CONTENT_SECURITY_POLICY, csp.value(&nonce));
    // `same-origin`: a shortCode in a referrer would let the provider's or the shop's third parties open the
    // checkout; `no-referrer` would turn the Origin of our own forms into "null".
    set_if_absent(headers, header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    set_if_absent(
        headers,
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), \
             midi=(), usb=(), browsing-topics=(), clipboard-write=(self), payment=(self)",
        ),
    );
    common(headers, config);
    response
}

/// Middleware of JSON listeners.
pub async fn api_layer(State(config): State<HeaderConfig>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    set_if_absent(headers, header::CONTENT_SECURITY_POLICY, nothing);
    set_if_absent(headers, header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    common(headers, config);
    response
}

fn common(headers: &mut HeaderMap, config: HeaderConfig) {
    set_if_absent(headers, header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set_if_absent(headers, header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set_if_absent(headers, header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let same_origin = HeaderValue::from_static("same-origin");
    set_if_absent(headers, HeaderName::from_static("cross-origin-opener-policy"), same_origin.clone());
    set_if_absent(headers, HeaderName::from_static("cross-origin-resource-policy"), same_origin);
    if config.https {
        let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
        set_if_absent(headers, header::STRICT_TRANSPORT_SECURITY, two_years);
    }
}

fn set_if_absent(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.entry(name).or_insert(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_starts_from_nothing() {
        let text = Csp::page().value(&Nonce::fixed("abc"));
        assert_eq!(
            text.to_str().unwrap(),
            "default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
    }

    #[test]
    fn redirects_of_forms_need_their_origin_listed() {
        let stripe: Url = "https://checkout.stripe.com/c/pay/cs_1".parse().unwrap();
        let other: Url = "https://pay.example.com/c".parse().unwrap();
        let csp = Csp::page().form_to([&stripe, &stripe]);
        assert!(csp.allows_form_to(&stripe));
        assert!(!csp.allows_form_to(&other));
        let text = csp.value(&Nonce::random());
        assert!(text.to_str().unwrap().contains("form-action 'self' https://checkout.stripe.com;"));
        let script: Url = "javascript:alert(1)".parse().unwrap();
        assert!(!Csp::page().form_to([&script]).allows_form_to(&script));
    }
}
