//! Products: made, found, changed, archived; prices as people write them.

use gateway_core::{
    app::{images, settings::products},
    domain::{Metadata, image::Jpeg, metadata::Pair, product::Product, role::Role},
};

use super::Operator;
use crate::admin::door::{Door, Shop};

const FORM: &[(&str, &str)] = &[
    ("name", "Mug <b>blue</b>"),
    ("description", "Holds a pint\r\nof tea"),
    ("unitPrice", "11,90"),
    ("currency", "eur"),
    ("vatRate", "5,5"),
    ("amountType", "net"),
    ("sku", "MUG-1"),
    ("itemType", "goods"),
    ("imageUrl", "https://shop.example.com/mug.png"),
    ("metadata", "color=blue\r\nformula=a=b"),
    ("active", "true"),
];

async fn stored(door: &Door, shop: &Shop, path: &str) -> Product {
    let id = path.strip_prefix("/products/").unwrap().parse().unwrap();
    products::get(&door.app, shop.tenant, id).await.unwrap()
}

/// A product; answers its page.
async fn made(editor: &Operator<'_>) -> String {
    let next = editor.done("/products/new", FORM).await;
    next.strip_suffix("?done=created").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_made_found_changed_and_archived() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    assert!(editor.page("/products").await.contains("No products yet"));
    let path = made(&editor).await;
    let product = stored(&door, &shop, &path).await;
    assert_eq!((product.unit_price, product.currency.code()), (1190, "EUR"));
    assert_eq!(product.vat_rate.unwrap().to_string(), "5.5");
    assert_eq!(product.metadata.0.len(), 2);
    for query in ["", "?q=MUG", "?sku=MUG-1", "?q=blue&active=true"] {
        let html = editor.page(&format!("/products{query}")).await;
        assert!(html.contains("€11.90") && html.contains("5.5 %"), "{query}: {html}");
        assert!(html.contains("Mug &#60;b&#62;blue") && !html.contains("<b>blue"), "{query}");
    }
    for query in ["?q=cup", "?sku=MUG", "?active=false"] {
        let html = editor.page(&format!("/products{query}")).await;
        assert!(html.contains("Nothing fits these filters"), "{query}: {html}");
    }
    let html = editor.page(&format!("{path}/edit")).await;
    for part in
        ["value=\"11.90\"", "value=\"5.5\"", "color=blue\nformula=a=b</textarea>", "value=\"net\" selected"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }

    // What the form shows, sent as it is but for the price, changes nothing but the price.
    let mut form = FORM.to_vec();
    form[2].1 = "9.9";
    assert_eq!(editor.done(&format!("{path}/edit"), &form).await, format!("{path}?done=saved"));
    let changed = stored(&door, &shop, &path).await;
    assert_eq!((changed.unit_price, &changed.metadata), (990, &product.metadata));
    assert_eq!((changed.sku, changed.vat_rate), (product.sku, product.vat_rate));

    let html = editor.page(&path).await;
    assert!(html.contains("Archive Mug &#60;b&#62;blue"), "the act names what it ends: {html}");
    assert_eq!(editor.done(&format!("{path}/archive"), &[]).await, "/products?done=archived");
    assert_eq!(editor.see(&path).await.status, 404);
    made(&editor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_product_stands_beside_its_field() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    for (field, value, text) in [
        ("name", " ", "is required"),
        ("unitPrice", "1.190,00", "must be an amount in EUR"),
        ("unitPrice", "", "is required"),
        ("currency", "EURO", "is not a supported ISO 4217"),
        ("currency", "", "is required"),
        ("vatRate", "high", "must be a percentage"),
        ("vatRate", "101", "from 0 to 100"),
        ("metadata", "color", "must be lines of the form key=value"),
        ("metadata", "a=1\na=2", "must name each key once"),
        ("imageUrl", "ftp://shop.example.com/a.png", "id=\"e-imageUrl\""),
    ] {
        let mut form = FORM.to_vec();
        form.iter_mut().filter(|(name, _)| *name == field).for_each(|pair| pair.1 = value);
        let answer = editor.send("/products/new", &form).await;
        assert_eq!(answer.status, 422, "{field}={value}");
        assert!(answer.text.contains(text), "{field}={value}: {}", answer.text);
        assert!(answer.text.contains(&format!("id=\"e-{field}\"")), "{field}={value}: {}", answer.text);
        assert!(answer.text.contains("value=\"MUG-1\""), "what was typed stays");
    }
    made(&editor).await;
    let again = editor.send("/products/new", FORM).await;
    assert_eq!(again.status, 422);
    assert!(again.text.contains("id=\"e-sku\"") && again.text.contains("is taken"), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_once_it_is_there_and_metadata_that_is_no_lines_stays() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = made(&editor).await;
    assert!(editor.page(&path).await.contains("Being fetched"));
    assert_eq!(editor.see(&format!("{path}/picture")).await.status, 404);
    let id = stored(&door, &shop, &path).await.image_id.unwrap();
    let image = images::get(&door.app, shop.tenant, id).await.unwrap().unwrap();
    images::put_off(&door.app, &image, "it is no picture", false).await.unwrap();
    let html = editor.page(&path).await;
    assert!(html.contains("Given up") && html.contains("it is no picture"), "{html}");
    editor.done(&format!("{path}/edit"), FORM).await;
    assert!(editor.page(&path).await.contains("Being fetched"), "saved again, it is tried anew");
    let image = images::get(&door.app, shop.tenant, id).await.unwrap().unwrap();
    images::keep(&door.app, &image, &Jpeg(vec![0xff, 0xd8])).await.unwrap();
    let html = editor.page(&path).await;
    assert!(html.contains("Fetched") && html.contains(&format!("{path}/picture\"")), "{html}");
    let picture = editor.see(&format!("{path}/picture")).await;
    assert_eq!((picture.status, picture.headers["content-type"].as_bytes()), (200, &b"image/jpeg"[..]));
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(&format!("{path}/picture")).await.status, 404);

    let lines = Metadata(vec![Pair { k: "note".to_owned(), v: "two\nlines".to_owned() }]);
    let settings = products::ProductSettings { metadata: Some(lines.clone()), ..Default::default() };
    let product = stored(&door, &shop, &path).await;
    products::update(&door.app, shop.tenant, product.id, settings).await.unwrap();
    let html = editor.page(&format!("{path}/edit")).await;
    assert!(!html.contains("name=\"metadata\"") && html.contains("stays as it is"), "{html}");
    let form: Vec<_> = FORM.iter().copied().filter(|(name, _)| *name != "metadata").collect();
    editor.done(&format!("{path}/edit"), &form).await;
    assert_eq!(stored(&door, &shop, &path).await.metadata, lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_read_products_and_strangers_find_none() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = made(&editor).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let html = viewer.page(&path).await;
    assert!(html.contains("€11.90") && !html.contains("/archive\"") && !html.contains("/edit\""), "{html}");
    assert!(!viewer.page("/products").await.contains("/products/new"));
    for act in ["/products/new".to_owned(), format!("{path}/edit"), format!("{path}/archive")] {
        assert_eq!(viewer.send(&act, FORM).await.status, 403, "{act}");
    }
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    for page in [path.clone(), format!("{path}/edit")] {
        assert_eq!(stranger.see(&page).await.status, 404, "{page}");
    }
    for act in [format!("{path}/edit"), format!("{path}/archive")] {
        assert_eq!(stranger.send(&act, FORM).await.status, 404, "{act}");
    }
    assert!(stranger.page("/products").await.contains("No products yet"));
}
