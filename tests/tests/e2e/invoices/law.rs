//! What the law asks of documents: drafts that are held back and completed, one invoice per order, credits by line,
//! sellers whose country reserves invoices to certified software.

use gateway_core::{
    app::{
        invoices::{self, follow, number},
        settings::invoicing,
    },
    domain::{
        InvoiceId, TransactionId,
        invoice::{
            Invoice, InvoiceStatus, PaperKind,
            settings::{ExchangeRate, Untaxed},
        },
        transaction::{PaymentFact, PaymentState, Transaction},
    },
};
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{documents, paper, settings, states};
use crate::admin::door::{Door, Shop};

/// A shop in a country, with invoicing on.
async fn shop_in(door: &Door, country: &str) -> Shop {
    let shop = door.shop().await;
    let mut wanted = settings(country);
    if country != "DE" {
        wanted.seller.vat_id = None;
        wanted.seller.tax_number = Some("123456789".to_owned());
    }
    invoicing::put(&door.app, shop.tenant, wanted).await.unwrap();
    door.app.forget_settings(shop.tenant).await;
    shop
}

async fn load(door: &Door, shop: &Shop, id: TransactionId) -> Transaction {
    door.app.store.for_org(shop.tenant).get::<Transaction>(id).await.unwrap().unwrap()
}

/// Does the worker's part for a payment: its document, and the document's number.
async fn worked(door: &Door, shop: &Shop, id: TransactionId) {
    let transaction = load(door, shop, id).await;
    follow::follow(&door.app, &transaction).await.unwrap();
    numbered(door, shop).await;
    // What came of it since.
    follow::follow(&door.app, &load(door, shop, id).await).await.unwrap();
}

async fn numbered(door: &Door, shop: &Shop) {
    let waiting = documents(&door.app, shop.tenant, doc! { "issueDue": { "$exists": true } }).await;
    for draft in waiting {
        number::number_series(&door.app, shop.tenant, draft.series_id).await.unwrap();
    }
}

/// A payment that has come in, with the worker's part done.
async fn paid(door: &Door, shop: &Shop, extra: &Value) -> Transaction {
    let payment = door.started(shop, extra).await;
    door.pay(&payment).await;
    worked(door, shop, payment.id).await;
    payment
}

async fn only(door: &Door, shop: &Shop) -> Invoice {
    let mut all = documents(&door.app, shop.tenant, doc! {}).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn issue(door: &Door, shop: &Shop, id: &str) -> Value {
    let path = format!("/v1/invoices/{id}/issue");
    let numbering = async {
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            numbered(door, shop).await;
        }
    };
    let nothing = json!({});
    let (answer, ()) = tokio::join!(door.post(&shop.key, &path, &nothing), numbering);
    answer.ok(200)
}

fn item(price: i64, rate: Option<&str>, kind: &str) -> Value {
    json!({ "name": "Example product", "quantity": 1, "unitPrice": price, "vatRate": rate, "itemType": kind })
}

#[tokio::test(flavor = "multi_thread")]
async fn large_payment_without_a_buyer_waits_and_is_completed_without_losing_its_payment() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let large = json!({ "amount": 123_456, "items": [item(123_456, Some("19"), "goods")] });
    let payment = paid(&door, &shop, &large).await;
    let held = only(&door, &shop).await;
    assert_eq!((held.status, held.issue_due), (InvoiceStatus::Draft, None));
    assert_eq!(held.needs_review.as_ref().unwrap().reason, "buyer_missing");
    // The checkout is done all the same.
    let store = door.app.store.for_org(shop.tenant);
    let checkout = store.get(payment.checkout_id).await.unwrap().unwrap();
    assert!(follow::is_written_down(&door.app, &checkout).await.unwrap());

    let path = format!("/v1/invoices/{}", held.id);
    let read = door.get(&shop.key, &path).await;
    let tag = read.headers["etag"].clone();
    let seen = read.ok(200);
    let why = seen["blocked"].as_str().unwrap();
    assert!(why.starts_with("buyer_missing: ") && why.contains("over €250.00 (§ 33 UStDV)"), "{why}");
    let refused = door.post(&shop.key, &format!("{path}/issue"), &json!({})).await;
    assert_eq!(refused.fields(), ["buyer.name", "buyer.address", "buyer.country"], "{}", refused.text);

    let buyer = json!({ "name": "Example Buyer", "address": ["Example Road 2"], "city": "Example Town",
        "country": "uk", "vatId": "gb 123 4567 89" });
    let send = async |change: Value| {
        let request = door.request(Method::PATCH, &path).bearer_auth(&shop.key).header("if-match", &tag);
        door.send(request.json(&change)).await
    };
    let changed = send(json!({ "buyer": buyer, "notes": ["With thanks"] })).await.ok(200);
    assert_eq!((&changed["blocked"], &changed["needsReview"]), (&Value::Null, &Value::Null));
    assert_eq!(changed["document"]["buyer"]["country"], "GB");
    assert_eq!(changed["document"]["buyer"]["vatId"], "GB123456789");
    // A colleague who saw the draft of before does not write over it.
    assert_eq!(send(json!({ "notes": [] })).await.refused(412), "PRECONDITION_FAILED");
    let less = json!({ "lines": [{ "name": "Less", "unitPrice": 100, "vatRate": 19 }] });
    let refused = door.patch(&shop.key, &path, &less).await;
    assert_eq!(refused.fields(), ["lines"]);
    assert!(refused.text.contains("must come to €1,234.56, which was paid"), "{}", refused.text);

    let issued = issue(&door, &shop, &held.id.to_string()).await;
    assert_eq!((&issued["status"], issued["number"].is_string()), (&"settled".into(), true));
    assert_eq!(issued["transactionId"], payment.id.to_string());
    assert_eq!(issued["document"]["notes"][0], "With thanks");
    let again = door.patch(&shop.key, &path, &json!({ "notes": [] })).await;
    assert_eq!(again.refused(409), "INVOICE_NOT_A_DRAFT");
    // The day of payment is the day of supply.
    let paper = paper(&door.app, &only(&door, &shop).await).await;
    assert_eq!(paper.supply_date.as_ref(), paper.payment.as_ref().map(|payment| &payment.date));
}

#[tokio::test(flavor = "multi_thread")]
async fn tax_of_two_rates_in_one_line_waits_for_a_person() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let cart = json!({ "amount": 22_600, "items": [
        item(10_000, None, "goods"), item(10_000, None, "goods"), item(2_600, None, "tax"),
    ] });
    paid(&door, &shop, &cart).await;
    let held = only(&door, &shop).await;
    assert_eq!(held.needs_review.as_ref().unwrap().reason, "vat_rate_unknown");
    let path = format!("/v1/invoices/{}", held.id);
    let refused = door.post(&shop.key, &format!("{path}/issue"), &json!({})).await;
    assert_eq!(refused.fields(), ["lines[0].vatRate", "lines[1].vatRate"], "{}", refused.text);
    let line = |rate: i64| json!({ "name": "Example product", "unitPrice": 10_000, "amountType": "net", "vatRate": rate });
    let wrong = door.patch(&shop.key, &path, &json!({ "lines": [line(19), line(13)] })).await;
    assert_eq!(wrong.fields(), ["lines[1].vatRate"], "{}", wrong.text);
    door.patch(&shop.key, &path, &json!({ "lines": [line(19), line(7)] })).await.ok(200);
    let issued = issue(&door, &shop, &held.id.to_string()).await;
    let rates: Vec<&str> = issued["document"]["taxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tax| tax["rate"].as_str().unwrap())
        .collect();
    assert_eq!((rates, &issued["status"]), (vec!["19", "7"], &"settled".into()));

    // Who names the rate means it.
    let mut named = settings("DE");
    named.vat_rates = vec!["13".parse().unwrap()];
    invoicing::put(&door.app, shop.tenant, named).await.unwrap();
    door.app.forget_settings(shop.tenant).await;
    let mut other = cart.clone();
    other["externalReference"] = "ORD-2".into();
    let payment = paid(&door, &shop, &other).await;
    let invoice = follow::of_transaction(&door.app, shop.tenant, payment.id).await.unwrap().unwrap();
    assert_eq!(invoice.status, InvoiceStatus::Settled, "{:?}", invoice.blocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn stated_zero_and_foreign_currency_say_what_the_law_wants_to_read() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let mut small = settings("DE");
    small.untaxed = Some(Untaxed {
        category: gateway_core::domain::invoice::paper::TaxCategory::E,
        reason: Some("Gemäß § 19 UStG".to_owned()),
        code: None,
    });
    small.exchange_rates = vec![ExchangeRate {
        currency: "USD".parse().unwrap(),
        rate: "0.9215".parse().unwrap(),
        source: Some("ECB, 2026-11-30".to_owned()),
    }];
    invoicing::put(&door.app, shop.tenant, small).await.unwrap();
    door.app.forget_settings(shop.tenant).await;
    paid(&door, &shop, &json!({ "items": [item(1_000, Some("0"), "goods")] })).await;
    let exempt = paper(&door.app, &only(&door, &shop).await).await;
    assert_eq!(exempt.taxes[0].exemption_reason.as_deref(), Some("Gemäß § 19 UStG"));
    let of = async |reference: &str, currency: &str| {
        let order = json!({ "currency": currency, "externalReference": reference,
            "items": [item(1_190, Some("19"), "goods")], "amount": 1_190 });
        let payment = paid(&door, &shop, &order).await;
        follow::of_transaction(&door.app, shop.tenant, payment.id).await.unwrap().unwrap()
    };
    let dollars = of("ORD-2", "USD").await;
    let exchange = paper(&door.app, &dollars).await.exchange.unwrap();
    assert_eq!((exchange.currency.code(), exchange.tax), ("EUR", 175));
    assert!(dollars.needs_review.is_none());
    // Nobody said what a pound is worth: whether a buyer is needed cannot be told.
    let pounds = of("ORD-3", "GBP").await;
    assert_eq!(pounds.needs_review.unwrap().reason, "buyer_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn next_payment_of_an_order_settles_its_open_invoice() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let order = json!({ "externalReference": "ORD-7", "items": [item(1_000, Some("19"), "goods")] });
    let first = paid(&door, &shop, &order).await;
    let invoice = only(&door, &shop).await;
    assert_eq!(invoice.status, InvoiceStatus::Settled);
    states(&door.app, &first, |update| {
        update.payment = Some(PaymentFact::state(PaymentState::Failed));
    })
    .await;
    worked(&door, &shop, first.id).await;
    let open = only(&door, &shop).await;
    assert_eq!(
        (open.status, open.needs_review.as_ref().unwrap().reason.as_str()),
        (InvoiceStatus::Open, "payment_failed")
    );

    let second = paid(&door, &shop, &order).await;
    let settled = only(&door, &shop).await;
    assert_eq!((settled.id, settled.status), (invoice.id, InvoiceStatus::Settled));
    assert_eq!((settled.payment_of, settled.needs_review.is_none()), (Some(second.id), true));
    // Late news of the first payment change nothing.
    worked(&door, &shop, first.id).await;
    assert_eq!(only(&door, &shop).await.status, InvoiceStatus::Settled);

    // A third one is another's money: no second invoice for the same supply.
    let third = paid(&door, &shop, &order).await;
    let held = follow::of_transaction(&door.app, shop.tenant, third.id).await.unwrap().unwrap();
    assert_eq!(
        (held.status, held.needs_review.unwrap().reason.as_str()),
        (InvoiceStatus::Draft, "order_already_invoiced")
    );
    let refused = door.post(&shop.key, &format!("/v1/invoices/{}/issue", held.id), &json!({})).await;
    assert_eq!(refused.refused(409), "ORDER_ALREADY_INVOICED");
    door.post(&shop.key, &format!("/v1/invoices/{}/credit", settled.id), &json!({})).await.ok(201);
    let issued = issue(&door, &shop, &held.id.to_string()).await;
    assert_eq!(issued["status"], "settled", "the first one is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_duplicate_is_invoiced_once_the_first_payment_went_back() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let first = door.started(&shop, &json!({})).await;
    door.pay(&first).await;
    let store = door.app.store.for_org(shop.tenant);
    let mut second = load(&door, &shop, first.id).await;
    second.id = TransactionId::generate();
    second.refs.clear();
    second.outbox = gateway_core::domain::outbox::Outbox::default();
    store.insert(&second).await.unwrap();
    let body = json!({ "transactionId": second.id.to_string() });
    assert_eq!(door.post(&shop.key, "/v1/invoices", &body).await.refused(409), "TRANSACTION_NOT_PAID");
    let refund = format!("/v1/transactions/{}/refund", first.id);
    door.post(&shop.key, &refund, &json!({})).await.ok(200);
    let made = door.post(&shop.key, "/v1/invoices", &body).await.ok(201);
    assert_eq!((&made["transactionId"], &made["amountPaid"]), (&second.id.to_string().into(), &1000.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_credited_with_their_own_tax_and_quantities_have_units() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let lines = json!([
        { "name": "Seat", "quantity": 5, "unitPrice": 10_000, "amountType": "net", "vatRate": 19 },
        { "name": "Training", "quantity": 7.5, "unit": "hur", "unitPrice": 9_500, "amountType": "net", "vatRate": "19" },
        { "name": "Loyalty discount", "unitPrice": -5_000, "amountType": "net", "vatRate": 19 },
        { "name": "Book", "quantity": "2", "unitPrice": 500, "amountType": "net", "vatRate": 7 },
    ]);
    let buyer = json!({ "name": "Example Buyer", "address": ["Example Road 2"], "country": "DE" });
    let new = json!({ "currency": "EUR", "lines": lines, "buyer": buyer });
    let draft = door.post(&shop.key, "/v1/invoices", &new).await.ok(201);
    let stored = &draft["document"]["lines"];
    assert_eq!((&stored[0]["quantity"], &stored[1]["quantity"]), (&5.into(), &"7.5".into()));
    assert_eq!((&stored[1]["unit"], &stored[1]["amount"]), (&"HUR".into(), &71_250.into()));
    assert_eq!(stored[2]["name"], "Loyalty discount", "lines keep their order");
    for (wrong, field) in [
        (json!({ "quantity": "0.0000001" }), "lines[0].quantity"),
        (json!({ "quantity": -1 }), "lines[0].quantity"),
        (json!({ "unit": "hours" }), "lines[0].unit"),
        (json!({ "vatRate": 13 }), "lines[0].vatRate"),
    ] {
        let mut body = new.clone();
        body["lines"][0].as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(door.post(&shop.key, "/v1/invoices", &body).await.fields(), [field], "{wrong}");
    }
    let id = draft["id"].as_str().unwrap();
    let issued = issue(&door, &shop, id).await;
    assert_eq!(issued["total"], 139_408);
    let path = format!("/v1/invoices/{id}/credit");
    let credit = async |body: Value| door.post(&shop.key, &path, &body).await;
    let two =
        credit(json!({ "lines": [{ "line": 1, "quantity": 2 }], "reason": "Two seats less" })).await.ok(201);
    assert_eq!((&two["amount"], &two["lines"][0]["quantity"]), (&23_800.into(), &"2".into()));
    let note = format!("/v1/credit-notes/{}", two["creditNoteId"].as_str().unwrap());
    let note = door.get(&shop.key, &note).await.ok(200);
    let taxes = note["document"]["taxes"].as_array().unwrap();
    assert_eq!((taxes.len(), &taxes[0]["tax"]), (1, &3_800.into()), "nothing of the other rate");
    assert_eq!(note["document"]["lines"][0]["name"], "Seat");
    for (wrong, field) in [
        (json!([{ "line": 1, "quantity": 4 }]), "lines[0].quantity"),
        (json!([{ "line": 9 }]), "lines[0].line"),
        (json!([{ "line": 2 }, { "line": 2 }]), "lines[1].line"),
    ] {
        assert_eq!(credit(json!({ "lines": wrong })).await.fields(), [field]);
    }
    assert_eq!(credit(json!({ "lines": [{ "line": 2 }], "amount": 5 })).await.fields(), ["amount"]);
    let hours = credit(json!({ "lines": [{ "line": 2, "quantity": 2.5 }] })).await.ok(201);
    assert_eq!(hours["amount"], 28_263);
    let too_much = credit(json!({ "amount": 100_000 })).await;
    assert_eq!(too_much.refused(422), "CREDIT_EXCEEDS_BALANCE");
    assert!(too_much.text.contains("You can credit at most €873.45."), "{}", too_much.text);
    // The rest, line by line, comes to the last cent.
    let rest = json!([{ "line": 1 }, { "line": 2 }, { "line": 3 }, { "line": 4 }]);
    credit(json!({ "lines": rest })).await.ok(201);
    let now = door.get(&shop.key, &format!("/v1/invoices/{id}")).await.ok(200);
    assert_eq!((&now["status"], &now["amountCredited"]), (&"credited".into(), &139_408.into()));

    let copy = door.post(&shop.key, &format!("/v1/invoices/{id}/duplicate"), &json!({})).await.ok(201);
    assert_eq!((&copy["status"], &copy["total"]), (&"draft".into(), &139_408.into()));
    assert_eq!(copy["document"]["lines"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn sellers_of_guarded_countries_read_why_and_since_when() {
    let door = Door::open().await;
    for (country, since, word) in
        [("IT", "2019-01-01", "SdI"), ("PT", "2011-01-01", "certified"), ("ES", "2027-01-01", "VERI*FACTU")]
    {
        let shop = shop_in(&door, country).await;
        let answer = door.get(&shop.key, "/v1/invoice-settings").await.ok(200);
        let restriction = &answer["restriction"];
        assert_eq!((&restriction["country"], &restriction["since"]), (&country.into(), &since.into()));
        assert!(restriction["reason"].as_str().unwrap().contains(word), "{restriction}");
        let active = restriction["active"].as_bool().unwrap();
        let kind = if active { "payment_receipt" } else { "invoice" };
        assert_eq!(answer["paymentKind"], kind, "{country}");
        if !active {
            continue;
        }
        let new = json!({ "currency": "EUR", "buyer": { "name": "Example Buyer" },
            "lines": [{ "name": "Work", "unitPrice": 1_000 }] });
        let refused = door.post(&shop.key, "/v1/invoices", &new).await;
        assert_eq!(refused.refused(422), "CERTIFIED_SOFTWARE_REQUIRED");
        assert!(refused.text.contains(word), "{}", refused.text);
        let payment = paid(&door, &shop, &json!({ "items": [item(1_000, None, "goods")] })).await;
        let receipt = follow::of_transaction(&door.app, shop.tenant, payment.id).await.unwrap().unwrap();
        assert_eq!(receipt.kind, PaperKind::PaymentReceipt, "{country}");
    }
    let individual = json!({ "sellerKind": "individual", "seller": { "country": "ES" } });
    let shop = door.shop().await;
    let answer = door.put(&shop.key, "/v1/invoice-settings", &individual).await.ok(200);
    assert_eq!(answer["restriction"]["since"], "2027-07-01");
    let german = shop_in(&door, "DE").await;
    let answer = door.get(&german.key, "/v1/invoice-settings").await.ok(200);
    assert_eq!((&answer["restriction"], &answer["countryVatRates"]), (&Value::Null, &json!(["19", "7"])));
}

/// A law that comes into force while a draft waits holds it back.
#[tokio::test(flavor = "multi_thread")]
async fn draft_that_waited_too_long_gets_no_number() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let draft = super::world::queued(&door.app, shop.tenant).await;
    let mut moved = settings("PT");
    (moved.seller.vat_id, moved.seller.tax_number) = (None, Some("123456789".to_owned()));
    invoicing::put(&door.app, shop.tenant, moved).await.unwrap();
    number::number_series(&door.app, shop.tenant, draft.series_id).await.unwrap();
    let held = invoices::get(&door.app, shop.tenant, draft.id).await.unwrap();
    assert_eq!((held.status, held.issue_due), (InvoiceStatus::Draft, None));
    assert_eq!(held.needs_review.unwrap().reason, "certified_software_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_by_hand_are_those_of_the_standards_lists() {
    let door = Door::open().await;
    let shop = shop_in(&door, "DE").await;
    let of = |buyer: Value| {
        let mut all = json!({ "name": "Example Buyer", "address": ["Example Road 2"] });
        all.as_object_mut().unwrap().extend(buyer.as_object().unwrap().clone());
        json!({ "currency": "EUR", "buyer": all, "lines": [{ "name": "Work", "unitPrice": 1_000, "vatRate": 19 }] })
    };
    for (wrong, field) in [
        (json!({ "country": "Germany" }), "buyer.country"),
        (json!({ "country": "ZZ" }), "buyer.country"),
        (json!({ "vatId": "123" }), "buyer.vatId"),
        (json!({ "vatId": "DE12" }), "buyer.vatId"),
        (json!({ "vatId": "EU372000041" }), "buyer.vatId"),
    ] {
        assert_eq!(
            door.post(&shop.key, "/v1/invoices", &of(wrong.clone())).await.fields(),
            [field],
            "{wrong}"
        );
    }
    for (given, stored) in [("uk", "GB"), ("EL", "GR"), ("XK", "1A")] {
        let made = door.post(&shop.key, "/v1/invoices", &of(json!({ "country": given }))).await.ok(201);
        assert_eq!(made["document"]["buyer"]["country"], stored);
    }
    // By hand, what the law asks for is refused at once, with its fields.
    let mut abroad = of(json!({ "country": "NL" }));
    abroad["lines"][0] = json!({ "name": "Desk", "unitPrice": 1_000, "vatCategory": "K" });
    abroad["issue"] = true.into();
    assert_eq!(door.post(&shop.key, "/v1/invoices", &abroad).await.fields(), ["buyer.vatId"]);
    abroad["buyer"]["vatId"] = "NL123456789B01".into();
    let made = door.post(&shop.key, "/v1/invoices", &abroad).await.ok(201);
    let id: InvoiceId = made["id"].as_str().unwrap().parse().unwrap();
    let paper = paper(&door.app, &invoices::get(&door.app, shop.tenant, id).await.unwrap()).await;
    assert_eq!(paper.taxes[0].reason_code(), Some("VATEX-EU-IC"));
}
