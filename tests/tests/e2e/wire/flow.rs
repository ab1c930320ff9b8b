//! The whole way, through the three services.

use gateway_core::{
    app::bootstrap::{Plan, Wanted, bootstrap},
    domain::{Mode, checkout::CheckoutStatus, invoice::InvoiceStatus, transaction::Transaction},
};
use serde_json::{Value, json};
use testkit::shared_mongod;

use crate::{
    cluster::Cluster,
    in_process,
    invoices::world::{checkout_is, invoicing, paper, paper_of, until},
};

async fn post(cluster: &Cluster, key: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = cluster.http.post(format!("{}{path}", cluster.admin_api)).bearer_auth(key);
    let answer = request.header("idempotency-key", path).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The status integers that the shop was told, in order.
fn told(cluster: &Cluster) -> Vec<i64> {
    let requests = cluster.receiver.requests_to("/ipn");
    requests.iter().map(|request| request.json()["status"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_order_over_the_transfer_to_the_invoice() {
    let cluster = Cluster::start(&shared_mongod().await, "wire").await;
    let plan = Plan {
        organization: in_process::database_name("seller"),
        site: "Example Shop".to_owned(),
        mode: Mode::Live,
        sandbox: Wanted::default(),
        stripe: Wanted::default(),
        gocardless: Wanted::default(),
    };
    let shop = bootstrap(&cluster.app, &plan).await.unwrap();
    let (tenant, key) = (shop.tenant, shop.api_key.as_ref().unwrap().expose().to_owned());
    invoicing(&cluster.app, tenant).await;
    let bank = json!({ "holder": "Example GmbH", "iban": super::IBAN, "bic": "COBADEFFXXX" });
    let (status, provider) =
        post(&cluster, &key, "/v1/providers", &json!({ "type": "wire", "bankAccount": bank })).await;
    assert_eq!(status, 201, "{provider}");

    let order = json!({
        "items": [{ "name": "Example product", "quantity": 2, "unitPrice": 595, "vatRate": "19" }],
        "currency": "EUR", "externalReference": "ORD-9", "ipnUrl": cluster.receiver.url("/ipn"),
        "billingAddress": { "firstName": "Example", "lastName": "Buyer", "address1": "Road 2", "city": "Town",
            "postcode": "10117", "country": "DE" },
    });
    let (status, made) =
        post(&cluster, &key, &format!("/v1/checkouts/{}/create", shop.site.id), &order).await;
    assert_eq!(status, 200, "{made}");
    let runtime = format!("{}/api/v1/transactions/create", cluster.runtime);
    let choice = json!({ "sessionPublicId": made["sessionPublicId"], "providerId": provider["id"] });
    let mut next = Value::Null;
    for _ in 0..2 {
        let started = cluster.http.post(&runtime).json(&choice).send().await.unwrap();
        assert_eq!(started.status(), 200);
        let started: Value = started.json().await.unwrap();
        assert_eq!(started["status"], "pending");
        assert!(next.is_null() || next == started, "asked twice, told the same");
        next = started;
    }
    let (id, to) = (next["transactionId"].as_str().unwrap().to_owned(), &next["next"]);
    assert_eq!((&to["type"], &to["amount"]), (&json!("transfer_instructions"), &json!(1190)));
    assert_eq!(
        (&to["accountHolder"], &to["iban"]),
        (&json!("Example GmbH"), &json!("DE89370400440532013000"))
    );
    let reference = to["reference"].as_str().unwrap();
    let payload = format!(
        "BCD\n002\n1\nSCT\nCOBADEFFXXX\nExample GmbH\nDE89370400440532013000\nEUR11.90\n\n{reference}"
    );
    assert_eq!(to["epcPayload"], json!(payload));
    until("the shop hears that it waits", async || (told(&cluster) == [0]).then_some(())).await;

    let confirm = format!("/v1/transactions/{id}/confirm-manual");
    for _ in 0..2 {
        let (status, shown) = post(&cluster, &key, &confirm, &json!({ "amount": 1190 })).await;
        assert_eq!((status, &shown["status"]), (200, &json!("succeeded")), "{shown}");
    }
    until("the shop hears of the money", async || (told(&cluster) == [0, 1]).then_some(())).await;
    let id = id.parse().unwrap();
    let invoice = paper_of(&cluster.app, tenant, id, InvoiceStatus::Settled).await;
    let text = serde_json::to_string(&paper(&cluster.app, &invoice).await).unwrap();
    assert!(text.contains("Bank transfer"), "{text}");
    let transaction = cluster.app.store.for_org(tenant).get::<Transaction>(id).await.unwrap().unwrap();
    checkout_is(&cluster.app, &transaction, CheckoutStatus::Completed).await;
    let page = cluster.http.get(made["paymentUrl"].as_str().unwrap()).header("accept-language", "en");
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Payment received") && page.contains("Bank transfer"), "{page}");
    assert_eq!(told(&cluster), [0, 1]);
}
