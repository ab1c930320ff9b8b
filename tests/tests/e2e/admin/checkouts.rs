//! Creating, listing and changing checkouts.

use futures::future::join_all;
use gateway_core::domain::checkout::Checkout;
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::{Value, json};

use super::door::{Answer, Door, Shop};

async fn create(door: &Door, shop: &Shop, body: &str, key: Option<&str>) -> Answer {
    let mut request = door
        .request(Method::POST, &format!("/v1/checkouts/{}/create", shop.site))
        .bearer_auth(&shop.key)
        .header("content-type", "application/json")
        .body(body.to_owned());
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    door.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shops_send_becomes_a_checkout() {
    let (door, item) = (Door::open().await, r#""description": "Thing", "quantity""#);
    let shop = door.shop().await;
    let cases = [
        (r#""amount": 4900"#.to_owned(), 4900, 0),
        (r#""amount": 4900.0"#.to_owned(), 4900, 0),
        (r#""amount": 4.9e3"#.to_owned(), 4900, 0),
        // Ten euros for three: the rest goes into a line of its own.
        (format!(r#""amount": 1000, "items": [{{{item}: 3, "unitPrice": 334}}]"#), 1000, 2),
        (format!(r#""items": [{{{item}: 2.0, "unitPrice": 500}}, {{{item}: 1, "unitPrice": -0}}]"#), 1000, 2),
        (format!(r#""lineItems": [{{{item}: 1, "unitPrice": 700, "itemType": "voucher"}}]"#), 700, 1),
        (
            format!(r#""items": [{{{item}: 1, "unitPrice": 1000, "vatRate": "19.0", "amountType": "net"}}]"#),
            1190,
            1,
        ),
        (
            r#""items": [{"productData": {"name": "Thing", "unitPrice": 100}, "quantity": 4}]"#.to_owned(),
            400,
            1,
        ),
        (r#""amount": 0"#.to_owned(), 0, 0),
        (
            r#""amount": 1, "metadata": [], "billingAddress": [], "email": "", "customerEmail": null"#
                .to_owned(),
            1,
            0,
        ),
    ];
    for (fields, amount, items) in cases {
        let body = format!(r#"{{"currency": "EUR", "externalReference": "ORD-1", {fields}}}"#);
        let reply = create(&door, &shop, &body, None).await.ok(200);
        let names: Vec<_> = reply.as_object().unwrap().keys().map(String::as_str).collect();
        let expected =
            ["amount", "currency", "expiresAt", "id", "paymentUrl", "sessionPublicId", "shortCode", "status"];
        assert_eq!(names, expected);
        assert_eq!((&reply["amount"], &reply["status"]), (&amount.into(), &"open".into()), "{body}");
        let url = reply["paymentUrl"].as_str().unwrap();
        assert!(url.ends_with(&format!("/checkout/{}", reply["shortCode"].as_str().unwrap())), "{url}");
        let read =
            door.get(&shop.key, &format!("/v1/checkouts/{}", reply["id"].as_str().unwrap())).await.ok(200);
        assert_eq!(
            (&read["amount"], read["items"].as_array().unwrap().len()),
            (&amount.into(), items),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let good = r#""currency": "EUR", "externalReference": "ORD-1""#;
    for (body, field) in [
        (format!(r"{{{good}}}"), "amount"),
        (format!(r#"{{{good}, "amount": 4900.5}}"#), "amount"),
        (format!(r#"{{{good}, "amount": -1}}"#), "amount"),
        (format!(r#"{{{good}, "amount": 1e30}}"#), "amount"),
        (r#"{"amount": 100, "externalReference": "ORD-1"}"#.to_owned(), "currency"),
        (r#"{"amount": 100, "currency": "ZZZ", "externalReference": "ORD-1"}"#.to_owned(), "currency"),
        (r#"{"amount": 100, "currency": "EUR"}"#.to_owned(), "externalReference"),
        (
            format!(r#"{{"amount": 1, "currency": "EUR", "externalReference": "{}"}}"#, "x".repeat(65)),
            "externalReference",
        ),
        (format!(r#"{{{good}, "amount": 1, "email": "nobody"}}"#), "email"),
        (format!(r#"{{{good}, "amount": 1, "returnUrl": "javascript:alert(1)"}}"#), "returnUrl"),
        (format!(r#"{{{good}, "amount": 1, "ipnUrl": "ftp://shop.example.com/"}}"#), "ipnUrl"),
        (format!(r#"{{{good}, "amount": 1, "expiresIn": 60}}"#), "expiresIn"),
        (format!(r#"{{{good}, "amount": 1, "productId": "mug"}}"#), "productId"),
        (format!(r#"{{{good}, "amount": 1, "metadata": {{"{}": "x"}}}}"#, "k".repeat(41)), "metadata"),
        (
            format!(r#"{{{good}, "items": [{{"description": "Thing", "quantity": 0, "unitPrice": 1}}]}}"#),
            "items[0].quantity",
        ),
    ] {
        let answer = create(&door, &shop, &body, None).await;
        assert_eq!((answer.refused(400), answer.fields()), ("VALIDATION_FAILED", vec![field]), "{body}");
    }
    let apart = format!(
        r#"{{{good}, "amount": 1000, "items": [{{"description": "Thing", "quantity": 1, "unitPrice": 900}}]}}"#
    );
    let answer = create(&door, &shop, &apart, None).await;
    answer.refused(400);
    let text = answer.json["error"].as_str().unwrap();
    assert!(text.contains("sum of item amounts") && text.contains("does not match total amount"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_answers_itself_without_a_redirect() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let body = json!({ "amount": 1, "currency": "EUR", "externalReference": "ORD-1" });
    for base in [&door.api, &door.panel] {
        for prefix in ["/v1", "/api/v1"] {
            let url = format!("{base}{prefix}/checkouts/{}/create", shop.site);
            let request = reqwest::Client::builder().no_proxy().build().unwrap().post(&url);
            let answer = door.send(request.bearer_auth(&shop.key).json(&body)).await;
            assert_eq!(answer.status, 200, "{url}");
        }
    }
    let page = door.send(
        reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{}/no-such-page", door.panel)),
    );
    let page = page.await;
    assert_eq!(page.status, 404);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_one_shape() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let create = format!("/v1/checkouts/{}/create", shop.site);
    let big = format!(r#"{{"externalReference": "{}"}}"#, "x".repeat(1 << 20));
    let json = "application/json";
    for (method, path, kind, body, status, code) in [
        (Method::GET, "/v1/nowhere", json, "", 404, "ROUTE_NOT_FOUND"),
        (Method::GET, "/elsewhere", json, "", 404, "ROUTE_NOT_FOUND"),
        (Method::GET, create.as_str(), json, "", 405, "METHOD_NOT_ALLOWED"),
        (Method::POST, create.as_str(), json, "{", 400, "INVALID_JSON"),
        (Method::POST, create.as_str(), json, "[]", 400, "VALIDATION_FAILED"),
        (Method::POST, create.as_str(), "text/plain", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Method::POST, create.as_str(), json, big.as_str(), 413, "PAYLOAD_TOO_LARGE"),
        (Method::POST, "/v1/checkouts/7/create", json, "{}", 400, "VALIDATION_FAILED"),
        (Method::GET, "/v1/checkouts?limit=1000", json, "", 400, "VALIDATION_FAILED"),
        (Method::GET, "/v1/checkouts/650000000000000000000001", json, "", 404, "NOT_FOUND"),
    ] {
        let request = door.request(method.clone(), path).bearer_auth(&shop.key).header("content-type", kind);
        let answer = door.send(request.body(body.to_owned())).await;
        assert_eq!(answer.refused(status), code, "{method} {path}");
        assert_eq!(answer.json.as_object().unwrap().len(), 5, "{}", answer.text);
        assert_eq!(answer.json["error"], answer.json["message"]);
        assert_eq!(answer.headers["x-request-id"], answer.json["requestId"].as_str().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_identical_requests_make_one_checkout() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let body = r#"{"amount": 1000, "currency": "EUR", "externalReference": "ORD-1"}"#;
    let answers = join_all((0..50).map(|_| create(&door, &shop, body, Some("order-1")))).await;
    let first = answers.first().unwrap();
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (200, &first.text));
    }
    assert_eq!(create(&door, &shop, body, Some("order-1")).await.text, first.text, "byte for byte");
    let count = door.app.store.for_org(shop.tenant).count::<Checkout>(doc! {}, 100).await.unwrap();
    assert_eq!(count, 1);

    let other = body.replace("1000", "1001");
    assert_eq!(create(&door, &shop, &other, Some("order-1")).await.refused(422), "IDEMPOTENCY_KEY_REUSED");
    assert_ne!(create(&door, &shop, body, Some("order-2")).await.ok(200), first.json);
    // A refused request leaves the key free.
    assert_eq!(create(&door, &shop, "{}", Some("order-3")).await.refused(400), "VALIDATION_FAILED");
    create(&door, &shop, body, Some("order-3")).await.ok(200);
    // The other name of the route is the same route; another site is another request.
    let path = format!("/api/v1/checkouts/{}/create", shop.site);
    let again = door.request(Method::POST, &path).bearer_auth(&shop.key).header("Idempotency-Key", "order-1");
    let again = again.header("content-type", "application/json").body(body);
    assert_eq!(door.send(again).await.text, first.text);
    let second = door.post(&shop.key, "/v1/sites", &json!({ "name": "Other Shop" })).await.ok(201);
    let site = second["id"].as_str().unwrap().to_owned();
    let elsewhere = Shop { site, ..shop };
    let reused = create(&door, &elsewhere, body, Some("order-1")).await;
    assert_eq!(reused.refused(422), "IDEMPOTENCY_KEY_REUSED");
    for wrong in ["", &"x".repeat(256)] {
        assert_eq!(create(&door, &elsewhere, body, Some(wrong)).await.fields(), ["Idempotency-Key"]);
    }
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filter_and_go_on() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let mut made = Vec::new();
    for number in 0..7 {
        let body = json!({
            "amount": 100 + number, "currency": "EUR", "externalReference": format!("ORD-{number}"),
            "email": format!("Buyer{}@example.com", number % 2), "clientId": format!("c{}", number % 3),
            "metadata": { "order.number": number.to_string(), "$all": "yes" },
        });
        made.push(door.checkout(&shop, &body).await);
    }
    made.reverse();
    let list = async |query: &str| door.get(&shop.key, &format!("/v1/checkouts?{query}")).await.ok(200);
    let all = list("").await;
    assert_eq!((ids(&all), &all["total"], &all["hasMore"]), (made.clone(), &7.into(), &false.into()));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("limit=3&after={cursor}")).await;
        seen.extend(ids(&page));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, made);
    assert_eq!(ids(&list("limit=3&page=3").await), made[6..]);
    for (query, count) in [
        ("externalReference=ORD-3", 1),
        ("email=buyer0%40EXAMPLE.com", 4),
        ("clientId=c1", 2),
        ("metadata%5Border.number%5D=5", 1),
        ("metadata%5B$all%5D=yes&metadata%5Border.number%5D=5", 1),
        ("metadata[order.number]=99", 0),
        ("status=open", 7),
        ("status=paid,completed", 0),
        (&format!("siteId={}", shop.site), 7),
        ("siteId=650000000000000000000001", 0),
        ("from=2020-01-01&to=2100-01-01T00:00:00Z", 7),
        ("from=2100-01-01", 0),
        ("to=2020-01-01", 0),
    ] {
        let page = list(query).await;
        assert_eq!((ids(&page).len(), &page["total"]), (count, &count.into()), "{query}");
    }
    for (query, field) in [
        ("status=new", "status"),
        ("siteId=7", "siteId"),
        ("from=tomorrow", "from"),
        ("limit=0", "limit"),
        ("after=xyz", "after"),
    ] {
        let answer = door.get(&shop.key, &format!("/v1/checkouts?{query}")).await;
        assert_eq!((answer.refused(400), answer.fields()), ("VALIDATION_FAILED", vec![field]), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_read_changed_and_cancelled() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let id = door
        .checkout(
            &shop,
            &json!({
                "amount": 1000, "currency": "eur", "externalReference": "ORD-1", "email": "a@example.com",
                "billingAddress": { "firstName": "A", "city": "" , "postcode": 1000 }, "metadata": { "a": "1" },
            }),
        )
        .await;
    let path = format!("/v1/checkouts/{id}");
    let read = door.get(&shop.key, &path).await.ok(200);
    assert_eq!((&read["currency"], &read["email"]), (&"EUR".into(), &"a@example.com".into()));
    assert_eq!(read["billingAddress"], json!({ "firstName": "A", "postcode": "1000" }));
    assert_eq!((&read["metadata"], &read["captureMethod"]), (&json!({ "a": "1" }), &"automatic".into()));

    let changed = door.patch(&shop.key, &path, &json!({ "metadata": { "b": 2 } })).await.ok(200);
    assert_eq!(changed["metadata"], json!({ "b": "2" }));
    let soon = json!({ "expiresAt": "2020-01-01T00:00:00Z" });
    assert_eq!(door.patch(&shop.key, &path, &soon).await.fields(), ["expiresAt"]);
    assert_eq!(door.patch(&shop.key, &path, &json!({ "amount": 1 })).await.fields(), ["amount"]);

    for _ in 0..2 {
        let cancelled = door.post(&shop.key, &format!("{path}/cancel"), &json!({})).await.ok(200);
        assert_eq!(cancelled["status"], "cancelled");
    }
    let later = door.app.now() + std::time::Duration::from_hours(2);
    let later = json!({ "expiresAt": later.to_string() });
    assert_eq!(door.patch(&shop.key, &path, &later).await.refused(409), "CHECKOUT_NOT_OPEN");
}
