//! Who gets in: nobody without a session, nobody into another organization, no role beyond its table, and no
//! form from elsewhere.

use admin_api::panel::{
    self,
    screens::{Needs, Screen},
};
use gateway_core::domain::{Mode, role::Role};
use reqwest::Method;

use super::{Operator, fresh_key};
use crate::{admin::door::Door, in_process};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_every_screen_leads_to_the_log_in() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let mut operator = Operator::of(&door, &shop, Role::Admin).await;
    operator.cookie = "tollgate=made-up".to_owned();
    let answer = operator.see("/transactions?q=ORD-1").await;
    assert_eq!(answer.status, 303);
    let to = answer.headers["location"].to_str().unwrap();
    assert!(to.starts_with("/login?next=%2Fo%2F") && to.contains("ORD-1"), "{to}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_organization_s_is_not_there() {
    let door = Door::open().await;
    let name = in_process::database_name("organization");
    let (test, live) = (door.shop_of(&name, Mode::Test).await, door.shop_of(&name, Mode::Live).await);
    let other = door.shop().await;
    let payment = door.started(&test, &serde_json::json!({})).await;
    let path = format!("/transactions/{}", payment.id);
    let insider = Operator::of(&door, &test, Role::Admin).await;
    assert_eq!(insider.see(&path).await.status, 200);
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(
        stranger.see(&path).await.status,
        404,
        "another organization's payment under their own address"
    );
    let foreign = stranger.request(Method::GET, &insider.path(&path));
    assert_eq!(door.send(foreign).await.status, 404, "another organization's address");
    let in_live = Operator { shop: &live, ..Operator::of(&door, &test, Role::Admin).await };
    assert_eq!(in_live.see(&path).await.status, 404, "a test payment is not in live mode");
    assert_eq!(in_live.see("/transactions").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_from_elsewhere_are_refused() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let payment = door.started(&shop, &serde_json::json!({})).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = editor.path(&format!("/transactions/{}/resolve", payment.id));
    let post =
        |token: &str| editor.request(Method::POST, &path).form(&[("csrf", token), ("key", &fresh_key())]);
    assert_eq!(door.send(post(&editor.csrf)).await.status, 303);
    assert_eq!(door.send(post("")).await.status, 403, "no token");
    let colleague = Operator::of(&door, &shop, Role::Editor).await;
    assert_eq!(door.send(post(&colleague.csrf)).await.status, 403, "a colleague's token");
    let cross = post(&editor.csrf).header("sec-fetch-site", "cross-site");
    assert_eq!(door.send(cross).await.status, 403, "another site");
    let json = editor.request(Method::POST, &path).json(&serde_json::json!({ "csrf": editor.csrf }));
    assert_eq!(door.send(json).await.status, 400, "no form");
}

/// Every form of the table: not one of them is taken without the session's own token, or from another page.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_without_its_own_token() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let colleague = Operator::of(&door, &shop, Role::Admin).await;
    let mut tried = 0;
    for screen in panel::table().iter().filter(|screen| screen.method == Method::POST) {
        let path = address(&admin, screen);
        let post = |token: &str| admin.request(Method::POST, &path).form(&[("csrf", token)]);
        let cross = post(&admin.csrf).header("sec-fetch-site", "cross-site");
        assert_eq!(door.send(cross).await.status, 403, "{path} from another site");
        let foreign = post(&admin.csrf).header("origin", "https://example.com");
        assert_eq!(door.send(foreign).await.status, 403, "{path} from another origin");
        if screen.needs == Needs::Nobody {
            continue;
        }
        tried += 1;
        for token in ["", "0", colleague.csrf.as_str()] {
            assert_eq!(door.send(post(token)).await.status, 403, "{path} with {token:?}");
        }
        let bare =
            admin.request(Method::POST, &path).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(door.send(bare).await.status, 403, "{path} without a body");
        let twice = admin.request(Method::POST, &path).form(&[("csrf", admin.csrf.as_str()), ("csrf", "")]);
        assert_eq!(door.send(twice).await.status, 403, "{path} with two tokens");
    }
    assert!(tried > 40, "{tried}");
    assert_eq!(admin.see("").await.status, 200, "still signed in: nothing was done");
}

/// What hands out a way in or takes one away, or says where money and messages go.
const PROVEN: [(&str, &str); 27] = [
    ("/o/{org}/{mode}/api-keys/new", "/api-keys/new"),
    ("/o/{org}/{mode}/api-keys/{id}/rotate", "/api-keys/{id}"),
    ("/o/{org}/{mode}/api-keys/{id}/revoke", "/api-keys/{id}"),
    ("/o/{org}/{mode}/providers/new", "/providers/new"),
    ("/o/{org}/{mode}/providers/{id}/edit", "/providers/{id}/edit"),
    ("/o/{org}/{mode}/providers/{id}/toggle", "/providers/{id}"),
    ("/o/{org}/{mode}/providers/{id}/delete", "/providers/{id}"),
    ("/o/{org}/{mode}/webhooks/new", "/webhooks/new"),
    ("/o/{org}/{mode}/webhooks/{id}", "/webhooks/{id}"),
    ("/o/{org}/{mode}/webhooks/{id}/rotate", "/webhooks/{id}"),
    ("/o/{org}/{mode}/webhooks/{id}/enable", "/webhooks/{id}"),
    ("/o/{org}/{mode}/webhooks/{id}/disable", "/webhooks/{id}"),
    ("/o/{org}/{mode}/webhooks/{id}/delete", "/webhooks/{id}"),
    ("/o/{org}/{mode}/sites/{id}/secret", "/sites/{id}"),
    ("/o/{org}/{mode}/sites/{id}/new-secret", "/sites/{id}"),
    ("/o/{org}/{mode}/people/invite", "/people/invite"),
    ("/o/{org}/{mode}/people/invitations/{id}/revoke", "/people"),
    ("/o/{org}/{mode}/people/{id}/role", "/people"),
    ("/o/{org}/{mode}/people/{id}/remove", "/people"),
    ("/account/password", "/account"),
    ("/account/factor/begin", "/account"),
    ("/account/factor/confirm", "/account"),
    ("/account/factor/remove", "/account"),
    ("/account/factor/recovery", "/account"),
    ("/account/passkeys/begin", "/account"),
    ("/account/passkeys", "/account"),
    ("/account/passkeys/{id}/remove", "/account"),
];

#[tokio::test(flavor = "multi_thread")]
async fn ways_in_and_ways_of_money_need_a_fresh_proof() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let ask = async |screen: &Screen| {
        let request = admin.request(screen.method.clone(), &address(&admin, screen));
        let is_post = screen.method == Method::POST;
        let answer = door.send(if is_post { request.form(&[("csrf", &admin.csrf)]) } else { request }).await;
        let to = answer.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
        to.filter(|to| to.starts_with("/login?again=1"))
    };
    let screens = panel::table();
    let asked = |screen: &Screen| PROVEN.iter().find(|(path, _)| *path == screen.path);
    for screen in screens.iter().filter(|screen| asked(screen).is_some()) {
        assert_eq!(ask(screen).await, None, "{} just after the log-in", screen.path);
    }
    // An hour later, at a machine that was left open or with a cookie that was taken.
    let sessions = door.app.store.database().collection::<mongodb::bson::Document>("sessions");
    let hour_ago = mongodb::bson::DateTime::from_millis(door.app.now().millis() - 3_600_000);
    let aged = mongodb::bson::doc! { "$set": { "createdAt": hour_ago } };
    sessions.update_one(mongodb::bson::doc! { "person": admin.person.id }, aged).await.unwrap();
    let mut forms = 0;
    for screen in screens.iter().filter(|screen| screen.path != "/logout") {
        let led = ask(screen).await;
        let Some((_, back)) = asked(screen).filter(|_| is_guarded(screen)) else {
            assert_eq!(led, None, "{} {} does not ask", screen.method, screen.path);
            continue;
        };
        forms += usize::from(screen.method == Method::POST);
        let led = led.unwrap_or_else(|| panic!("{} {} asks for no proof", screen.method, screen.path));
        let back = back.replace("{id}", "000000000000000000000000");
        let back = if back.starts_with("/account") { back } else { admin.path(&back) };
        let next = url::Url::parse("http://x").unwrap().join(&led).unwrap();
        let next = next.query_pairs().find(|(name, _)| name == "next").unwrap().1.into_owned();
        assert_eq!(next, back, "{} {}", screen.method, screen.path);
    }
    assert_eq!(forms, PROVEN.len(), "every one of them is a form");
}

/// Pages are guarded where they are forms to fill in.
fn is_guarded(screen: &Screen) -> bool {
    screen.method == Method::POST || ["/new", "/edit", "/invite"].iter().any(|end| screen.path.ends_with(end))
}

/// Wherever a page is told where to go next, it stays here.
#[tokio::test(flavor = "multi_thread")]
async fn no_log_in_leads_elsewhere() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let operator = Operator::of(&door, &shop, Role::Viewer).await;
    let elsewhere = [
        "//example.com",
        "///example.com",
        "/\\example.com",
        "\\\\example.com",
        "https:example.com",
        "https://example.com",
        "/%09/example.com",
        "/\t/example.com",
        "javascript:alert(1)",
        "/\u{2044}example.com",
        " //example.com",
        "example.com",
        "/.//example.com/..//",
        "@example.com",
    ];
    for next in elsewhere {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        for path in ["/login", "/login?again=1"] {
            let path = format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' });
            let answer = door.send(operator.request(Method::GET, &path)).await;
            let leads = answer.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
            let leads = leads.unwrap_or_else(|| super::hidden(&answer.text, "next").to_owned());
            // As a browser would read it.
            let panel = url::Url::parse(&door.panel).unwrap();
            let to = panel.join(&leads).unwrap();
            assert_eq!(to.origin(), panel.origin(), "{next:?} leads to {leads:?}");
        }
    }
}

/// A screen's address in a shop, with ids that nothing has.
pub fn address(operator: &Operator<'_>, screen: &Screen) -> String {
    let tenant = operator.shop.tenant;
    let path = screen
        .path
        .replace("{org}", &tenant.organization.to_string())
        .replace("{mode}", tenant.mode.as_str());
    let parts =
        path.split('/').map(|part| if part.starts_with('{') { "000000000000000000000000" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_is_open_to_the_roles_of_the_table_and_to_nobody_else() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let screens = panel::table();
    assert!(screens.len() > 60, "{}", screens.len());
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    for role in Role::ALL {
        let member = Operator::of(&door, &shop, *role).await;
        let nobody = Operator { cookie: String::new(), ..Operator::of(&door, &shop, *role).await };
        // What ends the session itself, or asks to prove oneself, is tried elsewhere.
        for screen in screens.iter().filter(|screen| screen.path != "/logout") {
            let path = address(&member, screen);
            let ask = async |who: &Operator<'_>| {
                let request = who.request(screen.method.clone(), &path);
                let is_post = screen.method == Method::POST;
                let form = [("csrf", who.csrf.as_str())];
                door.send(if is_post { request.form(&form) } else { request }).await
            };
            let answer = ask(&member).await;
            let what = format!("{} {path} as {role}: {} {}", screen.method, answer.status, answer.text);
            assert!(answer.status < 500, "{what}");
            let to_login = |to: Option<&reqwest::header::HeaderValue>| {
                to.is_some_and(|to| to.to_str().unwrap().starts_with("/login"))
            };
            match screen.needs {
                Needs::Nobody => {}
                Needs::Person => assert!(to_login(ask(&nobody).await.headers.get("location")), "{what}"),
                Needs::Scope(scope) => {
                    assert_eq!(answer.status == 403, !role.grants(scope), "{what}");
                    assert!(to_login(ask(&nobody).await.headers.get("location")), "{what}");
                    assert_eq!(ask(&stranger).await.status, 404, "{what}");
                }
            }
        }
    }
}
