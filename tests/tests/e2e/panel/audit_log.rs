//! The audit log as people read it.

use gateway_core::domain::role::Role;

use super::{Operator, person};
use crate::admin::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_did_what() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    assert!(admin.page("/audit-log").await.contains("Nothing was administered yet"));
    let colleague = person(&door, &[(&shop, Role::Viewer)]).await;
    admin.done(&format!("/people/{}/role", colleague.id), &[("role", "editor")]).await;
    admin.send(&format!("/people/{}/remove", admin.person.id), &[]).await;
    admin.done("/settings/name", &[("name", "Very Private Name")]).await;
    let html = admin.page("/audit-log").await;
    for part in [
        "<strong>Example Person</strong> changed somebody&#39;s role",
        "renamed the organization",
        "tried to remove somebody from the organization",
        "Fields: role",
        "127.0.0.1",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let (_, entries) = html.split_once("<tbody>").unwrap();
    assert!(!entries.contains("Very Private Name"), "values are not kept");
    let filtered = admin.page("/audit-log?operation=updateOrganization&outcome=done&channel=panel").await;
    assert!(filtered.contains("renamed the organization") && !filtered.contains("tried to"), "{filtered}");
    let by = format!("/audit-log?actor=person%3A{}", colleague.id);
    assert!(admin.page(&by).await.contains("Nothing fits these filters"));
    assert!(admin.page("/audit-log?from=soon").await.contains("must be an ISO 8601"));
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Viewer).await;
    assert!(!stranger.page("/audit-log").await.contains("renamed the organization"));
}
