//! Settings of the organization, and new organizations.

use gateway_core::{
    app::people,
    domain::{OrganizationId, person::Person, role::Role},
};
use mongodb::bson::doc;

use super::Operator;
use crate::admin::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_renamed_by_its_admins() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let name = "Mugs & <More>";
    assert_eq!(admin.done("/settings/name", &[("name", name)]).await, "/settings?done=saved");
    let html = admin.page("/settings?done=saved").await;
    assert!(html.contains("Mugs &#38; &#60;More&#62;") && !html.contains("<More>"), "{html}");
    let long = "x".repeat(101);
    for wrong in ["", "  ", long.as_str()] {
        let answer = admin.send("/settings/name", &[("name", wrong)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains("id=\"e-name\""), "{}", answer.text);
    }
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    let html = viewer.page("/settings").await;
    assert!(html.contains("Invoice settings") && !html.contains("/settings/name"), "{html}");
    assert_eq!(viewer.send("/settings/name", &[("name", "Other")]).await.status, 403);
    assert!(!html.contains("New organization"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_administrator_makes_an_organization_and_is_its_admin() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Viewer).await;
    let fields = [("organization", "Second Shop")];
    assert_eq!(admin.send("/settings/organizations", &fields).await.status, 404, "nobody else does");
    let store = door.app.store.for_org(Person::TENANT);
    let made = doc! { "$set": { "systemAdmin": true } };
    assert!(store.update::<Person>(admin.person.id, doc! {}, made).await.unwrap());
    assert!(admin.page("/settings").await.contains("New organization"));
    let answer = admin.send("/settings/organizations", &[("organization", "")]).await;
    assert!(answer.status == 422 && answer.text.contains("id=\"e-organization\""), "{}", answer.text);
    let to = admin.done("/settings/organizations", &fields).await;
    let id: OrganizationId = to.split('/').nth(2).unwrap().parse().unwrap();
    assert_eq!(to, format!("/o/{id}/live/settings?done=organization-made"));
    let person = people::get(&door.app, admin.person.id).await.unwrap();
    assert_eq!(person.role_in(id), Some(Role::Admin));
    let page = door.send(admin.request(reqwest::Method::GET, &to)).await;
    assert!(page.status == 200 && page.text.contains("Second Shop"), "{}", page.text);
}
