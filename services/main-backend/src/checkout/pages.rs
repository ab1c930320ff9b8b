//! The pages of the checkout: a struct per page, holding texts ready to print.
//!
//! A handler fills a struct and calls [`respond`]. Structs take finished texts (amounts by
//! `web_kit::money`, times by [`Locale`]); nothing here knows the store or the clock. Every page works
//! without JavaScript; `static/checkout.js` adds comfort only.
//!
//! Forms post to the page's own origin with the session's public id in the hidden field `session`:
//! - [`PayPage`]: `session`, `amount`, `provider`, and the fields of the billing address;
//! - [`CodeEntry`]: `session`, `code` or `remove`;
//! - [`FailedPage`]: `session`, `amount`, `provider` (the one that failed);
//! - [`SandboxPayPage`]: `session`, `outcome` (a [`SandboxOutcome::value`] or `cancel`);
//! - [`SandboxChallengePage`]: `session`, `outcome` (`approve` or `fail`).
//!
//! The live state asks two same-origin addresses (`connect-src 'self'`): `status_url` answers JSON
//! `{"status": …}`, `events_url` sends events named `status` with the same data. Any status that differs from
//! [`Live::current`] makes the browser load the page anew.

use std::sync::LazyLock;

use askama::Template;
use axum::response::{IntoResponse, Response};
use gateway_core::app::orders::gate::Asks;
use http::{StatusCode, header};
use web_kit::ApiError;
use web_kit::color::Brand;
use web_kit::form_text::FormText;
use web_kit::headers::Nonce;
use web_kit::locale::Locale;
use web_kit::stack::PageError;
use web_kit::static_files::{StaticFile, StaticFiles};
use web_kit::text::{Text, fill};

pub use super::forms::{AddressEntry, AddressForm, CodeEntry};
pub use super::transfer::TransferPage;

/// Most lines shown at once; a longer order folds the rest away.
const LINES_SHOWN: usize = 4;

/// Seconds until a paid customer is taken back to the shop.
const RETURN_SECONDS: u32 = 6;

/// Seconds between two loads of a waiting page where there is no JavaScript.
const REFRESH_SECONDS: u32 = 5;

/// The same for methods that take days.
pub(super) const REFRESH_SECONDS_SLOW: u32 = 60;

static FILES: LazyLock<StaticFiles> = LazyLock::new(|| {
    let script = include_bytes!("../../static/checkout.js");
    StaticFiles::new(&[StaticFile::new(SCRIPT, "text/javascript; charset=utf-8", script)])
});

static CSS: LazyLock<String> = LazyLock::new(|| {
    let own = include_str!("../../static/checkout.css");
    web_kit::look::minify(web_kit::look::BASE_CSS) + &web_kit::look::minify(own)
});

const SCRIPT: &str = "checkout.js";

/// The files that the pages link to; merge its router into the page listener's.
pub fn static_files() -> &'static StaticFiles {
    &FILES
}

/// A page: its template and the status it is sent with.
pub trait Page {
    /// HTTP status.
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    /// The page as HTML.
    fn html(&self) -> Result<String, askama::Error>;
}

/// Sends a page.
pub fn respond(page: &impl Page) -> Response {
    match page.html() {
        Ok(html) => {
            (page.status(), [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
        }
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// The shop's sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logo {
    /// A letter on the brand colour.
    Letter(String),
    /// The address of an image on our own origin.
    Image(String),
}

/// Whose checkout it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// Name as the customer knows it.
    pub name: String,
    /// Sign beside it.
    pub logo: Logo,
    /// Colour of buttons and marks.
    pub brand: Brand,
}

impl Shop {
    /// A shop with the first letter of its name as its sign.
    pub fn named(name: &str) -> Self {
        let letter = name.trim().chars().next().map(|first| first.to_uppercase().to_string());
        Self {
            name: name.to_owned(),
            logo: Logo::Letter(letter.unwrap_or_else(|| "·".to_owned())),
            brand: Brand::default(),
        }
    }
}

/// What every page has around its content.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The reader's locale.
    pub locale: Locale,
    /// The request's nonce.
    pub nonce: Nonce,
    /// The shop; `None` where the checkout is not known.
    pub shop: Option<Shop>,
    /// Whether the strip "no real money" stands above.
    pub test_mode: bool,
}

impl Shell {
    /// The texts in the reader's language.
    pub fn text(&self) -> &'static Text {
        Text::of(self.locale.lang())
    }

    /// The texts of forms in the reader's language.
    pub fn form_text(&self) -> &'static FormText {
        FormText::of(self.locale.lang())
    }

    pub(super) fn lang(&self) -> String {
        self.locale.tag()
    }

    pub(super) fn css(&self) -> String {
        let brand = self.shop.as_ref().map(|shop| shop.brand).unwrap_or_default();
        format!("{}{}", CSS.as_str(), brand.css())
    }

    #[expect(clippy::unused_self, reason = "templates call it as shell.script_url()")]
    pub(super) fn script_url(&self) -> &'static str {
        FILES.url(SCRIPT)
    }

    #[expect(clippy::unused_self, reason = "templates call it as shell.script_integrity()")]
    pub(super) fn script_integrity(&self) -> &'static str {
        FILES.integrity(SCRIPT)
    }

    pub(super) fn shop_name(&self) -> &str {
        self.shop.as_ref().map_or("", |shop| &shop.name)
    }

    pub(super) fn shop_or_unknown(&self) -> Shop {
        self.shop.clone().unwrap_or_else(|| Shop::named(""))
    }

    pub(crate) fn with_shop(&self, text: &str) -> String {
        fill(text, &[("shop", self.shop_name())])
    }
}

/// One line of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The path of its picture on our own origin.
    pub image: Option<String>,
    /// What it is.
    pub name: String,
    /// Quantity and price, such as `2 × €12.50`.
    pub detail: Option<String>,
    /// The line's amount.
    pub amount: String,
}

/// One line below the items: net, tax, total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// What it is.
    pub label: String,
    /// Its amount.
    pub amount: String,
    /// Whether it stands out: the total.
    pub strong: bool,
}

/// What is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The amount to pay.
    pub total: String,
    /// The same in minor units: field `amount`, so that nobody pays another price than they saw.
    pub minor: i64,
    /// The merchant's reference.
    pub reference: Option<String>,
    /// When the checkout expires, ISO 8601 in UTC.
    pub ends_at: String,
    /// Seconds left, from which the page counts down.
    pub seconds_left: i64,
    /// Items and discounts.
    pub lines: Vec<Line>,
    /// Net, tax and total.
    pub sums: Vec<Sum>,
}

impl Order {
    /// Folds only where at least two lines disappear: "and 1 more" would be as long as the line.
    fn split(&self) -> (&[Line], &[Line]) {
        if self.lines.len() > LINES_SHOWN + 1 { self.lines.split_at(LINES_SHOWN) } else { (&self.lines, &[]) }
    }

    fn lines_shown(&self) -> &[Line] {
        self.split().0
    }

    fn lines_folded(&self) -> &[Line] {
        self.split().1
    }
}

/// One way to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodOption {
    /// Value of the form's field `provider`.
    pub value: String,
    /// Name, such as "Card".
    pub name: String,
    /// A line below it.
    pub hint: Option<String>,
    /// Who does it, such as "Stripe".
    pub by: Option<String>,
    /// Whether it is chosen already.
    pub selected: bool,
}

/// The page on which a customer chooses how to pay.
#[derive(Debug, Clone, Template)]
#[template(path = "pay.html")]
pub struct PayPage {
    /// What is around it; has a shop.
    pub shell: Shell,
    /// What is to be paid.
    pub order: Order,
    /// Ways to pay; a single one is not asked about.
    pub methods: Vec<MethodOption>,
    /// Why there are none, where there are none.
    pub no_methods: String,
    /// Whether nothing is left to pay: then there is no method, and one button.
    pub free: bool,
    /// Where a discount code is entered.
    pub code: Option<CodeEntry>,
    /// The billing address.
    pub address: Option<AddressEntry>,
    /// Where the form posts to.
    pub form_action: String,
    /// Value of the form's field `session`.
    pub session_public_id: String,
    /// What went wrong, above the form; announced and focused.
    pub alert: Option<String>,
    /// What is wrong with the choice of method, beside it; announced.
    pub method_error: Option<String>,
    /// Back to the shop.
    pub cancel_url: Option<String>,
    /// Whether the customer has said that they want to pay although another payment of the order is there.
    pub second: bool,
}

impl PayPage {
    /// Here the shop's name stands in the order's part.
    #[expect(clippy::unused_self, reason = "templates call it as self.shop_on_top()")]
    fn shop_on_top(&self) -> bool {
        false
    }

    fn title(&self) -> String {
        fill(self.shell.text().pay_title, &[("shop", self.shell.shop_name()), ("amount", &self.order.total)])
    }

    fn reference(&self) -> Option<String> {
        let reference = self.order.reference.as_deref()?;
        Some(fill(self.shell.text().order_reference, &[("reference", reference)]))
    }

    fn ends(&self) -> String {
        let left = self.shell.locale.remaining(self.order.seconds_left);
        fill(self.shell.text().ends_in, &[("time", &left)])
    }

    fn more(&self) -> String {
        let count = self.order.lines_folded().len().to_string();
        fill(self.shell.text().more_items, &[("count", &count)])
    }

    fn remove_code(&self, code: &str) -> String {
        fill(self.shell.form_text().code_remove, &[("code", code)])
    }

    fn button(&self) -> String {
        if self.free {
            return self.shell.form_text().free_button.to_owned();
        }
        fill(self.shell.text().pay_button, &[("amount", &self.order.total)])
    }
}

impl Page for PayPage {
    fn status(&self) -> StatusCode {
        let code = self.code.as_ref().is_some_and(|code| code.error.is_some());
        let wrong = self.alert.is_some() || self.method_error.is_some() || code;
        if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }

    fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

/// The sign of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Tick,
    Spinner,
    Cross,
    Clock,
    Wait,
    Info,
    Undo,
    Lock,
}

impl Mark {
    fn tone(self) -> &'static str {
        match self {
            Self::Tick => "good",
            Self::Cross => "bad",
            Self::Clock => "warn",
            Self::Spinner | Self::Wait | Self::Info | Self::Undo | Self::Lock => "calm",
        }
    }

    fn svg(self) -> &'static str {
        match self {
            Self::Tick => r#"<svg viewBox="0 0 24 24"><path d="M5 12.5l4.5 4.5L19 7.5"/></svg>"#,
            Self::Spinner => {
                r#"<svg viewBox="0 0 24 24" class="spin"><circle cx="12" cy="12" r="9" opacity=".25"/><path d="M12 3a9 9 0 0 1 9 9"/></svg>"#
            }
            Self::Cross => r#"<svg viewBox="0 0 24 24"><path d="M7 7l10 10M17 7L7 17"/></svg>"#,
            Self::Clock | Self::Wait => {
                r#"<svg viewBox="0 0 24 24"><circle cx="12" cy="12" r="9"/><path d="M12 7v5l3 2"/></svg>"#
            }
            Self::Info => {
                r#"<svg viewBox="0 0 24 24"><circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8h.01"/></svg>"#
            }
            Self::Undo => {
                r#"<svg viewBox="0 0 24 24"><path d="M9 6L4 11l5 5"/><path d="M4 11h10a5 5 0 0 1 0 10h-2"/></svg>"#
            }
            Self::Lock => {
                r#"<svg viewBox="0 0 24 24"><rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/></svg>"#
            }
        }
    }
}

/// Where a page hears that the payment has moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Same-origin address that answers `{"status": …}`.
    pub status_url: String,
    /// Same-origin address of the event stream.
    pub events_url: Option<String>,
    /// The status that the page shows, in the form in which the two addresses give it.
    pub current: String,
}

#[derive(Debug, Clone)]
struct Fact {
    label: &'static str,
    value: String,
    code: bool,
    copy: bool,
}

#[derive(Debug, Clone)]
struct Action {
    label: String,
    href: String,
    weight: Weight,
    /// Fields of a form that posts; `None` is a link.
    post: Option<Vec<(&'static str, String)>>,
}

/// How much an action stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Primary,
    Plain,
    Quiet,
}

impl Weight {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => " primary",
            Self::Plain => "",
            Self::Quiet => " quiet",
        }
    }
}

#[derive(Debug, Clone)]
struct AutoReturn {
    url: String,
    seconds: u32,
}

/// What all state pages are made of.
#[derive(Debug, Clone, Template)]
#[template(path = "state.html")]
struct StateView<'a> {
    shell: &'a Shell,
    mark: Mark,
    title: String,
    figure: Option<String>,
    paragraphs: Vec<String>,
    facts: Vec<Fact>,
    actions: Vec<Action>,
    live: Option<&'a Live>,
    refresh_seconds: Option<u32>,
    forward_at_once: Option<String>,
    auto_return: Option<AutoReturn>,
}

impl<'a> StateView<'a> {
    fn new(shell: &'a Shell, mark: Mark, title: &str) -> Self {
        Self {
            shell,
            mark,
            title: title.to_owned(),
            figure: None,
            paragraphs: Vec::new(),
            facts: Vec::new(),
            actions: Vec::new(),
            live: None,
            refresh_seconds: None,
            forward_at_once: None,
            auto_return: None,
        }
    }

    fn shop_on_top(&self) -> bool {
        self.shell.shop.is_some()
    }

    fn figure(mut self, amount: Option<&String>) -> Self {
        self.figure = amount.cloned();
        self
    }

    /// A paragraph; `{shop}` is filled in.
    fn say(mut self, text: &str) -> Self {
        self.paragraphs.push(self.shell.with_shop(text));
        self
    }

    fn fact(mut self, label: &'static str, value: Option<&String>) -> Self {
        self.facts.extend(value.map(|value| Fact { label, value: value.clone(), code: false, copy: false }));
        self
    }

    /// A fact in a fixed-width face, with a copy button.
    fn code(mut self, label: &'static str, value: Option<&String>) -> Self {
        self.facts.extend(value.map(|value| Fact { label, value: value.clone(), code: true, copy: true }));
        self
    }

    fn receipt(self, receipt: &Receipt) -> Self {
        let text = self.shell.text();
        self.fact(text.payment_method, receipt.method.as_ref())
            .fact(text.paid_at, receipt.at.as_ref())
            .fact(text.reference, receipt.reference.as_ref())
            .code(text.payment_id, receipt.transaction_id.as_ref())
    }

    /// A link that stands out if it is the first action.
    fn link(self, label: &str, href: Option<&String>) -> Self {
        let weight = if self.actions.is_empty() { Weight::Primary } else { Weight::Plain };
        self.link_as(weight, label, href)
    }

    /// A link; `{shop}` is filled in.
    fn link_as(mut self, weight: Weight, label: &str, href: Option<&String>) -> Self {
        let label = self.shell.with_shop(label);
        self.actions.extend(href.map(|href| Action { label, href: href.clone(), weight, post: None }));
        self
    }

    fn live(mut self, live: Option<&'a Live>) -> Self {
        self.live = live;
        self
    }
}

/// Lines of a receipt; what is `None` is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// How it was paid, such as "Card".
    pub method: Option<String>,
    /// When, by [`Locale::date_time`].
    pub at: Option<String>,
    /// The merchant's reference.
    pub reference: Option<String>,
    /// The transaction's id.
    pub transaction_id: Option<String>,
}

/// On the way to a provider whose origin the page's policy does not list (see `web_kit::headers`): goes on at
/// once by `meta refresh`, and by a link.
#[derive(Debug, Clone)]
pub struct HandoverPage {
    /// What is around it.
    pub shell: Shell,
    /// Who is next, such as "Stripe".
    pub method: String,
    /// Where to go.
    pub url: String,
}

/// The payment is under way.
#[derive(Debug, Clone)]
pub struct WaitingPage {
    /// What is around it.
    pub shell: Shell,
    /// The amount.
    pub amount: String,
    /// What is known already.
    pub receipt: Receipt,
    /// Whether the method takes days: then the page may be closed.
    pub takes_days: bool,
    /// Where the browser hears more.
    pub live: Live,
    /// This page, for "check again".
    pub url: String,
    /// The page with all methods, while the provider knows of no money.
    pub choose_url: Option<String>,
    /// Back to the shop, where it makes sense to leave.
    pub shop_url: Option<String>,
}

/// The payment succeeded.
#[derive(Debug, Clone)]
pub struct PaidPage {
    /// What is around it.
    pub shell: Shell,
    /// The amount paid.
    pub amount: String,
    /// The receipt.
    pub receipt: Receipt,
    /// Back to the shop, at once by the link and after a moment by itself.
    pub return_url: Option<String>,
}

/// Why a payment failed, in words for the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// The bank or issuer said no without a reason it wants told.
    Declined,
    /// Not enough money.
    InsufficientFunds,
    /// The card has expired.
    ExpiredCard,
    /// 3-D Secure or the bank's log-in failed.
    AuthenticationFailed,
    /// Above a limit of card or account.
    LimitExceeded,
    /// The provider is down.
    ProviderUnavailable,
    /// The payer stopped.
    CancelledByPayer,
    /// Not finished in time.
    TimedOut,
    /// Returned by the bank after it had succeeded.
    Returned,
    /// Anything else.
    Unknown,
}

impl FailureReason {
    /// The reason as a sentence.
    pub fn sentence(self, text: &'static Text) -> &'static str {
        match self {
            Self::Declined => text.reason_declined,
            Self::InsufficientFunds => text.reason_funds,
            Self::ExpiredCard => text.reason_expired_card,
            Self::AuthenticationFailed => text.reason_authentication,
            Self::LimitExceeded => text.reason_limit,
            Self::ProviderUnavailable => text.reason_provider,
            Self::CancelledByPayer => text.reason_cancelled,
            Self::TimedOut => text.reason_timed_out,
            Self::Returned => text.reason_returned,
            Self::Unknown => text.reason_unknown,
        }
    }
}

/// A form that starts the same method again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Where it posts to.
    pub form_action: String,
    /// Field `session`.
    pub session_public_id: String,
    /// Field `provider`.
    pub provider: String,
    /// Field `amount`.
    pub minor: i64,
}

/// The payment failed.
#[derive(Debug, Clone)]
pub struct FailedPage {
    /// What is around it.
    pub shell: Shell,
    /// Why.
    pub reason: FailureReason,
    /// The amount.
    pub amount: String,
    /// Once more with the same method; `None` once the checkout is closed.
    pub retry: Option<Retry>,
    /// The page with all methods; `None` once the checkout is closed.
    pub choose_url: Option<String>,
    /// What to name when asking the shop, of a payment that failed after it had succeeded.
    pub receipt: Option<Receipt>,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// The checkout's time ran out.
#[derive(Debug, Clone)]
pub struct ExpiredPage {
    /// What is around it.
    pub shell: Shell,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// The checkout was cancelled.
#[derive(Debug, Clone)]
pub struct CancelledPage {
    /// What is around it.
    pub shell: Shell,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// Someone opened a paid checkout again.
#[derive(Debug, Clone)]
pub struct AlreadyPaidPage {
    /// What is around it.
    pub shell: Shell,
    /// The amount paid.
    pub amount: String,
    /// The receipt.
    pub receipt: Receipt,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// A newer checkout of the same order exists.
#[derive(Debug, Clone)]
pub struct SupersededPage {
    /// What is around it.
    pub shell: Shell,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// Another payment of the same order holds money or is on its way: asks before another is taken.
#[derive(Debug, Clone)]
pub struct SecondPaymentPage {
    /// What is around it.
    pub shell: Shell,
    /// What there is.
    pub asks: Asks,
    /// The page with all methods.
    pub pay_url: String,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// No such checkout. Says the same whatever was wrong with the address.
#[derive(Debug, Clone)]
pub struct NotFoundPage {
    /// What is around it, without a shop.
    pub shell: Shell,
}

/// A request that ended as an error.
#[derive(Debug, Clone)]
pub struct ErrorPage {
    /// What is around it.
    pub shell: Shell,
    /// The answer's status.
    pub status: StatusCode,
    /// The request's id, to quote.
    pub request_id: String,
    /// Seconds to wait, for 429.
    pub retry_after_secs: Option<u64>,
    /// Where to try again.
    pub retry_url: Option<String>,
}

/// The card is authorised; the shop captures later.
#[derive(Debug, Clone)]
pub struct AuthorizedPage {
    /// What is around it.
    pub shell: Shell,
    /// The amount reserved.
    pub amount: String,
    /// The receipt.
    pub receipt: Receipt,
    /// Back to the shop, at once by the link and after a moment by itself.
    pub return_url: Option<String>,
}

/// The payment was refunded, in full or in part.
#[derive(Debug, Clone)]
pub struct RefundedPage {
    /// What is around it.
    pub shell: Shell,
    /// The amount paid.
    pub amount: String,
    /// The amount refunded.
    pub refunded: String,
    /// Whether it is less than was paid.
    pub partly: bool,
    /// The receipt.
    pub receipt: Receipt,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

/// The payment is disputed.
#[derive(Debug, Clone)]
pub struct DisputedPage {
    /// What is around it.
    pub shell: Shell,
    /// The amount paid.
    pub amount: String,
    /// The receipt.
    pub receipt: Receipt,
    /// Back to the shop.
    pub shop_url: Option<String>,
}

impl Page for HandoverPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        let with_method = |template| fill(template, &[("method", &self.method)]);
        let mut view = StateView::new(&self.shell, Mark::Spinner, &with_method(text.handover_title))
            .say(text.handover_text)
            .link(&with_method(text.handover_button), Some(&self.url));
        view.forward_at_once = Some(self.url.clone());
        view.render()
    }
}

impl Page for WaitingPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        // Nothing here needs doing, so nothing stands out.
        let (mark, sentence, refresh_seconds) = if self.takes_days {
            (Mark::Wait, text.waiting_days, REFRESH_SECONDS_SLOW)
        } else {
            (Mark::Spinner, text.waiting_text, REFRESH_SECONDS)
        };
        let mut view = StateView::new(&self.shell, mark, text.waiting_title)
            .figure(Some(&self.amount))
            .say(sentence)
            .receipt(&self.receipt)
            .live(Some(&self.live))
            .link_as(Weight::Plain, text.check_again, Some(&self.url))
            .link_as(Weight::Quiet, text.other_method, self.choose_url.as_ref())
            .link_as(Weight::Quiet, text.back_to_shop, self.shop_url.as_ref());
        view.refresh_seconds = Some(refresh_seconds);
        view.render()
    }
}

impl Page for PaidPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        let mut view = StateView::new(&self.shell, Mark::Tick, text.paid_title)
            .figure(Some(&self.amount))
            .say(text.paid_text)
            .receipt(&self.receipt)
            .link(text.continue_to_shop, self.return_url.as_ref());
        view.auto_return = auto_return(self.return_url.as_ref());
        view.render()
    }
}

impl Page for AuthorizedPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        let mut view = StateView::new(&self.shell, Mark::Tick, text.authorized_title)
            .figure(Some(&self.amount))
            .say(text.authorized_text)
            .receipt(&self.receipt)
            .link(text.continue_to_shop, self.return_url.as_ref());
        view.auto_return = auto_return(self.return_url.as_ref());
        view.render()
    }
}

fn auto_return(url: Option<&String>) -> Option<AutoReturn> {
    url.map(|url| AutoReturn { url: url.clone(), seconds: RETURN_SECONDS })
}

impl Page for FailedPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        let mut view = StateView::new(&self.shell, Mark::Cross, text.failed_title)
            .figure(Some(&self.amount))
            .say(self.reason.sentence(text));
        if self.retry.is_some() || self.choose_url.is_some() {
            view = view.say(text.failed_text);
        }
        if let Some(receipt) = &self.receipt {
            view = view.say(text.returned_text).receipt(receipt);
        }
        view.actions.extend(self.retry.as_ref().map(|retry| Action {
            label: text.try_again.to_owned(),
            href: retry.form_action.clone(),
            weight: Weight::Primary,
            post: Some(vec![
                ("session", retry.session_public_id.clone()),
                ("provider", retry.provider.clone()),
                ("amount", retry.minor.to_string()),
            ]),
        }));
        let back = if view.actions.is_empty() && self.choose_url.is_none() {
            Weight::Primary
        } else {
            Weight::Quiet
        };
        view.link(text.other_method, self.choose_url.as_ref())
            .link_as(back, text.back_to_shop, self.shop_url.as_ref())
            .render()
    }
}

impl Page for ExpiredPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        StateView::new(&self.shell, Mark::Clock, text.expired_title)
            .say(text.expired_text)
            .link(text.back_to_shop, self.shop_url.as_ref())
            .render()
    }
}

impl Page for CancelledPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        StateView::new(&self.shell, Mark::Info, text.cancelled_title)
            .say(text.cancelled_text)
            .link(text.back_to_shop, self.shop_url.as_ref())
            .render()
    }
}

impl Page for AlreadyPaidPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        StateView::new(&self.shell, Mark::Tick, text.already_paid_title)
            .figure(Some(&self.amount))
            .say(text.already_paid_text)
            .receipt(&self.receipt)
            .link(text.continue_to_shop, self.shop_url.as_ref())
            .render()
    }
}

impl Page for SupersededPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        StateView::new(&self.shell, Mark::Info, text.superseded_title)
            .say(text.superseded_text)
            .link(text.back_to_shop, self.shop_url.as_ref())
            .render()
    }
}

impl Page for SecondPaymentPage {
    fn html(&self) -> Result<String, askama::Error> {
        let (text, form) = (self.shell.text(), self.shell.form_text());
        let (mark, title, words) = match self.asks {
            Asks::AlreadyPaid => (Mark::Tick, form.order_paid_title, form.order_paid_text),
            Asks::PaymentRunning => (Mark::Wait, form.order_pending_title, form.order_pending_text),
        };
        StateView::new(&self.shell, mark, title)
            .say(words)
            .link(text.back_to_shop, self.shop_url.as_ref())
            .link_as(Weight::Quiet, form.pay_again, Some(&self.pay_url))
            .render()
    }
}

impl Page for NotFoundPage {
    fn status(&self) -> StatusCode {
        StatusCode::NOT_FOUND
    }

    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        StateView::new(&self.shell, Mark::Info, text.not_found_title).say(text.not_found_text).render()
    }
}

impl Page for ErrorPage {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        let view = if self.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = self.retry_after_secs.unwrap_or(10).to_string();
            StateView::new(&self.shell, Mark::Clock, text.busy_title)
                .say(&fill(text.busy_text, &[("seconds", &seconds)]))
        } else if self.status.is_server_error() {
            StateView::new(&self.shell, Mark::Cross, text.error_title).say(text.error_text)
        } else {
            StateView::new(&self.shell, Mark::Info, text.refused_title).say(text.refused_text)
        };
        view.code(text.support_id, Some(&self.request_id))
            .link(text.try_again, self.retry_url.as_ref())
            .render()
    }
}

impl Page for RefundedPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        let title = if self.partly { text.partly_refunded_title } else { text.refunded_title };
        StateView::new(&self.shell, Mark::Undo, title)
            .say(text.refunded_text)
            .fact(text.amount_paid, Some(&self.amount))
            .fact(text.amount_refunded, Some(&self.refunded))
            .receipt(&self.receipt)
            .link(text.continue_to_shop, self.shop_url.as_ref())
            .render()
    }
}

impl Page for DisputedPage {
    fn html(&self) -> Result<String, askama::Error> {
        let text = self.shell.text();
        StateView::new(&self.shell, Mark::Info, text.disputed_title)
            .say(text.disputed_text)
            .fact(text.amount_paid, Some(&self.amount))
            .receipt(&self.receipt)
            .link(text.continue_to_shop, self.shop_url.as_ref())
            .render()
    }
}

/// The error page of the listener, for `web_kit::stack::pages`: 404 says that there is no such page, all else
/// what [`ErrorPage`] says.
pub fn error_page(error: &PageError<'_>) -> String {
    let shell = Shell {
        locale: Locale::negotiate(None, error.accept_language),
        nonce: error.nonce.clone(),
        shop: None,
        test_mode: false,
    };
    let html = if error.status == StatusCode::NOT_FOUND {
        NotFoundPage { shell }.html()
    } else {
        let request_id = error.body.request_id.clone();
        let retry_after_secs = error.retry_after_secs;
        ErrorPage { shell, status: error.status, request_id, retry_after_secs, retry_url: None }.html()
    };
    // Writing into a string cannot fail; should a template ever do, the plain text is still an answer.
    html.unwrap_or_else(|_| error.body.message.clone())
}

/// What the sandbox can make of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SandboxOutcome {
    /// Succeeds at once.
    Pay,
    /// The bank says no.
    Decline,
    /// A 3-D Secure step first.
    Challenge,
    /// Pending, paid after some seconds.
    PendingThenPaid,
    /// Paid, failed later.
    LateFailure,
    /// Paid, disputed later.
    Dispute,
    /// Authorised only.
    Authorize,
}

impl SandboxOutcome {
    /// Every outcome of a payment that is captured at once, in the order of the buttons.
    pub const AUTOMATIC: [Self; 6] =
        [Self::Pay, Self::Decline, Self::Challenge, Self::PendingThenPaid, Self::LateFailure, Self::Dispute];

    /// Outcomes of a payment that is captured by hand.
    pub const MANUAL: [Self; 3] = [Self::Authorize, Self::Decline, Self::Challenge];

    /// Value of the form's field `outcome`.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Decline => "decline",
            Self::Challenge => "challenge",
            Self::PendingThenPaid => "pending",
            Self::LateFailure => "late_failure",
            Self::Dispute => "dispute",
            Self::Authorize => "authorize",
        }
    }

    /// The outcome of a form's field; `None` for anything else.
    pub fn from_value(value: &str) -> Option<Self> {
        let all = Self::AUTOMATIC.into_iter().chain([Self::Authorize]);
        all.into_iter().find(|outcome| outcome.value() == value)
    }

    fn texts(self, text: &'static Text) -> (&'static str, &'static str) {
        match self {
            Self::Pay => (text.sandbox_pay, text.sandbox_pay_hint),
            Self::Decline => (text.sandbox_decline, text.sandbox_decline_hint),
            Self::Challenge => (text.sandbox_challenge, text.sandbox_challenge_hint),
            Self::PendingThenPaid => (text.sandbox_pending, text.sandbox_pending_hint),
            Self::LateFailure => (text.sandbox_late_failure, text.sandbox_late_failure_hint),
            Self::Dispute => (text.sandbox_dispute, text.sandbox_dispute_hint),
            Self::Authorize => (text.sandbox_authorize, text.sandbox_authorize_hint),
        }
    }
}

struct OutcomeButton {
    value: &'static str,
    label: &'static str,
    hint: &'static str,
}

/// The sandbox's own hosted page: a button per outcome.
#[derive(Debug, Clone, Template)]
#[template(path = "sandbox_pay.html")]
pub struct SandboxPayPage {
    /// What is around it; has a shop.
    pub shell: Shell,
    /// The amount.
    pub amount: String,
    /// Where the form posts to.
    pub form_action: String,
    /// Field `session`.
    pub session_public_id: String,
    /// Whether the checkout captures by hand: then "authorise" stands in for "pay".
    pub manual_capture: bool,
}

impl SandboxPayPage {
    fn shop_on_top(&self) -> bool {
        self.shell.shop.is_some()
    }

    fn outcomes(&self) -> Vec<OutcomeButton> {
        let offered: &[_] =
            if self.manual_capture { &SandboxOutcome::MANUAL } else { &SandboxOutcome::AUTOMATIC };
        let button = |outcome: &SandboxOutcome| {
            let (label, hint) = outcome.texts(self.shell.text());
            OutcomeButton { value: outcome.value(), label, hint }
        };
        offered.iter().map(button).collect()
    }
}

impl Page for SandboxPayPage {
    fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

/// The sandbox's 3-D Secure step.
#[derive(Debug, Clone, Template)]
#[template(path = "sandbox_challenge.html")]
pub struct SandboxChallengePage {
    /// What is around it; has a shop.
    pub shell: Shell,
    /// The amount.
    pub amount: String,
    /// Where the form posts to.
    pub form_action: String,
    /// Field `session`.
    pub session_public_id: String,
}

impl SandboxChallengePage {
    fn shop_on_top(&self) -> bool {
        self.shell.shop.is_some()
    }

    fn question(&self) -> String {
        let values = [("amount", self.amount.as_str()), ("shop", self.shell.shop_name())];
        fill(self.shell.text().challenge_text, &values)
    }
}

impl Page for SandboxChallengePage {
    fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

#[cfg(any(test, feature = "samples"))]
#[path = "pages_tests.rs"]
mod tests;

#[cfg(feature = "samples")]
pub use tests::all as samples;
