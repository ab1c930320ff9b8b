//! People, audit log and settings in a real browser: nothing is cut off, and all people can use them.

use gateway_core::domain::{person::Person, role::Role};
use mongodb::bson::doc;

use super::{Operator, person};
use crate::{
    admin::door::Door,
    axe::SMALL_PHONE,
    browser::{DESKTOP, Device, browse, fits, look},
};

#[tokio::test(flavor = "multi_thread")]
async fn screens_of_the_organization_fit_and_are_accessible() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let store = door.app.store.for_org(Person::TENANT);
    let is_system_admin = doc! { "$set": { "systemAdmin": true } };
    store.update::<Person>(admin.person.id, doc! {}, is_system_admin).await.unwrap();
    let colleague = person(&door, &[(&shop, Role::Viewer)]).await;
    let email = format!("somebody-with-a-rather-long-address-{}@example.com", colleague.id);
    let fields = [("email", email.as_str()), ("role", "editor"), ("language", "pt")];
    admin.done("/people/invite", &fields).await;
    admin.done(&format!("/people/{}/role", colleague.id), &[("role", "editor")]).await;
    admin.send(&format!("/people/{}/remove", admin.person.id), &[]).await;
    admin.done("/settings/name", &[("name", "Example Shop")]).await;
    door.post(&shop.key, "/v1/sites", &serde_json::json!({ "name": "Second site" })).await.ok(201);
    for device in [SMALL_PHONE, DESKTOP, Device { dark: true, ..DESKTOP }] {
        browse(device, async |client| {
            client.goto(&format!("{}/login", door.panel)).await.unwrap();
            let cookie = format!("document.cookie = '{}; path=/'", admin.cookie);
            client.execute(&cookie, vec![]).await.unwrap();
            for path in ["/people", "/people/invite", "/audit-log", "/settings"] {
                client.goto(&format!("{}{}", door.panel, admin.path(path))).await.unwrap();
                let name = format!("panel{}-{}-{}", path.replace('/', "-"), device.width, device.dark);
                fits(&client, &name).await;
                look(&client, &name).await;
            }
            client.goto(&format!("{}{}", door.panel, admin.path("/people"))).await.unwrap();
            let open = "document.querySelectorAll('details').forEach((one) => { one.open = true })";
            client.execute(open, vec![]).await.unwrap();
            fits(&client, "people with their forms").await;
            look(&client, &format!("panel-people-open-{}-{}", device.width, device.dark)).await;
        })
        .await;
    }
}
