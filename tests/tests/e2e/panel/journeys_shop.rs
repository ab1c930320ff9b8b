//! A day in a shop: a checkout by hand, its customer, what the shop was told, told again, and taken along as a file.

use std::path::Path;

use fantoccini::Client;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        people::setup::{self, FirstPerson},
        settings::sites::{self, SiteSettings},
    },
    crypto::Secret,
    domain::{Mode, person::Person, transaction::Transaction},
};
use mongodb::bson::doc;
use serde_json::json;
use testkit::{receiver::Received, shared_mongod};

use super::hand::{
    PASSWORD, attribute, becomes, count, fill, origin, pick, press, proper, sign_in, text, there,
};
use crate::{
    browser::{DESKTOP, browse, dev_tools, look, shows},
    cluster::{Cluster, client as http},
    invoices::world::until,
};

/// An organization with a shop, a sandbox and a first person, who knows [`PASSWORD`].
pub async fn shop(cluster: &Cluster) -> (Bootstrapped, Person) {
    shop_with(cluster, Wanted::default()).await
}

/// The same, and Stripe as wanted.
pub async fn shop_with(cluster: &Cluster, stripe: Wanted) -> (Bootstrapped, Person) {
    let plan = Plan {
        organization: "Example GmbH".to_owned(),
        site: "Example Shop".to_owned(),
        mode: Mode::Test,
        sandbox: Wanted { wanted: true, ..Wanted::default() },
        stripe,
        gocardless: Wanted::default(),
    };
    let seed = bootstrap(&cluster.app, &plan).await.unwrap();
    let ipn = Some(Some(cluster.receiver.url("/ipn")));
    let settings = SiteSettings { default_ipn_url: ipn, ..SiteSettings::default() };
    sites::update(&cluster.app, seed.tenant, seed.site.id, settings).await.unwrap();
    let link = setup::link(&cluster.app).await.unwrap().unwrap();
    let first = FirstPerson {
        email: "ada@example.com".to_owned(),
        name: "Ada Example".to_owned(),
        language: "en".to_owned(),
        password: Secret::new(PASSWORD),
        organization: String::new(),
    };
    let token = link.expose().rsplit('/').next().unwrap();
    (seed, setup::complete(&cluster.app, token, first).await.unwrap())
}

/// A checkout over 2 × 12.50 for a German customer; answers its screen and its link.
async fn by_hand(client: &Client, home: &str) -> (String, String) {
    client.goto(&format!("{home}/checkouts")).await.unwrap();
    press(client, ".bar a.primary").await;
    look(client, "journey-shop-1-new").await;
    fill(client, "[id='f-items[0].description']", "Example product").await;
    fill(client, "[id='f-items[0].quantity']", "2").await;
    fill(client, "[id='f-items[0].unitPrice']", "12.50").await;
    fill(client, "[id='f-items[0].vatRate']", "19").await;
    fill(client, "#f-externalReference", "ORD-2026-1").await;
    fill(client, "#f-email", "customer@example.com").await;
    pick(client, "#f-locale", "de").await;
    proper(client, "a new checkout").await;
    press(client, "form.stack .primary").await;
    there(client, "p.said").await;
    assert!(text(client, "h1").await.contains("€25.00"));
    look(client, "journey-shop-2-link").await;
    proper(client, "a checkout").await;
    (client.current_url().await.unwrap().to_string(), attribute(client, "#payment-url", "href").await)
}

/// The customer's part, in the language of the checkout whatever the browser prefers.
async fn pay(client: &Client, link: &str) {
    client.goto(link).await.unwrap();
    assert_eq!(attribute(client, "html", "lang").await, "de");
    let page = text(client, "body").await;
    assert!(page.contains("25,00 €") && page.contains("Bestell"), "{page}");
    press(client, "main form .primary").await;
    press(client, "button[value=pay]").await;
    shows(client, "Zahlung erhalten").await;
}

/// The link that a page offers as a download, as the browser keeps it.
async fn downloaded(client: &Client, css: &str, folder: &Path) -> (String, Vec<u8>) {
    let allow = json!({ "behavior": "allow", "downloadPath": folder.to_str().unwrap() });
    dev_tools(client, "Browser.setDownloadBehavior", allow).await;
    press(client, css).await;
    until("the download", async || {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let done = files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "csv"))?;
        Some((done.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(done).unwrap()))
    })
    .await
}

/// The same address, asked for with the browser's session.
async fn fetched(client: &Client, url: &str) -> Vec<u8> {
    let cookies = client.get_all_cookies().await.unwrap();
    let cookies: Vec<String> = cookies.iter().map(|one| format!("{}={}", one.name(), one.value())).collect();
    let answer = http().get(url).header("cookie", cookies.join("; ")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

/// Sends the newest notification of the transaction on the screen again, and sees that the same message came.
async fn resend(client: &Client, cluster: &Cluster) {
    becomes(client, "form[action$='/resend'] button").await;
    let event = text(client, "section[aria-labelledby=t-told] td a").await;
    let before = cluster.receiver.requests_to("/ipn");
    press(client, "form[action$='/resend'] button").await;
    there(client, "p.said").await;
    proper(client, "resent").await;
    let all = until("the message again", async || {
        let all = cluster.receiver.requests_to("/ipn");
        (all.len() > before.len()).then_some(all)
    })
    .await;
    let again = all.last().unwrap();
    let is_same = |one: &Received| one.body == again.body;
    assert!(before.iter().any(is_same), "{event}: the bytes that were signed before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_by_hand_is_paid_told_told_again_and_exported() {
    let cluster = Cluster::start(&shared_mongod().await, "by_hand").await;
    let (seed, person) = shop(&cluster).await;
    let (panel, folder) = (origin(&cluster.app), tempfile::tempdir().unwrap());
    let home = format!("{panel}/o/{}/test", seed.tenant.organization);
    let store = cluster.app.store.for_org(seed.tenant);
    browse(DESKTOP, async |client| {
        sign_in(&client, &panel, &person.email).await;
        let (screen, link) = by_hand(&client, &home).await;
        pay(&client, &link).await;
        client.goto(&screen).await.unwrap();
        becomes(&client, "h1 .good").await;
        proper(&client, "a paid checkout").await;
        press(&client, "section[aria-labelledby=c-paid] td a").await;
        becomes(&client, "section[aria-labelledby=t-told] .pill.good").await;
        look(&client, "journey-shop-3-told").await;
        resend(&client, &cluster).await;

        client.goto(&format!("{home}/transactions")).await.unwrap();
        let address = attribute(&client, "a[download]", "href").await;
        let (name, csv) = downloaded(&client, "a[download]", folder.path()).await;
        let transaction = store.find_one::<Transaction>(doc! {}).await.unwrap().unwrap();
        assert!(name.starts_with("transactions_") && name.contains("_test_"), "{name}");
        assert_eq!(csv, fetched(&client, &format!("{panel}{address}")).await, "byte for byte");
        let csv = String::from_utf8(csv).unwrap();
        assert_eq!(csv.lines().count(), 2, "{csv}");
        for part in [&*transaction.id.to_string(), "ORD-2026-1", "25.00", "succeeded"] {
            assert!(csv.contains(part), "{part}: {csv}");
        }
        assert_eq!(count(&client, "tbody tr").await, 1);
        proper(&client, "transactions").await;
    })
    .await;
}
