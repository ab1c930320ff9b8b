//! Clients, and what a person may ask for: a copy of what is held about them, and its end.

use std::time::Duration;

use futures::StreamExt;
use gateway_core::app::orders::gate::SecondPayment;
use gateway_core::{
    app::{
        App, AppError, checkouts,
        create_checkout::{NewCheckout, create_checkout},
        deliveries,
        invoices::{create, number},
        list::raw_event,
        personal::{
            erase::{self, Report},
            export,
        },
        rotate,
        settings::{
            clients::{self, ClientFilter, ClientSettings},
            discounts,
            endpoints::{self, EndpointSettings},
            sites::{self, SiteSettings},
        },
        start_payment,
    },
    domain::{
        Mode, SiteId, Tenant,
        checkout::{Address, Checkout, CheckoutStatus},
        client::Client,
        delivery::Delivery,
        discount::DiscountClaim,
        invoice::{DocumentMail, Invoice, InvoiceStatus, MailState},
        outbox::EventType,
        provider_account::ProviderKind,
        provider_event::ProviderEvent,
        transaction::Transaction,
    },
    jobs::{lanes::HeldLanes, relay::Relay},
    store::{Entity, list::PageRequest},
};
use gateway_providers::sandbox::Outcome;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde_json::{Value, json};
use testkit::shared_mongod;

use crate::{
    admin::door::{Answer, Door, Shop},
    cluster::{Cluster, Extra, Service},
    in_process,
    invoices::world::{by_hand, choose, documents, invoicing, paper, started, until},
    permutations::account,
    secrets::{contains, forms},
};

const PAGE: PageRequest = PageRequest { page: 1, limit: 100, after: None };

fn ana() -> Value {
    json!({
        "reference": "C-1", "name": "Ana Sousa", "company": "Sousa Lda", "email": "Ana.Sousa@example.com",
        "phone": "+351 210 000 000", "taxNumber": "PT999999990", "notes": "Prefers tea",
        "billingAddress": { "address1": "Rua Garrett 1", "city": "Lisboa", "country": "PT" },
        "metadata": { "birthday": "1990-05-17" },
    })
}

async fn made(door: &Door, shop: &Shop, body: &Value) -> Value {
    door.post(&shop.key, "/v1/clients", body).await.ok(201)
}

/// Creates a checkout with these fields.
async fn order(door: &Door, shop: &Shop, fields: &Value) -> Answer {
    let mut body = json!({ "amount": 1000, "currency": "EUR", "externalReference": "ORD-1" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    door.post(&shop.key, &format!("/v1/checkouts/{}/create", shop.site), &body).await
}

async fn read(door: &Door, shop: &Shop, created: Answer) -> Value {
    let id = created.ok(200)["id"].as_str().unwrap().to_owned();
    door.get(&shop.key, &format!("/v1/checkouts/{id}")).await.ok(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_made_found_changed_and_deleted() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let first = made(&door, &shop, &ana()).await;
    let id = first["id"].as_str().unwrap();
    let path = format!("/v1/clients/{id}");
    assert_eq!(door.get(&shop.key, &path).await.ok(200), first);
    assert_eq!(
        (&first["taxNumber"], &first["billingAddress"]["city"], &first["metadata"]["birthday"]),
        (&"PT999999990".into(), &"Lisboa".into(), &"1990-05-17".into())
    );
    made(&door, &shop, &json!({ "email": "rui@example.com" })).await;
    for (query, count) in [
        (String::new(), 2),
        ("email=ana.sousa%40EXAMPLE.com".to_owned(), 1),
        ("email=ana".to_owned(), 0),
        ("name=ana++SOUSA".to_owned(), 1),
        ("name=sousa%20lda".to_owned(), 1),
        ("name=Sousa".to_owned(), 0),
        ("reference=C-1".to_owned(), 1),
        ("reference=c-1".to_owned(), 0),
        ("q=rui@example.com".to_owned(), 1),
        ("q=C-1".to_owned(), 1),
        ("q=Ana%20Sousa".to_owned(), 1),
        (format!("q={id}"), 1),
        ("q=nobody".to_owned(), 0),
    ] {
        let listed = door.get(&shop.key, &format!("/v1/clients?{query}")).await.ok(200);
        assert_eq!(
            (listed["data"].as_array().unwrap().len(), &listed["total"]),
            (count, &count.into()),
            "{query}"
        );
    }
    let change = json!({ "email": "ana@example.org", "phone": null, "billingAddress": null, "metadata": {} });
    let changed = door.patch(&shop.key, &path, &change).await.ok(200);
    assert_eq!((&changed["name"], &changed["email"]), (&"Ana Sousa".into(), &"ana@example.org".into()));
    assert!(changed["phone"].is_null() && changed["billingAddress"].is_null());
    let found = |query: &str| {
        let (door, key, path) = (&door, &shop.key, format!("/v1/clients?{query}"));
        async move { door.get(key, &path).await.ok(200)["total"].clone() }
    };
    assert_eq!(found("email=ana.sousa@example.com").await, 0, "found by the old address no more");
    assert_eq!(found("email=ana@example.org").await, 1);
    assert_eq!(door.delete(&shop.key, &path).await.status, 204);
    for answer in [door.get(&shop.key, &path).await, door.delete(&shop.key, &path).await] {
        assert_eq!(answer.refused(404), "NOT_FOUND");
    }
    made(&door, &shop, &ana()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_client_is_named() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let first = made(&door, &shop, &ana()).await;
    let long = "x".repeat(5001);
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "reference": "C-2", "name": "  " }), "name"),
        (json!({ "name": "A", "reference": "C-1" }), "reference"),
        (json!({ "name": "A", "reference": first["id"] }), "reference"),
        (json!({ "name": "A", "reference": "x".repeat(65) }), "reference"),
        (json!({ "name": "A\u{7}" }), "name"),
        (json!({ "name": "A", "email": "nobody" }), "email"),
        (json!({ "name": "A", "phone": "0".repeat(65) }), "phone"),
        (json!({ "name": "A", "taxNumber": "0".repeat(65) }), "taxNumber"),
        (json!({ "name": "A", "notes": long }), "notes"),
        (json!({ "name": "A", "billingAddress": { "city": long } }), "billingAddress.city"),
        (json!({ "name": "A", "metadata": { "": "x" } }), "metadata"),
        (json!({ "name": "A", "surname": "B" }), "surname"),
    ] {
        let answer = door.post(&shop.key, "/v1/clients", &body).await;
        assert_eq!((answer.refused(400), answer.fields()), ("VALIDATION_FAILED", vec![field]), "{body}");
    }
    let path = format!("/v1/clients/{}", first["id"].as_str().unwrap());
    let nothing = json!({ "name": null, "company": null, "email": null });
    assert_eq!(door.patch(&shop.key, &path, &nothing).await.fields(), ["name"], "somebody must be left");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_client_is_readable_in_the_database() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let id =
        made(&door, &shop, &ana()).await["id"].as_str().unwrap().parse::<gateway_core::domain::ClientId>();
    let raw = door.app.store.database().collection::<RawDocumentBuf>(Client::COLLECTION);
    let raw = raw.find_one(doc! { "_id": id.unwrap() }).await.unwrap().unwrap();
    for secret in [
        "Ana Sousa",
        "ana sousa",
        "Sousa Lda",
        "Ana.Sousa@example.com",
        "ana.sousa@example.com",
        "210 000",
        "999999990",
        "Prefers tea",
        "Rua Garrett",
        "Lisboa",
        "1990-05-17",
    ] {
        for form in forms(secret) {
            assert!(!contains(raw.as_bytes(), &form), "{secret} is readable");
        }
    }
    assert!(contains(raw.as_bytes(), b"C-1"), "the reference is what checkouts name, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_takes_over_what_it_leaves_out() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let client = made(&door, &shop, &ana()).await;
    let id = client["id"].as_str().unwrap();
    let filled = read(&door, &shop, order(&door, &shop, &json!({ "clientId": id })).await).await;
    assert_eq!((&filled["email"], &filled["clientId"]), (&client["email"], &id.into()));
    let address = json!({ "lastName": "Ana Sousa", "company": "Sousa Lda", "address1": "Rua Garrett 1",
        "city": "Lisboa", "country": "PT", "phone": "+351 210 000 000", "vatId": "PT999999990" });
    assert_eq!(filled["billingAddress"], address);
    assert!(filled["shippingAddress"].is_null());

    let own = json!({ "clientId": id.to_uppercase(), "email": "other@example.com",
        "billingAddress": { "city": "Porto" } });
    let own = read(&door, &shop, order(&door, &shop, &own).await).await;
    assert_eq!(
        (&own["email"], &own["billingAddress"], &own["clientId"]),
        (&"other@example.com".into(), &json!({ "city": "Porto" }), &id.into())
    );

    // What names nobody is a label, as it has always been; a reference of the merchant's own fills nothing in.
    for label in ["C-1", "c-77", "650000000000000000000001"] {
        let plain = read(&door, &shop, order(&door, &shop, &json!({ "clientId": label })).await).await;
        assert_eq!((&plain["clientId"], plain["email"].is_null()), (&label.into(), true), "{label}");
    }
    for kind in ["checkouts", "transactions"] {
        let listed = door.get(&shop.key, &format!("/v1/{kind}?clientId={id}")).await.ok(200);
        assert_eq!(listed["total"], if kind == "checkouts" { 2 } else { 0 }, "{kind}");
    }
    let transaction = door.started(&shop, &json!({ "clientId": id, "externalReference": "ORD-2" })).await;
    let listed = door.get(&shop.key, &format!("/v1/transactions?clientId={id}")).await.ok(200);
    assert_eq!(listed["data"][0]["id"], transaction.id.to_string());

    let in_use = door.delete(&shop.key, &format!("/v1/clients/{id}")).await;
    assert_eq!(in_use.refused(409), "CLIENT_IN_USE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_organization_or_mode_is_not_there() {
    let door = Door::open().await;
    let name = in_process::database_name("clients");
    let (shop, live) = (door.shop_of(&name, Mode::Test).await, door.shop_of(&name, Mode::Live).await);
    let stranger = door.shop().await;
    let id = made(&door, &shop, &ana()).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/clients/{id}");
    assert_eq!(shop.tenant.organization, live.tenant.organization);
    for other in [&live, &stranger] {
        let answers = [
            door.get(&other.key, &path).await,
            door.patch(&other.key, &path, &json!({ "name": "B" })).await,
            door.delete(&other.key, &path).await,
            door.get(&other.key, &format!("{path}/export")).await,
            door.post(&other.key, &format!("{path}/erase"), &json!({})).await,
        ];
        for answer in answers {
            assert_eq!(answer.refused(404), "NOT_FOUND");
        }
        // To others it is as good as no client at all.
        for label in [id.as_str(), "0123456789abcdef01234567"] {
            let order = order(&door, other, &json!({ "clientId": label })).await;
            let taken = read(&door, other, order).await;
            assert_eq!((&taken["clientId"], taken["email"].is_null()), (&label.into(), true), "{label}");
            let named = json!({ "reference": label, "email": "rui@example.com" });
            door.post(&other.key, "/v1/clients", &named).await.ok(201);
        }
        assert_eq!(door.get(&other.key, "/v1/clients?q=C-1").await.ok(200)["total"], 0);
        made(&door, other, &ana()).await;
    }
    // The request is known again even where what it names has gone since.
    let keyed = || {
        let body = json!({ "amount": 1000, "currency": "EUR", "externalReference": "ORD-9", "clientId": id });
        let path = format!("/v1/checkouts/{}/create", shop.site);
        let request = door.request(reqwest::Method::POST, &path).bearer_auth(&shop.key);
        request.header("idempotency-key", "one").json(&body)
    };
    let first = door.send(keyed()).await.ok(200);
    let checkout = first["id"].as_str().unwrap();
    door.post(&shop.key, &format!("/v1/checkouts/{checkout}/cancel"), &json!({})).await.ok(200);
    door.post(&shop.key, &format!("{path}/erase"), &json!({})).await.ok(200);
    assert_eq!(door.send(keyed()).await.ok(200), first);
    assert_eq!(order(&door, &shop, &json!({ "clientId": id })).await.refused(404), "NOT_FOUND");
}

/// A shop with everything that is held about a person, on a database of its own: the relay looks at everybody's.
struct World {
    app: App,
    tenant: Tenant,
    site: SiteId,
    client: Client,
    relay: Relay,
}

/// Everything of the person that must be gone.
const PERSON: &[&str] = &["buyer@example.com", "Example Road", "10117", "gold-member", "Prefers tea", "C-1"];

impl World {
    async fn start() -> Self {
        let config = in_process::config(&shared_mongod().await, &in_process::database_name("personal"));
        let app = in_process::app(&config).await;
        let (tenant, site) = in_process::tenant(&app, Mode::Test).await;
        account(&app, tenant, ProviderKind::Sandbox).await;
        invoicing(&app, tenant).await;
        let wanted = SiteSettings { receipt_email: Some(true), ..SiteSettings::default() };
        sites::update(&app, tenant, site, wanted).await.unwrap();
        let told = EndpointSettings {
            url: Some("https://shop.example.com/events".to_owned()),
            event_types: Some(EventType::ALL.to_vec()),
            ..EndpointSettings::default()
        };
        endpoints::create(&app, tenant, told).await.unwrap();
        let text = |text: &str| Some(Some(text.to_owned()));
        let settings = ClientSettings {
            reference: text("C-1"),
            name: text("Ana Sousa"),
            email: text("Buyer@example.com"),
            notes: text("Prefers tea"),
            ..ClientSettings::default()
        };
        let (client, _) = clients::create(&app, tenant, settings).await.unwrap();
        let relay = Relay::new(app.clone(), std::sync::Arc::new(HeldLanes::default()));
        Self { app, tenant, site, client, relay }
    }

    async fn create(&self, change: impl FnOnce(&mut NewCheckout)) -> Checkout {
        let mut new = in_process::ten_euros(&in_process::database_name("order"));
        change(&mut new);
        let reply = create_checkout(&self.app, self.tenant, self.site, new, None).await.unwrap();
        let reply: Value = serde_json::from_str(&reply).unwrap();
        let id = reply["id"].as_str().unwrap().parse().unwrap();
        self.app.store.for_org(self.tenant).get::<Checkout>(id).await.unwrap().unwrap()
    }

    async fn pay(&self, checkout: &Checkout) {
        let providers = self.app.enabled_providers(self.tenant).await.unwrap();
        let started = start_payment::start_payment(&self.app, checkout, providers[0].id, SecondPayment::Ask)
            .await
            .unwrap();
        choose(&self.app, &started.transaction, Outcome::Paid).await;
    }

    /// The worker's work, up to where nothing is left to do.
    async fn work(&self) {
        for _ in 0..3 {
            while self.relay.poll(200, Duration::ZERO).await.unwrap() > 0 {}
            number::number_due(&self.app).await.unwrap();
        }
    }

    /// Found by address, by reference and by id; paid, with a discount, and not paid; written by hand.
    async fn fill(&self) {
        let paid = started(&self.app, self.tenant, self.site).await;
        choose(&self.app, &paid, Outcome::Paid).await;
        let code = discounts::DiscountSettings {
            code: Some("ONCE".to_owned()),
            kind: Some(discounts::Kind::Percent),
            percent: Some(10.into()),
            max_redemptions_per_customer: Some(Some(1)),
            ..Default::default()
        };
        discounts::create(&self.app, self.tenant, code).await.unwrap();
        let labelled = self
            .create(|new| {
                new.client_id = Some("C-1".to_owned());
                new.discount_code = Some("ONCE".to_owned());
                "gold-member".clone_into(&mut new.metadata.0[0].v);
            })
            .await;
        self.pay(&labelled).await;
        let named = self.create(|new| new.client_id = Some(self.client.id.to_string())).await;
        checkouts::cancel(&self.app, self.tenant, named.id).await.unwrap();
        for issue in [false, true] {
            let mut new = create::NewInvoice { issue, ..by_hand() };
            new.heading.buyer.email = Some("buyer@example.com".to_owned());
            new.heading.buyer.address = vec!["Example Road 2".to_owned()];
            create::create(&self.app, self.tenant, new, None, &|_, _| String::new()).await.unwrap();
        }
        self.work().await;
    }

    async fn all<E: Entity>(&self) -> Vec<E> {
        self.app.store.for_org(self.tenant).find(doc! {}, doc! { "_id": 1 }, 0).await.unwrap()
    }

    /// Everything in the tenant but its legal documents, opened.
    async fn everything(&self) -> String {
        let (app, store) = (&self.app, self.app.store.for_org(self.tenant));
        let mut texts = Vec::new();
        for one in self.all::<Checkout>().await {
            texts.extend([json(&start_payment::customer_of(app, &one).await.unwrap()), json(&one)]);
        }
        for one in self.all::<Transaction>().await {
            texts.extend([json(&start_payment::next_step(app, &one).await.unwrap()), json(&one)]);
        }
        for one in self.all::<ProviderEvent>().await {
            texts.push(raw_event(app, &one).await.unwrap().unwrap_or_default());
        }
        for one in self.all::<Delivery>().await {
            texts.extend([deliveries::body(app, &one).await.unwrap().unwrap_or_default(), json(&one)]);
        }
        for one in self.all::<DocumentMail>().await {
            let (collection, field) = (DocumentMail::COLLECTION, DocumentMail::TO_FIELD);
            texts.push(store.open(collection, one.id, field, &one.to).await.unwrap());
        }
        for one in self.all::<Client>().await {
            texts.extend([json(&clients::profile(app, &one).await.unwrap()), json(&one)]);
        }
        for one in self.all::<Invoice>().await.iter().filter(|one| one.numbered.is_none()) {
            texts.push(json(&paper(app, one).await));
        }
        texts.concat()
    }

    async fn export(&self) -> Value {
        let pieces = export::export(&self.app, self.tenant, self.client.id).await.unwrap();
        let pieces: Vec<_> = pieces.map(Result::unwrap).collect().await;
        serde_json::from_slice(&pieces.concat()).unwrap()
    }

    async fn erase(&self) -> Result<Report, AppError> {
        erase::erase(&self.app, self.tenant, self.client.id).await
    }
}

/// A document as JSON, sealed fields as they are.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

fn count(export: &Value, name: &str) -> usize {
    export[name].as_array().unwrap_or_else(|| panic!("no {name}")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_is_complete() {
    let world = World::start().await;
    Box::pin(world.fill()).await;
    // Somebody else's.
    let other = world.create(|new| new.customer.email = Some("other@example.com".to_owned())).await;
    world.pay(&other).await;
    world.work().await;
    let export = world.export().await;
    assert_eq!(
        (&export["client"]["notes"], &export["client"]["reference"]),
        (&"Prefers tea".into(), &"C-1".into())
    );
    let counts = ["checkouts", "transactions", "invoices", "discountUses"].map(|name| count(&export, name));
    assert_eq!(counts, [3, 2, 4, 1], "{export}");
    assert_eq!(export["mails"][0]["to"], "buyer@example.com");
    assert!(count(&export, "providerEvents") >= 2 && count(&export, "deliveries") > 5, "{export}");
    assert!(export["providerEvents"][0]["payload"].is_object());
    let paid = export["checkouts"].as_array().unwrap().iter();
    let addresses: Vec<_> = paid.filter_map(|one| one["billingAddress"]["address1"].as_str()).collect();
    assert_eq!(addresses, ["Example Road 2"]);
    let text = export.to_string();
    for word in PERSON {
        assert!(text.contains(word), "{word} is missing");
    }
    assert!(!text.contains("other@example.com") && !text.contains(&other.id.to_string()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_takes_the_person_out_and_keeps_the_books() {
    let world = World::start().await;
    Box::pin(world.fill()).await;
    let before = world.everything().await;
    for word in PERSON {
        assert!(before.contains(word), "{word} is not looked for where it is");
    }
    let waiting = world.all::<DocumentMail>().await;
    assert!(waiting.iter().any(|mail| mail.state == MailState::Waiting), "{waiting:?}");
    let report = world.erase().await.unwrap();
    assert!(report.done_at.is_some());
    assert_eq!((report.checkouts, report.transactions, report.kept.len()), (3, 2, 3), "{report:?}");
    assert!(report.kept.iter().all(|kept| kept.number.is_some()));

    let after = world.everything().await;
    for word in PERSON {
        assert!(!after.contains(word), "{word} is still there: {after}");
    }
    assert!(world.all::<DiscountClaim>().await.iter().all(|claim| claim.customer.is_none()));
    assert!(world.all::<DocumentMail>().await.iter().all(|mail| mail.state != MailState::Waiting));
    let app = &world.app;
    let legal = documents(app, world.tenant, doc! { "numbered": { "$exists": true } }).await;
    assert_eq!(legal.len(), 3);
    for invoice in &legal {
        assert!(invoice.email_hash.is_none(), "found by the address no more");
    }
    let papers = [paper(app, &legal[0]).await, paper(app, &legal[1]).await, paper(app, &legal[2]).await];
    let buyers = papers.iter().filter(|paper| paper.buyer.email.as_deref() == Some("buyer@example.com"));
    assert_eq!(buyers.count(), 2, "documents stay as they were issued");
    let drafts = documents(app, world.tenant, doc! { "numbered": { "$exists": false } }).await;
    assert_eq!((drafts.len(), drafts[0].status), (1, InvoiceStatus::Voided));
    let books = world.all::<Transaction>().await;
    assert!(books.iter().all(|one| one.captured > 0 && !one.external_reference.is_empty()));
    assert_eq!(books[0].client_id, Some(world.client.id.to_string()));

    // Harmless to repeat, and nobody is there to be read or changed.
    let again = world.erase().await.unwrap();
    assert_eq!((again.done_at, again.kept, again.checkouts), (report.done_at, report.kept, report.checkouts));
    assert_eq!(clients::get(app, world.tenant, world.client.id).await.unwrap_err().code(), "NOT_FOUND");
    let found = clients::list(app, world.tenant, &ClientFilter::default(), &PAGE).await.unwrap();
    assert_eq!(found.total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_after_an_erasure_is_erased_by_the_next_look() {
    let world = World::start().await;
    Box::pin(world.fill()).await;
    world.erase().await.unwrap();
    let store = world.app.store.for_org(world.tenant);
    let event = world.all::<ProviderEvent>().await.remove(0);
    let raw = br#"{"billing_details":{"email":"buyer@example.com"}}"#;
    let raw = store.seal(ProviderEvent::COLLECTION, event.id, ProviderEvent::RAW_FIELD, raw).await.unwrap();
    let raw = mongodb::bson::serialize_to_bson(&raw).unwrap();
    store.update::<ProviderEvent>(event.id, doc! {}, doc! { "$set": { "raw": raw } }).await.unwrap();
    assert!(world.everything().await.contains("buyer@example.com"));
    assert_eq!(erase::sweep(&world.app).await.unwrap(), 0, "not due for a month");
    let due = doc! { "$set": { "erasure.due": world.app.now() } };
    store.update::<Client>(world.client.id, doc! {}, due).await.unwrap();
    assert_eq!(erase::sweep(&world.app).await.unwrap(), 1);
    assert!(!world.everything().await.contains("buyer@example.com"));
    assert_eq!(erase::sweep(&world.app).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_checkouts_keep_a_person_from_being_erased() {
    let world = World::start().await;
    let address = || Some("buyer@example.com".to_owned());
    let open = world.create(|new| new.customer.email = address()).await;
    let refused = world.erase().await.unwrap_err();
    assert_eq!(refused.code(), "CLIENT_HAS_OPEN_CHECKOUTS");
    assert!(refused.to_string().contains(&open.id.to_string()), "{refused}");
    let unchanged = clients::get(&world.app, world.tenant, world.client.id).await.unwrap().0;
    assert!(unchanged.erasure.is_none());

    // Its time is over while the customer is still at the provider.
    let providers = world.app.enabled_providers(world.tenant).await.unwrap();
    let started =
        start_payment::start_payment(&world.app, &open, providers[0].id, SecondPayment::Ask).await.unwrap();
    choose(&world.app, &started.transaction, Outcome::ThreeDSecure).await;
    let over = doc! { "$set": { "status": "expired" } };
    world.app.store.for_org(world.tenant).update::<Checkout>(open.id, doc! {}, over).await.unwrap();
    assert_eq!(world.erase().await.unwrap_err().code(), "CLIENT_HAS_OPEN_CHECKOUTS");
    choose(&world.app, &started.transaction, Outcome::Fail).await;
    assert_eq!(world.erase().await.unwrap().checkouts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_document_is_not_made_yet_keeps_its_buyer_in_it() {
    let world = World::start().await;
    let paid = started(&world.app, world.tenant, world.site).await;
    choose(&world.app, &paid, Outcome::Paid).await;
    assert!(documents(&world.app, world.tenant, doc! {}).await.is_empty(), "the relay has not run");
    let report = world.erase().await.unwrap();
    assert_eq!((report.kept.len(), &report.kept[0].number), (1, &None));
    world.work().await;
    let invoice = documents(&world.app, world.tenant, doc! {}).await.remove(0);
    assert_eq!(paper(&world.app, &invoice).await.buyer.email.as_deref(), Some("buyer@example.com"));
    assert!(invoice.numbered.is_some());
    let receipts = world.all::<DocumentMail>().await;
    assert!(receipts.is_empty(), "nobody is written to: {receipts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_clients_are_still_found() {
    let config = in_process::config(&shared_mongod().await, &in_process::database_name("clientkeys"));
    let hex: [String; 2] = std::array::from_fn(|_| hex::encode(rand::random::<[u8; 32]>()));
    let with = |search: String| {
        let mut config = config.clone();
        config.keys.search = search.parse().unwrap();
        async move { in_process::app(&config).await }
    };
    let old = with(hex[0].clone()).await;
    let (tenant, _) = in_process::tenant(&old, Mode::Test).await;
    let text = |text: &str| Some(Some(text.to_owned()));
    let address = Address { city: Some("Lisboa".to_owned()), ..Address::default() };
    let settings = ClientSettings {
        name: text("Ana"),
        company: text("Sousa Lda"),
        email: text("ana@example.com"),
        billing_address: Some(Some(address)),
        ..ClientSettings::default()
    };
    let (client, _) = clients::create(&old, tenant, settings).await.unwrap();
    let app = with(format!("2:{},1:{}", hex[1], hex[0])).await;
    app.store.keys().rotate_data_key(tenant.organization).await.unwrap();
    let left = rotate::verify(&app).await.unwrap();
    assert_eq!((left.search, left.sealed), (3, 2), "{left:?}: two names and an address; profile and site");
    rotate::reseal(&app, tenant.organization).await.unwrap();
    assert_eq!(rotate::rehash_search(&app, tenant.organization).await.unwrap(), 1);
    assert!(rotate::verify(&app).await.unwrap().is_none());
    let fresh = with(format!("2:{}", hex[1])).await;
    for any in ["ANA", "sousa lda", "ana@example.com"] {
        let filter = ClientFilter { any: Some(any.to_owned()), ..ClientFilter::default() };
        assert_eq!(clients::list(&fresh, tenant, &filter, &PAGE).await.unwrap().total, 1, "{any}");
    }
    let profile = clients::get(&fresh, tenant, client.id).await.unwrap().1;
    assert_eq!(profile.billing_address.unwrap().city.as_deref(), Some("Lisboa"));
}

/// A running gateway with somebody in it: who has bought, and whose order is over.
struct Deployment {
    cluster: Cluster,
    shop: gateway_core::app::bootstrap::Bootstrapped,
    key: String,
}

impl Deployment {
    async fn start() -> Self {
        use gateway_core::app::bootstrap::{Plan, Wanted, bootstrap};
        let cluster = Cluster::start(&shared_mongod().await, "erase").await;
        let plan = Plan {
            organization: in_process::database_name("erase"),
            site: "Example Shop".to_owned(),
            mode: Mode::Test,
            sandbox: Wanted { wanted: true, ..Wanted::default() },
            stripe: Wanted::default(),
            gocardless: Wanted::default(),
        };
        let shop = bootstrap(&cluster.app, &plan).await.unwrap();
        let key = shop.api_key.as_ref().unwrap().expose().to_owned();
        Self { cluster, shop, key }
    }

    /// A client with two payments; answers the client's id.
    async fn client(&self) -> String {
        let (app, tenant) = (&self.cluster.app, self.shop.tenant);
        let settings =
            ClientSettings { email: Some(Some("buyer@example.com".to_owned())), ..ClientSettings::default() };
        let (client, _) = clients::create(app, tenant, settings).await.unwrap();
        for _ in 0..2 {
            let paid = started(app, tenant, self.shop.site.id).await;
            choose(app, &paid, Outcome::Paid).await;
            let store = app.store.for_org(tenant);
            until("the order is over", async || {
                let found = store.get::<Checkout>(paid.checkout_id).await.unwrap().unwrap();
                (found.status == CheckoutStatus::Completed).then_some(())
            })
            .await;
        }
        client.id.to_string()
    }

    async fn erase(&self, id: &str) -> reqwest::Result<Value> {
        let url = format!("{}/v1/clients/{id}/erase", self.cluster.admin_api);
        self.cluster.http.post(url).bearer_auth(&self.key).send().await?.error_for_status()?.json().await
    }

    async fn stored(&self, id: &str) -> Client {
        let store = self.cluster.app.store.for_org(self.shop.tenant);
        store.get::<Client>(id.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Checkouts that still have a customer.
    async fn customers(&self) -> u64 {
        let store = self.cluster.app.store.for_org(self.shop.tenant);
        store.count::<Checkout>(doc! { "customer": { "$exists": true } }, 100).await.unwrap()
    }
}

fn variable(name: &str, value: &str) -> Extra {
    vec![(name.to_owned(), value.to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_killed_midway_is_finished_by_the_worker() {
    let deployment = Deployment::start().await;
    let cluster = &deployment.cluster;
    for (point, left) in [("erase.after_begin", 2), ("erase.after_transaction", 2), ("erase.before_end", 0)] {
        let id = deployment.client().await;
        // Without its recovery it stays where it was.
        cluster.restart(Service::Worker, variable("TOLLGATE_WITHOUT", "erasure_sweep")).await;
        let before = cluster.ends(Service::Admin).await;
        cluster.restart(Service::Admin, variable("TOLLGATE_FAULT", point)).await;
        assert!(deployment.erase(&id).await.is_err(), "{point}: killed");
        assert!(cluster.wait_ended(Service::Admin, before, Duration::from_secs(20)).await, "{point}");
        // The lease is 3 s at this scale.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let half = deployment.stored(&id).await.erasure.unwrap();
        assert!(half.done_at.is_none() && half.due.is_some_and(|due| due < cluster.app.now()), "{point}");
        assert_eq!(deployment.customers().await, left, "{point}");

        cluster.restart(Service::Worker, Vec::new()).await;
        until(&format!("{point}: it is done"), async || {
            let client = deployment.stored(&id).await;
            client.erasure.filter(|erasure| erasure.done_at.is_some()).map(|_| ())
        })
        .await;
        assert_eq!(deployment.customers().await, 0, "{point}");
        assert!(deployment.stored(&id).await.profile.is_none(), "{point}");
        cluster.restart(Service::Admin, Vec::new()).await;
        let report = deployment.erase(&id).await.unwrap();
        assert_eq!((&report["status"], &report["checkouts"]), (&"done".into(), &2.into()), "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_of_exports_and_erasures_and_not_of_what_was_in_them() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let id = made(&door, &shop, &ana()).await["id"].as_str().unwrap().to_owned();
    let export = door.get(&shop.key, &format!("/v1/clients/{id}/export")).await;
    assert!(export.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert_eq!(export.ok(200)["client"]["name"], "Ana Sousa");
    let report = door.post(&shop.key, &format!("/v1/clients/{id}/erase"), &json!({})).await.ok(200);
    assert_eq!((&report["status"], &report["kept"]), (&"done".into(), &json!([])));
    assert_eq!(door.get(&shop.key, &format!("/v1/clients/{id}/export")).await.refused(404), "NOT_FOUND");
    let log = door.get(&shop.key, "/v1/audit-log").await.ok(200);
    for operation in ["createClient", "exportClient", "eraseClient"] {
        let entry = log["data"].as_array().unwrap().iter().find(|one| one["operation"] == operation);
        let entry = entry.unwrap_or_else(|| panic!("no {operation}: {log}"));
        assert!(entry.to_string().contains(&id), "{entry}");
    }
    let raw = door.app.store.database().collection::<Document>("audit_log");
    let mut rows = raw.find(doc! { "org": shop.tenant.organization }).await.unwrap();
    while let Some(row) = rows.next().await {
        let row = row.unwrap().to_string();
        assert!(!row.contains("Sousa") && !row.contains("Garrett") && !row.contains("Prefers"), "{row}");
    }
}
