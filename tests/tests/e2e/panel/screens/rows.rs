//! What stands on the screens: an organization as it is after some months, with something of every kind.

use std::time::Duration;

use base64::Engine as _;
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Wanted},
        create_checkout::create_checkout,
        people::reset,
        personal::erase,
        refund::{NewRefund, refund},
        settings::{
            clients::{self, ClientSettings},
            discounts::{self, DiscountSettings, Kind},
            domains,
            endpoints::{self, EndpointSettings},
            products::{self, ProductSettings},
            providers::NewCredentials,
        },
        start_payment,
    },
    domain::{
        delivery::{Delivery, DeliveryState},
        image::ProductImage,
        invoice::{Invoice, InvoiceStatus},
        person::Person,
        provider_event::ProviderEvent,
        role::Role,
        transaction::{Review, Transaction},
    },
};
use gateway_providers::sandbox::Outcome;
use mongodb::bson::doc;
use testkit::{receiver::Answer, seed};

use super::super::journeys_shop::shop_with;
use crate::{
    cluster::Cluster,
    in_process,
    invoices::world as papers,
    people::{sign_out, world},
    products::PNG,
    wire,
};

/// An installation that is in use.
pub struct Filled {
    pub seed: Bootstrapped,
    /// Its first person, who may everything.
    pub person: Person,
    /// Addresses that stand in mails and on no page.
    pub mailed: Vec<String>,
    /// Screens worth a look beside the first of each kind: a name, and the path within the organization.
    pub also: Vec<(&'static str, String)>,
}

/// Signs webhooks of the simulated Stripe.
const STRIPE_SECRET: &str = "whsec_example_secret";

/// Makes one. Whatever has a screen with an id needs something here that some page leads to.
pub async fn fill(cluster: &Cluster) -> Filled {
    let credentials = NewCredentials {
        api_key: Some("sk_test_simulated".to_owned()),
        webhook_secrets: Some(vec![STRIPE_SECRET.to_owned()]),
    };
    let (seed, person) = shop_with(cluster, Wanted { wanted: true, credentials }).await;
    let (app, tenant) = (&cluster.app, seed.tenant);
    papers::invoicing(app, tenant).await;
    receivers(cluster, &seed).await;
    catalogue(cluster, &seed).await;
    domains::create(app, tenant, seed.site.id, "pay.example.com").await.unwrap();
    let months = seed::Plan { tenant, transactions: 600, days: 90, now: app.now() };
    seed::fill(&app.store, &months).await.unwrap();
    let mut also = Box::pin(today(cluster, &seed)).await;
    stripe(cluster, &seed).await;
    also.extend(Box::pin(documents(cluster, &seed)).await);
    also.extend(looked_at(cluster, &seed).await);
    also.extend(transfers(cluster, &seed).await);
    also.extend(customers(cluster, &seed).await);
    settled(cluster, &seed).await;

    let organization = tenant.organization;
    world::member(app, organization, Role::Editor).await;
    let invitation = world::invited(app, organization, "grace@example.com", Role::Viewer).await;
    sign_out::with_passkeys(app, &person).await;
    let reset = world::token_of(&reset::link(app, &person.email).await.unwrap());
    let mailed = vec![format!("/invitation/{invitation}"), format!("/reset/{reset}")];
    Filled { seed, person, mailed, also }
}

/// One that hears, one that fails.
async fn receivers(cluster: &Cluster, seed: &Bootstrapped) {
    cluster.receiver.always("/broken", Answer::status(500).with_body("Something went wrong"));
    for (path, description) in [("/hooks", "Bookkeeping"), ("/broken", "An old server")] {
        let settings = EndpointSettings {
            url: Some(cluster.receiver.url(path)),
            description: Some(description.to_owned()),
            ..EndpointSettings::default()
        };
        endpoints::create(&cluster.app, seed.tenant, settings).await.unwrap();
    }
}

async fn catalogue(cluster: &Cluster, seed: &Bootstrapped) {
    let png = base64::engine::general_purpose::STANDARD.decode(PNG).unwrap();
    cluster.receiver.always("/mug.png", Answer::ok().with_body(png));
    for (name, sku, price) in [("Example mug", "MUG-1", 1190), ("Example plan, yearly", "PLAN-Y", 9900)] {
        let product = ProductSettings {
            name: Some(name.to_owned()),
            description: Some("Plainly made up.".to_owned()),
            sku: Some(Some(sku.to_owned())),
            unit_price: Some(price),
            currency: Some("EUR".to_owned()),
            vat_rate: Some(Some(19.into())),
            image_url: Some(Some(cluster.receiver.url("/mug.png"))),
            ..ProductSettings::default()
        };
        products::create(&cluster.app, seed.tenant, product).await.unwrap();
    }
    for (code, percent) in [("SPRING", 10), ("FRIENDS", 25)] {
        let discount = DiscountSettings {
            code: Some(code.to_owned()),
            name: Some("For the newsletter".to_owned()),
            kind: Some(Kind::Percent),
            percent: Some(percent.into()),
            max_redemptions: Some(Some(100)),
            ..DiscountSettings::default()
        };
        discounts::create(&cluster.app, seed.tenant, discount).await.unwrap();
    }
}

/// Payments of today, as the sandbox makes them, and a checkout that waits for its customer.
async fn today(cluster: &Cluster, seed: &Bootstrapped) -> Vec<(&'static str, String)> {
    let (app, tenant, site) = (&cluster.app, seed.tenant, seed.site.id);
    let refunded = papers::paid(app, tenant, site).await;
    let part = NewRefund { amount: Some(500), reason: Some("Damaged".to_owned()) };
    refund(app, tenant, refunded.id, part, None, &|_, _| String::new()).await.unwrap();
    let declined = papers::started(app, tenant, site).await;
    papers::choose(app, &declined, Outcome::Declined).await;
    let mut open = in_process::ten_euros("ORD-2026-7");
    (open.amount, open.items) = (None, papers::items());
    let open = create_checkout(app, tenant, site, open, None).await.unwrap();
    let open: serde_json::Value = serde_json::from_str(&open).unwrap();
    vec![
        ("transactions-id-refunded", format!("/transactions/{}", refunded.id)),
        ("transactions-id-declined", format!("/transactions/{}", declined.id)),
        ("checkouts-id-open", format!("/checkouts/{}", open["id"].as_str().unwrap())),
    ]
}

/// A payment at Stripe, whose events arrive.
async fn stripe(cluster: &Cluster, seed: &Bootstrapped) {
    let provider = seed.stripe.as_ref().unwrap().id;
    cluster.stripe.set_webhook(format!("{}/hooks/stripe/{provider}", cluster.runtime), STRIPE_SECRET);
    let (app, store) = (&cluster.app, cluster.app.store.for_org(seed.tenant));
    let new = in_process::ten_euros("ORD-2026-8");
    let made = create_checkout(app, seed.tenant, seed.site.id, new, None).await.unwrap();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let checkout = store.get(made["id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    start_payment::start_payment(app, &checkout, provider, SecondPayment::Ask).await.unwrap();
    let session = cluster.stripe.sessions().pop().unwrap();
    cluster.stripe.pay(&session).unwrap();
    papers::until("an event of Stripe", async || store.find_one::<ProviderEvent>(doc! {}).await.unwrap())
        .await;
}

/// A bank account, and a payment that waits for its transfer.
async fn transfers(cluster: &Cluster, seed: &Bootstrapped) -> Vec<(&'static str, String)> {
    let (app, tenant) = (&cluster.app, seed.tenant);
    let bank = wire::bank(app, tenant).await;
    let made = create_checkout(app, tenant, seed.site.id, in_process::ten_euros("ORD-2026-9"), None).await;
    let made: serde_json::Value = serde_json::from_str(&made.unwrap()).unwrap();
    let store = app.store.for_org(tenant);
    let checkout = store.get(made["id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    let waiting =
        start_payment::start_payment(app, &checkout, bank, SecondPayment::Ask).await.unwrap().transaction;
    vec![
        ("transactions-id-transfer", format!("/transactions/{}", waiting.id)),
        ("providers-id-bank", format!("/providers/{bank}")),
        ("providers-new-bank", "/providers/new?type=wire".to_owned()),
    ]
}

/// A client with payments, and one who asked to be forgotten.
async fn customers(cluster: &Cluster, seed: &Bootstrapped) -> Vec<(&'static str, String)> {
    let text = |text: &str| Some(Some(text.to_owned()));
    let mut ids = Vec::new();
    for (name, reference) in [("Example Customer", "client-0"), ("Forgotten Example", "client-forgotten")] {
        let client = ClientSettings {
            name: text(name),
            company: text("Example Ltd"),
            email: text(&format!("{reference}@example.com")),
            reference: text(reference),
            notes: text("Orders every spring."),
            ..ClientSettings::default()
        };
        ids.push(clients::create(&cluster.app, seed.tenant, client).await.unwrap().0.id);
    }
    erase::erase(&cluster.app, seed.tenant, ids[1]).await.unwrap();
    vec![
        ("clients-id-known", format!("/clients/{}", ids[0])),
        ("clients-id-forgotten", format!("/clients/{}", ids[1])),
    ]
}

/// A draft, and an invoice whose files are there.
async fn documents(cluster: &Cluster, seed: &Bootstrapped) -> Vec<(&'static str, String)> {
    let (app, tenant) = (&cluster.app, seed.tenant);
    let paid = papers::paid(app, tenant, seed.site.id).await;
    let draft = papers::queued_or_not(app, tenant, false).await;
    let invoice = papers::paper_of(app, tenant, paid.id, InvoiceStatus::Settled).await;
    let rendered = doc! { "_id": invoice.id, "rendering.status": "done" };
    let store = app.store.for_org(tenant);
    papers::until("the files", async || store.find_one::<Invoice>(rendered.clone()).await.unwrap()).await;
    vec![
        ("invoices-id-settled", format!("/invoices/{}", invoice.id)),
        ("invoices-id-draft", format!("/invoices/{}", draft.id)),
    ]
}

/// A payment that somebody should look at, and pages with more than their first state.
async fn looked_at(cluster: &Cluster, seed: &Bootstrapped) -> Vec<(&'static str, String)> {
    let store = cluster.app.store.for_org(seed.tenant);
    let lost = doc! { "status": "succeeded", "externalReference": { "$regex": "^EX-" } };
    let mut lost = store.find_one::<Transaction>(lost).await.unwrap().unwrap();
    lost.needs_review = Some(Review {
        reason: "amount_mismatch".to_owned(),
        detail: "The provider took €9.00 and not €10.00.".into(),
        at: cluster.app.now() - Duration::from_hours(3),
    });
    store.save(&mut lost).await.unwrap();
    vec![
        ("transactions-id-review", format!("/transactions/{}", lost.id)),
        ("menu", "/transactions#nav".to_owned()),
        ("transactions-found", "/transactions?status=succeeded&from=2020-01-01".to_owned()),
        ("transactions-none-found", "/transactions?q=nothing".to_owned()),
        ("providers-new-stripe", "/providers/new?type=stripe".to_owned()),
        ("providers-id-stripe", format!("/providers/{}", seed.stripe.as_ref().unwrap().id)),
    ]
}

/// Waits until the worker has nothing more to do that a screen shows.
async fn settled(cluster: &Cluster, seed: &Bootstrapped) {
    let store = cluster.app.store.for_org(seed.tenant);
    papers::until("the pictures", async || {
        let all = store.find::<ProductImage>(doc! {}, doc! {}, 0).await.unwrap();
        all.iter().all(|picture| picture.jpeg.is_some()).then_some(())
    })
    .await;
    papers::until("messages that arrived and one that failed", async || {
        let all = store.find::<Delivery>(doc! {}, doc! {}, 0).await.unwrap();
        let has = |state| all.iter().any(|one| one.state == state);
        let tried = all.iter().any(|one| one.attempts.len() > 2);
        (has(DeliveryState::Delivered) && tried).then_some(())
    })
    .await;
}
