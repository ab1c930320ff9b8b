//! Sites: made, changed, their secret shown on request, their test message followed.

use gateway_core::{
    app::settings::sites,
    domain::{SiteId, role::Role, site::Site},
};
use serde_json::json;

use super::Operator;
use crate::admin::door::{Door, Shop};

/// Every field of a site's form.
const FORM: &[(&str, &str)] = &[
    ("name", "Mug <b>Shop</b>"),
    ("brandColor", "#ffe600"),
    ("origins", "https://Shop.Example.com/\r\n\r\n http://localhost:3000 \r\n"),
    ("defaultIpnUrl", "https://shop.example.com/ipn?x=1&y=2"),
    ("ipnVersion", "1"),
    ("sendInitiated", "true"),
    ("amountsInHundredths", "true"),
];

async fn stored(door: &Door, shop: &Shop, id: &str) -> Site {
    sites::get(&door.app, shop.tenant, id.parse::<SiteId>().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_made_read_and_changed() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let (sandbox, stripe) = (shop.seed.sandbox.as_ref().unwrap().id, shop.seed.stripe.as_ref().unwrap().id);
    let (first, second) = (stripe.to_string(), sandbox.to_string());
    let mut form = FORM.to_vec();
    form.extend([("order", first.as_str()), ("order", &second), ("offered", &second), ("offered", &first)]);
    let next = editor.done("/sites/new", &form).await;
    let path = next.strip_suffix("?done=created").unwrap();
    let id = path.strip_prefix("/sites/").unwrap();
    let site = stored(&door, &shop, id).await;
    assert_eq!(site.origins, ["https://shop.example.com", "http://localhost:3000"]);
    assert_eq!(site.provider_ids, [stripe, sandbox]);
    assert!(site.send_initiated && site.amounts_in_hundredths && u8::from(site.ipn_version) == 1);

    for page in [path.to_owned(), "/sites".to_owned(), format!("{path}/edit")] {
        let html = editor.page(&page).await;
        assert!(html.contains("Mug &#60;b&#62;Shop") && !html.contains("<b>Shop"), "{page}: {html}");
        assert!(html.contains("#ffe600"), "{page}");
    }
    let html = editor.page(path).await;
    assert!(html.contains("black text") && html.contains("Too pale for marks"), "{html}");
    assert!(html.contains("Stripe, Sandbox") && html.contains("ipn?x=1&#38;y=2"), "{html}");

    // The form of what is stored changes nothing but what was typed.
    let html = editor.page(&format!("{path}/edit")).await;
    for part in [
        &format!("<label for=\"f-offered-{first}\">Stripe</label>"),
        "value=\"https://shop.example.com/ipn?x=1&#38;y=2\"",
        "https://shop.example.com\nhttp://localhost:3000</textarea>",
        "name=\"sendInitiated\" value=\"true\" checked",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let emptied = [("name", "Mugs"), ("ipnVersion", "2")];
    assert_eq!(editor.done(&format!("{path}/edit"), &emptied).await, format!("{path}?done=saved"));
    let site = stored(&door, &shop, id).await;
    assert_eq!((site.name.as_str(), site.brand_color, site.origins.len()), ("Mugs", None, 0));
    assert!(!site.send_initiated && site.default_ipn_url.is_none() && site.provider_ids.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_site_stands_beside_its_field() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let wrong = [
        ("name", " "),
        ("brandColor", "yellow"),
        ("origins", "https://a.example\nshop.example.com"),
        ("defaultIpnUrl", "ftp://x"),
        ("ipnVersion", "2"),
    ];
    for path in ["/sites/new".to_owned(), format!("/sites/{}/edit", shop.site)] {
        let answer = editor.send(&path, &wrong).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        for part in [
            "Please check",
            "href=\"#f-origins\">Allowed origins</a>",
            "Default IPN address: the URL must start with https://",
            "id=\"e-name\"",
            "id=\"e-brandColor\"",
            "id=\"e-origins\"",
            "Allowed origins: line 2 must be scheme and host, such as https://shop.example.com",
            "id=\"e-defaultIpnUrl\"",
            "value=\"yellow\"",
            "value=\"ftp://x\"",
        ] {
            assert!(answer.text.contains(part), "{part}: {}", answer.text);
        }
    }
    assert_eq!(stored(&door, &shop, &shop.site).await.name, "Example Shop");
    // A look at a colour saves nothing.
    let look = [("name", "Other"), ("brandColor", "#101010"), ("act", "preview")];
    let answer = editor.send(&format!("/sites/{}/edit", shop.site), &look).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("Too dark for marks") && answer.text.contains("value=\"Other\""));
    assert_eq!(stored(&door, &shop, &shop.site).await.name, "Example Shop");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_shown_on_request_to_those_who_may_change_it() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let (editor, viewer) =
        (Operator::of(&door, &shop, Role::Editor).await, Operator::of(&door, &shop, Role::Viewer).await);
    let path = format!("/sites/{}", shop.site);
    let id = shop.site.parse::<SiteId>().unwrap();
    let old = sites::secrets(&door.app, shop.tenant, id).await.unwrap().current.expose().to_owned();
    for page in ["/sites", &path] {
        assert!(!editor.page(page).await.contains(&old), "{page}");
    }
    let shown = editor.send(&format!("{path}/secret"), &[]).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains(&old));
    assert_eq!(shown.headers["cache-control"], "no-store");

    let later = door.app.now() + std::time::Duration::from_hours(48);
    let moment = later.to_string()[..16].to_owned();
    let next = editor.done(&format!("{path}/new-secret"), &[("effectiveAt", &moment)]).await;
    assert_eq!(next, format!("{path}?done=new-secret"));
    let secrets = sites::secrets(&door.app, shop.tenant, id).await.unwrap();
    assert_eq!(secrets.current.expose(), old);
    let (fresh, from) = secrets.next.unwrap();
    assert_eq!(from.to_string()[..16], moment);
    let html = editor.page(&path).await;
    assert!(html.contains("A new secret waits") && !html.contains(fresh.expose()), "{html}");
    let shown = editor.send(&format!("{path}/secret"), &[]).await.text;
    assert!(shown.contains(&old) && shown.contains(fresh.expose()));

    editor.done(&format!("{path}/new-secret"), &[("effectiveAt", "")]).await;
    let now = sites::secrets(&door.app, shop.tenant, id).await.unwrap();
    assert!(now.next.is_none() && now.current.expose() != old);
    for (value, text) in [("soon", "must be a date and time"), ("2999-01-01T00:00", "within 90 days")] {
        let answer = editor.send(&format!("{path}/new-secret"), &[("effectiveAt", value)]).await;
        assert_eq!(answer.status, 422);
        assert!(
            answer.text.contains(text) && answer.text.contains("id=\"e-effectiveAt\""),
            "{}",
            answer.text
        );
    }

    for act in ["secret", "new-secret", "test", "edit"] {
        assert_eq!(viewer.send(&format!("{path}/{act}"), &[]).await.status, 403, "{act}");
    }
    assert_eq!(viewer.send("/sites/new", FORM).await.status, 403);
    let html = viewer.page(&path).await;
    for act in ["/secret\"", "/new-secret\"", "/test\"", "/edit\""] {
        assert!(!html.contains(&format!("{path}{act}")), "a viewer is offered {act}");
    }
    assert!(!viewer.page("/sites").await.contains("/sites/new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_leads_to_its_delivery() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = format!("/sites/{}", shop.site);
    let answer = editor.send(&format!("{path}/test"), &[("url", "")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("no default IPN address") && answer.text.contains("id=\"e-url\""));
    let next = editor.done(&format!("{path}/test"), &[("url", "http://127.0.0.1:8999/ipn")]).await;
    let delivery = next.strip_prefix(&format!("{path}?test=")).unwrap().strip_suffix("&done=tested").unwrap();
    let html = editor.page(&next).await;
    assert!(html.contains(&format!("/deliveries/{delivery}\"")), "{html}");
    assert!(html.contains("not sent yet") && html.contains("Look again"), "no worker runs here: {html}");

    // Neither another site's page nor another organization shows it.
    let second = door.post(&shop.key, "/v1/sites", &json!({ "name": "Second" })).await.ok(201);
    let second = format!("/sites/{}?test={delivery}", second["id"].as_str().unwrap());
    assert!(!editor.page(&second).await.contains("/deliveries/"), "of another site");
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    let own = stranger.page(&format!("/sites/{}?test={delivery}", other.site)).await;
    assert!(!own.contains(&format!("/deliveries/{delivery}")));
    for page in [path.clone(), format!("{path}/edit"), format!("{path}/domains")] {
        assert_eq!(stranger.see(&page).await.status, 404, "{page}");
    }
    for act in ["secret", "new-secret", "test", "edit"] {
        assert_eq!(stranger.send(&format!("{path}/{act}"), FORM).await.status, 404, "{act}");
    }
}
