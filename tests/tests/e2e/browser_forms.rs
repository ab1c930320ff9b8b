//! The checkout's forms in a real browser: code, address, a failed payment and the way on.

use fantoccini::{Client, Locator, key::Key};
use gateway_core::app::settings::sites::SiteSettings;

use crate::{
    axe::SMALL_PHONE,
    browser::{
        DESKTOP, Device, PHONE, SMALL_PHONE_WITHOUT_SCRIPTS, TRANSFER_MAX, browse, click, fits, look,
        picture, press, shows, tab_to, tap,
    },
    checkout_forms::tenth,
    front::Front,
};

async fn asking() -> Front {
    let front = Front::start().await;
    front.code("TEN", tenth()).await;
    let billing_address = Some("required".to_owned());
    front.site_asks(SiteSettings { billing_address, ..SiteSettings::default() }).await;
    front
}

async fn type_into(client: &Client, css: &str, text: &str) {
    let field = client.find(Locator::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn text(client: &Client, css: &str) -> String {
    client.wait().for_element(Locator::Css(css)).await.unwrap().text().await.unwrap()
}

async fn focus_is_on(client: &Client, id: &str) {
    let focused = client.execute("return document.activeElement.id", vec![]).await.unwrap();
    assert_eq!(focused.as_str().unwrap(), id);
}

async fn fill_in(client: &Client, postcode: &str) {
    for (field, value) in [
        ("firstName", "Maria"),
        ("lastName", "Example"),
        ("address1", "Example Street 1"),
        ("postcode", postcode),
        ("city", "Example City"),
    ] {
        type_into(client, &format!("#a-{field}"), value).await;
    }
    client.find(Locator::Css("#a-country")).await.unwrap().select_by_value("DE").await.unwrap();
}

/// Code, address, decline, another method, return.
async fn walk(device: Device, name: &str) {
    let front = asking().await;
    let checkout = front.ten_euros().await;
    let theme = if device.dark { "dark" } else { "light" };
    let shot = |what: &str| format!("forms-{name}-{theme}-{what}");
    browse(device, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        let sum = "return performance.getEntries().reduce((sum, e) => sum + (e.transferSize || 0), 0)";
        let transferred = client.execute(sum, vec![]).await.unwrap().as_u64().unwrap();
        assert!((1..=TRANSFER_MAX).contains(&transferred), "{transferred} bytes");
        fits(&client, "closed").await;
        look(&client, &shot("1-closed")).await;
        click(&client, ".code summary").await;
        type_into(&client, "#code", "NOPE").await;
        click(&client, ".code button").await;
        assert!(text(&client, "#code-error").await.starts_with("This code is not valid."));
        focus_is_on(&client, "code").await;
        fits(&client, "refused").await;
        look(&client, &shot("2-refused")).await;
        type_into(&client, "#code", "ten").await;
        click(&client, ".code button").await;
        assert_eq!(text(&client, ".code-out button").await, "Remove code TEN");
        look(&client, &shot("3-entered")).await;
        click(&client, ".code-out button").await;
        client.wait().for_element(Locator::Css(".code summary")).await.unwrap();
        assert_eq!(text(&client, ".pay .primary").await, "Pay €10.00");
        fill_in(&client, "1").await;
        click(&client, ".pay .primary").await;
        let told = text(&client, "#a-postcode-error").await;
        assert_eq!(told, "This is not a postal code of Germany.");
        fits(&client, "address").await;
        look(&client, &shot("4-address")).await;
        type_into(&client, "#a-postcode", "10115").await;
        click(&client, ".pay .primary").await;
        shows(&client, "Test payment").await;
        click(&client, "button[value=decline]").await;
        shows(&client, "The payment did not go through").await;
        look(&client, &shot("5-failed")).await;
        click(&client, ".actions a").await;
        assert!(text(&client, ".known").await.contains("M••• E•••, 10••• E•••"));
        look(&client, &shot("6-again")).await;
        click(&client, &format!("input[value='{}']", front.provider("sandbox"))).await;
        click(&client, ".pay .primary").await;
        shows(&client, "Test payment").await;
        click(&client, "button[value=pay]").await;
        shows(&client, "Payment received").await;
        let back =
            client.find(Locator::Css(".actions a")).await.unwrap().attr("href").await.unwrap().unwrap();
        assert!(back.starts_with("http://127.0.0.1:9/thanks"), "{back}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_accessible_on_a_small_phone_and_a_desktop_in_both_themes() {
    futures::join!(walk(SMALL_PHONE, "320"), walk(Device { dark: true, ..PHONE }, "360"));
    futures::join!(walk(DESKTOP, "desktop"), walk(Device { dark: true, ..DESKTOP }, "desktop"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_enters_a_code_and_an_address() {
    let front = asking().await;
    let checkout = front.ten_euros().await;
    browse(DESKTOP, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        tab_to(&client, "Do you have a discount code?").await;
        press(&client, Key::Enter).await;
        press(&client, Key::Tab).await;
        focus_is_on(&client, "code").await;
        client.active_element().await.unwrap().send_keys("TEN").await.unwrap();
        press(&client, Key::Enter).await;
        client.wait().for_element(Locator::Css(".code-out")).await.unwrap();
        // The remove button, by its value.
        tab_to(&client, "1").await;
        for (field, typed) in [
            ("firstName", "Maria"),
            ("lastName", "Example"),
            ("company", ""),
            ("vatId", ""),
            ("address1", "Example Street 1"),
            ("address2", ""),
            ("postcode", "10115"),
            ("city", "Example City"),
            ("country", "Germ"),
        ] {
            press(&client, Key::Tab).await;
            focus_is_on(&client, &format!("a-{field}")).await;
            client.active_element().await.unwrap().send_keys(typed).await.unwrap();
        }
        tab_to(&client, "Pay €9.00").await;
        press(&client, Key::Enter).await;
        shows(&client, "Test payment").await;
    })
    .await;
    assert_eq!(front.transactions(&checkout).await[0].amount, 900);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_a_code_goes_in_and_out() {
    let front = asking().await;
    let checkout = front.ten_euros().await;
    browse(SMALL_PHONE_WITHOUT_SCRIPTS, async |client| {
        client.goto(&front.page(&format!("/checkout/{}", checkout.short_code))).await.unwrap();
        tap(&client, ".code summary").await;
        type_into(&client, "#code", "TEN").await;
        tap(&client, ".code button").await;
        tap(&client, ".code-out button").await;
        client.wait().for_element(Locator::Css(".code summary")).await.unwrap();
        picture(&client, "forms-no-script").await;
    })
    .await;
    assert_eq!(front.now(&checkout).await.amount, 1000);
    assert!(front.now(&checkout).await.version >= 5, "it went in and out");
}
