//! What every page has around its content, and what every handler of a tenant's screen works with.

use std::{fmt, sync::Arc, sync::LazyLock};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Redirect, Response},
};
use gateway_core::{
    app::App,
    domain::{Currency, Mode, Tenant, Timestamp, scope::Scope},
};
use http::{StatusCode, header, request};
use web_kit::{
    ApiError, Locale,
    headers::Nonce,
    money::format_amount,
    static_files::{StaticFile, StaticFiles},
};

use super::{Panel, act, done, member::Member};

pub(super) const SCRIPT: &str = "panel.js";
pub(super) const STYLE: &str = "panel.css";

static FILES: LazyLock<StaticFiles> = LazyLock::new(|| {
    // One sheet, kept by the browser: unlike a checkout, the panel is opened again and again.
    let css = [web_kit::look::BASE_CSS, include_str!("../../static/panel.css")].map(web_kit::look::minify);
    let css: &'static str = Box::leak(css.concat().into_boxed_str());
    StaticFiles::new(&[
        StaticFile::new(STYLE, "text/css; charset=utf-8", css.as_bytes()),
        StaticFile::new(SCRIPT, "text/javascript; charset=utf-8", include_bytes!("../../static/panel.js")),
    ])
});

/// The files that the pages link to.
pub(super) fn static_files() -> &'static StaticFiles {
    &FILES
}

/// Text that is HTML already. Made here alone, from parts that are escaped or fixed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Html(String);

impl Html {
    /// A drawing, made of nothing but shapes, numbers and text that is escaped.
    pub(super) fn drawing(svg: &str) -> Self {
        Self(svg.to_owned())
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}

/// A moment: UTC, and in the reader's zone (with UTC on hover) where there is JavaScript.
pub(crate) fn moment(at: Timestamp) -> Html {
    // An ISO time holds nothing to escape: `2030-01-31T12:00:00.000Z`.
    let iso = at.to_string();
    let (date, time) = (iso.get(..10).unwrap_or_default(), iso.get(11..16).unwrap_or_default());
    Html(format!("<time datetime=\"{iso}\" title=\"{date} {time} UTC\">{date} {time}</time>"))
}

/// How good news is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Calm,
    Good,
    Warn,
    Bad,
}

impl Tone {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// A word on a coloured ground. The word says it all; the colour helps.
#[derive(Debug, Clone)]
pub(crate) struct Pill {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Pill {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }

    pub(crate) const fn class(&self) -> &'static str {
        self.tone.class()
    }
}

/// `partially_refunded` → `Partially refunded`.
pub(crate) fn words(code: &str) -> String {
    let text = code.replace(['_', '-'], " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A tenant's screen: who looks at it, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Ctx {
    pub(crate) panel: Panel,
    pub(crate) member: Arc<Member>,
    pub(crate) locale: Locale,
    nonce: Nonce,
    uri: http::Uri,
}

impl Ctx {
    pub(crate) fn app(&self) -> &App {
        &self.panel.state.app
    }

    pub(crate) fn tenant(&self) -> Tenant {
        self.member.tenant
    }

    /// The address of a screen of this tenant.
    pub(crate) fn url(&self, path: &str) -> String {
        self.member.url(path)
    }

    /// The query of the page, for lists that keep their filters in the address.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    pub(crate) fn money(&self, minor: i64, currency: Currency) -> String {
        let exponent = u8::try_from(currency.exponent()).unwrap_or(2);
        format_amount(minor, currency.code(), exponent, self.locale)
    }

    /// The frame of a page. `current` is the navigation's entry, `title` the page's name.
    pub(crate) fn shell(&self, current: &'static str, title: impl Into<String>) -> Shell {
        Shell {
            title: title.into(),
            current,
            member: Arc::clone(&self.member),
            nonce: self.nonce.clone(),
            done: done::of_query(self.query()),
        }
    }

    /// After a form: to a screen of this tenant, where a line says what was done (one of [`done`]'s words).
    pub(crate) fn see(&self, path: &str, what: &'static str) -> Response {
        let joint = if path.contains('?') { '&' } else { '?' };
        Redirect::to(&self.url(&format!("{path}{joint}done={what}"))).into_response()
    }
}

impl FromRequestParts<Panel> for Ctx {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, panel: &Panel) -> Result<Self, ApiError> {
        let member = parts.extensions.get::<Arc<Member>>().cloned();
        let member = member.ok_or_else(|| ApiError::internal("a screen without its guard"))?;
        let nonce = Nonce::from_request_parts(parts, panel).await?;
        let wanted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        // The panel speaks English; numbers and dates are the reader's own.
        let locale = Locale::negotiate(None, wanted);
        Ok(Self { panel: panel.clone(), member, locale, nonce, uri: parts.uri.clone() })
    }
}

/// The frame of a page.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) current: &'static str,
    pub(crate) member: Arc<Member>,
    pub(crate) nonce: Nonce,
    pub(crate) done: Option<&'static str>,
}

impl Shell {
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.member.role.grants(scope)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.member.url(path)
    }

    pub(crate) fn is_test(&self) -> bool {
        self.member.tenant.mode == Mode::Test
    }

    /// The same place in the other mode: its dashboard, since nothing of one mode exists in the other.
    pub(crate) fn other_mode(&self) -> String {
        let other = if self.is_test() { Mode::Live } else { Mode::Test };
        format!("/o/{}/{}", self.member.tenant.organization, other.as_str())
    }

    pub(crate) fn csrf(&self) -> &str {
        &self.member.csrf
    }

    /// A key for one form of the page.
    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(crate) fn fresh_key(&self) -> String {
        act::fresh_key()
    }

    /// The edit page of what the page is about, as it is stored.
    pub(crate) fn edit_url(&self, path: Option<&str>) -> String {
        path.map_or_else(String::new, |path| self.url(&format!("{path}/edit")))
    }

    /// The navigation: groups of entries that this role may see.
    pub(crate) fn nav(&self) -> Vec<(&'static str, Vec<&'static Entry>)> {
        let groups = NAV.iter().map(|(name, entries)| {
            (*name, entries.iter().filter(|entry| self.may(entry.scope)).collect::<Vec<_>>())
        });
        groups.filter(|(_, entries)| !entries.is_empty()).collect()
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(crate) fn style_url(&self) -> &'static str {
        FILES.url(STYLE)
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(crate) fn script_url(&self) -> &'static str {
        FILES.url(SCRIPT)
    }

    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(crate) fn script_integrity(&self) -> &'static str {
        FILES.integrity(SCRIPT)
    }
}

/// An entry of the navigation.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
}

const fn entry(path: &'static str, name: &'static str, scope: Scope) -> Entry {
    Entry { path, name, scope }
}

static NAV: &[(&str, &[Entry])] = &[
    (
        "Money",
        &[
            entry("", "Dashboard", Scope::TransactionRead),
            entry("/orders", "Orders", Scope::TransactionRead),
            entry("/transactions", "Transactions", Scope::TransactionRead),
            entry("/checkouts", "Checkouts", Scope::CheckoutRead),
            entry("/invoices", "Invoices", Scope::InvoiceRead),
            entry("/clients", "Clients", Scope::ClientRead),
        ],
    ),
    (
        "Set-up",
        &[
            entry("/sites", "Sites", Scope::SiteRead),
            entry("/providers", "Providers", Scope::ProviderRead),
            entry("/products", "Products", Scope::ProductRead),
            entry("/discounts", "Discounts", Scope::DiscountRead),
            entry("/invoice-settings", "Invoicing", Scope::InvoiceSettingsRead),
        ],
    ),
    (
        "Developers",
        &[
            entry("/api-keys", "API keys", Scope::ApiKeyRead),
            entry("/webhooks", "Webhooks", Scope::EndpointRead),
            entry("/deliveries", "Deliveries", Scope::DeliveryRead),
            entry("/events", "Events", Scope::EventRead),
        ],
    ),
    (
        "Organization",
        &[
            entry("/people", "People", Scope::PersonRead),
            entry("/audit-log", "Audit log", Scope::AuditRead),
            entry("/settings", "Settings", Scope::OrganizationRead),
        ],
    ),
];

/// Sends a page.
pub(crate) fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// Sends a page with a status: 422 for a form that is shown again.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Response {
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        // The summary stands above the form and speaks of its fields by their labels, in their order: it knows them
        // once they have been printed.
        drop(template.render());
    }
    match template.render() {
        // Pages hold money and people: no cache keeps them, and "back" after a log-out shows none.
        Ok(html) => {
            let headers =
                [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
            (status, headers, html).into_response()
        }
        Err(error) => ApiError::internal(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_words() {
        assert_eq!(words("partially_refunded"), "Partially refunded");
        assert_eq!(words(""), "");
    }
}
