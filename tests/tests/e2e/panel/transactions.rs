//! Transactions: found, read, refunded once however often the button is pressed.

use gateway_core::domain::{role::Role, transaction::Transaction};
use serde_json::json;

use super::{Operator, hidden};
use crate::admin::door::Door;

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_found_by_what_people_know_of_it() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let extra = json!({ "email": "payer@example.com", "externalReference": "ORD-77", "metadata": { "plan": "gold" } });
    let paid = door.started(&shop, &extra).await;
    door.started(&shop, &json!({ "externalReference": "ORD-78" })).await;
    let viewer = Operator::of(&door, &shop, Role::Viewer).await;
    for query in
        ["", "?q=ORD-77", "?q=Payer%40example.com", "?q=plan%3Dgold", "?status=initiated", "?from=2020-01-01"]
    {
        let html = viewer.page(&format!("/transactions{query}")).await;
        assert!(html.contains("ORD-77"), "{query}");
        assert_eq!(html.contains("ORD-78"), !query.contains("?q"), "{query}");
    }
    let html = viewer.page("/transactions?q=ORD-7").await;
    assert!(html.contains("Nothing fits these filters"), "parts are not looked for");
    let html = viewer.page("/transactions?status=paid").await;
    assert!(html.contains("must be one of"), "{html}");
    let html = viewer.page(&format!("/transactions/{}", paid.id)).await;
    for part in ["€10.00", "plan", "gold", "Timeline"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("/refund\""), "a viewer is offered nothing that is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_made_once_however_often_its_form_is_sent() {
    let door = Door::open().await;
    let shop = door.shop().await;
    let paid = door.started(&shop, &json!({})).await;
    door.pay(&paid).await;
    let editor = Operator::of(&door, &shop, Role::Editor).await;
    let path = format!("/transactions/{}", paid.id);
    let html = editor.page(&path).await;
    let key = hidden(&html, "key").to_owned();
    let fields = [("key", key.as_str()), ("amount", "4,00"), ("reason", "one <b>mug</b> broke")];
    for _ in 0..2 {
        let next = editor.done(&format!("{path}/refund"), &fields).await;
        assert_eq!(next, format!("{path}?done=refunded"));
    }
    let html = editor.page(&format!("{path}?done=refunded")).await;
    assert!(html.contains("The refund was sent to the provider."));
    assert!(html.contains("one &#60;b&#62;mug") && !html.contains("<b>mug"), "text of people is text");
    let stored = door.app.store.for_org(shop.tenant).get::<Transaction>(paid.id).await.unwrap().unwrap();
    assert_eq!((stored.refunds.len(), stored.refundable()), (1, 600));

    let again = editor.page(&path).await;
    let too_much = [("key", hidden(&again, "key")), ("amount", "6.01")];
    let answer = editor.send(&format!("{path}/refund"), &too_much).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("role=\"alert\""), "{}", answer.text);
    let unreadable = [("key", hidden(&again, "key")), ("amount", "1.000,00")];
    let answer = editor.send(&format!("{path}/refund"), &unreadable).await;
    assert!(answer.text.contains("must be an amount in EUR"), "{}", answer.text);
}
