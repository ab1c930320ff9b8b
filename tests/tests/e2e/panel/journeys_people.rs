//! Who else comes: somebody who may only look, somebody without a mouse, and readers of another language in the dark.

use fantoccini::{Client, key::Key};
use gateway_core::{
    app::people::password,
    crypto::Secret,
    domain::{
        person::Person,
        role::Role,
        transaction::{Transaction, TransactionStatus},
    },
};
use serde_json::json;
use testkit::shared_mongod;

use super::{
    hand::{
        PASSWORD, attribute, count, fill, origin, pick, press, proper, quiet, sign_in, skip, status,
        tab_onto, text, there, type_anew,
    },
    journeys_shop::shop,
    person,
};
use crate::{
    admin::door::{Door, Shop},
    browser::{self, DESKTOP, Device, PHONE, browse, look},
    cluster::Cluster,
    invoices::world::{paid, until},
};

/// Whatever on a page would change something, or leads to where it is changed.
const WRITING: &str =
    "main form[method=post] button, main a[href$='/new'], main a[href$='/edit'], main a[href$='/invite']";

/// The link in the mail to an address.
async fn invitation(cluster: &Cluster, email: &str) -> String {
    until("the invitation's mail", async || {
        let mails = cluster.mails.mails();
        let mail = mails.iter().find(|mail| mail.to.iter().any(|to| to.contains(email)))?;
        let text = mail.text.replace("=\r\n", "").replace("=\n", "");
        let (_, rest) = text.split_once("/invitation/")?;
        let token: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        Some(format!("{}/invitation/{token}", origin(&cluster.app)))
    })
    .await
}

/// A form that no page has offered, with the token of one that did.
async fn forge(client: &Client, action: &str) {
    let script = "
        const [action, done] = arguments;
        fetch('/account').then((answer) => answer.text()).then((html) => {
          const csrf = new DOMParser().parseFromString(html, 'text/html').querySelector('[name=csrf]').value;
          const form = Object.assign(document.createElement('form'), { method: 'post', action });
          for (const [name, value] of Object.entries({ csrf, key: 'forged', amount: '1.00' })) {
            form.append(Object.assign(document.createElement('input'), { name, value }));
          }
          document.body.append(form);
          done();
          form.submit();
        });";
    client.execute_async(script, vec![json!(action)]).await.unwrap();
    there(client, "main.card h1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_invited_looks_everywhere_and_changes_nothing() {
    let cluster = Cluster::start(&shared_mongod().await, "viewer").await;
    let (seed, admin) = shop(&cluster).await;
    let payment = paid(&cluster.app, seed.tenant, seed.site.id).await;
    let home = format!("{}/o/{}/test", origin(&cluster.app), seed.tenant.organization);
    browse(PHONE, async |client| {
        sign_in(&client, &origin(&cluster.app), &admin.email).await;
        client.goto(&format!("{home}/people/invite")).await.unwrap();
        fill(&client, "#f-email", "viewer@example.com").await;
        pick(&client, "#f-role", "viewer").await;
        proper(&client, "an invitation").await;
        press(&client, "form.stack .primary").await;
        there(&client, "p.said").await;
        let link = invitation(&cluster, "viewer@example.com").await;

        client.delete_all_cookies().await.unwrap();
        client.goto(&link).await.unwrap();
        assert!(text(&client, "h1").await.contains("Example GmbH"));
        look(&client, "journey-viewer-1-invited").await;
        fill(&client, "#f-name", "Vera Viewer").await;
        fill(&client, "#f-password", PASSWORD).await;
        proper(&client, "the invited").await;
        press(&client, "form.stack .primary").await;
        there(&client, ".modes").await;

        let script = "return [...document.querySelectorAll('.side li a[href^=\"/o/\"]')].map(a => a.href)";
        let entries = client.execute(script, vec![]).await.unwrap();
        let mut pages: Vec<String> = serde_json::from_value(entries).unwrap();
        assert!(pages.len() > 8, "{pages:?}");
        let screen = format!("{home}/transactions/{}", payment.id);
        pages.push(screen.clone());
        for page in &pages {
            client.goto(page).await.unwrap();
            assert_eq!(count(&client, WRITING).await, 0, "{page} offers a viewer to write");
            proper(&client, page).await;
        }
        look(&client, "journey-viewer-2-payment").await;
        forge(&client, &format!("{screen}/refund")).await;
        assert_eq!(
            (status(&client).await, text(&client, "h1").await),
            (json!(403), "That is not yours to do".to_owned())
        );
    })
    .await;
    let stored =
        cluster.app.store.for_org(seed.tenant).get::<Transaction>(payment.id).await.unwrap().unwrap();
    assert!(stored.refunds.is_empty() && stored.status == TransactionStatus::Succeeded);
}

/// A shop with a payment, and somebody there who knows [`PASSWORD`].
async fn editor(door: &Door, extra: &serde_json::Value) -> (Shop, Transaction, Person) {
    let shop = door.shop().await;
    let payment = door.started(&shop, extra).await;
    door.pay(&payment).await;
    let someone = person(door, &[(&shop, Role::Editor)]).await;
    password::set(&door.app, someone.id, &Secret::new(PASSWORD), None).await.unwrap();
    (shop, payment, someone)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_signs_in_finds_a_payment_and_refunds_it() {
    let door = Door::open().await;
    let (shop, payment, someone) = editor(&door, &json!({ "externalReference": "ORD-KEYS" })).await;
    door.started(&shop, &json!({ "externalReference": "ORD-OTHER" })).await;
    browse(DESKTOP, async |client| {
        client.goto(&format!("{}/login", origin(&door.app))).await.unwrap();
        tab_onto(&client, "#f-email").await;
        type_anew(&client, &someone.email).await;
        tab_onto(&client, "#f-password").await;
        type_anew(&client, PASSWORD).await;
        browser::press(&client, Key::Enter).await;
        there(&client, ".modes").await;

        tab_onto(&client, ".side a[href$='/transactions']").await;
        browser::press(&client, Key::Enter).await;
        there(&client, "form[role=search]").await;
        skip(&client).await;
        tab_onto(&client, "input[name=q]").await;
        type_anew(&client, "ORD-KEYS").await;
        browser::press(&client, Key::Enter).await;
        there(&client, "a.quiet").await;
        assert_eq!(count(&client, "tbody tr").await, 1, "the other payment is not among what was found");
        // The search keeps the place in the address: whoever has skipped the navigation need not do it again.
        tab_onto(&client, "td.mono a").await;
        browser::press(&client, Key::Enter).await;

        there(&client, "details.act").await;
        skip(&client).await;
        tab_onto(&client, "details.act summary").await;
        browser::press(&client, Key::Space).await;
        tab_onto(&client, "#f-amount").await;
        type_anew(&client, "2.50").await;
        tab_onto(&client, "details[open] .danger").await;
        look(&client, "journey-keyboard-refund").await;
        browser::press(&client, Key::Space).await;
        there(&client, "p.said").await;
        proper(&client, "refunded by keyboard").await;
    })
    .await;
    let stored = door.app.store.for_org(shop.tenant).get::<Transaction>(payment.id).await.unwrap().unwrap();
    assert_eq!((stored.refunds.len(), stored.refundable()), (1, 750));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_times_are_the_reader_s_own_and_so_is_the_dark() {
    let door = Door::open().await;
    let (shop, payment, someone) = editor(&door, &json!({ "amount": 123_456 })).await;
    let at = |path: &str| format!("{}/o/{}/test{path}", origin(&door.app), shop.tenant.organization);
    let of = async |device: Device, name: &str| {
        let (mut amount, mut time, mut ground) = (String::new(), String::new(), String::new());
        browse(device, async |client: Client| {
            sign_in(&client, &origin(&door.app), &someone.email).await;
            client.goto(&at("/transactions")).await.unwrap();
            amount = text(&client, "td.money").await;
            time = text(&client, "td time").await;
            assert!(attribute(&client, "td time", "title").await.ends_with(" UTC"), "UTC on hover");
            let script = "return getComputedStyle(document.body).backgroundColor";
            ground = client.execute(script, vec![]).await.unwrap().as_str().unwrap().to_owned();
            look(&client, name).await;
            client.goto(&at(&format!("/transactions/{}", payment.id))).await.unwrap();
            proper(&client, name).await;
            quiet(&client).await;
        })
        .await;
        (amount, time, ground)
    };
    let german = Device { language: "de", dark: true, ..DESKTOP };
    let (english, german) = futures::join!(of(DESKTOP, "journey-reader-en"), of(german, "journey-reader-de"));
    assert_eq!((english.0.as_str(), german.0.as_str()), ("€1,234.56", "1.234,56 €"));
    assert!(english.1.contains(", 20") && german.1.contains(".20"), "{} and {}", english.1, german.1);
    assert_ne!(english.2, german.2, "light and dark");
}
