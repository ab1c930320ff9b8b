//! People: invited, given other roles, taken out, and never all of them.

use gateway_core::{
    app::people::{self, invitations},
    domain::{invitation::InvitationState, role::Role},
    store::list::PageRequest,
};

use super::{Operator, person};
use crate::admin::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_and_the_invitation_taken_back() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    assert!(admin.page("/people").await.contains("Nobody is invited at the moment"));
    assert!(admin.page("/people/invite").await.contains("Send the invitation"));
    let wrong = [("email", "no address <b>"), ("role", "editor"), ("language", "de")];
    let answer = admin.send("/people/invite", &wrong).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-email\"") && !answer.text.contains("<b>\""), "{}", answer.text);
    assert!(answer.text.contains("value=\"editor\" selected"), "what was chosen stays");
    let own = [("email", admin.person.email.as_str()), ("role", "editor"), ("language", "de")];
    let answer = admin.send("/people/invite", &own).await;
    assert!(answer.status == 422 && answer.text.contains("belongs to a member already"), "{}", answer.text);

    let email = format!("new-{}@example.com", admin.person.id);
    let fields = [("email", email.as_str()), ("role", "editor"), ("language", "de")];
    assert_eq!(admin.done("/people/invite", &fields).await, "/people?done=invited");
    let html = admin.page("/people").await;
    assert!(html.contains(&email) && html.contains("Mail on its way"), "{html}");
    let all = PageRequest { page: 1, limit: 10, after: None };
    let open = invitations::list(&door.app, organization, Some(InvitationState::Open), &all).await.unwrap();
    assert_eq!((open.rows.len(), open.rows[0].role), (1, Role::Editor));
    let path = format!("/people/invitations/{}/revoke", open.rows[0].id);
    assert_eq!(admin.done(&path, &[]).await, "/people?done=invitation-revoked");
    assert!(!admin.page("/people").await.contains(&email));
    let stranger_shop = door.shop().await;
    let stranger = Operator::of(&door, &stranger_shop, Role::Admin).await;
    assert_eq!(stranger.send(&path, &[]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_changed_and_the_last_admin_stays() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let organization = shop.tenant.organization;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let colleague = person(&door, &[(&shop, Role::Viewer)]).await;
    let (own, other) = (format!("/people/{}", admin.person.id), format!("/people/{}", colleague.id));
    for (path, fields) in
        [(format!("{own}/role"), vec![("role", "viewer")]), (format!("{own}/remove"), vec![])]
    {
        let answer = admin.send(&path, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains("This is the only Admin"), "{}", answer.text);
    }
    assert_eq!(admin.send(&format!("{other}/role"), &[("role", "king")]).await.status, 422);
    assert_eq!(admin.done(&format!("{other}/role"), &[("role", "admin")]).await, "/people?done=role-changed");
    let now = people::get(&door.app, colleague.id).await.unwrap();
    assert_eq!(now.role_in(organization), Some(Role::Admin));
    assert_eq!(admin.done(&format!("{own}/remove"), &[]).await, "/", "now another Admin is there");
    assert_eq!(admin.see("/people").await.status, 404);
    let left = people::get(&door.app, admin.person.id).await.unwrap();
    assert_eq!(left.role_in(organization), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_not_offered_it() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let html = editor.page("/people").await;
    assert!(html.contains(&editor.person.email), "colleagues are seen");
    for offer in ["/people/invite", "Change role", "Remove…"] {
        assert!(!html.contains(offer), "{offer}");
    }
    assert_eq!(editor.see("/people/invite").await.status, 403);
    let path = format!("/people/{}/remove", editor.person.id);
    assert_eq!(editor.send(&path, &[]).await.status, 403);
    // A person of another organization is not there.
    let other = door.shop().await;
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.send(&path, &[]).await.status, 404);
}
