//! Invoices on the panel: found, written by hand row by row, issued, sent, credited, paid; and who writes them.

use gateway_core::{
    app::{
        invoices::{self, mail, number},
        settings::invoicing,
    },
    domain::{
        InvoiceId,
        invoice::{Invoice, InvoiceStatus, StoredFiles, paper::LogoFormat},
        role::Role,
    },
    store::Entity,
};
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::json;

use super::{Operator, fresh_key, hidden};
use crate::{
    admin::door::{Door, Shop},
    invoices::world,
};

async fn load(door: &Door, shop: &Shop, id: InvoiceId) -> Invoice {
    invoices::get(&door.app, shop.tenant, id).await.unwrap()
}

/// An issued invoice over 11.90, with this process as the worker.
async fn issued(door: &Door, shop: &Shop) -> Invoice {
    let draft = world::queued(&door.app, shop.tenant).await;
    number::number_series(&door.app, shop.tenant, draft.series_id).await.unwrap();
    load(door, shop, draft.id).await
}

/// Does the worker's part: a file that is recognized.
async fn made(door: &Door, shop: &Shop, id: InvoiceId) {
    let store = door.app.store.for_org(shop.tenant);
    let pdf = store.seal(StoredFiles::COLLECTION, id, StoredFiles::PDF_FIELD, b"%PDF-").await.unwrap();
    let (org, mode) = (shop.tenant.organization, shop.tenant.mode);
    let files = StoredFiles { id, org, mode, pdf, xml: None, created_at: door.app.now() };
    store.insert(&files).await.unwrap();
    let done = doc! {
        "$set": { "rendering.status": "done" }, "$unset": { "rendering.due": "" }, "$inc": { "version": 1_i64 },
    };
    assert!(store.update::<Invoice>(id, doc! {}, done).await.unwrap());
}

/// The settings' form, all of it, as a browser sends one with a file: the file's name and content.
fn settings(csrf: &str, changes: &[(&str, &str)], file: Option<(&str, &str)>) -> String {
    let mut fields = vec![
        ("seller.name", "Example <GmbH>"),
        ("seller.address", "Example Street 1\r\n2nd floor"),
        ("seller.postcode", "10115"),
        ("seller.city", "Example City"),
        ("seller.country", "de"),
        ("seller.vatId", "DE123456789"),
        ("enabled", "true"),
        ("timeZone", "Europe/Berlin"),
        ("defaultVatRate", "19 %"),
        ("language", "de"),
        ("look.color", "#0a7d5c"),
        ("look.footer", "IBAN DE02 1203 0000 0000 2020 51"),
    ];
    fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    fields.extend_from_slice(changes);
    fields.push(("csrf", csrf));
    let part = |about: String, content: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name={about}\r\n\r\n{content}\r\n")
    };
    let mut all: Vec<String> =
        fields.iter().map(|(name, value)| part(format!("\"{name}\""), value)).collect();
    all.extend(file.map(|(name, content)| part(format!("\"look.logo.data\"; filename=\"{name}\""), content)));
    all.concat() + "--XX--\r\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_are_found_by_number_buyer_kind_and_day() {
    let door = Door::open().await;
    let shop = door.shop().await;
    world::invoicing(&door.app, shop.tenant).await;
    let first = issued(&door, &shop).await;
    let mut new = world::by_hand();
    (new.issue, new.heading.buyer.name) = (false, "Another <b>Buyer</b>".to_owned());
    new.heading.buyer.email = Some("buyer@example.com".to_owned());
    invoices::create::create(&door.app, shop.tenant, new, None, &|_, _| String::new()).await.unwrap();
    let number = first.number().unwrap();
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let all = viewer.page("/invoices").await;
    assert!(all.contains(number) && all.contains("Another &#60;b&#62;Buyer"), "{all}");
    assert!(!all.contains("<b>Buyer") && !all.contains("/invoices/new"), "nothing is offered to a viewer");
    for (query, has_first, has_second) in [
        (format!("?q={number}"), true, false),
        ("?q=Buyer%40example.com".to_owned(), false, true),
        ("?status=draft".to_owned(), false, true),
        ("?kind=invoice&status=open".to_owned(), true, false),
        ("?kind=credit_note".to_owned(), false, false),
        ("?from=2020-01-01".to_owned(), true, true),
        ("?to=2020-01-01".to_owned(), false, false),
    ] {
        let html = viewer.page(&format!("/invoices{query}")).await;
        assert_eq!((html.contains(number), html.contains("Another ")), (has_first, has_second), "{query}");
    }
    assert!(viewer.page("/invoices?status=paid").await.contains("must be one of"));
    assert!(viewer.page("/invoices?q=INV-1").await.contains("Nothing fits these filters"));
    let html = viewer.page(&format!("/invoices/{}", first.id)).await;
    for part in ["Example work", "19 %", "Example Buyer", "€11.90", "€1.90", "2031-01-31"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    for act in ["issue", "void", "credit", "send", "record-payment", "render", "resolve"] {
        assert!(!html.contains(&format!("/{act}\"")), "{act}");
        let answer = viewer.send(&format!("/invoices/{}/{act}", first.id), &[]).await;
        assert_eq!(answer.status, 403, "{act}");
    }
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    for path in ["", "/pdf", "/xml"] {
        assert_eq!(stranger.see(&format!("/invoices/{}{path}", first.id)).await.status, 404);
    }
    for act in ["issue", "void", "send", "record-payment", "render", "resolve", "credit"] {
        let answer = stranger.send(&format!("/invoices/{}/{act}", first.id), &[("key", "k")]).await;
        assert_eq!(answer.status, 404, "{act}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_written_by_hand_row_by_row() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let empty = editor.page("/invoices/new").await;
    assert!(empty.contains("lines[4].unitPrice") && !empty.contains("lines[5]"), "five rows to fill");
    let mut fields = vec![
        ("buyer.name", "Example <i>Buyer</i>"),
        ("buyer.address", "Example Road 2\r\nBack yard"),
        ("currency", "EUR"),
        ("amountType", "gross"),
        ("language", "en"),
        ("lines[0].name", ""),
        ("lines[1].name", "Example work"),
        ("lines[1].quantity", "2"),
        ("lines[1].unitPrice", "5,95"),
        ("lines[1].vatRate", "19 %"),
        ("lines[3].name", "Discount"),
        ("lines[3].unitPrice", "-1.90"),
        ("lines[3].vatRate", "19"),
    ];
    let mut add = fields.clone();
    add.push(("add", "rows"));
    let more = editor.send("/invoices/new", &add).await;
    assert_eq!(more.status, 200, "{}", more.text);
    assert!(more.text.contains("lines[6].unitPrice"), "two are filled, five are added");
    assert!(
        more.text.contains("value=\"5,95\"") && more.text.contains("Example &#60;i&#62;"),
        "what was typed stays"
    );

    let wrong =
        [("key", hidden(&more.text, "key")), ("lines[4].name", "Wrong"), ("lines[4].unitPrice", "much")];
    let answer = editor.send("/invoices/new", &[fields.as_slice(), &wrong].concat()).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.text.contains("id=\"e-lines[2].unitPrice\""),
        "beside the row as it is shown: {}",
        answer.text
    );

    fields.push(("key", hidden(&answer.text, "key")));
    let to = editor.done("/invoices/new", &fields).await;
    assert!(to.ends_with("?done=created"), "{to}");
    assert_eq!(editor.done("/invoices/new", &fields).await, to, "sent twice, it is made once");
    let id: InvoiceId = to.trim_start_matches("/invoices/").split('?').next().unwrap().parse().unwrap();
    let made = load(&door, &shop, id).await;
    assert_eq!((made.total, made.status), (1000, InvoiceStatus::Draft));
    let paper = world::paper(&door.app, &made).await;
    assert_eq!(paper.buyer.address, ["Example Road 2", "Back yard"]);

    // Nothing is known of the seller: that is said before anything is issued.
    let answer = editor.send(&format!("/invoices/{id}/issue"), &[]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("Fill in what is missing under Invoicing first: your legal name"));
    let to = editor.done(&format!("/invoices/{id}/void"), &[]).await;
    assert!(to.ends_with("done=voided"));
    assert_eq!(load(&door, &shop, id).await.status, InvoiceStatus::Voided);
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    assert_eq!(viewer.see("/invoices/new").await.status, 403);
    assert_eq!(viewer.send("/invoices/new", &fields).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_invoice_is_sent_paid_and_credited_once() {
    let door = Door::open().await;
    let shop = door.shop().await;
    world::invoicing(&door.app, shop.tenant).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let draft = world::queued_or_not(&door.app, shop.tenant, false).await;
    let path = format!("/invoices/{}", draft.id);
    // Nobody gives numbers here: the wait ends, and that no mail was sent is said.
    let to = editor.done(&format!("{path}/issue"), &[("send", "yes")]).await;
    assert_eq!(to, format!("{path}?done=issued-unsent"));
    assert!(editor.page(&path).await.contains("Waits for its number"));
    number::number_series(&door.app, shop.tenant, draft.series_id).await.unwrap();
    let html = editor.page(&path).await;
    let number = load(&door, &shop, draft.id).await.number().unwrap().to_owned();
    assert!(html.contains(&number) && html.contains("The PDF is being made"));

    let key = hidden(&html, "key").to_owned();
    let answer = editor.send(&format!("{path}/send"), &[("key", &key), ("email", "nowhere")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-email\"") && answer.text.contains("value=\"nowhere\""));
    for _ in 0..2 {
        let to =
            editor.done(&format!("{path}/send"), &[("key", &key), ("email", &editor.person.email)]).await;
        assert_eq!(to, format!("{path}?done=sent"));
    }
    assert_eq!(mail::mails(&door.app, shop.tenant, draft.id).await.unwrap().len(), 1, "one click, one mail");

    made(&door, &shop, draft.id).await;
    let file = editor.see(&format!("{path}/pdf")).await;
    assert_eq!((file.status, file.text.as_str()), (200, "%PDF-"));
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert_eq!(name, format!("attachment; filename=\"{number}.pdf\""));
    assert!(editor.page(&path).await.contains("/pdf\"") && !editor.page(&path).await.contains("/xml\""));

    let pay = [("act", "pay"), ("paid", "0"), ("amount", "5.00")];
    editor.done(&format!("{path}/record-payment"), &pay).await;
    let again = editor.send(&format!("{path}/record-payment"), &pay).await;
    assert_eq!(again.status, 422, "the same form twice is the same money");
    assert!(again.text.contains("has changed meanwhile"));
    assert_eq!(load(&door, &shop, draft.id).await.money.paid, 500);
    let too_much = [("act", "pay"), ("paid", "500"), ("amount", "7.00")];
    assert_eq!(editor.send(&format!("{path}/record-payment"), &too_much).await.status, 422);

    let html = editor.page(&path).await;
    let credit =
        [("act", "credit"), ("key", hidden(&html, "key")), ("amount", "1,90"), ("reason", "<b>late</b>")];
    for _ in 0..2 {
        let to = editor.done(&format!("{path}/credit"), &credit).await;
        assert_eq!(to, format!("{path}?done=credited"));
    }
    let invoice = load(&door, &shop, draft.id).await;
    assert_eq!((invoice.credits.len(), invoice.credited()), (1, 190));
    let html = editor.page(&path).await;
    assert!(html.contains("&#60;b&#62;late") && !html.contains("<b>late"));
    let note = editor.page(&format!("/invoices/{}", invoice.credits[0].id)).await;
    assert!(note.contains("Credit note over €1.90") && note.contains(&path), "it leads back to its invoice");
    let too_much = [("act", "credit"), ("key", "k3"), ("amount", "1000"), ("reason", "Typed before")];
    let answer = editor.send(&format!("{path}/credit"), &too_much).await;
    assert_eq!(answer.status, 422);
    for part in ["You can credit at most €10.00.", "value=\"1000\"", "value=\"Typed before\""] {
        assert!(answer.text.contains(part), "{part}: what was typed stays: {}", answer.text);
    }
    let unreadable = [("act", "credit"), ("key", "k2"), ("amount", "all")];
    let answer = editor.send(&format!("{path}/credit"), &unreadable).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("must be an amount in EUR") && answer.text.contains("value=\"all\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_edited_by_one_person_at_a_time() {
    let door = Door::open().await;
    let shop = door.shop().await;
    world::invoicing(&door.app, shop.tenant).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let draft = world::queued_or_not(&door.app, shop.tenant, false).await;
    let path = format!("/invoices/{}", draft.id);
    assert!(editor.page(&path).await.contains(&format!("{path}/edit\"")));
    let html = editor.page(&format!("{path}/edit")).await;
    for part in [
        "value=\"Example work\"",
        "value=\"11.90\"",
        "value=\"19\"",
        "value=\"Example Buyer\"",
        "value=\"2031-01-31\"",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(html.contains("<option value=\"DE\" selected>Germany</option>"), "{html}");
    let seen = hidden(&html, "seen").to_owned();
    let mut fields = vec![
        ("seen", seen.as_str()),
        ("currency", "EUR"),
        ("amountType", "gross"),
        ("language", "de"),
        ("buyer.name", "Another Buyer"),
        ("buyer.country", "AT"),
        ("lines[0].name", "Hours"),
        ("lines[0].quantity", "7,5"),
        ("lines[0].unit", "HUR"),
        ("lines[0].unitPrice", "10"),
        ("lines[0].vatRate", "12"),
        ("lines[2].name", "Book"),
        ("lines[2].unitPrice", "5.35"),
        ("lines[2].vatRate", "7"),
    ];
    let answer = editor.send(&format!("{path}/edit"), &fields).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-lines[0].vatRate\""), "{}", answer.text);
    assert!(answer.text.contains("value=\"7,5\"") && answer.text.contains("value=\"Another Buyer\""));
    fields[10].1 = "19";
    assert_eq!(editor.done(&format!("{path}/edit"), &fields).await, format!("{path}?done=saved"));
    let changed = load(&door, &shop, draft.id).await;
    assert_eq!((changed.total, changed.status), (8_035, InvoiceStatus::Draft));
    // A second tab that was opened before loses nothing of the first.
    fields[4].1 = "Late Buyer";
    let answer = editor.send(&format!("{path}/edit"), &fields).await;
    assert_eq!(answer.status, 422);
    for part in [
        "changed this while you had it open",
        "Another Buyer",
        "value=\"Late Buyer\"",
        "Save over the change",
    ] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    assert_eq!(
        world::paper(&door.app, &load(&door, &shop, draft.id).await).await.buyer.name,
        "Another Buyer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_duplicated_and_credited_by_line() {
    let door = Door::open().await;
    let shop = door.shop().await;
    world::invoicing(&door.app, shop.tenant).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let draft = world::queued_or_not(&door.app, shop.tenant, false).await;
    let path = format!("/invoices/{}", draft.id);
    let page = editor.page(&format!("{path}/edit")).await;
    let fields = [
        ("seen", hidden(&page, "seen")),
        ("currency", "EUR"),
        ("amountType", "gross"),
        ("language", "de"),
        ("buyer.name", "Another Buyer"),
        ("buyer.country", "AT"),
        ("lines[0].name", "Hours"),
        ("lines[0].quantity", "7,5"),
        ("lines[0].unit", "HUR"),
        ("lines[0].unitPrice", "10"),
        ("lines[0].vatRate", "19"),
        ("lines[1].name", "Book"),
        ("lines[1].unitPrice", "5.35"),
        ("lines[1].vatRate", "7"),
    ];
    assert_eq!(editor.done(&format!("{path}/edit"), &fields).await, format!("{path}?done=saved"));

    let html = editor.page(&path).await;
    let key = [("key", hidden(&html, "key"))];
    let copy = editor.done(&format!("{path}/duplicate"), &key).await;
    assert_eq!(editor.done(&format!("{path}/duplicate"), &key).await, copy, "sent twice, it is made once");
    assert_ne!(copy, format!("{path}?done=created"));

    editor.done(&format!("{path}/issue"), &[]).await;
    number::number_series(&door.app, shop.tenant, draft.series_id).await.unwrap();
    let html = editor.page(&path).await;
    assert!(html.contains("of 7.5 h") && !html.contains("/edit\""), "{html}");
    let credit = |quantity| {
        [
            ("act", "credit-lines"),
            ("key", hidden(&html, "key")),
            ("credit[0]", quantity),
            ("reason", "Less work"),
        ]
    };
    let answer = editor.send(&format!("{path}/credit"), &credit("8")).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.text.contains("id=\"e-credit[0]\"") && answer.text.contains("value=\"8\""),
        "{}",
        answer.text
    );
    let answer = editor.send(&format!("{path}/credit"), &credit("")).await;
    assert_eq!(answer.status, 422, "nothing is named");
    let to = editor.done(&format!("{path}/credit"), &credit("2,5")).await;
    assert_eq!(to, format!("{path}?done=credited"));
    let invoice = load(&door, &shop, draft.id).await;
    assert_eq!((invoice.credited(), invoice.credits[0].groups[1].gross()), (2_500, 0));
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    assert_eq!(viewer.see(&format!("{path}/edit")).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_gets_its_invoice_by_a_button_and_only_one() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let paid = door.started(&shop, &json!({})).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = format!("/transactions/{}", paid.id);
    let too_early = editor.send(&format!("{path}/invoice"), &[]).await;
    assert_eq!(too_early.status, 422, "{}", too_early.text);
    assert!(!editor.page(&path).await.contains("Make an invoice"));
    door.pay(&paid).await;
    assert!(editor.page(&path).await.contains("Make an invoice"));
    let first = editor.done(&format!("{path}/invoice"), &[]).await;
    let second = editor.done(&format!("{path}/invoice"), &[]).await;
    assert_eq!(first.split('?').next(), second.split('?').next(), "a payment has one invoice");
    let html = editor.page(&path).await;
    assert!(html.contains("Invoice: a draft") && !html.contains("Make an invoice"));
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    assert_eq!(viewer.send(&format!("{path}/invoice"), &[]).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seller_and_the_look_are_an_administrator_s() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let put = async |operator: &Operator<'_>, body: String| {
        let request = operator.request(Method::POST, &operator.path("/invoice-settings"));
        let kind = "multipart/form-data; boundary=XX";
        let (key, seen) = (fresh_key(), operator.seen("/invoice-settings").await.unwrap_or_default());
        let hidden = |name: &str, value: &str| {
            format!("--XX\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
        };
        let body = hidden("key", &key) + &hidden("seen", &seen) + &body;
        door.send(request.header("content-type", kind).body(body)).await
    };
    let form = |changes: &[(&str, &str)], file| settings(&admin.csrf, changes, file);
    assert!(admin.page("/invoice-settings").await.contains("your legal name"), "what is missing is named");
    let html = editor.page("/invoice-settings").await;
    assert!(html.contains("disabled") && !html.contains(">Save<"), "others look");
    assert_eq!(put(&editor, settings(&editor.csrf, &[], None)).await.status, 403);

    let law = put(&admin, form(&[("seller.country", "Germany"), ("seller.vatId", "123")], None)).await;
    assert_eq!(law.status, 422);
    assert!(
        law.text.contains("id=\"e-seller.country\"") && law.text.contains("id=\"e-seller.vatId\""),
        "{}",
        law.text
    );
    let wrong = [("timeZone", "Mars/Crater"), ("defaultVatRate", "high"), ("seller.vatId", "")];
    let answer = put(&admin, form(&wrong, None)).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(answer.text.contains("id=\"e-defaultVatRate\"") && answer.text.contains("value=\"Mars/Crater\""));
    let answer = put(&admin, form(&[("timeZone", "Mars/Crater")], None)).await;
    assert!(answer.text.contains("id=\"e-timeZone\""), "{}", answer.text);

    let svg = "<svg xmlns='http://www.w3.org/2000/svg'/>";
    let answer = put(&admin, form(&[], Some(("logo.svg", svg)))).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let (stored, profile) = invoicing::get(&door.app, shop.tenant).await.unwrap();
    assert!(stored.enabled_since.is_some());
    assert_eq!(profile.seller.address, ["Example Street 1", "2nd floor"]);
    assert_eq!(profile.look.logo.as_ref().unwrap().format, LogoFormat::Svg);
    let html = admin.page("/invoice-settings").await;
    assert!(html.contains("Example &#60;GmbH&#62;") && html.contains("data:image/svg+xml;base64,"));

    // A browser sends a file that was not chosen as nothing: the logo stays.
    assert_eq!(put(&admin, form(&[], Some(("", "")))).await.status, 303);
    assert!(invoicing::get(&door.app, shop.tenant).await.unwrap().1.look.logo.is_some());
    assert_eq!(put(&admin, form(&[("removeLogo", "true")], None)).await.status, 303);
    assert!(invoicing::get(&door.app, shop.tenant).await.unwrap().1.look.logo.is_none());
    let answer = put(&admin, form(&[], Some(("logo.png", "no picture")))).await;
    assert!(
        answer.status == 422 && answer.text.contains("must be a PNG, JPEG or SVG file"),
        "{}",
        answer.text
    );
    let forged = put(&admin, settings("made-up", &[], None)).await;
    assert_eq!(forged.status, 403, "a form with a file carries the session's token, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_made_and_settled_once_used() {
    let door = Door::open().await;
    let shop = door.shop().await;
    world::invoicing(&door.app, shop.tenant).await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let fields =
        [("kind", "invoice"), ("name", "Shop"), ("period", "month"), ("start", "1"), ("padding", "3")];
    let answer =
        admin.send("/invoice-series/new", &[fields.as_slice(), &[("prefix", "INV-")]].concat()).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-prefix\""), "{}", answer.text);
    let good = [fields.as_slice(), &[("prefix", "SHOP/"), ("default", "true")]].concat();
    assert_eq!(admin.done("/invoice-series/new", &good).await, "/invoice-settings?done=created");
    assert!(admin.page("/invoice-settings").await.contains("SHOP/2030-01-001"));
    let used = issued(&door, &shop).await;
    assert!(used.number().unwrap().starts_with("SHOP/"), "documents take the default series");
    let page = format!("/invoice-series/{}", used.series_id);
    let html = admin.page(&page).await;
    assert!(html.contains("what they look like is settled") && !html.contains("name=\"prefix\""));
    assert_eq!(admin.done(&page, &[("name", "Renamed")]).await, "/invoice-settings?done=saved");
    assert!(admin.page(&page).await.contains("value=\"Renamed\""));
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    assert_eq!(editor.see("/invoice-series/new").await.status, 403);
    assert_eq!(editor.send(&page, &[("name", "x")]).await.status, 403);
    let stranger = door.shop().await;
    let stranger = Operator::of(&door, &stranger, Role::Admin).await;
    assert_eq!(stranger.see(&page).await.status, 404);
    assert_eq!(stranger.send(&page, &[("name", "x")]).await.status, 404);
}
