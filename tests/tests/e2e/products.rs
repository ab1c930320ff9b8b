//! The product library and discounts through the API, what checkouts copy of them, and what the page shows.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::get};
use base64::Engine;
use gateway_core::{
    app::{
        create_checkout::{NewCheckout, create_checkout},
        settings::{
            discounts::{self, DiscountSettings, Kind},
            products::{self, ProductSettings},
        },
    },
    domain::{Mode, SiteId, Tenant, checkout::Item, image::ProductImage},
};
use mongodb::bson::doc;
use serde_json::{Value, json};
use testkit::shared_mongod;

use crate::{
    admin::door::{Answer, Door, Shop},
    cluster::Cluster,
    in_process,
};

async fn product(door: &Door, shop: &Shop, body: Value) -> String {
    door.post(&shop.key, "/v1/products", &body).await.ok(201)["id"].as_str().unwrap().to_owned()
}

fn mug() -> Value {
    json!({ "name": "Mug", "unitPrice": 1190, "currency": "EUR", "vatRate": "19" })
}

/// Creates a checkout with these fields.
async fn order(door: &Door, shop: &Shop, fields: &Value) -> Answer {
    let mut body = json!({ "externalReference": "ORD-1" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    door.post(&shop.key, &format!("/v1/checkouts/{}/create", shop.site), &body).await
}

async fn read(door: &Door, shop: &Shop, created: Answer) -> Value {
    let id = created.ok(200)["id"].as_str().unwrap().to_owned();
    door.get(&shop.key, &format!("/v1/checkouts/{id}")).await.ok(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_made_listed_changed_and_archived() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let new = json!({
        "name": " Mug (blue) ", "description": "Holds a pint", "sku": "MUG-1", "unitPrice": 1190.0,
        "currency": "eur", "vatRate": 19, "itemType": "goods", "metadata": { "color": "blue" },
        "imageUrl": "https://shop.example.com/mug.png",
    });
    let made = door.post(&shop.key, "/v1/products", &new).await.ok(201);
    let path = format!("/v1/products/{}", made["id"].as_str().unwrap());
    assert_eq!(
        (&made["name"], &made["currency"], &made["unitPrice"]),
        (&"Mug (blue)".into(), &"EUR".into(), &1190.into())
    );
    assert_eq!(
        (&made["vatRate"], &made["amountType"], &made["active"]),
        (&"19".into(), &"gross".into(), &true.into())
    );
    assert_eq!(door.get(&shop.key, &path).await.ok(200), made);
    let cup = product(
        &door,
        &shop,
        json!({ "name": "Cup", "unitPrice": 0, "currency": "JPY", "amountType": "net" }),
    )
    .await;
    door.patch(&shop.key, &format!("/v1/products/{cup}"), &json!({ "active": false })).await.ok(200);
    for (query, count) in [
        ("", 2),
        ("q=MUG%20(", 1),
        ("q=.", 0),
        ("active=true", 1),
        ("active=false", 1),
        ("sku=MUG-1", 1),
        ("sku=mug-1", 0),
    ] {
        let listed = door.get(&shop.key, &format!("/v1/products?{query}")).await.ok(200);
        assert_eq!(listed["data"].as_array().unwrap().len(), count, "{query}");
    }
    let changed = json!({ "unitPrice": 990, "sku": null, "vatRate": null, "imageUrl": null, "metadata": {} });
    let changed = door.patch(&shop.key, &path, &changed).await.ok(200);
    assert_eq!(
        (&changed["unitPrice"], changed["sku"].is_null(), changed["vatRate"].is_null()),
        (&990.into(), true, true)
    );
    assert_eq!((&changed["name"], changed["imageUrl"].is_null()), (&made["name"], true));

    door.patch(&shop.key, &path, &json!({ "sku": "MUG-1" })).await.ok(200);
    for (wrong, field) in [
        (json!({ "sku": "MUG-1" }), "sku"),
        (json!({ "unitPrice": -1 }), "unitPrice"),
        (json!({ "unitPrice": 1.5 }), "unitPrice"),
        (json!({ "currency": "EURO" }), "currency"),
        (json!({ "vatRate": 101 }), "vatRate"),
        (json!({ "amountType": "both" }), "amountType"),
        (json!({ "name": " " }), "name"),
        (json!({ "imageUrl": "ftp://shop.example.com/mug.png" }), "imageUrl"),
        (json!({ "price": 1 }), "price"),
    ] {
        assert_eq!(
            door.patch(&shop.key, &format!("/v1/products/{cup}"), &wrong).await.fields(),
            [field],
            "{wrong}"
        );
    }
    let answer = door.post(&shop.key, "/v1/products", &json!({})).await;
    assert_eq!(
        (answer.refused(400), answer.fields()),
        ("VALIDATION_FAILED", vec!["name", "unitPrice", "currency"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_product_is_gone_and_its_number_free() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let numbered = json!({ "name": "Mug", "unitPrice": 1, "currency": "EUR", "sku": "MUG-1" });
    let path = format!("/v1/products/{}", product(&door, &shop, numbered).await);
    let cup = product(&door, &shop, mug()).await;
    assert_eq!(door.delete(&shop.key, &path).await.status, 204);
    for answer in [door.get(&shop.key, &path).await, door.delete(&shop.key, &path).await] {
        assert_eq!(answer.refused(404), "NOT_FOUND");
    }
    door.patch(&shop.key, &format!("/v1/products/{cup}"), &json!({ "sku": "MUG-1" })).await.ok(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_copies_the_products_that_it_names() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let mug_id = product(&door, &shop, mug()).await;
    let net = json!({ "name": "Course", "description": "Two days", "unitPrice": 10_000, "currency": "EUR",
        "vatRate": "7", "amountType": "net", "itemType": "digital_service" });
    let course = product(&door, &shop, net).await;
    let shorthand = read(&door, &shop, order(&door, &shop, &json!({ "productId": mug_id })).await).await;
    assert_eq!((&shorthand["amount"], &shorthand["currency"]), (&1190.into(), &"EUR".into()));
    let line = json!({ "name": "Mug", "description": "", "quantity": 1, "unitPrice": 1190, "vatRate": "19",
        "itemType": "", "amountType": "gross", "productId": mug_id });
    assert_eq!(shorthand["items"], json!([line]));

    let items = json!({ "items": [
        { "productId": course, "quantity": 1 },
        { "productId": mug_id, "quantity": 2.0 },
        { "productData": { "name": "Gift wrap", "unitPrice": 100 }, "quantity": 1 },
    ] });
    let mixed = read(&door, &shop, order(&door, &shop, &items).await).await;
    assert_eq!(mixed["amount"], 10_700 + 2380 + 100);
    assert_eq!(
        (&mixed["items"][0]["amountType"], &mixed["items"][0]["itemType"]),
        (&"net".into(), &"digital_service".into())
    );

    // A shop's rounding, as with any items; a thousand lines are one query.
    let rounded = order(&door, &shop, &json!({ "productId": mug_id, "amount": 1189 })).await;
    assert_eq!(read(&door, &shop, rounded).await["items"].as_array().unwrap().len(), 2);
    let many: Vec<Value> = (0..1000).map(|_| json!({ "productId": mug_id, "quantity": 1 })).collect();
    assert_eq!(order(&door, &shop, &json!({ "items": many })).await.ok(200)["amount"], 1_190_000);

    // Later changes reprice nothing.
    door.patch(&shop.key, &format!("/v1/products/{mug_id}"), &json!({ "unitPrice": 5000 })).await.ok(200);
    let path = format!("/v1/checkouts/{}", shorthand["id"].as_str().unwrap());
    assert_eq!(door.get(&shop.key, &path).await.ok(200)["items"][0]["unitPrice"], 1190);
    assert_eq!(order(&door, &shop, &json!({ "productId": mug_id })).await.ok(200)["amount"], 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_cannot_be_named_is_refused_with_its_field() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let other_mode = door.shop_of(&in_process::database_name("products"), Mode::Live).await;
    let mug_id = product(&door, &shop, mug()).await;
    let dollars = product(&door, &shop, json!({ "name": "Cap", "unitPrice": 900, "currency": "USD" })).await;
    let off =
        product(&door, &shop, json!({ "name": "Off", "unitPrice": 1, "currency": "EUR", "active": false }))
            .await;
    let gone = product(&door, &shop, mug()).await;
    let keyed = |key: &str| {
        let body = json!({ "externalReference": "ORD-1", "productId": gone });
        let url = format!("/v1/checkouts/{}/create", shop.site);
        door.request(reqwest::Method::POST, &url)
            .bearer_auth(&shop.key)
            .header("idempotency-key", key)
            .json(&body)
    };
    let first = door.send(keyed("one")).await;
    door.delete(&shop.key, &format!("/v1/products/{gone}")).await;
    let foreign = product(&door, &other_mode, mug()).await;
    for id in [gone.as_str(), foreign.as_str(), "650000000000000000000001"] {
        let answer = order(&door, &shop, &json!({ "productId": id })).await;
        assert_eq!((answer.refused(404), answer.fields()), ("NOT_FOUND", vec!["productId"]), "{id}");
    }
    let line = |id: &str| json!({ "productId": id, "quantity": 1 });
    let answer = order(&door, &shop, &json!({ "items": [line(&mug_id), line(&gone)] })).await;
    assert_eq!((answer.refused(404), answer.fields()), ("NOT_FOUND", vec!["items[1].productId"]));
    let answer = order(&door, &shop, &json!({ "items": [line(&off)] })).await;
    assert_eq!((answer.refused(422), answer.fields()), ("PRODUCT_NOT_ACTIVE", vec!["items[0].productId"]));
    for (fields, field) in [
        (json!({ "items": [line(&mug_id), line(&dollars)] }), "items[1].productId"),
        (json!({ "productId": dollars, "currency": "EUR" }), "productId"),
        (json!({ "productId": mug_id, "items": [line(&mug_id)] }), "productId"),
        (json!({ "productId": mug_id, "amount": 900 }), "amount"),
        (json!({ "items": [{ "productId": mug_id, "quantity": 0 }] }), "items[0].quantity"),
    ] {
        let answer = order(&door, &shop, &fields).await;
        assert_eq!((answer.refused(400), answer.fields()), ("VALIDATION_FAILED", vec![field]), "{fields}");
    }
    // The same request again gets its first answer, although the product is gone.
    let again = door.send(keyed("one")).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(door.send(keyed("two")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discount_is_made_listed_changed_and_archived() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let mug_id = product(&door, &shop, mug()).await;
    let new = json!({ "code": "Spring25", "name": "Spring", "kind": "percent", "percent": "12.5",
        "maxRedemptions": 10, "maxRedemptionsPerCustomer": 1, "minimumAmount": 2000, "currency": "EUR",
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z", "productIds": [mug_id] });
    let made = door.post(&shop.key, "/v1/discounts", &new).await.ok(201);
    let path = format!("/v1/discounts/{}", made["id"].as_str().unwrap());
    assert_eq!(
        (&made["percent"], made["amount"].is_null(), &made["redemptions"]),
        (&"12.5".into(), true, &0.into())
    );
    assert_eq!(door.get(&shop.key, &path).await.ok(200), made);
    let list = async |query: &str| {
        door.get(&shop.key, &format!("/v1/discounts?{query}")).await.ok(200)["total"].clone()
    };
    assert_eq!(
        (list("code=SPRING25").await, list("active=false").await, list("").await),
        (1.into(), 0.into(), 1.into())
    );
    let change = json!({ "kind": "amount", "amount": 300, "maxRedemptions": null, "productIds": [] });
    let changed = door.patch(&shop.key, &path, &change).await.ok(200);
    assert_eq!(
        (&changed["amount"], changed["percent"].is_null(), changed["maxRedemptions"].is_null()),
        (&300.into(), true, true)
    );
    for (wrong, field) in [
        (json!({ "kind": "percent" }), "percent"),
        (json!({ "kind": "percent", "percent": 0 }), "percent"),
        (json!({ "kind": "percent", "percent": "100.01" }), "percent"),
        (json!({ "kind": "percent", "percent": -5 }), "percent"),
        (json!({ "kind": "percent", "percent": "0.00001" }), "percent"),
        (json!({ "percent": 5 }), "percent"),
        (json!({ "amount": 0 }), "amount"),
        (json!({ "amount": -100 }), "amount"),
        (json!({ "currency": null }), "currency"),
        (json!({ "currency": "EURO" }), "currency"),
        (json!({ "minimumAmount": -1 }), "minimumAmount"),
        (json!({ "maxRedemptions": 0 }), "maxRedemptions"),
        (json!({ "maxRedemptions": 100_001 }), "maxRedemptions"),
        (json!({ "maxRedemptionsPerCustomer": 0 }), "maxRedemptionsPerCustomer"),
        (json!({ "startsAt": "2100-01-01T00:00:00Z" }), "endsAt"),
        (json!({ "endsAt": "soon" }), "endsAt"),
        (json!({ "code": "with space" }), "code"),
        (json!({ "code": "" }), "code"),
        (json!({ "productIds": [mug_id, "650000000000000000000001"] }), "productIds[1]"),
    ] {
        let answer = door.patch(&shop.key, &path, &wrong).await;
        assert_eq!((answer.refused(400), answer.fields()), ("VALIDATION_FAILED", vec![field]), "{wrong}");
    }
    let twin = json!({ "code": "SPRING25", "kind": "percent", "percent": 5 });
    assert_eq!(door.post(&shop.key, "/v1/discounts", &twin).await.fields(), ["code"]);
    assert_eq!(door.post(&shop.key, "/v1/discounts", &json!({})).await.fields(), ["code", "kind"]);
    assert_eq!(door.delete(&shop.key, &path).await.status, 204);
    assert_eq!(door.get(&shop.key, &path).await.status, 404);
    door.post(&shop.key, "/v1/discounts", &twin).await.ok(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_takes_off_what_it_says_from_whom_it_should() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let mug_id = product(&door, &shop, mug()).await;
    let discount = async |body: Value| door.post(&shop.key, "/v1/discounts", &body).await.ok(201);
    discount(json!({ "code": "TENTH", "kind": "percent", "percent": 10 })).await;
    discount(json!({ "code": "MUGS", "kind": "percent", "percent": 50, "productIds": [mug_id] })).await;
    discount(
        json!({ "code": "BIG", "kind": "amount", "amount": 500, "currency": "EUR", "minimumAmount": 2000 }),
    )
    .await;
    discount(json!({ "code": "OFF", "kind": "percent", "percent": 1, "active": false })).await;
    discount(json!({ "code": "SOON", "kind": "percent", "percent": 1, "startsAt": "2100-01-01T00:00:00Z" }))
        .await;
    discount(json!({ "code": "PAST", "kind": "percent", "percent": 1, "endsAt": "2020-01-01T00:00:00Z" }))
        .await;
    discount(json!({ "code": "ONCE", "kind": "percent", "percent": 1, "maxRedemptionsPerCustomer": 1 }))
        .await;

    let sent = json!({ "amount": 2290, "currency": "EUR", "discountCode": " tenth ", "items": [
        { "description": "Book", "quantity": 1, "unitPrice": 1100, "vatRate": 7 },
        { "productId": mug_id, "quantity": 1 },
    ] });
    let reduced = read(&door, &shop, order(&door, &shop, &sent).await).await;
    assert_eq!(reduced["amount"], 2290 - 229, "`amount` is what is charged before the code");
    assert_eq!(
        (&reduced["discount"]["code"], &reduced["discount"]["amount"]),
        (&"TENTH".into(), &229.into())
    );
    let off: Vec<_> = reduced["items"].as_array().unwrap()[2..]
        .iter()
        .map(|item| {
            (
                item["itemType"].as_str().unwrap(),
                item["unitPrice"].as_i64().unwrap(),
                item["vatRate"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(off, [("discount", -110, "7"), ("discount", -119, "19")]);

    let bare = json!({ "amount": 2000, "currency": "EUR", "discountCode": "BIG" });
    let bare = read(&door, &shop, order(&door, &shop, &bare).await).await;
    assert_eq!((&bare["amount"], bare["items"].as_array().unwrap().len()), (&1500.into(), 2));
    let only = json!({ "productId": mug_id, "discountCode": "MUGS" });
    assert_eq!(order(&door, &shop, &only).await.ok(200)["amount"], 595);

    for (code, fields, wanted) in [
        ("NONE", json!({}), "DISCOUNT_CODE_UNKNOWN"),
        ("OFF", json!({}), "DISCOUNT_CODE_NOT_ACTIVE"),
        ("SOON", json!({}), "DISCOUNT_CODE_NOT_STARTED"),
        ("PAST", json!({}), "DISCOUNT_CODE_ENDED"),
        ("BIG", json!({}), "DISCOUNT_CODE_BELOW_MINIMUM"),
        ("BIG", json!({ "currency": "USD" }), "DISCOUNT_CODE_OTHER_CURRENCY"),
        ("MUGS", json!({}), "DISCOUNT_CODE_OTHER_PRODUCTS"),
        ("ONCE", json!({}), "DISCOUNT_CODE_NEEDS_CUSTOMER"),
        ("TENTH", json!({ "amount": 0 }), "DISCOUNT_CODE_NOTHING_OFF"),
    ] {
        let mut body = json!({ "amount": 1999, "currency": "EUR", "discountCode": code });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = order(&door, &shop, &body).await;
        assert_eq!((answer.refused(422), answer.fields()), (wanted, vec!["discountCode"]), "{code}");
    }
    let stranger = door.shop().await;
    let answer =
        order(&door, &stranger, &json!({ "amount": 1999, "currency": "EUR", "discountCode": "TENTH" })).await;
    assert_eq!(answer.refused(422), "DISCOUNT_CODE_UNKNOWN");
}

/// A red pixel.
pub const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

/// A shop's server of pictures: a good one, one that is no picture, one that is there at the third try.
async fn pictures() -> (String, Arc<std::sync::atomic::AtomicU32>) {
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let png = Bytes::from(base64::engine::general_purpose::STANDARD.decode(PNG).unwrap());
    let late = {
        let png = png.clone();
        async move |State(asked): State<Arc<std::sync::atomic::AtomicU32>>| {
            let before = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if before < 2 { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(png) }
        }
    };
    let router = Router::new()
        .route("/mug.png", get(async move || png))
        .route("/late.png", get(late))
        .route("/page.html", get(async || "<html>"))
        .with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, asked)
}

/// An order of a product with a picture, of two things told on the spot, and with a code.
async fn illustrated(cluster: &Cluster, tenant: Tenant, site: SiteId, shop: &str) -> Value {
    let mug = ProductSettings {
        name: Some("Blue <Mug>".to_owned()),
        unit_price: Some(1190),
        currency: Some("EUR".to_owned()),
        image_url: Some(Some(format!("{shop}/mug.png"))),
        ..ProductSettings::default()
    };
    let mug = products::create(&cluster.app, tenant, mug).await.unwrap();
    let code = DiscountSettings {
        code: Some("TENTH".to_owned()),
        kind: Some(Kind::Percent),
        percent: Some(10.into()),
        ..Default::default()
    };
    discounts::create(&cluster.app, tenant, code).await.unwrap();
    let told =
        |name: &str| Item { name: Some(name.to_owned()), quantity: 1, unit_price: 100, ..Item::default() };
    let new = NewCheckout {
        currency: Some("EUR".to_owned()),
        items: vec![
            Item { product_id: Some(mug.id), quantity: 1, ..Item::default() },
            told("Late"),
            told("No picture"),
        ],
        image_urls: vec![(1, format!("{shop}/late.png")), (2, format!("{shop}/page.html"))],
        discount_code: Some("tenth".to_owned()),
        external_reference: Some("ORD-1".to_owned()),
        ..NewCheckout::default()
    };
    let created = create_checkout(&cluster.app, tenant, site, new, None).await.unwrap();
    serde_json::from_str(&created).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_pictures_and_the_discount_and_asks_nobody_else() {
    let cluster = Cluster::start(&shared_mongod().await, "pictures").await;
    let (shop, asked) = pictures().await;
    let (tenant, site) = in_process::tenant(&cluster.app, Mode::Test).await;
    let created = illustrated(&cluster, tenant, site, &shop).await;
    let page = created["paymentUrl"].as_str().unwrap();
    let origin = page.split_once("/checkout/").unwrap().0;
    let fetch = async |url: &str| cluster.http.get(url).send().await.unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(40);
    let html = loop {
        let html = fetch(page).await.text().await.unwrap();
        if html.matches("<img").count() == 2 {
            break html;
        }
        assert!(std::time::Instant::now() < deadline, "{html}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(html.contains("alt=\"Blue &#60;Mug&#62;\"") && html.contains("alt=\"Late\""), "{html}");
    assert!(html.contains("Discount · TENTH") && html.contains("€12.51"), "{html}");
    assert!(!html.contains(&shop), "the page names no third party");
    assert_eq!(
        asked.load(std::sync::atomic::Ordering::SeqCst),
        3,
        "tried until it was there, then never again"
    );

    let view =
        format!("{}/api/v1/checkouts/{}", cluster.runtime, created["sessionPublicId"].as_str().unwrap());
    let view: Value = fetch(&view).await.json().await.unwrap();
    assert_eq!(view["discount"], json!({ "code": "TENTH", "amount": 139 }));
    assert!(view["items"][2].get("imageUrl").is_none());
    let picture = view["items"][0]["imageUrl"].as_str().unwrap();
    assert!(picture.starts_with(origin), "{picture}");
    let answer = fetch(picture).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("content-type"), header("x-content-type-options")),
        ("image/jpeg".to_owned(), "nosniff".to_owned())
    );
    assert!(header("cache-control").contains("immutable"));
    assert!(header("content-security-policy").contains("default-src 'none'"));
    let bytes = answer.bytes().await.unwrap();
    assert!(bytes.starts_with(&[0xff, 0xd8]) && bytes.len() < 8192, "{}", bytes.len());
    let given_up = doc! { "url": format!("{shop}/page.html") };
    let given_up = cluster.app.store.for_org(tenant).find_one::<ProductImage>(given_up).await;
    let given_up = given_up.unwrap().unwrap();
    assert_eq!((given_up.due, given_up.attempts), (None, 1), "what is no picture will not become one");
    for unknown in ["/images/650000000000000000000001", "/images/x", "/images/../checkout"] {
        assert_eq!(fetch(&format!("{origin}{unknown}")).await.status(), 404, "{unknown}");
    }
}
