//! The API reference in a real browser.

use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::{
    admin::door::Door,
    axe::{self, SMALL_PHONE},
    browser::{DESKTOP, Device, browse, console, fits, look},
};

/// What the page has loaded, its own address first.
async fn loaded(client: &Client) -> Vec<String> {
    let script = "return performance.getEntries().filter((e) => e.name.includes(':/')).map((e) => e.name)";
    let names = client.execute(script, vec![]).await.unwrap();
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

async fn visible(client: &Client) -> Value {
    let script = "return document.querySelectorAll('[data-entry]:not([hidden])').length";
    client.execute(script, vec![]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_is_read_searched_and_loads_nothing_else() {
    let door = Door::open().await;
    let page = format!("{}/api/v1/docs", door.api);
    for device in [DESKTOP, Device { dark: true, ..DESKTOP }, SMALL_PHONE] {
        browse(device, async |client| {
            client.goto(&page).await.unwrap();
            let what = format!("reference-{}-{}", device.width, if device.dark { "dark" } else { "light" });
            fits(&client, &what).await;
            assert_eq!(loaded(&client).await, [page.as_str()]);
            look(&client, &what).await;

            let all = visible(&client).await.as_u64().unwrap();
            let query = client.find(Locator::Css("#query")).await.unwrap();
            query.send_keys("refund POST").await.unwrap();
            let found = visible(&client).await.as_u64().unwrap();
            assert!((1..all / 4).contains(&found), "{found} of {all}");
            let refund = client.find(Locator::Css("#op-refundTransaction")).await.unwrap();
            assert!(refund.is_displayed().await.unwrap());
            axe::audit(&client, "reference, searched").await;
            // A link into what the search hides shows it again.
            client.execute("location.hash = '#schema-CheckoutBody'", vec![]).await.unwrap();
            client.wait().for_element(Locator::Css("#schema-CheckoutBody:not([hidden])")).await.unwrap();
            assert_eq!(visible(&client).await.as_u64().unwrap(), all);
            // Opened, its examples fit, too.
            client
                .execute("for (const d of document.querySelectorAll('details')) d.open = true", vec![])
                .await
                .unwrap();
            fits(&client, "reference, opened").await;
            axe::audit(&client, "reference, opened").await;
            assert_eq!(console(&client).await, json!([]));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_contents_lead_everywhere() {
    let door = Door::open().await;
    for base in [&door.api, &door.panel] {
        let answer = door.get("", "/v1/docs").await;
        assert_eq!(answer.status, 200);
        browse(Device { scripts: false, ..DESKTOP }, async |client| {
            client.goto(&format!("{base}/api/v1/docs")).await.unwrap();
            client.find(Locator::Css("a[href='#op-createCheckout']")).await.unwrap().click().await.unwrap();
            assert!(client.current_url().await.unwrap().as_str().ends_with("#op-createCheckout"));
            let search = client.find(Locator::Css("#find")).await.unwrap();
            assert!(!search.is_displayed().await.unwrap(), "what needs a script is not offered");
        })
        .await;
    }
}
