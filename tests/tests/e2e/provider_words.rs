//! What providers say, over HTTP: merchants read it, nobody else does; and a provider's page shows how it does.

use gateway_core::{
    app::{apply::confirm, orders::gate::SecondPayment, settings::clients, start_payment::start_payment},
    domain::{ProviderId, Tenant, checkout::Checkout, role::Role, transaction::Transaction},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use testkit::stripe_sim::StripeSim;

use crate::{
    admin::door::{Door, Shop},
    front::{Answer, Front, STRIPE_SECRET, Setup},
    panel::Operator,
};

/// The services beside a simulated Stripe.
struct World {
    sim: StripeSim,
    front: Front,
    door: Door,
    shop: Shop,
}

/// What Stripe repeats of the customer.
const WORDS: &str = "max.mustermann@example.com";

impl World {
    async fn start() -> Self {
        let sim = StripeSim::start().await;
        let setup = Setup { stripe: Some(sim.base_url()), ..Setup::default() };
        let front = Front::start_with(setup).await;
        let (door, shop) = Door::beside(&front, &[]).await;
        Self { sim, front, door, shop }
    }

    const fn tenant(&self) -> Tenant {
        self.shop.tenant
    }

    fn provider(&self) -> ProviderId {
        self.shop.seed.stripe.as_ref().unwrap().id
    }

    async fn created(&self, body: Value) -> Checkout {
        let path = format!("/v1/checkouts/{}/create", self.shop.site);
        let created = self.door.post(&self.shop.key, &path, &body).await.ok(200);
        let id = created["id"].as_str().unwrap().parse().unwrap();
        self.front.app.store.for_org(self.tenant()).get::<Checkout>(id).await.unwrap().unwrap()
    }

    async fn started(&self, reference: &str) -> (Transaction, String) {
        let body = json!({
            "amount": 1000, "currency": "EUR", "externalReference": reference, "email": " max@bücher.example ",
        });
        let checkout = self.created(body).await;
        let started =
            start_payment(&self.front.app, &checkout, self.provider(), SecondPayment::Ask).await.unwrap();
        let session = started.transaction.reference("checkout_session").unwrap().to_owned();
        (started.transaction, session)
    }

    async fn paid(&self, reference: &str) -> (Transaction, String) {
        let (transaction, session) = self.started(reference).await;
        let intent = self.sim.pay(&session).unwrap();
        self.sim.take_events();
        (confirm(&self.front.app, &transaction).await.unwrap(), intent)
    }

    /// Everything that is stored, as far as it can be read without keys.
    async fn stored(&self) -> String {
        let database = self.front.app.store.database();
        let mut texts = Vec::new();
        for name in database.list_collection_names().await.unwrap() {
            let mut found = database.collection::<Document>(&name).find(doc! {}).await.unwrap();
            while found.advance().await.unwrap() {
                texts.push(found.deserialize_current().unwrap().to_string());
            }
        }
        texts.concat()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_is_answered_as_a_conflict_also_when_it_is_repeated() {
    let world = World::start().await;
    let (door, shop) = (&world.door, &world.shop);
    let (paid, intent) = world.paid("ORD-1").await;
    world.sim.dashboard_refund(&intent, 1000).unwrap();
    world.sim.take_events();
    let path = format!("/v1/transactions/{}", paid.id);
    let refund = || {
        let request = door.request(reqwest::Method::POST, &format!("{path}/refund")).bearer_auth(&shop.key);
        request.header("idempotency-key", "refund-1").json(&json!({ "amount": 500 }))
    };
    let first = door.send(refund()).await;
    assert_eq!(first.refused(409), "PROVIDER_REJECTED");
    assert!(first.text.contains("charge_already_refunded"), "{}", first.text);
    let again = door.send(refund()).await;
    assert_eq!((again.status, &again.text), (409, &first.text), "byte for byte");
    assert_eq!(again.headers["content-type"], "application/json");
    // The look that followed has shown why.
    let seen = door.get(&shop.key, &path).await.ok(200);
    assert_eq!((&seen["status"], &seen["amountRefunded"]), (&"refunded".into(), &1000.into()));
    let failed = seen["refunds"].as_array().unwrap().iter().find(|one| one["status"] == "failed").unwrap();
    assert_eq!(failed["failure"]["code"], "charge_already_refunded");

    // The same in the panel, for another payment.
    let (paid, intent) = world.paid("ORD-2").await;
    world.sim.dashboard_refund(&intent, 1000).unwrap();
    world.sim.take_events();
    let admin = Operator::of(door, shop, Role::Admin).await;
    let screen = format!("/transactions/{}", paid.id);
    let key = crate::panel::hidden(&admin.page(&screen).await, "key").to_owned();
    let answer = admin.send(&format!("{screen}/refund"), &[("key", &key), ("amount", "5.00")]).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(answer.text.contains("The provider refused it"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_words_reach_the_merchant_and_nobody_else() {
    let mut world = World::start().await;
    let (door, shop) = (&world.door, &world.shop);
    let endpoint = json!({ "url": "https://shop.example.com/events" });
    door.post(&shop.key, "/v1/webhook-endpoints", &endpoint).await.ok(201);
    let checkout = world
        .created(json!({ "amount": 1000, "currency": "EUR", "externalReference": "ORD-1", "email": WORDS }))
        .await;
    world.sim.configure(|config| config.refuse_sessions = Some(format!("Not allowed: {WORDS}")));
    let start = json!({ "sessionPublicId": checkout.public_id, "providerId": world.provider() });
    let url = world.front.api("/api/v1/transactions/create");
    let answer = Answer::of(world.front.client.post(url).json(&start)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (409, &"PROVIDER_REJECTED".into()));
    assert!(!answer.body.contains(WORDS), "the runtime: {}", answer.body);
    let seen = world.front.api(&format!("/api/v1/checkouts/{}", checkout.public_id));
    let seen = Answer::of(world.front.client.get(seen)).await;
    assert!(!seen.body.contains(WORDS), "the runtime: {}", seen.body);
    let url = format!("/v1/transactions?checkoutId={}", checkout.id);
    let listed = door.get(&shop.key, &url).await.ok(200);
    let failure = &listed["data"][0]["failure"];
    assert!(failure["message"].as_str().unwrap().contains(WORDS), "the merchant: {listed}");
    let stored = world.stored().await;
    assert!(stored.contains("ORD-1") && !stored.contains(WORDS), "the database");
    assert_eq!(world.front.stop().await, 0);
    assert!(!world.front.log().contains(WORDS), "the log: {}", world.front.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_a_providers_words_along() {
    let world = World::start().await;
    let (door, shop) = (&world.door, &world.shop);
    let client = json!({ "name": "Max", "email": "max@bücher.example" });
    let client = door.post(&shop.key, "/v1/clients", &client).await.ok(201);
    let (paid, intent) = world.paid("ORD-1").await;
    world.sim.dashboard_refund(&intent, 1000).unwrap();
    world.sim.take_events();
    let path = format!("/v1/transactions/{}", paid.id);
    let refund = || {
        let request = door.request(reqwest::Method::POST, &format!("{path}/refund")).bearer_auth(&shop.key);
        request.header("idempotency-key", "refund-1")
    };
    let said = door.send(refund()).await;
    assert_eq!(said.refused(409), "PROVIDER_REJECTED");
    let id = client["id"].as_str().unwrap();
    let erased = door.post(&shop.key, &format!("/v1/clients/{id}/erase"), &json!({})).await.ok(200);
    assert_eq!(erased["status"], "done", "{erased}");
    let seen = door.get(&shop.key, &path).await.ok(200);
    let failed = seen["refunds"].as_array().unwrap().iter().find(|one| one["status"] == "failed").unwrap();
    assert_eq!(failed["failure"], json!({ "code": "charge_already_refunded", "message": "" }));
    let again = door.send(refund()).await;
    assert_eq!(again.refused(409), "PROVIDER_REJECTED");
    assert_eq!(again.json["message"], "the provider refused it");
    assert!(clients::get(&door.app, shop.tenant, id.parse().unwrap()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_tidied_and_told_to_stripe_as_it_can_read_it() {
    let world = World::start().await;
    let (transaction, session) = world.started("ORD-1").await;
    assert_eq!(world.sim.object(&session).unwrap()["customer_email"], "max@xn--bcher-kva.example");
    let path = format!("/v1/checkouts/{}", transaction.checkout_id);
    let seen = world.door.get(&world.shop.key, &path).await.ok(200);
    assert_eq!(seen["email"], "max@bücher.example", "kept as it was written, without the blanks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_page_shows_what_was_missed_and_catches_up() {
    let world = World::start().await;
    let (door, shop) = (&world.door, &world.shop);
    let (paid, intent) = world.paid("ORD-1").await;
    world.sim.dashboard_refund(&intent, 200).unwrap();
    world.sim.open_dispute(&intent, 800).unwrap();
    let url = world.front.hook("stripe", &world.provider().to_string());
    for _ in 0..3 {
        let body = b"{}".to_vec();
        let signed = [("stripe-signature", "t=1,v1=00".to_owned())];
        let request = world.front.client.post(&url).header(signed[0].0, &signed[0].1).body(body);
        assert_eq!(Answer::of(request).await.status, 400);
        // Refusals of one account are noted at most every ten seconds.
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    }
    world.sim.configure(|config| config.forbidden = vec!["GET /v1/disputes"]);
    let admin = Operator::of(door, shop, Role::Admin).await;
    let page = format!("/providers/{}", world.provider());
    admin.done(&format!("{page}/test"), &[]).await;
    let html = admin.page(&page).await;
    for part in [
        "The credentials may not read: Disputes",
        "Catch up",
        "Refused webhooks",
        "The signature fits no stored secret",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let api = format!("/v1/providers/{}", world.provider());
    let seen = door.get(&shop.key, &api).await.ok(200);
    assert_eq!(seen["missingPermissions"], json!(["Disputes"]));
    assert_eq!(seen["refusedWebhooks"][0]["reason"], "signature");
    assert!(seen["webhookVersion"].is_string() && seen["catchUp"]["readAt"].is_null(), "{seen}");
    world.sim.configure(|config| config.forbidden = Vec::new());
    let tested = door.post(&shop.key, &format!("{api}/test"), &json!({})).await.ok(200);
    assert_eq!((&tested["ok"], &tested["missing"]), (&true.into(), &json!([])));

    let next = admin.done(&format!("{page}/catch-up"), &[]).await;
    assert!(admin.page(&next).await.contains("found in all"), "{next}");
    let done = door.post(&shop.key, &format!("{api}/catch-up"), &json!({})).await.ok(200);
    assert_eq!((&done["found"], &done["complete"]), (&0.into(), &true.into()), "the panel has found all");
    let events = door.get(&shop.key, "/v1/events?limit=100").await.ok(200);
    assert!(events["data"].as_array().unwrap().iter().any(|event| event["origin"] == "list"), "{events}");
    gateway_core::app::apply::sweep_events(&door.app).await.unwrap();
    let seen = door.get(&shop.key, &format!("/v1/transactions/{}", paid.id)).await.ok(200);
    assert_eq!((&seen["status"], &seen["amountRefunded"]), (&"disputed".into(), &200.into()), "{seen}");
    assert_eq!(
        (&seen["disputes"][0]["kind"], &seen["disputes"][0]["currency"]),
        (&"dispute".into(), &"EUR".into())
    );

    let sandbox = shop.seed.sandbox.as_ref().unwrap().id;
    let none = door.post(&shop.key, &format!("/v1/providers/{sandbox}/catch-up"), &json!({})).await;
    assert_eq!(none.refused(409), "CATCH_UP_NOT_SUPPORTED");
    assert!(!STRIPE_SECRET.is_empty() && !html.contains(STRIPE_SECRET));
}
