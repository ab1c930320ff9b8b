//! Secrets and personal data are seeded everywhere, a payment runs its whole way through the real binaries,
//! with failures; then every byte of the database and of the services' logs is searched for them.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose as base64s};
use futures::TryStreamExt;
use gateway_core::{
    app::{
        bootstrap::{Bootstrapped, Plan, Wanted, bootstrap},
        people::{invitations, reset, second, session},
        settings::{
            endpoints::{self, EndpointSettings},
            providers::NewCredentials,
            sites,
        },
    },
    crypto::Secret,
    domain::{Mode, role::Role},
};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde_json::{Value, json};
use testkit::{receiver::Answer, shared_mongod, sim::DeliveryPolicy};

use crate::{
    cluster::{Cluster, Service},
    in_process,
    people::world,
};

/// Something that must not be readable anywhere.
struct Seed {
    what: &'static str,
    text: String,
}

fn seed(what: &'static str) -> Seed {
    let random = hex::encode(rand::random::<[u8; 10]>());
    Seed { what, text: format!("{}{random}", what.replace(' ', "")) }
}

/// The forms in which a text may hide: as it is, hex, URL-encoded, and base64 wherever it begins.
pub fn forms(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let upper = hex::encode_upper(bytes);
    let encoded: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let mut forms =
        vec![bytes.to_vec(), hex::encode(bytes).into_bytes(), upper.into_bytes(), encoded.into_bytes()];
    for skipped in 0..3 {
        let shifted = [vec![b' '; skipped], bytes.to_vec()].concat();
        for engine in [&base64s::STANDARD_NO_PAD, &base64s::URL_SAFE_NO_PAD] {
            // Characters at either end also carry bits of the neighbours.
            let text = engine.encode(&shifted);
            let inner = &text[if skipped == 0 { 0 } else { 4 }..text.len() - 4];
            forms.push(inner.as_bytes().to_vec());
        }
    }
    forms
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((&first, _)) = needle.split_first() else { return false };
    let starts = haystack.iter().enumerate().filter(|(_, byte)| **byte == first);
    starts.into_iter().any(|(at, _)| haystack[at..].starts_with(needle))
}

struct World {
    cluster: Cluster,
    bootstrapped: Bootstrapped,
    provider_secret: String,
    seeds: Vec<Seed>,
}

impl World {
    async fn start() -> Self {
        let cluster = Cluster::start(&shared_mongod().await, "secrets").await;
        let mut seeds = vec![seed("stripe key"), seed("gocardless token"), seed("provider webhook secret")];
        let key = format!("sk_test_{}", seeds[0].text);
        seeds[0].text.clone_from(&key);
        // As Stripe's begin.
        seeds[2].text.insert_str(0, "whsec_");
        cluster.stripe.configure(|config| config.api_key = key);
        let with = |key: &Seed, secret: &Seed| Wanted {
            wanted: true,
            credentials: NewCredentials {
                api_key: Some(key.text.clone()),
                webhook_secrets: Some(vec![secret.text.clone()]),
            },
        };
        let plan = Plan {
            organization: in_process::database_name("secrets"),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: with(&seeds[0], &seeds[2]),
            gocardless: with(&seeds[1], &seeds[2]),
        };
        let bootstrapped = bootstrap(&cluster.app, &plan).await.unwrap();
        let provider_secret = seeds[2].text.clone();
        let mut world = Self { cluster, bootstrapped, provider_secret, seeds };
        world.know("site secret", world.bootstrapped.site_webhook_secret.expose().to_owned());
        let token = world.bootstrapped.api_key.as_ref().unwrap().expose().to_owned();
        world.know("API key", token.rsplit('.').next().unwrap_or_default().to_owned());
        let sandbox = world.bootstrapped.sandbox.as_ref().and_then(|ready| ready.webhook_secret.clone());
        world.know("sandbox secret", sandbox.unwrap().expose().to_owned());
        world
    }

    fn know(&mut self, what: &'static str, text: String) -> String {
        assert!(text.len() >= 16, "{what} is too short to be searched for");
        self.seeds.push(Seed { what, text: text.clone() });
        text
    }

    fn fresh(&mut self, what: &'static str) -> String {
        let fresh = seed(what);
        self.know(what, fresh.text)
    }

    async fn endpoint(&mut self) {
        let token = self.fresh("endpoint url token");
        let url = self.cluster.receiver.url(&format!("/events?token={token}"));
        let settings = EndpointSettings { url: Some(url), ..EndpointSettings::default() };
        let tenant = self.bootstrapped.tenant;
        let (endpoint, secret) = endpoints::create(&self.cluster.app, tenant, settings).await.unwrap();
        self.know("endpoint secret", secret.expose().to_owned());
        let overlap = Duration::from_mins(5);
        let (_, rotated) =
            endpoints::rotate_secret(&self.cluster.app, tenant, endpoint.id, overlap).await.unwrap();
        self.know("rotated endpoint secret", rotated.expose().to_owned());
        let at = self.cluster.app.now() + Duration::from_hours(1);
        sites::regenerate_secret(&self.cluster.app, tenant, self.bootstrapped.site.id, Some(at))
            .await
            .unwrap();
        let next = sites::secrets(&self.cluster.app, tenant, self.bootstrapped.site.id).await.unwrap().next;
        self.know("next site secret", next.unwrap().0.expose().to_owned());
    }

    fn bearer(&self) -> String {
        self.bootstrapped.api_key.as_ref().unwrap().expose().to_owned()
    }

    /// Somebody signs in, with a wrong password first; the set-up link in the log is not theirs.
    async fn people(&mut self) {
        let app = self.cluster.app.clone();
        let (password, wrong) = (self.fresh("password"), self.fresh("wrong password"));
        let organization = self.bootstrapped.tenant.organization;
        let email = world::address();
        let token = world::invited(&app, organization, &email, Role::Admin).await;
        let token = self.know("invitation", token);
        let new = Secret::new(password.clone());
        let person = invitations::accept_new(&app, &token, "Ada Example", "en", &new).await.unwrap();
        let url = |path: &str| format!("{}/v1/auth/{path}", self.cluster.admin_api);
        let log_in = |password: &str| {
            let body = json!({ "email": email, "password": password, "totp": "000000" });
            self.cluster.http.post(url("login")).json(&body)
        };
        assert_eq!(log_in(&wrong).send().await.unwrap().status().as_u16(), 401);
        let tokens = log_in(&password).send().await.unwrap().text().await.unwrap();
        let tokens: Value = serde_json::from_str(&tokens).unwrap();
        let refresh = json!({ "refreshToken": tokens["refreshToken"] });
        for _ in 0..2 {
            self.cluster.http.post(url("refresh")).json(&refresh).send().await.unwrap();
        }
        for field in ["accessToken", "refreshToken", "browser"] {
            self.know("token", tokens[field].as_str().unwrap().to_owned());
        }
        let secret = second::begin(&app, person.id).await.unwrap().secret;
        self.know("TOTP secret", secret.expose().to_owned());
        let (session, _) = session::open(&app, &person, &session::Client::default()).await.unwrap();
        self.know("session", session.expose().to_owned());
        let reset = reset::link(&app, &email).await.unwrap();
        self.know("reset link", world::token_of(&reset));
    }

    /// The merchant's server asks for a checkout; wrong ways first.
    async fn create(&mut self) -> Value {
        let mut address = json!({ "country": "DE" });
        for (field, what) in [
            ("firstName", "first name"),
            ("lastName", "last name"),
            ("address1", "street"),
            ("phone", "phone number"),
            ("postcode", "postal code"),
        ] {
            address[field] = json!(self.fresh(what));
        }
        let email = format!("{}@example.com", self.fresh("e-mail"));
        let (returns, ipn) = (self.fresh("return token"), self.fresh("ipn token"));
        let body = json!({
            "amount": 4900, "currency": "EUR", "externalReference": "ORD-1", "email": email,
            "billingAddress": address, "shippingAddress": address,
            "returnUrl": format!("https://shop.example.com/thanks?token={returns}"),
            "cancelUrl": format!("https://shop.example.com/cart?token={returns}"),
            "ipnUrl": self.cluster.receiver.url(&format!("/ipn?token={ipn}")),
        });
        let site = self.bootstrapped.site.id;
        let url = format!("{}/api/v1/checkouts/{site}/create", self.cluster.admin_api);
        let post =
            |key: &str| self.cluster.http.post(&url).bearer_auth(key).header("idempotency-key", "order-1");
        let mut wrong = self.bearer();
        wrong.replace_range(wrong.len() - 2.., "zz");
        assert_eq!(post(&wrong).json(&body).send().await.unwrap().status().as_u16(), 401);
        let mut invalid = body.clone();
        invalid["currency"] = json!("nonsense");
        assert_eq!(post(&self.bearer()).json(&invalid).send().await.unwrap().status().as_u16(), 400);
        let cut_off = body.to_string();
        let broken = post(&self.bearer()).header("content-type", "application/json");
        broken.body(cut_off[..cut_off.len() - 5].to_owned()).send().await.unwrap();
        let first = post(&self.bearer()).json(&body).send().await.unwrap().text().await.unwrap();
        let again = post(&self.bearer()).json(&body).send().await.unwrap().text().await.unwrap();
        assert_eq!(first, again);
        serde_json::from_str(&first).unwrap()
    }

    /// The customer pays; the provider stumbles first, and tells everything, also to the wrong door.
    async fn pay(&mut self, created: &Value) {
        let stripe = self.bootstrapped.stripe.as_ref().unwrap().id;
        let sim = &self.cluster.stripe;
        sim.set_delivery(DeliveryPolicy::hold());
        let body = json!({ "sessionPublicId": created["sessionPublicId"], "providerId": stripe.to_string() });
        let url = format!("{}/api/v1/transactions/create", self.cluster.runtime);
        sim.fail_next(8, 500);
        self.cluster.http.post(&url).json(&body).send().await.unwrap();
        sim.clear_faults();
        let started = self.cluster.http.post(&url).json(&body).send().await.unwrap();
        let started: Value = serde_json::from_str(&started.text().await.unwrap()).unwrap();
        assert_eq!(started["next"]["type"], "redirect", "{started}");
        let session = sim.sessions().pop().unwrap();
        sim.pay(&session).unwrap();
        let events = sim.take_events();
        let hook = format!("{}/hooks/stripe/{stripe}", self.cluster.runtime);
        sim.set_webhook(&hook, "whsec_of_somebody_else");
        assert_eq!(sim.deliver(&events[0]).await.unwrap(), 400);
        sim.set_webhook(&hook, &self.provider_secret);
        for event in &events {
            assert_eq!(sim.deliver(event).await.unwrap(), 200);
        }
        let payer =
            events.iter().find_map(|event| event["data"]["object"]["customer_details"]["email"].as_str());
        assert!(payer.is_none_or(|email| email.contains('@')));
        let id = started["transactionId"].as_str().unwrap().to_owned();
        let refund = format!("{}/api/v1/transactions/{id}/refund", self.cluster.admin_api);
        sim.fail_next(8, 402);
        for amount in [100, 200] {
            let request = self.cluster.http.post(&refund).bearer_auth(self.bearer());
            request.json(&json!({ "amount": amount })).send().await.unwrap();
            sim.clear_faults();
        }
    }

    /// Everything that was to be told has been.
    async fn wait_told(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let database = self.cluster.app.store.database();
        let deliveries = database.collection::<Document>("deliveries");
        loop {
            let delivered = deliveries.count_documents(doc! { "state": "delivered" }).await.unwrap();
            let waiting = deliveries.count_documents(doc! { "state": { "$in": ["pending", "sending"] } });
            if delivered >= 4 && waiting.await.unwrap() == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{delivered} delivered");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_readable_in_the_database_or_the_logs() {
    let mut world = World::start().await;
    world.endpoint().await;
    // A receiver that answers with what it must not know, once as a failure and then as a success.
    let echo = world.seeds.iter().map(|seed| seed.text.as_str()).collect::<Vec<_>>().join("\n");
    for path in ["/ipn", "/events"] {
        world.cluster.receiver.script(path, [Answer::status(500).with_body(echo.clone())]);
        world.cluster.receiver.always(path, Answer::ok().with_body(echo.clone()));
    }
    world.people().await;
    let created = world.create().await;
    world.pay(&created).await;
    world.wait_told().await;
    // The pages show them, and log what they were asked.
    let page = created["paymentUrl"].as_str().unwrap();
    world.cluster.http.get(page).send().await.unwrap();

    let mut leaks = Vec::new();
    let (mut searched, mut found_plain) = (0, 0);
    let database = world.cluster.app.store.database();
    let echoed = doc! { "attempts.response": { "$exists": true } };
    let echoed = database.collection::<Document>("deliveries").count_documents(echoed).await.unwrap();
    assert!(echoed > 0, "the receiver's words were kept, sealed");
    let needles: Vec<(&str, Vec<Vec<u8>>)> =
        world.seeds.iter().map(|seed| (seed.what, forms(&seed.text))).collect();
    let mut search = |place: &str, bytes: &[u8]| {
        for (what, forms) in &needles {
            if forms.iter().any(|form| contains(bytes, form)) {
                leaks.push(format!("{what} in {place}"));
            }
        }
    };
    for name in database.list_collection_names().await.unwrap() {
        let collection = database.collection::<RawDocumentBuf>(&name);
        let documents: Vec<_> = collection.find(doc! {}).await.unwrap().try_collect().await.unwrap();
        for document in documents {
            searched += 1;
            search(&name, document.as_bytes());
            found_plain += usize::from(contains(document.as_bytes(), b"ORD-1"));
        }
    }
    assert!(found_plain > 1, "what is not secret is found by the same search");
    assert!(searched > 15, "only {searched} documents were there to search");
    for service in Service::ALL {
        let log = world.cluster.log_tail(service, usize::MAX);
        assert!(log.contains("starting"), "{} has a log", service.name());
        search(&format!("the log of {}", service.name()), log.as_bytes());
    }
    leaks.sort();
    leaks.dedup();
    assert!(leaks.is_empty(), "readable:\n  {}", leaks.join("\n  "));
}

#[test]
fn the_search_finds_what_hides() {
    let secret = seed("example").text;
    let hidden = [
        format!("a{secret}b"),
        hex::encode(format!("xy{secret}")),
        base64s::STANDARD.encode(format!("1{secret}2")),
        base64s::STANDARD.encode(format!("12{secret}1")),
        base64s::URL_SAFE_NO_PAD.encode(format!("123{secret}")),
    ];
    for text in hidden {
        assert!(forms(&secret).iter().any(|form| contains(text.as_bytes(), form)), "{text}");
    }
    assert!(!forms(&secret).iter().any(|form| contains(b"nothing of that kind in here", form)));
}
