//! `cargo xtask demo`: a merchant sells, a customer pays, the shop hears of it; each step says what it saw.

mod browser;
mod receiver;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Outcome;
use crate::gateway::Gateway;
use crate::settings::random_hex;
use crate::stack::{Stack, StackOptions, say};
use crate::workspace;
use browser::Browser;
use receiver::{Ipn, Receiver};

/// How long the shop waits for the announcement of a payment.
const IPN_LIMIT: Duration = Duration::from_secs(15);

/// Options of `demo`.
#[derive(clap::Args)]
pub struct Args {}

/// Plays the whole story once; an error says which check failed.
pub async fn run(_: Args) -> Outcome {
    let running = match Gateway::read(&workspace::dev_folder()) {
        Some(gateway) if answers(&gateway).await => Some(gateway),
        _ => None,
    };
    if let Some(gateway) = running {
        play(&gateway).await?;
        return Ok(ExitCode::SUCCESS);
    }
    say("No gateway runs here, so one is started for the demo");
    let stack = Stack::start(&StackOptions::default()).await?;
    let outcome = play(stack.gateway()).await;
    say("Stopping it");
    stack.stop().await;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the gateway of an earlier `up` still runs.
async fn answers(gateway: &Gateway) -> bool {
    let Ok(client) = client() else { return false };
    let answer = client.get(format!("{}/health", gateway.direct.urls.admin_api)).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

async fn play(gateway: &Gateway) -> Outcome<()> {
    let mut shop = Receiver::start(gateway.seed.site_webhook_secret.clone()).await?;
    let merchant = Merchant { client: client()?, gateway };

    println!("\nThe merchant");
    let reference = format!("demo-{}", random_hex(4));
    let checkout = merchant.create_checkout(&reference, &shop.url).await?;

    println!("\nThe customer");
    pay(gateway, text(&checkout, "paymentUrl")?).await?;

    println!("\nThe shop");
    let ipn = shop.next(IPN_LIMIT).await?;
    hear(&ipn, &reference, &checkout)?;

    println!("\nThe merchant again");
    merchant.look_up(text(&ipn.body, "id")?, &reference).await?;
    println!("\nAll of it holds.");
    Ok(())
}

/// The merchant's server with its API key.
struct Merchant<'a> {
    client: reqwest::Client,
    gateway: &'a Gateway,
}

impl Merchant<'_> {
    async fn create_checkout(&self, reference: &str, ipn_url: &str) -> Outcome<Value> {
        let body = json!({
            "amount": 4900, "currency": "EUR", "externalReference": reference, "ipnUrl": ipn_url,
            "items": [{"description": "Example product", "quantity": 1, "unitPrice": 4900, "itemType": "goods"}],
            "metadata": {"campaign": "demo"},
        })
        .to_string();
        let key = random_hex(16);
        let first = self.post_checkout(&key, body.clone()).await?;
        let checkout: Value = serde_json::from_str(&first)?;
        check(
            checkout["amount"] == 4900 && checkout["currency"] == "EUR",
            "a checkout over 49.00 EUR was created",
        )?;
        println!("    {}", text(&checkout, "paymentUrl")?);
        let again = self.post_checkout(&key, body).await?;
        check(
            first == again,
            "the same Idempotency-Key again: the same answer, byte for byte, and no second one",
        )?;
        Ok(checkout)
    }

    async fn post_checkout(&self, idempotency_key: &str, body: String) -> Outcome<String> {
        let (urls, seed) = (&self.gateway.direct.urls, &self.gateway.seed);
        let answer = self
            .client
            .post(format!("{}/v1/checkouts/{}/create", urls.admin_api, seed.site_id))
            .bearer_auth(&seed.api_key)
            .header("Idempotency-Key", idempotency_key)
            .header("Content-Type", "application/json")
            .body(body)
            .send()
            .await?;
        let status = answer.status();
        let body = answer.text().await?;
        if status == 200 {
            Ok(body)
        } else {
            Err(format!("creating a checkout answered {status}: {body}").into())
        }
    }

    async fn look_up(&self, transaction: &str, reference: &str) -> Outcome<()> {
        let url = format!("{}/v1/transactions/{transaction}", self.gateway.direct.urls.admin_api);
        let answer = self.client.get(url).bearer_auth(&self.gateway.seed.api_key).send().await?;
        let found: Value = answer.error_for_status()?.json().await?;
        check(found["status"] == "succeeded", "the API says that the transaction has succeeded")?;
        check(found["amount"] == 4900, "with the amount that was asked for")?;
        check(found["externalReference"] == reference, "under the merchant's own reference")?;
        check(found["metadata"]["campaign"] == "demo", "with the metadata as it was given")
    }
}

/// Pays like a browser without JavaScript.
async fn pay(gateway: &Gateway, payment_url: &str) -> Outcome<()> {
    let mut browser = Browser::new()?;
    let page = browser.get(payment_url).await?;
    check(page.html.contains("49.00") || page.html.contains("49,00"), "the page shows what is to be paid")?;
    let form = page.form_with("provider", Some(&gateway.seed.providers.sandbox))?;
    let page = browser.submit(&page, form, ("provider", &gateway.seed.providers.sandbox)).await?;
    check(page.form_with("outcome", None).is_ok(), "choosing the sandbox leads to the sandbox's own page")?;
    let form = page.form_with("outcome", None)?;
    let page = browser.submit(&page, form, ("outcome", "paid")).await?;
    let ended = page.url.as_str().starts_with(payment_url) || page.form_with("outcome", None).is_err();
    check(ended, "after paying there the customer is back, and done")?;
    println!("    {}", page.url);
    Ok(())
}

/// What a receiver of version 2 must find in the announcement.
fn hear(ipn: &Ipn, reference: &str, checkout: &Value) -> Outcome<()> {
    check(ipn.signature_holds, "an IPN came in, signed with the site's secret, its timestamp within 300 s")?;
    check(ipn.version.as_deref() == Some("2") && ipn.body["schemaVersion"] == 2, "it is of version 2")?;
    check(ipn.body["status"] == 1, "it says that the payment has succeeded (status 1)")?;
    check(ipn.body["externalReference"] == reference, "it carries the merchant's reference")?;
    check(
        ipn.body["sessionPublicId"] == checkout["sessionPublicId"],
        "it belongs to the checkout created above",
    )?;
    let delivery = ipn.delivery_id.as_deref();
    check(
        delivery.is_some() && delivery == ipn.body["deliveryId"].as_str(),
        "header and body name the same delivery",
    )
}

/// Prints what was checked; an error if it does not hold.
fn check(holds: bool, what: &str) -> Outcome<()> {
    if holds {
        println!("  ✓ {what}");
        return Ok(());
    }
    println!("  ✗ {what}");
    Err(format!("the demo failed at: {what}").into())
}

/// A field of an answer that must be text.
fn text<'a>(value: &'a Value, field: &str) -> Outcome<&'a str> {
    value[field].as_str().ok_or_else(|| format!("the answer has no {field}: {value}").into())
}

/// A client that goes where it is told: no proxy, no redirects, a deadline.
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
}
