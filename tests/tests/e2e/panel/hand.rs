//! What a person's hands and eyes do in a browser, and what is asked of every page that they see.

use std::time::Duration;

use fantoccini::{Client, Locator, key::Key};
use gateway_core::app::App;
use serde_json::{Value, json};

use crate::browser::{self, console, fits, focus_is_seen};

/// A password that nobody refuses.
pub const PASSWORD: &str = "seven green bottles fell";

/// The most that a screen may transfer, in bytes.
pub const TRANSFER_MAX: u64 = 100_000;

/// How long something may take that happens behind the page.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many presses of Tab are too many on the way to anything on a page, once its navigation is skipped.
const TABS_MAX: usize = 25;

/// Where people reach the panel, without the slash at the end.
pub fn origin(app: &App) -> String {
    app.urls.admin_frontend.as_str().trim_end_matches('/').to_owned()
}

/// Writes into a field, in place of what stands there.
pub async fn fill(client: &Client, css: &str, text: &str) {
    let field = client.wait().for_element(Locator::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// Clicks.
pub async fn press(client: &Client, css: &str) {
    client.wait().for_element(Locator::Css(css)).await.unwrap().click().await.unwrap();
}

/// Picks an entry of a select.
pub async fn pick(client: &Client, css: &str, value: &str) {
    let select = client.wait().for_element(Locator::Css(css)).await.unwrap();
    select.select_by_value(value).await.unwrap();
}

/// Waits until something is there.
pub async fn there(client: &Client, css: &str) {
    client.wait().for_element(Locator::Css(css)).await.unwrap();
}

/// The text of something.
pub async fn text(client: &Client, css: &str) -> String {
    client.wait().for_element(Locator::Css(css)).await.unwrap().text().await.unwrap()
}

/// An attribute of something.
pub async fn attribute(client: &Client, css: &str, name: &str) -> String {
    let found = client.wait().for_element(Locator::Css(css)).await.unwrap();
    found.attr(name).await.unwrap().unwrap_or_else(|| panic!("{css} has no {name}"))
}

/// How many of something are on the page.
pub async fn count(client: &Client, css: &str) -> usize {
    client.find_all(Locator::Css(css)).await.unwrap().len()
}

/// Loads the page anew until something is there that happens behind it.
pub async fn becomes(client: &Client, css: &str) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while count(client, css).await == 0 {
        let in_time = tokio::time::Instant::now() < until;
        assert!(in_time, "{css} never came: {}", client.source().await.unwrap());
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.refresh().await.unwrap();
    }
}

/// Signs in with a password, where the panel asks for it.
pub async fn sign_in(client: &Client, panel: &str, email: &str) {
    client.goto(&format!("{panel}/login")).await.unwrap();
    fill(client, "#f-email", email).await;
    fill(client, "#f-password", PASSWORD).await;
    press(client, "form.stack .primary").await;
    there(client, ".modes").await;
}

/// Nothing was refused, failed or broken, and the browser had nothing to remark.
pub async fn quiet(client: &Client) {
    let told = console(client).await;
    assert_eq!(told.as_array().map_or(0, Vec::len), 0, "{told:#}");
}

/// What holds for every page: nothing is cut off, nothing was asked of anybody else, and the console is silent.
pub async fn proper(client: &Client, what: &str) {
    fits(client, what).await;
    let foreign = "return performance.getEntriesByType('resource').map(e => e.name)\
                   .filter(name => new URL(name).origin !== location.origin)";
    assert_eq!(client.execute(foreign, vec![]).await.unwrap(), json!([]), "{what}: asked of others");
    let weight = "return performance.getEntries().reduce((sum, e) => sum + (e.encodedBodySize || 0), 0)";
    let weight = client.execute(weight, vec![]).await.unwrap().as_u64().unwrap();
    assert!((1..=TRANSFER_MAX).contains(&weight), "{what}: {weight} bytes");
    quiet(client).await;
}

/// The status of the page that is shown.
pub async fn status(client: &Client) -> Value {
    let script = "return performance.getEntriesByType('navigation')[0].responseStatus";
    client.execute(script, vec![]).await.unwrap()
}

/// Whether the focus is on something.
async fn is_on(client: &Client, css: &str) -> bool {
    let script = "return document.activeElement.matches(arguments[0])";
    client.execute(script, vec![json!(css)]).await.unwrap() == true
}

/// Tabs on until the focus is on something, and looks whether it can be seen there.
pub async fn tab_onto(client: &Client, css: &str) {
    for _ in 0..TABS_MAX {
        browser::press(client, Key::Tab).await;
        if is_on(client, css).await {
            return focus_is_seen(client, css).await;
        }
    }
    let at = client.active_element().await.unwrap().html(false).await.unwrap();
    panic!("{css} cannot be reached by Tab, the focus is on {at}");
}

/// The first press of Tab on a page finds the way past the navigation, in plain sight; Enter takes it.
pub async fn skip(client: &Client) {
    browser::press(client, Key::Tab).await;
    let first = client.active_element().await.unwrap().html(false).await.unwrap();
    assert!(is_on(client, "a.skip").await, "the skip link comes first, and not {first}");
    let top = "return document.activeElement.getBoundingClientRect().top";
    assert!(client.execute(top, vec![]).await.unwrap().as_f64().unwrap() >= 0.0, "it is in sight");
    focus_is_seen(client, "the skip link").await;
    browser::press(client, Key::Enter).await;
}

/// Types where the focus is, in place of what stands there.
pub async fn type_anew(client: &Client, text: &str) {
    let all = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
    let field = client.active_element().await.unwrap();
    field.send_keys(&all).await.unwrap();
    field.send_keys(text).await.unwrap();
}
