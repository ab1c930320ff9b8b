//! Custom domains under a site: the record to make, the check in words, writes for administrators.

use gateway_core::{
    app::settings::domains,
    domain::{custom_domain::Found, role::Role},
};
use serde_json::json;

use super::Operator;
use crate::admin::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_added_checked_and_deleted() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let path = format!("/sites/{}/domains", shop.site);
    assert!(admin.page(&path).await.contains("No domains yet"));
    // This name is reserved so that nobody has it (RFC 6761).
    let host = format!("pay-{}.invalid", shop.site);
    let next = admin.done(&path, &[("host", &format!(" {} ", host.to_uppercase()))]).await;
    assert_eq!(next, format!("{path}?done=created"));
    let html = admin.page(&path).await;
    for part in [&host, "CNAME", "TXT", "_tollgate-challenge.", "tollgate=", "127.0.0.1", "Not checked yet"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let site = shop.site.parse().unwrap();
    let id = domains::of_site(&door.app, shop.tenant, site).await.unwrap()[0].id;
    assert_eq!(admin.done(&format!("{path}/{id}/check"), &[]).await, format!("{path}?done=checked"));
    let html = admin.page(&path).await;
    assert!(html.contains("The last check found: ") && html.contains("Does not point here"), "{html}");

    domains::record(&door.app, shop.tenant, id, Found::Proven).await.unwrap();
    let html = admin.page(&path).await;
    assert!(html.contains("Points here") && !html.contains("Make this record"), "{html}");
    assert!(admin.page(&format!("/sites/{}", shop.site)).await.contains(&host));

    // Under another site's address it is not there.
    let second = door.post(&shop.key, "/v1/sites", &json!({ "name": "Second" })).await.ok(201);
    let elsewhere = format!("/sites/{}/domains/{id}", second["id"].as_str().unwrap());
    for act in ["check", "delete"] {
        assert_eq!(admin.send(&format!("{elsewhere}/{act}"), &[]).await.status, 404, "{act}");
    }
    assert_eq!(admin.done(&format!("{path}/{id}/delete"), &[]).await, format!("{path}?done=deleted"));
    assert!(domains::of_site(&door.app, shop.tenant, site).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_cannot_be_are_refused_and_editors_only_look() {
    let door = Door::open().await;
    let (shop, other) = (door.shop().await, door.shop().await);
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let path = format!("/sites/{}/domains", shop.site);
    let answer = admin.send(&path, &[("host", "https://\"pay\"")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-host\"") && answer.text.contains("must be a host name"));
    assert!(answer.text.contains("value=\"https://&#34;pay&#34;\""), "{}", answer.text);
    let host = format!("pay-{}.example.com", shop.site);
    admin.done(&path, &[("host", &host)]).await;
    let again = admin.send(&path, &[("host", &host)]).await;
    assert_eq!(again.status, 422);
    assert!(again.text.contains("role=\"alert\"") && again.text.contains("registered already"));

    let id = domains::of_site(&door.app, shop.tenant, shop.site.parse().unwrap()).await.unwrap()[0].id;
    for role in [Role::Viewer, Role::Editor] {
        let operator = Operator::of(&door, &shop, role).await;
        let html = operator.page(&path).await;
        let form = format!("action=\"{}", operator.path(&path));
        assert!(html.contains(&host) && !html.contains(&form), "{role} is offered nothing");
        for act in [path.clone(), format!("{path}/{id}/check"), format!("{path}/{id}/delete")] {
            assert_eq!(operator.send(&act, &[("host", "a.example")]).await.status, 403, "{role} {act}");
        }
    }
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.send(&path, &[("host", "mine.example.com")]).await.status, 404);
    let own = format!("/sites/{}/domains/{id}", other.site);
    for act in ["check", "delete"] {
        assert_eq!(stranger.send(&format!("{own}/{act}"), &[]).await.status, 404, "{act}");
    }
}
