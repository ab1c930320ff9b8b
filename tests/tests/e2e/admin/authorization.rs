//! Who may, shown for every operation of the OpenAPI document: without a key, without the scope, as every role, in
//! the other mode, in another organization. A new operation is in this test by being in the document.

use gateway_core::{
    app::{
        deliveries,
        settings::{api_keys, domains},
    },
    domain::{
        ConfirmationId, InvoiceId, Mode, ProviderEventId, RefundId, Timestamp, TransactionId,
        delivery::Delivery,
        invoice::{Invoice, PaperKind},
        provider_event::{EventState, ProviderEvent},
        provider_health::EventOrigin,
        role::Role,
        scope::Scope,
        transaction::{Refund, RefundState, Transaction},
    },
    store::Entity,
};
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::{Value, json};

use super::door::{Answer, Door, Shop};
use crate::people::world;

/// What asks for no key, and is tested on its own.
const PUBLIC: [&str; 6] =
    ["verifyDomain", "login", "refreshTokens", "logout", "beginPasskeyLogin", "passkeyLogin"];

/// What asks for a person and no role, since it is their own.
const PERSONAL: [&str; 2] = ["getMe", "createOrganization"];

/// What changes people, who belong to both modes: keys need live mode, and all that they hand out.
pub const CHANGES_PEOPLE: [&str; 5] =
    ["updatePerson", "removePerson", "createInvitation", "revokeInvitation", "updateOrganization"];

/// What names a site in its body.
const NAMES_A_SITE: [&str; 2] = ["recoverDeliveries", "createDomain"];

/// An operation with ids of one shop in its path.
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    scope: Scope,
    /// Whether the path names something that belongs to an organization.
    names_something: bool,
    /// Whether that thing belongs to a mode, too.
    has_mode: bool,
    pub body: Option<Value>,
    /// Names that stand in its query.
    pub query: Vec<String>,
}

/// A body that is right, so that only authority can refuse it.
fn body_of(operation: &str, shop: &Shop) -> Value {
    match operation {
        "createCheckout" => json!({ "amount": 1, "currency": "EUR", "externalReference": "ORD-2" }),
        "createInvitation" => json!({ "email": "authorization@example.com", "role": "viewer" }),
        "updatePerson" => json!({ "role": "viewer" }),
        "updateOrganization" | "createSite" | "createClient" => json!({ "name": "Example" }),
        "createProvider" => json!({ "type": "stripe", "credentials": { "apiKey": "rk_example" } }),
        "createApiKey" => json!({ "name": "Example", "scopes": ["api-key:write"] }),
        "createDomain" => json!({ "siteId": shop.site, "host": "pay.authorization.example" }),
        "createWebhookEndpoint" | "sendTestIpn" => json!({ "url": "https://shop.example.com/" }),
        "confirmTransactionManually" => json!({ "amount": 1 }),
        "createProduct" => json!({ "name": "Example", "unitPrice": 1, "currency": "EUR" }),
        "createDiscount" => json!({ "code": "EXAMPLE", "kind": "percent", "percent": 10 }),
        "recoverDeliveries" => json!({ "siteId": shop.site, "since": "2020-01-01T00:00:00Z" }),
        "createInvoice" => json!({
            "currency": "EUR", "buyer": { "name": "Example Buyer" },
            "lines": [{ "name": "Example work", "unitPrice": 1000 }],
        }),
        "createInvoiceSeries" => json!({ "kind": "invoice", "prefix": "OTHER-" }),
        "putInvoiceSettings"
        | "updateInvoiceSeries"
        | "creditInvoice"
        | "updateInvoice"
        | "duplicateInvoice"
        | "sendInvoice"
        | "recordInvoicePayment"
        | "updateCheckout"
        | "updateSite"
        | "updateProvider"
        | "updateWebhookEndpoint"
        | "refundTransaction"
        | "captureTransaction"
        | "cancelTransaction"
        | "updateProduct"
        | "updateDiscount"
        | "updateClient"
        | "toggleProvider"
        | "rotateApiKey"
        | "rotateWebhookEndpointSecret"
        | "enableWebhookEndpoint"
        | "reverseConfirmation"
        | "recordRefund"
        | "regenerateSiteWebhookSecret" => json!({}),
        other => panic!("this test has no body for the operation {other}"),
    }
}

/// Ids of a shop's things, by the segment before the parameter.
pub struct Things(Vec<(&'static str, String)>);

impl Things {
    pub async fn of(door: &Door, shop: &Shop) -> Self {
        let transaction = door.started(shop, &json!({})).await;
        let site = shop.seed.site.id;
        let delivery =
            deliveries::send_test_ipn(&door.app, shop.tenant, site, Some("https://shop.example.com/")).await;
        let delivery = delivery.unwrap();
        let store = door.app.store.for_org(shop.tenant);
        let about = doc! { "$set": { "transactionId": transaction.id } };
        store.update::<Delivery>(delivery.id, doc! {}, about).await.unwrap();
        let url = json!({ "url": "https://shop.example.com/" });
        let endpoint = door.post(&shop.key, "/v1/webhook-endpoints", &url).await.ok(201);
        let domain = domains::create(&door.app, shop.tenant, site, "pay.example.com").await.unwrap();
        let key = api_keys::NewKey {
            name: "Example".to_owned(),
            scopes: vec![Scope::ApiKeyWrite],
            ..api_keys::NewKey::default()
        };
        let (key, _) = api_keys::create(&door.app, shop.tenant, key, None).await.unwrap();
        let provider = shop.seed.sandbox.as_ref().unwrap().id;
        let product = json!({ "name": "Mug", "unitPrice": 1, "currency": "EUR" });
        let product = door.post(&shop.key, "/v1/products", &product).await.ok(201);
        let client = door.post(&shop.key, "/v1/clients", &json!({ "name": "Example" })).await.ok(201);
        // Whose checkout is open is neither deleted nor erased.
        let named =
            json!({ "amount": 1, "currency": "EUR", "externalReference": "ORD-3", "clientId": client["id"] });
        door.checkout(shop, &named).await;
        let discount = json!({ "code": "TEN", "kind": "percent", "percent": 10 });
        let discount = door.post(&shop.key, "/v1/discounts", &discount).await.ok(201);
        let invoice = crate::invoices::world::queued_or_not(&door.app, shop.tenant, false).await;
        let note = credit_note(door, shop, &invoice).await;
        let person = world::member(&door.app, shop.tenant.organization, Role::Viewer).await;
        world::invited(&door.app, shop.tenant.organization, &world::address(), Role::Viewer).await;
        let invitations = format!("/v1/organizations/{}/invitations?state=open", shop.tenant.organization);
        let invitations = door.get(&shop.key, &invitations).await.ok(200);
        let order = door.get(&shop.key, "/v1/orders").await.ok(200);
        let order = order["data"][0]["id"].as_str().unwrap().to_owned();
        let refund = doubtful_refund(door, shop, transaction.id).await;
        Self(vec![
            ("refunds", refund.to_string()),
            ("orders", order),
            ("people", person.id.to_string()),
            ("invitations", invitations["data"][0]["id"].as_str().unwrap().to_owned()),
            ("products", product["id"].as_str().unwrap().to_owned()),
            ("clients", client["id"].as_str().unwrap().to_owned()),
            ("discounts", discount["id"].as_str().unwrap().to_owned()),
            ("invoices", invoice.id.to_string()),
            ("credit-notes", note.to_string()),
            ("invoice-series", invoice.series_id.to_string()),
            ("checkouts", transaction.checkout_id.to_string()),
            ("transactions", transaction.id.to_string()),
            ("confirmations", ConfirmationId::generate().to_string()),
            ("notifications", delivery.id.to_string()),
            ("deliveries", delivery.id.to_string()),
            ("sites", site.to_string()),
            ("providers", provider.to_string()),
            ("webhook-endpoints", endpoint["id"].as_str().unwrap().to_owned()),
            ("domains", domain.id.to_string()),
            ("events", event(door, shop).await.to_string()),
            ("organizations", shop.tenant.organization.to_string()),
            ("api-keys", key.id.to_string()),
        ])
    }

    /// The path with its parameters filled in.
    fn fill(&self, template: &str) -> String {
        let mut filled: Vec<String> = Vec::new();
        for segment in template.split('/') {
            let before = filled.last().cloned().unwrap_or_default();
            let before = if segment == "{siteId}" { "sites" } else { before.as_str() };
            if let Some((_, id)) =
                self.0.iter().find(|(name, _)| *name == before).filter(|_| segment.starts_with('{'))
            {
                filled.push(id.clone());
            } else {
                assert!(!segment.starts_with('{'), "this test has no {segment} for {template}");
                filled.push(segment.to_owned());
            }
        }
        filled.join("/")
    }
}

/// A refund that nobody knows the fate of.
async fn doubtful_refund(door: &Door, shop: &Shop, id: TransactionId) -> RefundId {
    let store = door.app.store.for_org(shop.tenant);
    let mut transaction = store.get::<Transaction>(id).await.unwrap().unwrap();
    let refund = RefundId::generate();
    transaction.refunds.push(Refund {
        id: refund,
        reference: None,
        amount: 1,
        state: RefundState::Unknown,
        reason: None,
        failure: None,
        imported: false,
        idem: None,
        at: Timestamp::default(),
        created_at: door.app.now(),
        updated_at: door.app.now(),
    });
    store.save(&mut transaction).await.unwrap();
    refund
}

/// A credit note of the shop's.
async fn credit_note(door: &Door, shop: &Shop, invoice: &Invoice) -> InvoiceId {
    let id = InvoiceId::generate();
    let note = Invoice { id, kind: PaperKind::CreditNote, ..invoice.clone() };
    let store = door.app.store.for_org(shop.tenant);
    let paper =
        store.open(Invoice::COLLECTION, invoice.id, Invoice::PAPER_FIELD, &invoice.paper).await.unwrap();
    let paper = store.seal(Invoice::COLLECTION, id, Invoice::PAPER_FIELD, paper.as_bytes()).await.unwrap();
    store.insert(&Invoice { paper, ..note }).await.unwrap();
    id
}

async fn event(door: &Door, shop: &Shop) -> ProviderEventId {
    let id = ProviderEventId::generate();
    let provider = shop.seed.sandbox.as_ref().unwrap().id;
    let store = door.app.store.for_org(shop.tenant);
    let raw = store.seal(ProviderEvent::COLLECTION, id, ProviderEvent::RAW_FIELD, b"{}").await.unwrap();
    let event = ProviderEvent {
        origin: EventOrigin::Webhook,
        id,
        org: shop.tenant.organization,
        mode: shop.tenant.mode,
        provider_id: provider,
        provider_kind: gateway_core::domain::provider_account::ProviderKind::Sandbox,
        event_id: "example".to_owned(),
        name: "example".to_owned(),
        raw: Some(raw),
        state: EventState::Ignored,
        attempts: 0,
        due: None,
        reason: None,
        transaction_id: None,
        trail: None,
        received_at: door.app.now(),
    };
    store.insert(&event).await.unwrap();
    id
}

pub fn operations(document: &Value, things: &Things, shop: &Shop) -> Vec<Operation> {
    let mut found = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            if operation["x-public"] == true {
                assert!(PUBLIC.contains(&id.as_str()), "{id} asks for no key: is that meant?");
                continue;
            }
            if operation["x-person"] == true {
                assert!(PERSONAL.contains(&id.as_str()), "{id} asks for no role: is that meant?");
                continue;
            }
            let body = operation["requestBody"].is_object().then(|| body_of(&id, shop));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|one| one["in"] == "query");
            let query = query.map(|one| one["name"].as_str().unwrap().to_owned()).collect();
            found.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: things.fill(template),
                scope: operation["x-required-scope"].as_str().unwrap().parse().unwrap(),
                names_something: template.contains('{') || NAMES_A_SITE.contains(&id.as_str()),
                // An organization has both modes, and so have its people; its keys have one.
                has_mode: !template.contains("/people")
                    && !template.contains("/invitations")
                    && template.matches('{').count() > usize::from(template.contains("/organizations/")),
                id,
                body,
                query,
            });
        }
    }
    // What takes things away comes last.
    found.sort_by_key(|operation| (operation.method == Method::DELETE, operation.id.contains("evoke")));
    found
}

async fn call(door: &Door, operation: &Operation, key: Option<&str>) -> Answer {
    let mut request = door.request(operation.method.clone(), &operation.path);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if let Some(body) = &operation.body {
        request = request.json(body);
    }
    door.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_asks_for_its_key_scope_mode_and_organization() {
    let door = Door::open().await;
    let name = crate::in_process::database_name("authorization");
    let shop = door.shop_of(&name, Mode::Test).await;
    let other_mode = door.shop_of(&name, Mode::Live).await;
    let stranger = door.shop().await;
    assert_eq!(other_mode.tenant.organization, shop.tenant.organization);
    let document = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    let things = Things::of(&door, &shop).await;
    let operations = operations(&document, &things, &shop);
    assert!(operations.len() >= 40, "{}", operations.len());

    for operation in &operations {
        let what = format!("{} {}", operation.method, operation.path);
        assert_eq!(call(&door, operation, None).await.refused(401), "UNAUTHORIZED", "{what}");
        let all_others = Scope::ALL.iter().copied().filter(|scope| !scope.grants(operation.scope));
        let key = door.key(&shop, &all_others.collect::<Vec<_>>()).await;
        let answer = call(&door, operation, Some(&key)).await;
        assert_eq!(answer.refused(403), "FORBIDDEN", "{what}");
        assert!(answer.text.contains(operation.scope.as_str()), "{what}: {}", answer.text);
        if operation.names_something {
            let foreign = call(&door, operation, Some(&stranger.key)).await;
            assert_eq!(foreign.refused(404), "NOT_FOUND", "{what}");
        }
        if operation.has_mode || NAMES_A_SITE.contains(&operation.id.as_str()) {
            let foreign = call(&door, operation, Some(&other_mode.key)).await;
            assert_eq!(foreign.refused(404), "NOT_FOUND", "{what} in the other mode");
        }
        if operation.id.starts_with("list") && !operation.names_something {
            let listed = call(&door, operation, Some(&stranger.key)).await.text;
            let leaks = things.0.iter().find(|(_, id)| listed.contains(id.as_str()));
            assert!(leaks.is_none(), "{what} shows another organization's {leaks:?}");
        }
    }
    for operation in &operations {
        let key = if CHANGES_PEOPLE.contains(&operation.id.as_str()) {
            other_mode.key.clone()
        } else {
            door.key(&shop, &[operation.scope]).await
        };
        let answer = call(&door, operation, Some(&key)).await;
        assert!(![401, 403, 404, 405].contains(&answer.status), "{}: {}", operation.id, answer.text);
        assert!(answer.status < 500, "{}: {}", operation.id, answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_for_the_roles_that_the_table_names() {
    let door = Door::open().await;
    let (shop, stranger) = (door.shop().await, door.shop().await);
    let document = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    let things = Things::of(&door, &shop).await;
    let operations = operations(&document, &things, &shop);
    let organization = shop.tenant.organization;
    let foreign = world::member(&door.app, stranger.tenant.organization, Role::Admin).await;
    let foreign = world::access(&door, &foreign, &json!({})).await;
    let admin = world::member(&door.app, organization, Role::Admin).await;
    let live = world::access(&door, &admin, &json!({ "mode": "live" })).await;
    for operation in &operations {
        let what = format!("{} {}", operation.method, operation.path);
        if operation.names_something {
            let answer = call(&door, operation, Some(&foreign)).await;
            assert_eq!(answer.refused(404), "NOT_FOUND", "{what} of another organization");
        }
        if operation.has_mode || NAMES_A_SITE.contains(&operation.id.as_str()) {
            let answer = call(&door, operation, Some(&live)).await;
            assert_eq!(answer.refused(404), "NOT_FOUND", "{what} in the other mode");
        }
    }
    let mut counted = [0, 0];
    for role in Role::ALL {
        let person = world::member(&door.app, organization, *role).await;
        let token = world::access(&door, &person, &json!({})).await;
        for operation in &operations {
            let answer = call(&door, operation, Some(&token)).await;
            let what = format!("{role}: {} {}: {}", operation.method, operation.path, answer.text);
            if role.grants(operation.scope) {
                assert!(![401, 403, 405].contains(&answer.status) && answer.status < 500, "{what}");
                counted[0] += 1;
            } else {
                assert_eq!(answer.refused(403), "FORBIDDEN", "{what}");
                assert!(answer.text.contains(operation.scope.as_str()), "{what}");
                counted[1] += 1;
            }
        }
    }
    assert!(counted.iter().all(|count| *count >= 40), "{counted:?}");
}
