//! Samples of every page, rendered into `target/pages` for people to look at.

#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "samples of all that is there"))]
use super::*;
use web_kit::color::Color;
use web_kit::locale::Lang;
use web_kit::money::{format_amount, format_percent};

const SESSION: &str = "0123456789abcdef0123456789abcdef";

fn shell(lang: Lang) -> Shell {
    Shell {
        locale: Locale::of(lang),
        nonce: Nonce::fixed("c2FtcGxlLW5vbmNl"),
        shop: Some(Shop::named("Example Shop")),
        test_mode: true,
    }
}

fn euro(minor: i64, lang: Lang) -> String {
    format_amount(minor, "EUR", 2, Locale::of(lang))
}

fn order(lang: Lang) -> Order {
    let text = Text::of(lang);
    let line = |name: &str, detail: Option<String>, minor| Line {
        image: None,
        name: name.to_owned(),
        detail,
        amount: euro(minor, lang),
    };
    let sum = |label: String, minor, strong| Sum { label, amount: euro(minor, lang), strong };
    Order {
        total: euro(4900, lang),
        minor: 4900,
        reference: Some("ORD-2025001".to_owned()),
        ends_at: "2099-11-23T00:00:00Z".to_owned(),
        seconds_left: 85_260,
        lines: vec![
            line("Professional Plan", Some(format!("1 × {}", euro(5000, lang))), 5000),
            line(text.discount, None, -100),
        ],
        sums: vec![
            sum(text.net.to_owned(), 4118, false),
            sum(fill(text.tax, &[("rate", &format_percent("19", Locale::of(lang)))]), 782, false),
            sum(text.total.to_owned(), 4900, true),
        ],
    }
}

fn methods(lang: Lang) -> Vec<MethodOption> {
    let text = Text::of(lang);
    let method = |value: &str, name: &str, hint: &str, by: Option<&str>| MethodOption {
        value: value.to_owned(),
        name: name.to_owned(),
        hint: Some(hint.to_owned()),
        by: by.map(str::to_owned),
        selected: value == "p1",
    };
    vec![
        method("p1", text.method_card, text.method_card_hint, Some("Stripe")),
        method("p2", text.method_bank_debit, text.method_bank_debit_hint, Some("GoCardless")),
        method("p3", text.method_multibanco, text.method_multibanco_hint, None),
        method("p4", text.method_bank_transfer, text.method_bank_transfer_hint, None),
        method("p5", text.method_sandbox, text.method_sandbox_hint, None),
    ]
}

fn receipt(lang: Lang) -> Receipt {
    let at = "2026-11-21T14:02:11Z".parse().expect("a valid time");
    Receipt {
        method: Some(Text::of(lang).method_card.to_owned()),
        at: Some(Locale::of(lang).date_time(at)),
        reference: Some("ORD-2025001".to_owned()),
        transaction_id: Some("6920a1b2c3d4e5f601234567".to_owned()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the pages' fields are optional")]
fn shop_url() -> Option<String> {
    Some("https://shop.example.com/thanks?order=1&x=2".to_owned())
}

fn wrong_address(lang: Lang) -> AddressEntry {
    let typed = super::super::forms::TypedAddress::sample();
    let problems = typed.read().expect_err("a sample of what is wrong");
    AddressEntry::Asked(AddressForm::of(Locale::of(lang), false, &typed, &problems))
}

impl PayPage {
    /// The page with as much on it as pages get.
    fn long(page: &Self, lang: Lang) -> Self {
        let mut large = page.clone();
        large.shell.shop = Some(Shop {
            brand: Brand::new(Color::new(0xff, 0xe6, 0x00)),
            ..Shop::named("The Remarkably Long-Named Example Shop of Donaudampfschifffahrtsgesellschaften")
        });
        large.order.total = euro(123_456_789, lang);
        for number in 2..=12 {
            large.order.lines.push(Line {
                image: (number % 2 == 0).then(|| "/images/650000000000000000000001".to_owned()),
                name: format!("Article {number} with a description that needs a second line on phones"),
                detail: Some(format!("{number} × {}", euro(999, lang))),
                amount: euro(999 * number, lang),
            });
        }
        large
    }

    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let page = Self {
            second: false,
            shell: shell(lang),
            order: order(lang),
            methods: methods(lang),
            no_methods: String::new(),
            free: false,
            code: None,
            address: None,
            form_action: "/checkout/abc/pay".to_owned(),
            session_public_id: SESSION.to_owned(),
            alert: None,
            method_error: None,
            cancel_url: shop_url(),
        };
        let text = Text::of(lang);
        let mut single = page.clone();
        single.methods.truncate(1);
        single.methods[0].selected = false;
        single.shell.test_mode = false;
        let mut wrong = page.clone();
        wrong.alert = Some(text.method_unavailable.to_owned());
        wrong.method_error = Some(text.choose_method.to_owned());
        wrong.methods.iter_mut().for_each(|method| method.selected = false);
        let large = Self::long(&page, lang);
        let mut none = page.clone();
        none.methods.clear();
        none.no_methods = none.shell.with_shop(text.no_methods);
        let code = CodeEntry { form_action: "/checkout/abc/discount".to_owned(), ..CodeEntry::default() };
        let form = FormText::of(lang);
        let mut asked = page.clone();
        asked.code = Some(code.clone());
        asked.address = Some(AddressEntry::Asked(AddressForm::empty(Locale::of(lang), true)));
        let mut refused = page.clone();
        refused.alert = Some(form.address_wrong.to_owned());
        refused.code = Some(CodeEntry {
            typed: "SPRING".to_owned(),
            error: Some(form.code_unknown.to_owned()),
            ..code.clone()
        });
        refused.address = Some(wrong_address(lang));
        let mut free = page.clone();
        (free.methods, free.free) = (Vec::new(), true);
        free.code = Some(CodeEntry { entered: Some("SPRING".to_owned()), ..code });
        free.address = Some(AddressEntry::Known {
            masked: "M••• E•••, 10••• E•••".to_owned(),
            change_url: "/checkout/abc?address=1".to_owned(),
        });
        vec![
            ("pay-asked", asked),
            ("pay-refused", refused),
            ("pay-free", free),
            ("pay", page),
            ("pay-single", single),
            ("pay-wrong", wrong),
            ("pay-long", large),
            ("pay-no-methods", none),
        ]
    }
}

impl HandoverPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let url = "about:blank#https://pay.example.com/c/1".to_owned();
        vec![("handover", Self { shell: shell(lang), method: "Stripe".to_owned(), url })]
    }
}

impl WaitingPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let quick = Self {
            shell: shell(lang),
            amount: euro(4900, lang),
            receipt: Receipt { at: None, ..receipt(lang) },
            takes_days: false,
            live: Live {
                status_url: "/checkout/abc/status".to_owned(),
                events_url: Some("/checkout/abc/events".to_owned()),
                current: "0".to_owned(),
            },
            url: "/checkout/abc".to_owned(),
            choose_url: Some("/checkout/abc".to_owned()),
            shop_url: None,
        };
        let slow = Self { takes_days: true, choose_url: None, shop_url: shop_url(), ..quick.clone() };
        vec![("waiting", quick), ("waiting-days", slow)]
    }
}

impl PaidPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let (amount, receipt) = (euro(4900, lang), receipt(lang));
        vec![("paid", Self { shell: shell(lang), amount, receipt, return_url: shop_url() })]
    }
}

impl FailedPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let open = Self {
            shell: shell(lang),
            reason: FailureReason::Declined,
            amount: euro(4900, lang),
            retry: Some(Retry {
                form_action: "/checkout/abc/pay".to_owned(),
                session_public_id: SESSION.to_owned(),
                provider: "p1".to_owned(),
                minor: 4900,
            }),
            choose_url: Some("/checkout/abc?choose".to_owned()),
            receipt: None,
            shop_url: shop_url(),
        };
        let closed = Self {
            reason: FailureReason::Returned,
            retry: None,
            choose_url: None,
            receipt: Some(receipt(lang)),
            ..open.clone()
        };
        vec![("failed", open), ("failed-closed", closed)]
    }
}

impl ErrorPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let page = |status, retry_after_secs| Self {
            shell: Shell { shop: None, test_mode: false, ..shell(lang) },
            status,
            request_id: SESSION.to_owned(),
            retry_after_secs,
            retry_url: Some("/checkout/abc".to_owned()),
        };
        vec![
            ("error", page(StatusCode::INTERNAL_SERVER_ERROR, None)),
            ("error-busy", page(StatusCode::TOO_MANY_REQUESTS, Some(12))),
            ("error-refused", page(StatusCode::FORBIDDEN, None)),
        ]
    }
}

impl RefundedPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let partly = Self {
            shell: shell(lang),
            amount: euro(4900, lang),
            refunded: euro(1000, lang),
            partly: true,
            receipt: receipt(lang),
            shop_url: shop_url(),
        };
        let full = Self { refunded: euro(4900, lang), partly: false, ..partly.clone() };
        vec![("refunded", full), ("refunded-partly", partly)]
    }
}

impl SandboxPayPage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let page = Self {
            shell: shell(lang),
            amount: euro(4900, lang),
            form_action: "/checkout/abc/sandbox".to_owned(),
            session_public_id: SESSION.to_owned(),
            manual_capture: false,
        };
        vec![("sandbox", page.clone()), ("sandbox-manual", Self { manual_capture: true, ..page })]
    }
}

impl SandboxChallengePage {
    fn samples(lang: Lang) -> Vec<(&'static str, Self)> {
        let page = Self {
            shell: shell(lang),
            amount: euro(4900, lang),
            form_action: "/checkout/abc/sandbox/challenge".to_owned(),
            session_public_id: SESSION.to_owned(),
        };
        vec![("sandbox-challenge", page)]
    }
}

/// A sample's name, its status and its HTML.
pub type Rendered = (String, StatusCode, String);

fn add<P: Page>(into: &mut Vec<Rendered>, pages: Vec<(&'static str, P)>) {
    for (name, page) in pages {
        into.push((name.to_owned(), page.status(), page.html().expect("templates render")));
    }
}

/// Every page in every state, with example data.
///
/// # Panics
/// When a template does not render.
pub fn all(lang: Lang) -> Vec<Rendered> {
    let mut out = Vec::new();
    let (amount, receipt, shop_url) = (euro(4900, lang), receipt(lang), shop_url());
    add(&mut out, PayPage::samples(lang));
    add(&mut out, HandoverPage::samples(lang));
    add(&mut out, WaitingPage::samples(lang));
    let live = Live {
        status_url: "/checkout/abc/status".to_owned(),
        events_url: Some("/checkout/abc/events".to_owned()),
        current: "pending".to_owned(),
    };
    add(&mut out, TransferPage::samples(&shell(lang), &live));
    add(&mut out, PaidPage::samples(lang));
    add(&mut out, FailedPage::samples(lang));
    add(&mut out, vec![("expired", ExpiredPage { shell: shell(lang), shop_url: shop_url.clone() })]);
    add(&mut out, vec![("cancelled", CancelledPage { shell: shell(lang), shop_url: shop_url.clone() })]);
    for (name, asks) in [("order_paid", Asks::AlreadyPaid), ("order_pending", Asks::PaymentRunning)] {
        let pay_url = "/checkout/x?second=1".to_owned();
        let page = SecondPaymentPage { shell: shell(lang), asks, pay_url, shop_url: shop_url.clone() };
        add(&mut out, vec![(name, page)]);
    }
    add(&mut out, vec![("superseded", SupersededPage { shell: shell(lang), shop_url: shop_url.clone() })]);
    let already = AlreadyPaidPage {
        shell: shell(lang),
        amount: amount.clone(),
        receipt: receipt.clone(),
        shop_url: shop_url.clone(),
    };
    add(&mut out, vec![("already-paid", already)]);
    let nobody = Shell { shop: None, test_mode: false, ..shell(lang) };
    add(&mut out, vec![("not-found", NotFoundPage { shell: nobody })]);
    add(&mut out, ErrorPage::samples(lang));
    let authorized = AuthorizedPage {
        shell: shell(lang),
        amount: amount.clone(),
        receipt: receipt.clone(),
        return_url: shop_url.clone(),
    };
    add(&mut out, vec![("authorized", authorized)]);
    add(&mut out, RefundedPage::samples(lang));
    add(&mut out, vec![("disputed", DisputedPage { shell: shell(lang), amount, receipt, shop_url })]);
    add(&mut out, SandboxPayPage::samples(lang));
    add(&mut out, SandboxChallengePage::samples(lang));
    out
}

#[test]
fn all_samples_render_in_every_language() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(&folder).expect("target is writable");
    for lang in Lang::ALL {
        for (name, _, html) in all(lang) {
            // Placeholders are gone, and nothing is inline but the nonced elements.
            assert!(!html.contains("{shop}") && !html.contains("{amount}"), "{name}");
            assert!(!html.contains("style=\"") && !html.contains(" onclick"), "{name}");
            assert_eq!(html.matches("<style").count(), html.matches("<style nonce=\"").count());
            assert_eq!(
                html.matches("<script").count(),
                html.matches("<script type=\"module\" nonce=\"").count()
            );
            assert_eq!(html.matches("<h1").count(), 1, "{name}");
            assert!(html.len() < 30_000, "{name} has {} bytes", html.len());
            std::fs::write(folder.join(format!("{name}.{}.html", lang.code())), html)
                .expect("target is writable");
        }
    }
}

#[test]
fn values_are_escaped() {
    let mut page = PayPage::samples(Lang::En).remove(3).1;
    let nasty = "\"><script>alert(1)</script>".to_owned();
    page.shell.shop = Some(Shop::named(&nasty));
    page.order.reference = Some(nasty.clone());
    page.order.lines[0].name = nasty.clone();
    page.cancel_url = Some(nasty);
    let html = page.html().expect("renders");
    assert!(!html.contains("<script>alert"));
}

#[test]
fn statuses_fit() {
    let statuses = all(Lang::En);
    let status = |name: &str| statuses.iter().find(|page| page.0 == name).map(|page| page.1.as_u16());
    assert_eq!(status("pay"), Some(200));
    assert_eq!(status("pay-wrong"), Some(422));
    assert_eq!(status("not-found"), Some(404));
    assert_eq!(status("error"), Some(500));
}

#[tokio::test]
async fn pages_keep_to_their_policy_and_errors_become_pages() {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt as _;
    let handler = get(async |nonce: Nonce| {
        let page = PayPage::samples(Lang::En).remove(3).1;
        respond(&PayPage { shell: Shell { nonce, ..page.shell.clone() }, ..page })
    });
    let app = Router::new().route("/checkout/abc", handler).merge(static_files().router());
    let app = web_kit::stack::pages(app, &web_kit::stack::StackConfig::default(), error_page);
    let ask = async |uri: &str| {
        let request =
            http::Request::get(uri).header("accept-language", "fr").body(Body::empty()).expect("valid");
        let response = app.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 100_000).await.expect("small");
        (parts, String::from_utf8(body.to_vec()).expect("text"))
    };
    let (head, page) = ask("/checkout/abc").await;
    let nonce =
        page.split("<style nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce");
    let nonce = nonce.replace("&#43;", "+");
    let policy = head.headers["content-security-policy"].to_str().expect("ASCII");
    assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")), "{policy} {nonce}");
    assert_eq!(head.headers["cache-control"], "no-store");
    let (script_head, script) = ask(static_files().url(SCRIPT)).await;
    assert!(script_head.headers["cache-control"].to_str().expect("ASCII").contains("immutable"));
    assert!(page.len() + script.len() < 60_000, "the page before any provider's script");
    let (head, page) = ask("/other").await;
    assert_eq!(head.status, 404);
    assert!(
        page.contains("<html lang=\"fr\">")
            && page.contains(Text::of(Lang::Fr).not_found_title.split('’').next().expect("text"))
    );
}

#[test]
fn outcomes_survive_their_form() {
    for outcome in SandboxOutcome::AUTOMATIC.into_iter().chain(SandboxOutcome::MANUAL) {
        assert_eq!(SandboxOutcome::from_value(outcome.value()), Some(outcome));
    }
    assert_eq!(SandboxOutcome::from_value("cancel"), None);
}
