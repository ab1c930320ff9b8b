//! The panel in a real browser: a passkey made and signed in with, a payment refunded, and what a page weighs.

use axum::http::Method;
use fantoccini::wd::WebDriverCompatibleCommand;
use gateway_core::{
    app::people::password,
    crypto::Secret,
    domain::{role::Role, transaction::Transaction},
};
use serde_json::json;

use super::{
    hand::{PASSWORD, TRANSFER_MAX, fill, origin, press, quiet, there},
    person,
};
use crate::{
    admin::door::Door,
    browser::{DESKTOP, Device, PHONE, browse, fits, look},
};

/// An authenticator inside the browser, whose user is there and says yes (`WebDriver`, Web Authentication extension).
#[derive(Debug)]
struct AddAuthenticator;

impl WebDriverCompatibleCommand for AddAuthenticator {
    fn endpoint(&self, base_url: &url::Url, session_id: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/webauthn/authenticator", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "isUserConsenting": true,
        });
        (Method::POST, Some(options.to_string()))
    }
}

async fn walk(device: Device, name: &str) {
    let door = Door::open().await;
    let shop = door.shop().await;
    let paid = door.started(&shop, &json!({ "externalReference": "ORD-<i>1</i>" })).await;
    door.pay(&paid).await;
    let someone = person(&door, &[(&shop, Role::Editor)]).await;
    password::set(&door.app, someone.id, &Secret::new(PASSWORD), None).await.unwrap();
    let panel = origin(&door.app);
    browse(device, async |client| {
        client.issue_cmd(AddAuthenticator).await.unwrap();
        client.goto(&format!("{panel}/login")).await.unwrap();
        look(&client, &format!("{name}-1-login")).await;
        fill(&client, "#f-email", &someone.email).await;
        fill(&client, "#f-password", PASSWORD).await;
        press(&client, "form.stack .primary").await;
        there(&client, ".modes").await;
        client.goto(&format!("{panel}/account")).await.unwrap();
        fill(&client, "#f-passkey", "Example key").await;
        press(&client, "form[data-passkey] button").await;
        there(&client, "p.said").await;
        look(&client, &format!("{name}-2-account")).await;
        fits(&client, "account").await;
        press(&client, "form[action='/logout'] button").await;
        there(&client, "form[data-passkey='get']").await;
        press(&client, "form[data-passkey='get'] button").await;
        there(&client, ".modes").await;
        look(&client, &format!("{name}-3-dashboard")).await;

        let at = format!("{panel}/o/{}/test/transactions", shop.tenant.organization);
        client.goto(&at).await.unwrap();
        look(&client, &format!("{name}-4-transactions")).await;
        fits(&client, "transactions").await;
        let sum = "return performance.getEntries().reduce((sum, e) => sum + (e.transferSize || 0), 0)";
        let transferred = client.execute(sum, vec![]).await.unwrap().as_u64().unwrap();
        assert!((1..=TRANSFER_MAX).contains(&transferred), "{transferred} bytes");
        press(&client, "td.mono a").await;
        press(&client, "details.act summary").await;
        fill(&client, "#f-amount", "2.50").await;
        press(&client, "details[open] .danger").await;
        there(&client, "p.said").await;
        look(&client, &format!("{name}-5-refunded")).await;
        fits(&client, "a transaction").await;
        quiet(&client).await;
    })
    .await;
    let stored = door.app.store.for_org(shop.tenant).get::<Transaction>(paid.id).await.unwrap().unwrap();
    assert_eq!((stored.refunds.len(), stored.refundable()), (1, 750));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_with_a_passkey_and_refunds_a_payment_on_a_phone() {
    walk(PHONE, "panel-phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_works_on_a_desk_in_the_dark() {
    walk(Device { dark: true, ..DESKTOP }, "panel-dark").await;
}
