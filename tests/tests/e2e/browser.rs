//! The checkout in a real browser: on a phone, by keyboard alone, and without JavaScript.
//!
//! Needs `chromedriver` and Chromium. Without them the tests are skipped.
//! Pictures of the pages are left in `target/screens`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, MOUSE_BUTTON_LEFT, PointerAction, TouchActions},
    key::Key,
    wd::WebDriverCompatibleCommand,
};
use futures::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use testkit::{
    process::{Child, Spec, free_port, workspace_binary},
    stripe_sim::StripeSim,
    tools::{self, Tool},
};

use crate::{
    axe,
    front::{Front, STRIPE_SECRET, Setup},
};

/// The most that a page may transfer before any provider's script, in bytes.
pub const TRANSFER_MAX: u64 = 60_000;

/// How long a page may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one test may take in its browser.
const LIMIT: Duration = Duration::from_mins(2);

/// Which browser.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// Whether scripts run.
    pub scripts: bool,
    /// Whether the reader prefers dark pages.
    pub dark: bool,
    /// The language that the reader prefers.
    pub language: &'static str,
}

pub const PHONE: Device = Device { width: 360, height: 740, ..DESKTOP };
pub const SMALL_PHONE_WITHOUT_SCRIPTS: Device = Device { width: 320, height: 640, scripts: false, ..DESKTOP };
pub const DESKTOP: Device = Device { width: 1280, height: 800, scripts: true, dark: false, language: "en" };

/// Runs `body` in a browser, which is closed whatever happens.
pub async fn browse<Body: Future<Output = ()>>(device: Device, body: impl FnOnce(Client) -> Body) {
    browse_for(LIMIT, device, body).await;
}

/// The same, for as long as `limit`.
pub async fn browse_for<Body: Future<Output = ()>>(
    limit: Duration,
    device: Device,
    body: impl FnOnce(Client) -> Body,
) {
    // What looks at pages comes from npm.
    if !tools::need(Tool::Chromium) || !tools::need(Tool::Node) {
        return;
    }
    let port = free_port();
    let logs = workspace_binary("main-backend").with_file_name("e2e-logs");
    let program = tools::locate("chromedriver").unwrap();
    let spec = Spec::new("chromedriver", program, logs.join(format!("chromedriver-{port}.log")));
    let mut driver = Child::spawn(&spec.arg(format!("--port={port}"))).unwrap();
    driver.wait_listening(([127, 0, 0, 1], port).into(), PATIENCE).await.unwrap();
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let Value::Object(capabilities) = capabilities(device) else { unreachable!("written as an object") };
    builder.capabilities(capabilities);
    let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.unwrap();
    let limited = tokio::time::timeout(limit, body(client.clone()));
    let outcome = AssertUnwindSafe(limited).catch_unwind().await;
    // Should it hang, the end of chromedriver ends the browser, too.
    let _ = tokio::time::timeout(PATIENCE, client.close()).await;
    match outcome {
        Ok(in_time) => in_time.expect("the browser hangs"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn capabilities(device: Device) -> Value {
    let mut options = json!({
        "binary": tools::locate("chromium"),
        "args": [
            "--headless=new",
            // 0 is dark, 1 is light.
            format!("--blink-settings=preferredColorScheme={}", u8::from(!device.dark)), "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", format!("--lang={}", device.language),
            // The browser ends with chromedriver, however that ends.
            "--remote-debugging-pipe",
            format!("--window-size={},{}", device.width, device.height),
        ],
        "prefs": { "intl.accept_languages": device.language },
    });
    if device.width < 500 {
        let metrics = json!({ "width": device.width, "height": device.height, "pixelRatio": 2.0 });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    if !device.scripts {
        options["prefs"]["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } })
}

/// chromedriver's own command for what the browser has written to its console.
#[derive(Debug)]
struct ReadConsole;

impl WebDriverCompatibleCommand for ReadConsole {
    fn endpoint(&self, base_url: &url::Url, session_id: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/se/log", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// What the browser complained of since this was last asked: errors, broken policies, failed loads.
pub async fn console(client: &Client) -> Value {
    client.issue_cmd(ReadConsole).await.unwrap()
}

/// A command of the browser's own protocol, through chromedriver.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base_url: &url::Url, session_id: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}

/// Asks the browser by its `DevTools` protocol; answers what it answers.
pub async fn dev_tools(client: &Client, command: &str, parameters: Value) -> Value {
    client.issue_cmd(DevTools(json!({ "cmd": command, "params": parameters }))).await.unwrap()
}

fn keep(name: &str, png: &[u8]) {
    let folder = workspace_binary("main-backend").parent().unwrap().parent().unwrap().join("screens");
    let path = folder.join(format!("{name}.png"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, png).unwrap();
}

/// Leaves a picture for people.
pub async fn picture(client: &Client, name: &str) {
    keep(name, &client.screenshot().await.unwrap());
}

/// The tallest picture of a page, in CSS pixels.
const PICTURE_HEIGHT_MAX: f64 = 6000.0;

/// A picture of the page from its top to its end.
pub async fn whole_picture(client: &Client, name: &str) {
    let size = dev_tools(client, "Page.getLayoutMetrics", json!({})).await["cssContentSize"].take();
    let height = size["height"].as_f64().unwrap().min(PICTURE_HEIGHT_MAX);
    let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
    let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
    let taken = dev_tools(client, "Page.captureScreenshot", wanted).await;
    keep(name, &base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap());
}

/// The same, and looks whether all people can use the page. Needs scripts.
pub async fn look(client: &Client, name: &str) {
    picture(client, name).await;
    axe::audit(client, name).await;
}

/// Waits for a page with this heading, and looks whether all of it fits.
pub async fn shows(client: &Client, heading: &str) {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let now = match client.find(Locator::Css("h1")).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        if now == heading {
            break;
        }
        if tokio::time::Instant::now() > until {
            let (url, page) = (client.current_url().await.unwrap(), client.source().await.unwrap());
            panic!("{url} shows {now:?} instead of {heading:?}: {page}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fits(client, heading).await;
}

/// Nothing is cut off at the side.
pub async fn fits(client: &Client, what: &str) {
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(client.execute(overflow, vec![]).await.unwrap(), 0, "{what}: scrolls sideways");
}

pub async fn click(client: &Client, css: &str) {
    client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap().click().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_pays_and_the_page_hears_of_it_by_itself() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let provider = front.provider("sandbox");
    browse(PHONE, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        fits(&client, "choose").await;
        look(&client, "phone-1-choose").await;
        let sum = "return performance.getEntries().reduce((sum, e) => sum + (e.transferSize || 0), 0)";
        let transferred = client.execute(sum, vec![]).await.unwrap().as_u64().unwrap();
        assert!((1..=TRANSFER_MAX).contains(&transferred), "{transferred} bytes");
        click(&client, &format!("input[value='{provider}']")).await;
        click(&client, "form button").await;
        shows(&client, "Test payment").await;
        look(&client, "phone-2-sandbox").await;
        click(&client, "button[value=pending]").await;
        shows(&client, "Your payment is on its way").await;
        look(&client, "phone-3-waiting").await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        gateway_providers::sandbox::tick(&front.app).await.unwrap();
        // Nobody touches the page: its stream tells it to load anew.
        shows(&client, "Payment received").await;
        look(&client, "phone-4-paid").await;
        let stay = client.find(Locator::Css("button[data-stay]")).await.unwrap();
        assert!(stay.is_displayed().await.unwrap(), "one may stay");
        stay.click().await.unwrap();
        assert!(!stay.is_displayed().await.unwrap());
    })
    .await;
}

/// A finger's tap by coordinates: chromedriver's own click waits for scripts, which do not run here.
pub async fn tap(client: &Client, css: &str) {
    client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap();
    let middle = "const e = document.querySelector(arguments[0]); e.scrollIntoView({ block: 'center' }); \
                  const r = e.getBoundingClientRect(); \
                  return [Math.round(r.x + r.width / 2), Math.round(r.y + r.height / 2)]";
    let at = client.execute(middle, vec![json!(css)]).await.unwrap();
    let (x, y) = (at[0].as_f64().unwrap(), at[1].as_f64().unwrap());
    let button = MOUSE_BUTTON_LEFT;
    let tap = TouchActions::new("finger".to_owned())
        .then(PointerAction::MoveTo { duration: None, x, y })
        .then(PointerAction::Down { button })
        .then(PointerAction::Up { button });
    client.perform_actions(tap).await.unwrap();
}

/// What the keyboard would act on now.
async fn focused(client: &Client) -> (String, String) {
    let script = "const e = document.activeElement; return [e.tagName, e.value || e.textContent.trim()]";
    let found = client.execute(script, vec![]).await.unwrap();
    (found[0].as_str().unwrap().to_owned(), found[1].as_str().unwrap().to_owned())
}

pub async fn press(client: &Client, key: Key) {
    let keys = char::from(key).to_string();
    client.active_element().await.unwrap().send_keys(&keys).await.unwrap();
}

/// Fails when nobody can see where the focus is.
pub async fn focus_is_seen(client: &Client, what: &str) {
    let script = "const e = document.activeElement; const seen = n => { const s = getComputedStyle(n); \
                  return s.outlineStyle !== 'none' || s.boxShadow !== 'none' }; \
                  return seen(e) || seen(e.parentElement)";
    assert_eq!(client.execute(script, vec![]).await.unwrap(), true, "the focus on {what} is seen");
}

/// Tabs on until the focus is on an element with this value or text, and looks whether it can be seen.
pub async fn tab_to(client: &Client, wanted: &str) {
    for _ in 0..20 {
        press(client, Key::Tab).await;
        if focused(client).await.1.starts_with(wanted) {
            focus_is_seen(client, wanted).await;
            return;
        }
    }
    panic!("{wanted} cannot be reached by Tab, the focus is on {:?}", focused(client).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_pays() {
    let front = Front::start().await;
    let checkout = front.ten_euros().await;
    let (sandbox, stripe) = (front.provider("sandbox"), front.provider("stripe"));
    browse(DESKTOP, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        fits(&client, "choose").await;
        look(&client, "desktop-1-choose").await;
        tab_to(&client, &sandbox).await;
        press(&client, Key::Down).await;
        assert_eq!(focused(&client).await.1, stripe, "arrows choose among the methods");
        press(&client, Key::Up).await;
        tab_to(&client, "Pay €10.00").await;
        press(&client, Key::Enter).await;
        shows(&client, "Test payment").await;
        look(&client, "desktop-2-sandbox").await;
        tab_to(&client, "decline").await;
        press(&client, Key::Enter).await;
        shows(&client, "The payment did not go through").await;
        look(&client, "desktop-3-failed").await;
        tab_to(&client, "Try again").await;
        press(&client, Key::Enter).await;
        shows(&client, "Test payment").await;
        tab_to(&client, "challenge").await;
        press(&client, Key::Enter).await;
        shows(&client, "Confirm the test payment").await;
        tab_to(&client, "approve").await;
        press(&client, Key::Enter).await;
        shows(&client, "Payment received").await;
        look(&client, "desktop-4-paid").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_hand_over_and_the_return_work() {
    let stripe = StripeSim::start().await;
    let front = Front::start_with(Setup { stripe: Some(stripe.base_url()), ..Setup::default() }).await;
    stripe.set_webhook(front.hook("stripe", &front.provider("stripe")), STRIPE_SECRET);
    let checkout = front.ten_euros().await;
    let provider = front.provider("stripe");
    browse(SMALL_PHONE_WITHOUT_SCRIPTS, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        fits(&client, "choose").await;
        picture(&client, "no-script-1-choose").await;
        tap(&client, &format!("input[value='{provider}']")).await;
        tap(&client, "form button").await;
        // Straight through the hand-over page, which no script drives.
        shows(&client, "Simulated Stripe checkout").await;
        tap(&client, "#pay").await;
        shows(&client, "Payment received").await;
        picture(&client, "no-script-2-paid").await;
    })
    .await;
    assert!(front.transactions(&checkout).await[0].succeeded_at.is_some());
}
