//! From the link that a new installation prints to a first paid checkout, by clicks alone.

use std::time::Duration;

use fantoccini::Client;
use gateway_core::domain::person::Person;
use mongodb::bson::doc;
use testkit::{receiver::Answer, shared_mongod};

use super::hand::{PASSWORD, attribute, becomes, count, fill, press, proper, text, there};
use crate::{
    browser::{DESKTOP, browse, look, shows},
    cluster::{Cluster, Service},
    invoices::world::until,
};

/// The link for the first person, as the service has logged it.
async fn printed_link(cluster: &Cluster) -> String {
    until("a printed link", async || {
        let log = std::fs::read_to_string(cluster.log(Service::Admin)).unwrap();
        let (_, rest) = log.split_once("/setup/")?;
        let token: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        Some(cluster.app.urls.admin_frontend.join(&format!("/setup/{token}")).unwrap().to_string())
    })
    .await
}

/// Which of the first steps are ticked.
async fn ticked(client: &Client) -> Vec<bool> {
    let mut all = Vec::new();
    for step in 1..=6 {
        all.push(count(client, &format!(".steps > li:nth-child({step}).done")).await == 1);
    }
    all
}

/// To the dashboard, where exactly the first so many steps are ticked.
async fn dashboard(client: &Client, home: &str, done: usize) {
    client.goto(home).await.unwrap();
    there(client, ".steps").await;
    let expected: Vec<bool> = (0..6).map(|step| step < done).collect();
    assert_eq!(ticked(client).await, expected, "{done} are done");
    proper(client, "the first steps").await;
}

async fn first_person(client: &Client, link: &str) -> String {
    client.goto(link).await.unwrap();
    look(client, "journey-setup-1-link").await;
    fill(client, "#f-name", "Ada Example").await;
    fill(client, "#f-email", "ada@example.com").await;
    fill(client, "#f-password", PASSWORD).await;
    fill(client, "#f-organization", "Example GmbH").await;
    proper(client, "set-up").await;
    press(client, "form.stack .primary").await;
    there(client, ".steps").await;
    look(client, "journey-setup-2-steps").await;
    client.current_url().await.unwrap().to_string()
}

/// A site, a sandbox and a key, each by its link in the list of steps.
async fn connect(client: &Client, home: &str, ipn: &str) {
    dashboard(client, home, 0).await;
    press(client, ".steps > li:nth-child(1) a").await;
    press(client, ".empty a.primary").await;
    fill(client, "#f-name", "Example Shop").await;
    fill(client, "#f-defaultIpnUrl", ipn).await;
    proper(client, "a new site").await;
    press(client, "form.form .primary").await;
    there(client, "p.said").await;

    dashboard(client, home, 1).await;
    press(client, ".steps > li:nth-child(2) a").await;
    press(client, ".empty a.primary").await;
    press(client, "a[href$='type=sandbox']").await;
    proper(client, "a new provider").await;
    press(client, "form.form .primary").await;
    there(client, "p.said").await;

    dashboard(client, home, 2).await;
    press(client, ".steps > li:nth-child(3) a").await;
    press(client, ".empty a.primary").await;
    fill(client, "#f-name", "Shop server").await;
    press(client, "input[value='checkout:create']").await;
    proper(client, "a new key").await;
    press(client, "form.stack .primary").await;
    let (key, line) = (text(client, "#the-key").await, text(client, "#the-line").await);
    assert!(key.starts_with("sk_test_") && line.contains(&key), "{line}");
    proper(client, "the key, once").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_link_leads_to_a_first_paid_checkout() {
    let cluster = Cluster::start(&shared_mongod().await, "first_steps").await;
    let link = printed_link(&cluster).await;
    browse(DESKTOP, async |client| {
        let home = first_person(&client, &link).await;
        connect(&client, &home, &cluster.receiver.url("/ipn")).await;

        dashboard(&client, &home, 3).await;
        press(&client, "form[action$='/checkouts/example'] button").await;
        there(&client, "p.said").await;
        proper(&client, "the first checkout").await;
        let payment = attribute(&client, "#payment-url", "href").await;
        dashboard(&client, &home, 4).await;

        cluster.receiver.always("/ipn", Answer::status(503));
        client.goto(&payment).await.unwrap();
        press(&client, "main form .primary").await;
        shows(&client, "Test payment").await;
        press(&client, "button[value=pay]").await;
        shows(&client, "Payment received").await;

        dashboard(&client, &home, 5).await;
        look(&client, "journey-setup-3-paid").await;
        cluster.receiver.always("/ipn", Answer::ok());
        becomes(&client, "main:not(:has(.steps))").await;
        assert_eq!(text(&client, ".tile .money").await, "€10.00", "the list has given way to figures");
        // The link has done its work: there is a first person now.
        client.delete_all_cookies().await.unwrap();
        client.goto(&link).await.unwrap();
        assert_eq!(count(&client, "form").await, 0, "no second set-up");
    })
    .await;
    assert!(cluster.receiver.wait_for(1, Duration::from_secs(5)).await.is_ok(), "the shop was told");
    let people = cluster.app.store.for_org(Person::TENANT).find::<Person>(doc! {}, doc! {}, 0).await.unwrap();
    assert_eq!(people.iter().map(|one| one.system_admin).collect::<Vec<_>>(), [true]);
}
