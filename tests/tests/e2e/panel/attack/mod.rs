//! What an attacker may type: everything, everywhere; and what comes of it: nothing but text.

mod api;
mod framing;
pub mod html;
mod payload;
mod walker;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use admin_api::panel::{self, screens::Needs};
use fantoccini::Client;
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        invoices::mail::{self, Mailer},
        people::{self, invitations, reset},
        settings::sites::{self, SiteSettings},
        start_payment,
    },
    domain::{Clock, SystemClock, checkout::Checkout, role::Role},
    jobs::{lanes::HeldLanes, relay::Relay},
};
use gateway_providers::sandbox::{self, Outcome, SandboxPayment};
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    smtp_sink::SmtpSink,
    stripe_sim::{StripeSim, signature_header},
};
use walker::{Walker, shape};
use worker::mail::SmtpMailer;

use super::Operator;
use crate::{
    admin::door::{Door, Shop},
    browser::{DESKTOP, browse_for, console},
    front::{Front, STRIPE_KEY, STRIPE_SECRET, Setup},
    in_process,
    invoices::world::invoicing,
};
use payload::{PAYLOADS, inspect};

/// How long the browser may take for all of them.
const LIMIT: Duration = Duration::from_mins(10);

/// Screens that are no pages, or that there is nothing of here: files and pictures, whose tests are elsewhere, and
/// the set-up, which is there while there is nobody.
const NOT_WALKED: [&str; 5] = ["/pdf", "/xml", "/export.json", "/picture", "/setup/{token}"];

/// Everything that there is, and an attacker in it.
struct Arena {
    front: Front,
    door: Door,
    shop: Shop,
    stripe: StripeSim,
}

impl Arena {
    async fn start() -> Self {
        let stripe = StripeSim::start().await;
        let front = Front::start_with(Setup { stripe: Some(stripe.base_url()), ..Setup::default() }).await;
        stripe.set_webhook(front.hook("stripe", &front.provider("stripe")), STRIPE_SECRET);
        stripe.configure(|config| STRIPE_KEY.clone_into(&mut config.api_key));
        let wanted = SiteSettings { receipt_email: Some(true), ..SiteSettings::default() };
        sites::update(&front.app, front.seed.tenant, front.seed.site.id, wanted).await.unwrap();
        invoicing(&front.app, front.seed.tenant).await;
        in_process::colleague(&front.app, front.seed.tenant.organization, "owned@example.com").await;
        // Nobody listens there: codes are offered, and mails are sent from here.
        let mail = [("SMTP_URL", "smtp://127.0.0.1:9".to_owned())];
        let (door, shop) = Door::beside(&front, &mail).await;
        Self { front, door, shop, stripe }
    }

    /// A checkout full of an attacker's words.
    async fn checkout(&self, index: usize) -> Checkout {
        let word = |offset: usize| PAYLOADS[(index + offset) % PAYLOADS.len()];
        let short = |offset: usize| word(offset).chars().filter(|c| !c.is_control()).collect::<String>();
        let address = |offset: usize| {
            json!({ "firstName": short(offset), "lastName": short(offset + 1), "company": short(offset + 2),
                "address1": short(offset + 3), "address2": short(offset + 4), "city": short(offset + 5),
                "postcode": "<b>1", "country": "DE", "phone": "<b>+1" })
        };
        // One that no mail server would take, and one that gets its mails.
        let email = ["owned@example.com", "o'<b/data-owned>@example.com"][index % 2];
        let url = format!("https://example.com/{}?t={{transactionId}}", short(3).replace(' ', ""));
        let body = json!({
            "currency": "EUR", "externalReference": short(0), "invoiceNumber": short(1),
            "email": email, "clientId": short(2), "returnUrl": url, "cancelUrl": url,
            "items": [{ "name": short(3), "description": short(4), "quantity": 1, "unitPrice": 1000,
                "itemType": short(5) }],
            "billingAddress": address(0), "shippingAddress": address(1),
            "metadata": { "note": word(6), "<b>": word(0), "=1": word(1) }, "locale": "en",
        });
        let answer =
            self.door.post(&self.shop.key, &format!("/v1/checkouts/{}/create", self.shop.site), &body).await;
        let id = answer.ok(200)["id"].as_str().unwrap().parse().unwrap();
        self.door.app.store.for_org(self.shop.tenant).get::<Checkout>(id).await.unwrap().unwrap()
    }

    /// The customer pays it at the sandbox.
    async fn paid(&self, index: usize) {
        let checkout = self.checkout(index).await;
        let provider = self.shop.seed.sandbox.as_ref().unwrap().id;
        let begun =
            start_payment::start_payment(&self.door.app, &checkout, provider, SecondPayment::Accepted)
                .await
                .unwrap();
        let payments = self.door.app.store.database();
        let payments = payments.collection::<SandboxPayment>(SandboxPayment::COLLECTION);
        let of = doc! { "transactionId": begun.transaction.id };
        let found = payments.find_one(of).await.unwrap().unwrap();
        sandbox::choose(&self.door.app, found.id, &found.token, Outcome::Paid).await.unwrap();
    }

    /// A provider that says an attacker's words: why a payment failed, and whatever else stands in an event.
    async fn said_by_the_provider(&self) {
        let checkout = self.checkout(0).await;
        let provider = self.shop.seed.stripe.as_ref().unwrap().id;
        start_payment::start_payment(&self.door.app, &checkout, provider, SecondPayment::Accepted)
            .await
            .unwrap();
        let session = self.stripe.sessions().pop().unwrap();
        self.stripe.decline(&session).unwrap();
        let intent = self.stripe.intent_of(&session).unwrap();
        self.stripe.tamper_object(intent, |intent| {
            intent["last_payment_error"]["message"] = json!(PAYLOADS[0]);
            intent["last_payment_error"]["code"] = json!(PAYLOADS[6]);
            intent["description"] = json!(PAYLOADS[1]);
        });
        self.stripe.decline(&session).unwrap();
        self.stripe.settled(Duration::from_secs(20)).await.unwrap();
        let now = SystemClock.now().seconds();
        for (index, word) in PAYLOADS.iter().enumerate() {
            let event = json!({
                "id": format!("evt_owned{index}"), "object": "event", "type": format!("{word}"), "created": now,
                "livemode": false, "api_version": word,
                "data": { "object": { "id": word, "object": word, *word: word, "metadata": { *word: word } } },
            });
            let body = serde_json::to_vec(&event).unwrap();
            let signed = signature_header(STRIPE_SECRET, now, &body);
            let hook = self.front.hook("stripe", &self.front.provider("stripe"));
            let request = self.front.client.post(hook).header("stripe-signature", signed).body(body);
            assert!(request.send().await.unwrap().status().is_success());
        }
    }

    /// The mails that all of this sends.
    async fn mails(&self, operator: &Operator<'_>) -> usize {
        let (app, sink) = (&self.door.app, SmtpSink::start().await);
        let colleague = [("email", "colleague@example.com"), ("role", "viewer"), ("language", "en")];
        operator.done("/people/invite", &colleague).await;
        let mailer: Arc<dyn Mailer> =
            Arc::new(SmtpMailer::new(&sink.url(), "Example <gateway@example.com>").unwrap());
        let relay = Relay::new(app.clone(), Arc::new(HeldLanes::default()));
        while relay.poll(200, Duration::ZERO).await.unwrap() > 0 {}
        mail::send_due(app, &mailer).await.unwrap();
        invitations::send_due(app, &mailer).await.unwrap();
        let mut shown = 0;
        for mail in sink.mails() {
            assert_eq!(mail.to.len(), 1, "{}", mail.text);
            let text = quoted_printable(&mail.text);
            let html = text.split("<!DOCTYPE html>").nth(1).unwrap_or_else(|| panic!("no HTML in {text}"));
            shown += inspect(html.split("</html>").next().unwrap(), "a mail");
            let head = mail.text.split("\r\n\r\n").next().unwrap();
            assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
        }
        assert!(sink.mails().len() > 1, "{:?}", sink.mails());
        shown
    }
}

/// Undoes the encoding of a mail's parts.
fn quoted_printable(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'=').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The screens of the table that nobody came to.
fn unseen(seen: &BTreeSet<String>) -> Vec<String> {
    let gets = panel::table().into_iter().filter(|screen| screen.method == Method::GET);
    let paths = gets.map(|screen| screen.path).filter(|path| !path.contains("{*") && path != "/");
    paths
        .filter(|path| {
            let pattern: Vec<&str> = path.split('/').collect();
            !seen.iter().any(|one| {
                let parts: Vec<&str> = one.split('?').next().unwrap().split('/').collect();
                let fits = |(want, got): (&&str, &&str)| want.starts_with('{') || want == got;
                parts.len() == pattern.len() && pattern.iter().zip(&parts).all(fits)
            })
        })
        .collect()
}

/// Pages for a browser, which is slower: a few of each shape.
fn some_of_each(paths: BTreeSet<String>) -> Vec<String> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut pages: Vec<String> = paths.into_iter().filter(|path| !path.contains(".csv")).collect();
    pages.retain(|path| {
        let count = counted.entry(shape(path)).or_default();
        *count += 1;
        *count <= 2
    });
    pages
}

/// Everything, seen by a browser that runs what it is given.
async fn runs_nothing(arena: &Arena, operator: &Operator<'_>, pages: &[String], checkouts: &[String]) {
    let panel = arena.door.panel.replace("127.0.0.1", "localhost");
    let cookie = json!(format!("{}; path=/", operator.cookie));
    browse_for(LIMIT, DESKTOP, async |client| {
        client.goto(&format!("{panel}/login")).await.unwrap();
        client.execute("document.cookie = arguments[0]", vec![cookie]).await.unwrap();
        for page in pages.iter().map(|path| format!("{panel}{path}")).chain(checkouts.iter().cloned()) {
            client.goto(&page).await.unwrap();
            untouched(&client, &page).await;
        }
    })
    .await;
}

async fn untouched(client: &Client, page: &str) {
    assert!(client.get_alert_text().await.is_err(), "{page} opened a dialogue");
    let look = "return [window.__owned === undefined, document.querySelectorAll('[data-owned]').length, \
                performance.getEntriesByType('resource').map(e => e.name)]";
    let seen = client.execute(look, vec![]).await.unwrap();
    assert_eq!((&seen[0], &seen[1]), (&json!(true), &json!(0)), "{page}");
    let own = ["http://127.0.0.1:", "http://localhost:", "data:"];
    for asked in seen[2].as_array().unwrap() {
        let asked = asked.as_str().unwrap();
        assert!(own.iter().any(|own| asked.starts_with(own)), "{page} asked {asked}");
    }
    // Whatever is refused was tried.
    let told = console(client).await;
    let loud: Vec<&Value> = told.as_array().unwrap().iter().filter(|line| line["level"] != "DEBUG").collect();
    assert!(loud.is_empty(), "{page}: {loud:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_typed_anywhere_stays_text() {
    let arena = Arena::start().await;
    let (door, shop) = (&arena.door, &arena.shop);
    let taken = api::fill(door, shop).await;
    let wanted = ["createCheckout", "createProduct", "createInvoice", "createSite", "createWebhookEndpoint"];
    assert!(wanted.iter().all(|name| taken.iter().any(|one| one == name)), "only {taken:?} were taken");
    for index in 0..PAYLOADS.len() {
        arena.paid(index).await;
    }
    arena.said_by_the_provider().await;

    let operator = Operator::of(door, shop, Role::Admin).await;
    let home = operator.path("");
    let mut walker = Walker::new(&door.panel, &operator.cookie, &[home.clone(), "/account".to_owned()]);
    for screen in panel::table() {
        let path = screen.path.replace("/o/{org}/{mode}", &home);
        if screen.method == Method::GET && screen.needs != Needs::Nobody && !path.contains('{') {
            walker.go(&path);
        }
    }
    walker.walk().await;
    let pages = std::mem::take(&mut walker.pages);
    let with_words = pages.iter().filter(|(_, shown)| *shown > 0).count();
    assert!(with_words > 40, "an attacker's words are on {with_words} of {} pages", pages.len());
    assert!(walker.accepted.len() > 15, "{:#?}", walker.accepted);
    let mut stranger = Walker::new(&door.panel, "", &["/login".to_owned()]);
    stranger.go("/login?next=%22%3E%3Cb+data-owned%3E");
    stranger.go("/login/code?next=javascript:window.__owned=1");
    stranger.walk().await;
    let seen = pages.iter().chain(&stranger.pages);
    let mut seen: BTreeSet<String> = seen.map(|(path, _)| path.clone()).collect();
    let by_token = by_token(&arena, &operator).await;
    seen.extend(by_token);
    let unseen = unseen(&seen);
    let is_left_out = |path: &String| NOT_WALKED.iter().any(|end| path.ends_with(end));
    assert!(unseen.iter().all(is_left_out), "nobody saw {unseen:?}");

    let mut customer = Walker::new(&arena.front.page(""), "", &["/".to_owned()]);
    for index in 0..2 {
        customer.go(&arena.front.page(&format!("/checkout/{}", arena.checkout(index).await.short_code)));
    }
    customer.walk().await;
    assert!(customer.pages.iter().any(|(_, shown)| *shown > 0), "{:?}", customer.pages);
    let reference = door.send(door.request(Method::GET, "/api/v1/docs")).await.text;
    assert_eq!(inspect(&reference, "the reference"), 0);
    assert!(arena.mails(&operator).await > 0);

    let checkouts: Vec<String> = customer.pages.iter().map(|(path, _)| arena.front.page(path)).collect();
    let pages = some_of_each(seen);
    runs_nothing(&arena, &operator, &pages, &checkouts).await;
}

/// What only a token opens. Answers the paths.
async fn by_token(arena: &Arena, operator: &Operator<'_>) -> Vec<String> {
    let app = &arena.door.app;
    let new = invitations::NewInvitation {
        email: "o'<b/data-owned>@example.com".to_owned(),
        role: Role::Viewer,
        language: "en".to_owned(),
    };
    let invitation = invitations::invite_by_hand(app, arena.shop.tenant.organization, &new).await.unwrap();
    people::rename(app, operator.person.id, &PAYLOADS[0].replace('\t', ""), "en").await.unwrap();
    let reset = reset::link(app, &operator.person.email).await.unwrap();
    let mut paths = Vec::new();
    for link in [invitation, reset] {
        let path = url::Url::parse(link.expose()).unwrap().path().to_owned();
        let answer = arena.door.send(operator.request(Method::GET, &path)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        inspect(&answer.text, &path);
        paths.push(path);
    }
    paths
}
