//! What merchants do with invoices over the Admin API.

use futures::future::join_all;
use gateway_core::{
    app::invoices::{self, number},
    domain::{InvoiceId, invoice::Invoice},
};
use serde_json::{Value, json};

use crate::admin::door::{Door, Shop};

fn seller() -> Value {
    json!({
        "name": "Example GmbH", "address": ["Example Street 1"], "postcode": "10115", "city": "Example City",
        "country": "de", "vatId": "DE123456789",
    })
}

fn invoice() -> Value {
    json!({
        "currency": "EUR", "language": "de", "dueDate": "2031-01-31", "yourReference": "PO-1",
        "buyer": { "name": "Example Buyer", "email": "buyer@example.com", "country": "AT" },
        "lines": [
            { "name": "Example work", "quantity": 3, "unitPrice": 1000, "amountType": "net", "vatRate": 19 },
            { "name": "Example book", "unitPrice": 535, "amountType": "net", "vatRate": "7" },
        ],
    })
}

async fn switched_on(door: &Door, shop: &Shop) {
    let settings = json!({ "seller": seller(), "enabled": true, "timeZone": "Europe/Berlin" });
    door.put(&shop.key, "/v1/invoice-settings", &settings).await.ok(200);
}

/// Issues a draft, with this process as the worker.
async fn issue(door: &Door, shop: &Shop, id: &str) -> Value {
    let path = format!("/v1/invoices/{id}/issue");
    let numbering = async {
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let id: InvoiceId = id.parse().unwrap();
            let found = door.app.store.for_org(shop.tenant).get::<Invoice>(id).await.unwrap().unwrap();
            number::number_series(&door.app, shop.tenant, found.series_id).await.unwrap();
        }
    };
    let nothing = json!({});
    let (answer, ()) = tokio::join!(door.post(&shop.key, &path, &nothing), numbering);
    answer.ok(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_say_what_is_missing_and_name_what_is_wrong() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let path = "/v1/invoice-settings";
    let first = door.get(&shop.key, path).await.ok(200);
    assert_eq!(first["enabled"], false);
    let missing =
        json!(["seller.name", "seller.address", "seller.city", "seller.country", "seller.taxNumber"]);
    assert_eq!(first["missing"], missing);
    let refused = door.put(&shop.key, path, &json!({ "enabled": true })).await;
    assert_eq!(refused.refused(400), "VALIDATION_FAILED");
    assert_eq!(json!(refused.fields()), missing);
    for (wrong, field) in [
        (json!({ "language": "xx" }), "language"),
        (json!({ "timeZone": "Mars/Olympus" }), "timeZone"),
        (json!({ "defaultVatRate": 120 }), "defaultVatRate"),
        (json!({ "look": { "color": "red" } }), "look.color"),
        (json!({ "look": { "logo": { "format": "png", "data": "AAAA" } } }), "look.logo.data"),
        (json!({ "untaxed": { "category": "S" } }), "untaxed.category"),
        (json!({ "seller": { "country": "Germany" } }), "seller.country"),
        (json!({ "seller": { "email": "nobody" } }), "seller.email"),
        (json!({ "sellers": {} }), "sellers"),
        // What stands in a list that is too long is not looked at.
        (json!({ "vatRates": vec!["200"; 21] }), "vatRates"),
        (json!({ "exchangeRates": vec![json!({ "currency": "USD", "rate": "0" }); 21] }), "exchangeRates"),
        (json!({ "seller": { "address": vec!["a\tb"; 5] } }), "seller.address"),
        (
            json!({ "look": { "texts": vec![json!({ "kind": "credit_note", "intro": "a" }); 25] } }),
            "look.texts",
        ),
    ] {
        assert_eq!(door.put(&shop.key, path, &wrong).await.fields(), [field], "{wrong}");
    }
    switched_on(&door, &shop).await;
    let now = door.get(&shop.key, path).await.ok(200);
    assert_eq!((&now["missing"], &now["seller"]["country"]), (&json!([]), &"DE".into()));
    assert!(now["enabledSince"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn invoice_by_hand_is_drafted_issued_paid_and_credited() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let draft = door.post(&shop.key, "/v1/invoices", &invoice()).await.ok(201);
    assert_eq!((&draft["status"], &draft["number"]), (&"draft".into(), &Value::Null));
    assert_eq!((&draft["total"], &draft["document"]["totals"]["tax"]), (&4142.into(), &607.into()));
    let id = draft["id"].as_str().unwrap();
    let path = format!("/v1/invoices/{id}");
    // The seller is not known yet: the draft waits, and the API says for what.
    let refused = door.post(&shop.key, &format!("{path}/issue"), &json!({})).await;
    assert!(refused.fields().contains(&"seller.taxNumber"), "{}", refused.text);
    switched_on(&door, &shop).await;
    let issued = issue(&door, &shop, id).await;
    assert_eq!((&issued["status"], issued["number"].is_string()), (&"open".into(), true));
    assert_eq!(issued["document"]["seller"]["name"], "Example GmbH");
    assert_eq!(issued["files"], "waiting");
    let pdf = door.get(&shop.key, &format!("{path}/pdf")).await;
    assert_eq!(pdf.refused(409), "FILE_NOT_READY");
    assert!(pdf.headers.contains_key("retry-after"));

    let (pay, half) = (format!("{path}/record-payment"), json!({ "amount": 2000, "paidBefore": 0 }));
    let answers = join_all((0..8).map(|_| door.post(&shop.key, &pay, &half))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), refused.len()), (1, 7), "who says it at once says one thing");
    for again in refused {
        assert_eq!(again.refused(409), "PAYMENTS_HAVE_CHANGED");
    }
    let paid = door.get(&shop.key, &path).await.ok(200);
    assert_eq!((&paid["status"], &paid["amountPaid"]), (&"partially_settled".into(), &2000.into()));
    assert_eq!(door.post(&shop.key, &format!("{path}/void"), &json!({})).await.refused(409), "INVOICE_PAID");
    let more = json!({ "amount": 2143 });
    let refused = door.post(&shop.key, &format!("{path}/record-payment"), &more).await;
    assert_eq!(refused.refused(422), "PAYMENT_EXCEEDS_BALANCE");
    let credit = json!({ "amount": 1142, "reason": "Late" });
    let credited = door.post(&shop.key, &format!("{path}/credit"), &credit).await.ok(201);
    let rest = door.post(&shop.key, &format!("{path}/record-payment"), &json!({})).await.ok(200);
    assert_eq!((&rest["status"], &rest["amountPaid"]), (&"settled".into(), &3000.into()));
    let too_much = door.post(&shop.key, &format!("{path}/credit"), &json!({ "amount": 3001 })).await;
    assert_eq!(too_much.refused(422), "CREDIT_EXCEEDS_BALANCE");

    let note = format!("/v1/credit-notes/{}", credited["creditNoteId"].as_str().unwrap());
    let note = door.get(&shop.key, &note).await.ok(200);
    assert_eq!((&note["total"], &note["corrects"]), (&1142.into(), &id.into()));
    let listed = door.get(&shop.key, &format!("/v1/credit-notes?invoiceId={id}")).await.ok(200);
    assert_eq!(listed["total"], 1);
    let not_one = door.get(&shop.key, &format!("/v1/credit-notes/{id}")).await;
    assert_eq!(not_one.refused(404), "NOT_FOUND");
    // Webhooks speak the API's very words.
    let stored =
        door.app.store.for_org(shop.tenant).get::<Invoice>(id.parse().unwrap()).await.unwrap().unwrap();
    let paper = invoices::bare_paper(&door.app.store.for_org(shop.tenant), &stored).await.unwrap();
    let told = gateway_core::jobs::render::invoice(&stored, &paper);
    assert_eq!(told, door.get(&shop.key, &path).await.ok(200));
    for query in [
        format!("number={}", issued["number"].as_str().unwrap()),
        "email=Buyer@example.com".to_owned(),
        "status=settled&currency=EUR".to_owned(),
    ] {
        let listed = door.get(&shop.key, &format!("/v1/invoices?{query}")).await.ok(200);
        assert_eq!(listed["data"][0]["id"], id, "{query}");
    }
    assert_eq!(door.get(&shop.key, "/v1/invoices?status=paid").await.fields(), ["status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_issued_is_voided_by_a_credit_note_and_a_draft_is_thrown_away() {
    let door = Door::open().await;
    let shop = door.shop().await;
    switched_on(&door, &shop).await;
    let draft = door.post(&shop.key, "/v1/invoices", &invoice()).await.ok(201);
    let path = format!("/v1/invoices/{}", draft["id"].as_str().unwrap());
    let gone = door.post(&shop.key, &format!("{path}/void"), &json!({})).await.ok(200);
    assert_eq!((&gone["status"], &gone["number"]), (&"voided".into(), &Value::Null));
    let refused = door.post(&shop.key, &format!("{path}/issue"), &json!({})).await;
    assert_eq!(refused.refused(409), "INVOICE_NOT_A_DRAFT");

    let draft = door.post(&shop.key, "/v1/invoices", &invoice()).await.ok(201);
    let id = draft["id"].as_str().unwrap();
    let number = issue(&door, &shop, id).await["number"].clone();
    for _ in 0..2 {
        let voided = door.post(&shop.key, &format!("/v1/invoices/{id}/void"), &json!({})).await.ok(200);
        assert_eq!((&voided["status"], &voided["number"]), (&"voided".into(), &number));
        assert_eq!(
            (&voided["amountCredited"], voided["credits"].as_array().unwrap().len()),
            (&4142.into(), 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn same_key_makes_one_invoice_and_one_credit() {
    let door = Door::open().await;
    let shop = door.shop().await;
    switched_on(&door, &shop).await;
    let post = async |path: &str, key: &str, body: &Value| {
        let request = door.request(reqwest::Method::POST, path).bearer_auth(&shop.key);
        door.send(request.header("idempotency-key", key).json(body)).await
    };
    let new = invoice();
    let made = futures::future::join_all((0..8).map(|_| post("/v1/invoices", "one", &new))).await;
    let first = &made[0];
    assert_eq!(first.status, 201, "{}", first.text);
    assert!(made.iter().all(|answer| answer.text == first.text), "byte for byte");
    let mut other = invoice();
    other["language"] = "fr".into();
    assert_eq!(post("/v1/invoices", "one", &other).await.refused(422), "IDEMPOTENCY_KEY_REUSED");
    let id = first.json["id"].as_str().unwrap();
    issue(&door, &shop, id).await;
    let path = format!("/v1/invoices/{id}/credit");
    let credit = json!({ "amount": 100 });
    let made = futures::future::join_all((0..8).map(|_| post(&path, "credit", &credit))).await;
    assert!(made.iter().all(|answer| answer.status == 201 && answer.text == made[0].text));
    let now = door.get(&shop.key, &format!("/v1/invoices/{id}")).await.ok(200);
    assert_eq!((&now["amountCredited"], now["credits"].as_array().unwrap().len()), (&100.into(), 1));
    assert_eq!(post(&path, "credit", &json!({ "amount": 200 })).await.refused(422), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_that_was_not_invoiced_by_itself_is_invoiced_on_request_and_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let payment = door.started(&shop, &json!({})).await;
    let body = json!({ "transactionId": payment.id.to_string() });
    let early = door.post(&shop.key, "/v1/invoices", &body).await;
    assert_eq!(early.refused(409), "TRANSACTION_NOT_PAID");
    door.pay(&payment).await;
    let draft = door.post(&shop.key, "/v1/invoices", &body).await.ok(201);
    assert_eq!((&draft["total"], &draft["amountPaid"]), (&1000.into(), &1000.into()));
    assert_eq!(door.post(&shop.key, "/v1/invoices", &body).await.refused(409), "INVOICE_EXISTS");
    let path = format!("/v1/invoices/{}/void", draft["id"].as_str().unwrap());
    door.post(&shop.key, &path, &json!({})).await.ok(200);
    door.post(&shop.key, "/v1/invoices", &body).await.ok(201);
    let mixed = json!({ "transactionId": payment.id.to_string(), "currency": "EUR" });
    assert_eq!(door.post(&shop.key, "/v1/invoices", &mixed).await.fields(), ["transactionId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_invoices_are_refused_with_the_fields_at_fault() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let without = |change: fn(&mut Value)| {
        let mut body = invoice();
        change(&mut body);
        body
    };
    for (wrong, field) in [
        (without(|b| b["lines"] = json!([])), "lines"),
        (without(|b| b["lines"][0]["quantity"] = 0.into()), "lines[0].quantity"),
        (without(|b| b["lines"][1]["vatRate"] = (-1).into()), "lines[1].vatRate"),
        (without(|b| b["lines"][1]["name"] = "".into()), "lines[1].name"),
        (without(|b| b["lines"][0]["unitPrice"] = "x".into()), "lines[0].unitPrice"),
        (without(|b| b["buyer"]["name"] = "".into()), "buyer.name"),
        (without(|b| b["dueDate"] = "31.1.2031".into()), "dueDate"),
        (without(|b| b["currency"] = "EURO".into()), "currency"),
        (without(|b| b["seriesId"] = "650000000000000000000001".into()), "seriesId"),
        (without(|b| b["colour"] = "red".into()), "colour"),
    ] {
        assert_eq!(door.post(&shop.key, "/v1/invoices", &wrong).await.fields(), [field], "{wrong}");
    }
    let stranger = door.shop().await;
    let draft = door.post(&shop.key, "/v1/invoices", &invoice()).await.ok(201);
    let path = format!("/v1/invoices/{}", draft["id"].as_str().unwrap());
    assert_eq!(door.get(&stranger.key, &path).await.refused(404), "NOT_FOUND");
    // There is no worker beside this service: a draft cannot be shown.
    assert_eq!(door.get(&shop.key, &format!("{path}/pdf")).await.refused(409), "PREVIEW_UNAVAILABLE");
    assert_eq!(door.get(&shop.key, &format!("{path}/xml")).await.refused(409), "INVOICE_NOT_ISSUED");
}
