//! Who gets in: nobody without a session, nobody into another organization, no role beyond its table, and no
//! form from elsewhere.

use admin_api::panel::{
    self,
    screens::{Needs, Screen},
};
use gateway_core::domain::{Mode, role::Role};
use reqwest::Method;

use super::Operator;
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
    let post = |token: &str| editor.request(Method::POST, &path).form(&[("csrf", token)]);
    assert_eq!(door.send(post(&editor.csrf)).await.status, 303);
    assert_eq!(door.send(post("")).await.status, 403, "no token");
    let colleague = Operator::of(&door, &shop, Role::Editor).await;
    assert_eq!(door.send(post(&colleague.csrf)).await.status, 403, "a colleague's token");
    let cross = post(&editor.csrf).header("sec-fetch-site", "cross-site");
    assert_eq!(door.send(cross).await.status, 403, "another site");
    let json = editor.request(Method::POST, &path).json(&serde_json::json!({ "csrf": editor.csrf }));
    assert_eq!(door.send(json).await.status, 400, "no form");
}

/// A screen's address in a shop, with ids that nothing has.
fn address(operator: &Operator<'_>, screen: &Screen) -> String {
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
