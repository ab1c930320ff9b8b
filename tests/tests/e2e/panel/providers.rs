//! Providers: credentials go in and never come out, and the page says what is left to do.

use gateway_core::{
    app::{bootstrap::Ready, settings::providers},
    domain::{Mode, ProviderId, provider_account::ProviderAccount, role::Role},
};
use serde_json::json;

use super::Operator;
use crate::{
    admin::door::{Door, Shop},
    in_process,
};

async fn stored(door: &Door, shop: &Shop, path: &str) -> ProviderAccount {
    let id: ProviderId = path.strip_prefix("/providers/").unwrap().parse().unwrap();
    providers::get(&door.app, shop.tenant, id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_go_in_and_never_come_out() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let html = admin.page("/providers/new").await;
    for kind in ["sandbox", "stripe", "gocardless"] {
        assert!(html.contains(&format!("/providers/new?type={kind}")), "{kind}");
    }
    let (key, secret) = ("sk_test_PanelKey", "whsec_PanelSecret");
    let form = [
        ("type", "stripe"),
        ("name", "Main <i>Stripe</i>"),
        ("credentials.apiKey", key),
        ("credentials.webhookSecrets", secret),
        ("credentials.webhookSecrets", ""),
    ];
    let next = admin.done("/providers/new", &form).await;
    let path = next.strip_suffix("?done=created").unwrap();
    assert!(!stored(&door, &shop, path).await.enabled, "the box was not ticked");
    let edit = format!("{path}/edit");
    for page in [path, "/providers", &edit] {
        let html = admin.page(page).await;
        assert!(!html.contains(key) && !html.contains(secret), "{page}");
        assert!(html.contains("Main &#60;i&#62;Stripe") && !html.contains("<i>Stripe"), "{page}");
    }
    let html = admin.page(path).await;
    let url = format!("http://127.0.0.1:7001/hooks/stripe/{}", path.strip_prefix("/providers/").unwrap());
    for part in
        [url.as_str(), "In Stripe&#39;s dashboard", "A webhook secret is stored", "None has arrived yet"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }

    // Empty fields leave what is stored, and a form that comes back holds no secret.
    admin.done(&edit, &[("name", "Stripe"), ("credentials.apiKey", ""), ("enabled", "true")]).await;
    let account = stored(&door, &shop, path).await;
    let shape = providers::shape(&door.app, &account).await.unwrap();
    assert!(account.enabled && shape.has_api_key && shape.webhook_secrets == 1, "{shape:?}");
    let wrong = [("name", ""), ("credentials.apiKey", "sk_live_OfTheOther")];
    let answer = admin.send(&edit, &wrong).await;
    assert_eq!(answer.status, 422);
    for part in ["id=\"e-name\"", "id=\"e-credentials.apiKey\"", "is a key of the other mode"] {
        assert!(answer.text.contains(part), "{part}: {}", answer.text);
    }
    assert!(!answer.text.contains("OfTheOther"));
    let missing = [("type", "gocardless"), ("name", "GoCardless")];
    let answer = admin.send("/providers/new", &missing).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("id=\"e-credentials.apiKey\"") && answer.text.contains("Access token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_test_is_kept() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let of = |ready: &Option<Ready>| format!("/providers/{}", ready.as_ref().unwrap().id);
    let (sandbox, stripe) = (of(&shop.seed.sandbox), of(&shop.seed.stripe));
    assert!(admin.page(&stripe).await.contains("Not tested"));
    // There is nothing to test at the sandbox, but who asks is answered.
    let html = admin.page(&sandbox).await;
    assert!(html.contains("None needed") && !html.contains("Test the credentials"), "{html}");
    assert_eq!(admin.done(&format!("{sandbox}/test"), &[]).await, format!("{sandbox}?done=accepted"));
    let html = admin.page(&sandbox).await;
    assert!(html.contains("Works") && html.contains("Last tested"), "{html}");
    // Nobody listens where this Stripe is.
    let answer = admin.send(&format!("{stripe}/test"), &[]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("role=\"alert\"") && answer.text.contains("Failed"), "{}", answer.text);
    let test = stored(&door, &shop, &stripe).await.last_test.unwrap();
    assert!(test.problem.is_some());
    let html = admin.page("/providers").await;
    assert!(html.contains("Works") && html.contains("Failed"), "{html}");
    let shown = door.get(&shop.key, &format!("/v1{stripe}")).await.ok(200);
    assert_eq!(shown["lastTest"], json!({ "at": test.at.to_string(), "problem": test.problem }));
    // Another key: nobody has tested it yet.
    let other = [("name", "Stripe"), ("credentials.apiKey", "sk_test_Another"), ("enabled", "true")];
    admin.done(&format!("{stripe}/edit"), &other).await;
    assert_eq!(stored(&door, &shop, &stripe).await.last_test, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_switched_and_deleted_by_administrators_alone() {
    let door = Door::open().await;
    let name = in_process::database_name("organization");
    let (shop, live) = (door.shop_of(&name, Mode::Test).await, door.shop_of(&name, Mode::Live).await);
    let other = door.shop().await;
    let admin = Operator::of(&door, &shop, Role::Admin).await;
    let path = format!("/providers/{}", shop.seed.stripe.as_ref().unwrap().id);
    let acts = ["test", "toggle", "delete", "edit"];
    for role in [Role::Viewer, Role::Editor] {
        let operator = Operator::of(&door, &shop, role).await;
        let html = operator.page(&path).await;
        let form = format!("action=\"{}", operator.path(&path));
        assert!(!html.contains(&form) && !html.contains("/edit\""), "{role} is offered nothing: {html}");
        assert!(!operator.page("/providers").await.contains("/providers/new"), "{role}");
        for act in acts {
            assert_eq!(operator.send(&format!("{path}/{act}"), &[]).await.status, 403, "{role} {act}");
        }
        assert_eq!(operator.send("/providers/new", &[("type", "sandbox")]).await.status, 403, "{role}");
    }
    let stranger = Operator::of(&door, &other, Role::Admin).await;
    assert_eq!(stranger.see(&path).await.status, 404);
    for act in acts {
        assert_eq!(stranger.send(&format!("{path}/{act}"), &[("name", "Mine")]).await.status, 404, "{act}");
    }

    let early = admin.send(&format!("{path}/delete"), &[]).await;
    assert_eq!(early.status, 422);
    assert!(early.text.contains("Disable the provider first"), "{}", early.text);
    for _ in 0..2 {
        let next = admin.done(&format!("{path}/toggle"), &[("enabled", "false")]).await;
        assert_eq!(next, format!("{path}?done=disabled"), "pressed twice as once");
    }
    assert_eq!(
        admin.done(&format!("{path}/toggle"), &[("enabled", "true")]).await,
        format!("{path}?done=enabled")
    );
    admin.done(&format!("{path}/toggle"), &[("enabled", "false")]).await;
    assert_eq!(admin.done(&format!("{path}/delete"), &[]).await, "/providers?done=deleted");
    assert_eq!(admin.see(&path).await.status, 404);

    // No sandbox in live mode, neither offered nor made.
    let in_live = Operator { shop: &live, ..admin };
    assert!(!in_live.page("/providers/new").await.contains("type=sandbox"));
    assert!(in_live.page("/providers/new?type=sandbox").await.contains("Where is your account?"));
    let answer = in_live.send("/providers/new", &[("type", "sandbox"), ("name", "Play")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("cannot exist in live mode"), "{}", answer.text);
}
