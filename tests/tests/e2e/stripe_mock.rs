//! The Stripe adapter's requests before stripe-mock, which checks them against Stripe's own OpenAPI document.
//!
//! stripe-mock keeps no state, so a proxy sends every request to it and to the simulator, byte for byte the
//! same, and answers with what the simulator said.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use gateway_core::{
    domain::{
        Clock, Money, SystemClock,
        checkout::{Address, CaptureMethod},
    },
    provider::{Account, PaymentHandle, PaymentProvider, StartPayment},
};
use gateway_providers::{Stripe, http::HttpClient};
use testkit::{
    process::{Child, Spec, free_port},
    sim::JournalEntry,
    stripe_sim::{StripeConfig, StripeSim},
    tools::{self, Tool},
};
use tokio::sync::OnceCell;

use crate::providers_sim::{account, handle, item, send_refund, start_payment};

/// It reads a document of several megabytes first, on a machine that may be busy.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running stripe-mock's base URL, one for all tests; `None` where there is none, and the test is skipped.
pub async fn stripe_mock() -> Option<String> {
    static RUNNING: OnceCell<(Child, String)> = OnceCell::const_new();
    if !tools::need(Tool::StripeMock) {
        return None;
    }
    let running = RUNNING.get_or_init(|| async {
        let binary = tools::locate("stripe-mock").unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let log = format!("stripe-mock-{}.log", std::process::id());
        let spec = Spec::new("stripe-mock", binary, Path::new(env!("CARGO_TARGET_TMPDIR")).join(log))
            .args(["-http-addr".to_owned(), address.to_string()]);
        let mut child = Child::spawn(&spec).unwrap();
        child.wait_listening(address, START_LIMIT).await.unwrap();
        (child, format!("http://{address}"))
    });
    Some(running.await.1.clone())
}

/// What stripe-mock said to a request.
#[derive(Debug, Clone)]
struct Verdict {
    request: String,
    status: u16,
    answer: String,
}

/// A proxy in front of a simulator that shows every request to stripe-mock as well.
struct Proxy {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    simulator: String,
    mock: String,
    client: reqwest::Client,
    verdicts: Mutex<Vec<Verdict>>,
}

impl Proxy {
    async fn start(simulator: &str, mock: &str) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            simulator: simulator.to_owned(),
            mock: mock.to_owned(),
            client: client(),
            verdicts: Mutex::default(),
        });
        let router = Router::new().fallback(both).with_state(Arc::clone(&shared));
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    fn verdicts(&self) -> Vec<Verdict> {
        self.shared.verdicts.lock().unwrap().clone()
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

async fn both(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let target = parts.uri.path_and_query().unwrap().as_str();
    let (status, answer) = shared.forward(&shared.mock, &parts.method, target, &parts.headers, &body).await;
    shared.verdicts.lock().unwrap().push(Verdict {
        request: format!("{} {target} {}", parts.method, String::from_utf8_lossy(&body)),
        status: status.as_u16(),
        answer: String::from_utf8_lossy(&answer).into_owned(),
    });
    let (status, answer) =
        shared.forward(&shared.simulator, &parts.method, target, &parts.headers, &body).await;
    (status, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

impl Shared {
    async fn forward(
        &self,
        base: &str,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> (StatusCode, Bytes) {
        let mut headers = headers.clone();
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let request = self.client.request(method.clone(), format!("{base}{target}")).headers(headers);
        let answer = request.body(body.clone()).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap())
    }
}

/// Shows a simulator's whole journal to stripe-mock; a refusal is a failure. Says how many requests it was.
pub async fn replay(mock: &str, journal: &[JournalEntry]) -> usize {
    let client = client();
    for entry in journal {
        let url = format!("{mock}{}", entry.path);
        let mut request = if entry.method == "GET" {
            client.get(url).query(&entry.params)
        } else {
            client.request(entry.method.parse().unwrap(), url).form(&entry.params)
        };
        for (name, value) in entry.headers.iter().filter(|(name, _)| *name != "content-type") {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{} {:?} → {status} {text}", entry.route(), entry.params);
    }
    journal.len()
}

/// The adapter at an address in front of `sim`.
struct Life<'a> {
    sim: &'a StripeSim,
    stripe: Stripe,
    account: Account,
}

impl<'a> Life<'a> {
    fn new(sim: &'a StripeSim, url: &str) -> Self {
        let stripe = Stripe::new(HttpClient::new().unwrap(), url.parse().unwrap());
        Self { sim, stripe, account: account(&StripeConfig::default().api_key) }
    }

    async fn begin(&self, payment: &StartPayment) -> (PaymentHandle, String) {
        let handle = handle(payment, &self.stripe.start(&self.account, payment).await.unwrap());
        let session = handle.reference("checkout_session").unwrap().to_owned();
        (handle, session)
    }

    async fn fetch(&self, handle: &PaymentHandle) {
        self.stripe.fetch(&self.account, handle).await.unwrap();
    }

    /// Everything that the adapter ever asks of Stripe.
    async fn live(&self) {
        self.stripe.account_info(&self.account).await.unwrap();
        self.start_all_kinds().await;
        self.authorize_and_capture().await;
        self.end_early().await;
        self.pay_and_refund().await;
    }

    async fn start_all_kinds(&self) {
        for (amount, currency) in
            [(2500, "EUR"), (5000, "JPY"), (12_340, "KWD"), (5000, "ISK"), (2500, "USD")]
        {
            for capture in [CaptureMethod::Automatic, CaptureMethod::Manual] {
                let mut payment = start_payment(amount, currency, capture);
                let (handle, _) = self.begin(&payment).await;
                self.fetch(&handle).await;
                payment = start_payment(amount, currency, capture);
                payment.items = vec![item("Tea", 2, amount / 5), item("Shipping", 1, amount / 5 * 3)];
                self.begin(&payment).await;
            }
        }
        let mut bare = start_payment(2500, "EUR", CaptureMethod::Automatic);
        bare.description = String::new();
        bare.external_reference = String::new();
        bare.customer.email = None;
        bare.locale = None;
        bare.expires_at = SystemClock.now() + Duration::from_mins(1);
        self.begin(&bare).await;
        let mut full = start_payment(2500, "EUR", CaptureMethod::Automatic);
        full.customer.billing_address = Some(Address {
            first_name: Some("Example".to_owned()),
            country: Some("PT".to_owned()),
            ..Address::default()
        });
        // With a discount, which Stripe cannot show as a line.
        full.items = vec![item("Tea & biscuits (50 %)", 1, 3000), item("Discount", 1, -500)];
        full.locale = Some("zh-Hant-TW".to_owned());
        self.begin(&full).await;
    }

    async fn authorize_and_capture(&self) {
        for (part, key) in [(Some(1800), "tollgate-capture-1"), (None, "tollgate-capture-2")] {
            let payment = start_payment(2500, "EUR", CaptureMethod::Manual);
            let (handle, session) = self.begin(&payment).await;
            self.sim.authorize(&session).unwrap();
            self.fetch(&handle).await;
            let part = part.map(|amount| Money::new(amount, payment.amount.currency));
            self.stripe.capture(&self.account, &handle, part, key).await.unwrap();
            self.fetch(&handle).await;
        }
    }

    async fn end_early(&self) {
        let (open, _) = self.begin(&start_payment(2500, "EUR", CaptureMethod::Automatic)).await;
        self.stripe.cancel(&self.account, &open, "tollgate-cancel-1").await.unwrap();
        self.fetch(&open).await;
        let (authorized, session) = self.begin(&start_payment(2500, "EUR", CaptureMethod::Manual)).await;
        self.sim.authorize(&session).unwrap();
        self.stripe.cancel(&self.account, &authorized, "tollgate-cancel-2").await.unwrap();
        self.fetch(&authorized).await;
    }

    async fn pay_and_refund(&self) {
        let payment = start_payment(12_340, "KWD", CaptureMethod::Automatic);
        let (handle, session) = self.begin(&payment).await;
        let intent = self.sim.pay(&session).unwrap();
        let reasons = [Some("Broken on arrival"), Some("duplicate"), None];
        for (reason, total) in reasons.into_iter().zip([1000, 2000, 3000]) {
            let mut refund = send_refund(&payment, 1000, total);
            refund.reason = reason.map(str::to_owned);
            self.stripe.refund(&self.account, &handle, &refund).await.unwrap();
        }
        self.sim.open_dispute(&intent, 9340).unwrap();
        self.fetch(&handle).await;
    }
}

#[tokio::test]
async fn stripe_mock_accepts_every_request_of_the_adapter() {
    let Some(mock) = stripe_mock().await else { return };
    let sim = StripeSim::start().await;
    let proxy = Proxy::start(&sim.base_url(), &mock).await;
    Life::new(&sim, &proxy.url).live().await;
    let verdicts = proxy.verdicts();
    for verdict in &verdicts {
        assert_eq!(verdict.status, 200, "{} → {}", verdict.request, verdict.answer);
    }
    for route in [
        "GET /v1/account ",
        "POST /v1/checkout/sessions mode=payment",
        "GET /v1/checkout/sessions/cs_",
        "POST /v1/payment_intents/pi_",
        "POST /v1/refunds ",
        "GET /v1/refunds?",
        "GET /v1/disputes?",
    ] {
        assert!(verdicts.iter().any(|verdict| verdict.request.starts_with(route)), "{route} was not asked");
    }
    for ending in ["/expire ", "/capture amount_to_capture=1800", "/capture ", "/cancel "] {
        assert!(verdicts.iter().any(|verdict| verdict.request.ends_with(ending)), "{ending} was not asked");
    }
    let unit = |amount: i64, currency: &str| {
        let wanted = format!(
            "line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D={currency}\
             &line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D={amount}&"
        );
        assert!(verdicts.iter().any(|verdict| verdict.request.contains(&wanted)), "{wanted}");
    };
    unit(5000, "jpy");
    unit(12_340, "kwd");
    unit(500_000, "isk");
}

#[tokio::test]
async fn stripe_mock_accepts_the_journal_of_a_whole_life() {
    let Some(mock) = stripe_mock().await else { return };
    let sim = StripeSim::start().await;
    Life::new(&sim, &sim.base_url()).live().await;
    assert!(replay(&mock, &sim.journal()).await > 50);
}

/// What was accepted above was looked at. Two things are not: names that do not exist within
/// `payment_intent_data`, and what is expanded; those the simulator refuses.
#[tokio::test]
async fn stripe_mock_refuses_what_stripe_does_not_know() {
    let Some(mock) = stripe_mock().await else { return };
    let key = StripeConfig::default().api_key;
    let refund = [("payment_intent", "pi_1"), ("amount", "100")];
    let session = [("mode", "payment"), ("success_url", "https://shop.example.com/ok")];
    for (path, form, extra, expected) in [
        ("refunds", refund, ("metadata[a]", "b"), 200),
        ("refunds", refund, ("shopper", "x"), 400),
        ("refunds", refund, ("amount", "much"), 400),
        ("refunds", refund, ("reason", "no_idea"), 400),
        ("checkout/sessions", session, ("payment_intent_data[capture_method]", "manual"), 200),
        ("checkout/sessions", session, ("payment_intent_data[capture_method]", "later"), 400),
        ("checkout/sessions", session, ("line_items[0][price_data][shopper]", "x"), 400),
        ("checkout/sessions", session, ("line_items[0][quantity]", "1.5"), 400),
        ("checkout/sessions", session, ("expires_at", "soon"), 400),
        ("checkout/sessions", session, ("locale", "zh-Hant-TW"), 400),
    ] {
        let mut form = form.to_vec();
        form.retain(|(name, _)| *name != extra.0);
        form.push(extra);
        let answer = client().post(format!("{mock}/v1/{path}")).bearer_auth(&key).form(&form).send().await;
        assert_eq!(answer.unwrap().status().as_u16(), expected, "{extra:?}");
    }
}
