//! The page that tells where to transfer: without scripts, and in a browser whose picture is read like a phone's.

use std::{path::Path, sync::LazyLock};

use fantoccini::{Client, Locator};
use gateway_core::{
    app::confirm_manual::{NewConfirmation, confirm_manual},
    domain::{checkout::Checkout, transaction::TransactionStatus as S},
};
use serde_json::{Value, json};

use super::bank;
use crate::{
    axe::SMALL_PHONE,
    browser::{
        DESKTOP, Device, SMALL_PHONE_WITHOUT_SCRIPTS, TRANSFER_MAX, browse, click, console, fits, look,
        picture, shows, tap,
    },
    front::{Answer, Front},
    tools::{install, npm},
};

const TITLE: &str = "Please make this transfer";

/// A customer who chose the transfer.
async fn chosen(front: &Front) -> (Checkout, String) {
    let bank = bank(&front.app, front.seed.tenant).await.to_string();
    // The service reads providers from memory for a while.
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let checkout = front.ten_euros().await;
    (checkout, bank)
}

async fn choose(front: &Front, checkout: &Checkout, provider: &str) -> Answer {
    let page = front.open(&format!("/checkout/{}?choose=1", checkout.short_code)).await;
    let session = page.hidden("session");
    let sent = front.submit(&page.form_action(), &[("session", &session), ("provider", provider)]).await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    front.follow(sent.location.as_deref().unwrap()).await
}

async fn confirm(front: &Front, checkout: &Checkout, amount: i64) {
    let id = front.transactions(checkout).await[0].id;
    let new = NewConfirmation { amount, ..NewConfirmation::default() };
    confirm_manual(&front.app, front.seed.tenant, id, new, None, &|_, _| String::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_bank_asks_for_is_there_without_scripts() {
    let front = Front::start().await;
    let (checkout, bank) = chosen(&front).await;
    let page = choose(&front, &checkout, &bank).await;
    assert_eq!((page.status.as_u16(), page.heading().as_str()), (200, TITLE));
    let transaction = &front.transactions(&checkout).await[0];
    let reference = transaction.reference("creditor_reference").unwrap();
    let grouped = format!("{} {}", &reference[..4], &reference[4..8]);
    for part in [
        "Example Trading GmbH",
        super::TEST_IBAN,
        super::TEST_BIC,
        "Test mode: nobody can pay to this account",
        "€10.00",
        &grouped,
        "From an account in your own name, please.",
        "Example Shop recognises it by the reference",
        "<noscript><meta http-equiv=\"refresh\" content=\"60\">",
        "data-copy=\"DE36000000000000000000\"",
        "data-copy=\"10.00\"",
        "role=\"img\" aria-label=\"QR code of this transfer for banking apps\"",
        "href=\"/checkout/",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    for part in [super::IBAN, "DE8937040044", "COBADEFFXXX", "Example Bank"] {
        assert!(!page.body.contains(part), "{part} is real: {}", page.body);
    }
    assert!(!page.body.contains("style=\"") && page.body.len() < 30_000, "{} bytes", page.body.len());
    // A part has come: the rest is asked for, and there is no way to another method any more.
    confirm(&front, &checkout, 250).await;
    let page = front.open(&format!("/checkout/{}", checkout.short_code)).await;
    assert!(page.body.contains("€2.50 has arrived. Please transfer the remaining €7.50."), "{}", page.body);
    assert!(page.body.contains("data-copy=\"7.50\"") && !page.body.contains("choose=1"), "{}", page.body);
    let page = front.open(&format!("/checkout/{}?choose=1", checkout.short_code)).await;
    assert_eq!(page.heading(), TITLE);
    confirm(&front, &checkout, 750).await;
    let page = front.open(&format!("/checkout/{}", checkout.short_code)).await;
    assert_eq!(page.heading(), "Payment received");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_may_turn_to_another_method_or_give_up() {
    let front = Front::start().await;
    let (checkout, bank) = chosen(&front).await;
    choose(&front, &checkout, &bank).await;
    let sandbox = choose(&front, &checkout, &front.provider("sandbox")).await;
    assert_eq!(sandbox.heading(), "Test payment");
    let statuses: Vec<S> = front.transactions(&checkout).await.iter().map(|t| t.status).collect();
    assert_eq!(statuses, [S::Initiated, S::Cancelled]);
    // And back: a transfer of its own, with a reference of its own. Given up by the shop's own page.
    choose(&front, &checkout, &bank).await;
    let newest = front.transactions(&checkout).await[0].clone();
    assert_eq!(newest.status, S::Pending);
    let cancel = front.api(&format!("/api/v1/transactions/{}/cancel", newest.id));
    let body = json!({ "sessionPublicId": checkout.public_id });
    let answer = Answer::of(front.client.post(&cancel).json(&body)).await;
    assert_eq!(answer.json()["status"], "cancelled", "{}", answer.body);
    // Money that has come is not the customer's to give up.
    choose(&front, &checkout, &bank).await;
    confirm(&front, &checkout, 1).await;
    let newest = front.transactions(&checkout).await[0].id;
    let cancel = front.api(&format!("/api/v1/transactions/{newest}/cancel"));
    let answer = Answer::of(front.client.post(&cancel).json(&body)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].as_str()),
        (409, Some("TRANSACTION_NOT_CANCELLABLE"))
    );
}

static READER: LazyLock<String> = LazyLock::new(|| {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("qr");
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let folder = install("qr", &sources, &files, npm).unwrap_or_else(|missing| panic!("{missing}"));
    std::fs::read_to_string(folder.join("node_modules/jsqr/dist/jsQR.js")).unwrap()
});

/// What a camera reads from a picture of the page: by a library that has nothing to do with the one that drew it.
async fn scanned(client: &Client) -> String {
    let code = client.find(Locator::Css(".qr")).await.unwrap();
    let picture = image::load_from_memory(&code.screenshot().await.unwrap()).unwrap().to_luma8();
    let read = format!(
        "const self = {{}}, module = undefined, exports = undefined; {}; const [grey, width, height] = arguments; \
         const colors = new Uint8ClampedArray(grey.flatMap((g) => [g, g, g, 255])); \
         return (window.jsQR ?? self.jsQR)(colors, width, height)?.data ?? null",
        READER.as_str(),
    );
    let (width, height) = picture.dimensions();
    let arguments = vec![json!(picture.into_raw()), json!(width), json!(height)];
    let read = client.execute(&read, arguments).await.unwrap();
    read.as_str().unwrap_or_else(|| panic!("no code is found: {read}")).to_owned()
}

async fn walk(device: Device, name: &str) {
    let front = Front::start().await;
    let (checkout, bank) = chosen(&front).await;
    let theme = if device.dark { "dark" } else { "light" };
    browse(device, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        click(&client, &format!("input[value='{bank}']")).await;
        click(&client, ".pay .primary").await;
        shows(&client, TITLE).await;
        let sum = "return performance.getEntries().reduce((sum, e) => sum + (e.transferSize || 0), 0)";
        let transferred = client.execute(sum, vec![]).await.unwrap().as_u64().unwrap();
        assert!((1..=TRANSFER_MAX).contains(&transferred), "{transferred} bytes");
        look(&client, &format!("transfer-{name}-{theme}")).await;
        let transaction = &front.transactions(&checkout).await[0];
        let reference = transaction.reference("creditor_reference").unwrap();
        let wanted = format!(
            "TEST\n002\n1\nSCT\nTESTDEX0\nExample Trading GmbH\nDE36000000000000000000\nEUR10.00\n\n{reference}"
        );
        assert_eq!(scanned(&client).await, wanted);
        let buttons = client.find_all(Locator::Css("button[data-copy]")).await.unwrap();
        assert_eq!(buttons.len(), 6);
        for button in buttons {
            assert!(button.is_displayed().await.unwrap(), "what can be copied has a button");
        }
        let console = console(&client).await;
        assert_eq!(console, Value::Array(Vec::new()));
        // Nobody touches the page: it hears of the money.
        confirm(&front, &checkout, 1000).await;
        shows(&client, "Payment received").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_read_from_the_screen_and_the_page_is_accessible() {
    futures::join!(walk(SMALL_PHONE, "320"), walk(Device { dark: true, ..DESKTOP }, "desktop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_shows_all_of_it() {
    let front = Front::start().await;
    let (checkout, bank) = chosen(&front).await;
    browse(SMALL_PHONE_WITHOUT_SCRIPTS, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        tap(&client, &format!("input[value='{bank}']")).await;
        tap(&client, ".pay .primary").await;
        shows(&client, TITLE).await;
        fits(&client, "transfer").await;
        picture(&client, "transfer-no-script").await;
        assert!(scanned(&client).await.contains("EUR10.00"));
        let copy = client.find(Locator::Css("button[data-copy]")).await.unwrap();
        assert!(!copy.is_displayed().await.unwrap(), "what needs a script is not shown");
    })
    .await;
}
