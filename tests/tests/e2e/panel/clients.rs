//! Clients: made, found, changed, deleted; their own page; a copy of what is held about them, and its end.

use gateway_core::{
    app::{checkouts, settings::clients},
    domain::{client::Client, role::Role},
};
use serde_json::{Value, json};

use super::Operator;
use crate::admin::door::{Door, Shop};

const NAME: &str = "Ana <b>Sousa</b>";

const FORM: &[(&str, &str)] = &[
    ("name", NAME),
    ("company", ""),
    ("email", "ana@example.com"),
    ("phone", "+351 210 000 000"),
    ("taxNumber", "PT999999990"),
    ("reference", "C-1"),
    ("billingAddress.firstName", ""),
    ("billingAddress.address1", "Rua Garrett 1"),
    ("billingAddress.city", "Lisboa"),
    ("billingAddress.country", "PT"),
    ("notes", "Prefers tea\r\nand no mail"),
    ("metadata", "tier=gold"),
];

async fn stored(door: &Door, shop: &Shop, path: &str) -> Client {
    let id = path.strip_prefix("/clients/").unwrap().parse().unwrap();
    clients::get_even_erased(&door.app, shop.tenant, id).await.unwrap()
}

/// A client; answers its page.
async fn made(editor: &Operator<'_>) -> String {
    let next = editor.done("/clients/new", FORM).await;
    next.strip_suffix("?done=created").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_made_found_changed_and_deleted() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    assert!(admin.page("/clients").await.contains("No clients yet"));
    assert!(admin.page("").await.contains("/clients\">Clients</a>"), "it stands in the navigation");
    let path = made(&admin).await;
    let client = stored(&door, &shop, &path).await;
    let profile = clients::profile(&door.app, &client).await.unwrap();
    assert_eq!(profile.notes.as_deref(), Some("Prefers tea\nand no mail"));
    assert_eq!(profile.billing_address.as_ref().unwrap().city.as_deref(), Some("Lisboa"));
    for query in
        ["", "?q=ANA%40example.com", "?q=C-1", "?q=ana+%3Cb%3Esousa%3C%2Fb%3E", "?email=ana%40example.com"]
    {
        let html = admin.page(&format!("/clients{query}")).await;
        assert!(html.contains("ana@example.com") && !html.contains("<b>Sousa"), "{query}: {html}");
    }
    for query in ["?q=Ana", "?q=c-1", "?reference=C-2"] {
        assert!(admin.page(&format!("/clients{query}")).await.contains("Nobody fits"), "{query}");
    }

    // What the form shows, sent as it is but for the telephone, changes nothing but that.
    let html = admin.page(&format!("{path}/edit")).await;
    for part in ["value=\"Rua Garrett 1\"", "value=\"C-1\"", "tier=gold</textarea>", "and no mail</textarea>"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    let mut form = FORM.to_vec();
    form[3].1 = "112";
    assert_eq!(admin.done(&format!("{path}/edit"), &form).await, format!("{path}?done=saved"));
    let changed = clients::profile(&door.app, &stored(&door, &shop, &path).await).await.unwrap();
    assert_eq!(changed.phone.as_deref(), Some("112"));
    assert_eq!(clients::profile(&door.app, &client).await.unwrap().billing_address, changed.billing_address);

    let html = admin.page(&path).await;
    assert!(html.contains("Erase Ana &#60;b&#62;Sousa") && html.contains("Rua Garrett 1"), "{html}");
    // Payments that bear the same address are told of, and stay.
    let payment = door.started(&shop, &json!({ "email": "ana@example.com" })).await;
    let html = admin.page(&path).await;
    assert!(html.contains("1 checkout, 1 payment and 0 documents bear the same e-mail address"), "{html}");
    for wrong in ["", "Ana"] {
        let refused = admin.send(&format!("{path}/delete"), &[("confirmDelete", wrong)]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("id=\"e-confirmDelete\""), "{}", refused.text);
        assert!(refused.text.contains("nothing was done"), "{}", refused.text);
    }
    let sure = [("confirmDelete", " ana  <B>Sousa</b> ")];
    assert_eq!(admin.done(&format!("{path}/delete"), &sure).await, "/clients?done=deleted");
    assert_eq!(admin.see(&path).await.status, 404);
    let checkout = admin.page(&format!("/checkouts/{}", payment.checkout_id)).await;
    assert!(checkout.contains("ana@example.com"), "{checkout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_client_stands_beside_its_field() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let long = "x".repeat(501);
    for (field, value, text) in [
        ("email", "ana", "is not an e-mail address"),
        ("reference", &"x".repeat(65), "at most 64 characters"),
        ("billingAddress.city", &long, "at most 500 characters"),
        ("metadata", "gold", "must be lines of the form key=value"),
    ] {
        let mut form = FORM.to_vec();
        form.iter_mut().filter(|(name, _)| *name == field).for_each(|pair| pair.1 = value);
        let answer = editor.send("/clients/new", &form).await;
        assert_eq!(answer.status, 422, "{field}");
        assert!(
            answer.text.contains(text) && answer.text.contains("value=\"PT999999990\""),
            "{}",
            answer.text
        );
        assert!(answer.text.contains(&format!("id=\"e-{field}\"")), "{field}: {}", answer.text);
    }
    let nobody = editor.send("/clients/new", &[("phone", "112")]).await;
    assert!(nobody.status == 422 && nobody.text.contains("id=\"e-name\""), "{}", nobody.text);
    made(&editor).await;
    let again = editor.send("/clients/new", FORM).await;
    assert!(again.status == 422 && again.text.contains("id=\"e-reference\""), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_page_shows_what_they_bought_and_its_end_what_is_kept() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let path = made(&admin).await;
    let id = path.strip_prefix("/clients/").unwrap();
    let by_id = door.started(&shop, &json!({ "clientId": id, "externalReference": "BY-ID" })).await;
    for (field, value, reference) in
        [("clientId", "C-1", "BY-REFERENCE"), ("email", "ANA@example.com", "BY-MAIL")]
    {
        let body = json!({ "amount": 1, "currency": "EUR", "externalReference": reference, field: value });
        door.checkout(&shop, &body).await;
    }
    let other = json!({ "amount": 1, "currency": "EUR", "externalReference": "NOT-HERS", "clientId": "C-2" });
    door.checkout(&shop, &other).await;
    let html = admin.page(&path).await;
    for part in ["BY-ID", "BY-REFERENCE", "BY-MAIL", &format!("/transactions/{}\"", by_id.id)] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("NOT-HERS"), "{html}");
    let checkout = admin.page(&format!("/checkouts/{}", by_id.checkout_id)).await;
    assert!(checkout.contains(&format!("{path}\">{id}</a>")), "a checkout leads to its client: {checkout}");

    let file = admin.see(&format!("{path}/export.json")).await;
    assert!(file.headers["content-disposition"].to_str().unwrap().contains(&format!("client_{id}.json")));
    let export: Value = serde_json::from_str(&file.text).unwrap();
    assert_eq!(export["checkouts"].as_array().unwrap().len(), 3);

    let named = "2 checkouts name Ana &#60;b&#62;Sousa&#60;/b&#62; by the client’s id or reference, so the record cannot be";
    assert!(html.contains(named) && !html.contains(&format!("{path}/delete")), "{html}");
    let refused = admin.send(&format!("{path}/delete"), &[("confirmDelete", NAME)]).await;
    assert!(
        refused.status == 422 && refused.text.contains("Erase the personal data instead")
            || refused.text.contains("erase the personal data instead"),
        "{}",
        refused.text
    );
    let unsure = admin.send(&format!("{path}/erase"), &[]).await;
    assert!(unsure.status == 422 && unsure.text.contains("id=\"e-confirmErase\""), "{}", unsure.text);
    let refused = admin.send(&format!("{path}/erase"), &[("confirmErase", NAME)]).await;
    assert!(refused.status == 422 && refused.text.contains("are open or being paid"), "{}", refused.text);
    for checkout in export["checkouts"].as_array().unwrap() {
        let checkout = checkout["id"].as_str().unwrap().parse().unwrap();
        checkouts::cancel(&door.app, shop.tenant, checkout).await.unwrap();
    }
    let sure = [("confirmErase", NAME)];
    assert_eq!(admin.done(&format!("{path}/erase"), &sure).await, format!("{path}?done=erased"));
    let html = admin.page(&format!("{path}?done=erased")).await;
    assert!(html.contains("The personal data are erased.") && html.contains("No legal documents"), "{html}");
    assert!(!html.contains("Sousa") && !html.contains("ana@example.com"), "{html}");
    assert!(admin.page("/clients").await.contains("No clients yet"));
    for gone in [format!("{path}/edit"), format!("{path}/export.json")] {
        assert_eq!(admin.see(&gone).await.status, 404, "{gone}");
    }
    assert_eq!(admin.done(&format!("{path}/erase"), &[]).await, format!("{path}?done=erased"), "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_read_clients_admins_erase_them_and_strangers_find_none() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = made(&editor).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let html = viewer.page(&path).await;
    assert!(html.contains("Lisboa"), "{html}");
    for act in ["/edit\"", "/export.json\"", "/erase\"", "/delete\""] {
        assert!(!html.contains(&format!("{path}{act}")), "{act}: {html}");
    }
    for act in
        ["/clients/new".to_owned(), format!("{path}/edit"), format!("{path}/erase"), format!("{path}/delete")]
    {
        assert_eq!(viewer.send(&act, FORM).await.status, 403, "{act}");
    }
    assert_eq!(viewer.see(&format!("{path}/export.json")).await.status, 403);
    let html = editor.page(&path).await;
    assert!(html.contains("/export.json\"") && !html.contains("/erase\""), "{html}");
    for act in ["erase", "delete"] {
        assert_eq!(editor.send(&format!("{path}/{act}"), &[]).await.status, 403, "{act}");
    }
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    for page in [path.clone(), format!("{path}/edit"), format!("{path}/export.json")] {
        assert_eq!(stranger.see(&page).await.status, 404, "{page}");
    }
    for act in ["edit", "erase", "delete"] {
        assert_eq!(stranger.send(&format!("{path}/{act}"), FORM).await.status, 404, "{act}");
    }
    assert!(stranger.page("/clients").await.contains("No clients yet"));
}
