//! The simulator against an ordinary HTTP client.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::receiver::{Answer, Receiver};
use crate::sim::{DeliveryPolicy, Fault};

const KEY: &str = "sk_test_simulated";

fn client() -> reqwest::Client {
    crate::sim::install_tls_provider();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_millis(800))
        .build()
        .unwrap()
}

const SESSION: [(&str, &str); 9] = [
    ("mode", "payment"),
    ("success_url", "https://shop.example.com/ok?s={CHECKOUT_SESSION_ID}"),
    ("cancel_url", "https://shop.example.com/back?a=1&b=2"),
    ("line_items[0][price_data][currency]", "EUR"),
    ("line_items[0][price_data][unit_amount]", "1250"),
    ("line_items[0][price_data][product_data][name]", "Example product"),
    ("line_items[0][quantity]", "2"),
    ("metadata[order.id]", "42"),
    ("payment_intent_data[metadata][transaction]", "t1"),
];

async fn call(sim: &StripeSim, request: reqwest::RequestBuilder) -> (u16, Value) {
    let _ = sim;
    let response = request.bearer_auth(KEY).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn post(sim: &StripeSim, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    call(sim, client().post(format!("{}{path}", sim.base_url())).form(form)).await
}

async fn get(sim: &StripeSim, path: &str) -> (u16, Value) {
    call(sim, client().get(format!("{}{path}", sim.base_url()))).await
}

async fn new_session(sim: &StripeSim, extra: &[(&str, &str)]) -> String {
    let mut form = SESSION.to_vec();
    form.extend_from_slice(extra);
    let (status, session) = post(sim, "/v1/checkout/sessions", &form).await;
    assert_eq!(status, 200, "{session}");
    session["id"].as_str().unwrap().to_owned()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn signs_as_stripe_documents() {
    let signed = hmac_hex("test_secret", br#"{"obj1":"hello","obj2":"world"}"#);
    assert_eq!(signed, "bebb1a643997f419b315ddba19e6f5411e1ce7f810ba6d3617ce72823092f363");
    let header = signature_header("test_secret", 1, b"{}");
    assert_eq!(header, format!("t=1,v1={}", hmac_hex("test_secret", b"1.{}")));
}

#[tokio::test]
async fn creates_shows_and_expires_a_session() {
    let sim = StripeSim::start().await;
    let id = new_session(&sim, &[]).await;
    let (status, session) = get(&sim, &format!("/v1/checkout/sessions/{id}")).await;
    assert_eq!(status, 200);
    assert_eq!(session["amount_total"], 2500);
    assert_eq!(session["currency"], "eur");
    assert_eq!(session["metadata"]["order.id"], "42");
    assert_eq!(session["payment_intent"], Value::Null);
    assert_eq!(session["url"], format!("{}/pay/{id}", sim.base_url()));
    let (status, expired) = post(&sim, &format!("/v1/checkout/sessions/{id}/expire"), &[]).await;
    assert_eq!((status, &expired["status"]), (200, &Value::from("expired")));
    assert_eq!(expired["url"], Value::Null);
    let (status, error) = post(&sim, &format!("/v1/checkout/sessions/{id}/expire"), &[]).await;
    assert_eq!((status, &error["error"]["type"]), (400, &Value::from("invalid_request_error")));
    let effects = sim.effects();
    assert_eq!((effects.sessions_created, effects.sessions_expired), (1, 1));
}

#[tokio::test]
async fn refuses_what_stripe_refuses() {
    let sim = StripeSim::start().await;
    let without = client().post(format!("{}/v1/refunds", sim.base_url())).send().await.unwrap();
    assert_eq!(without.status().as_u16(), 401);
    let cases = [
        (("line_items[0][quantity]", "0"), "", "line_items[0][quantity]"),
        (
            ("line_items[0][price_data][unit_amount]", "12.5"),
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (("shopper", "x"), "parameter_unknown", "shopper"),
        (("success_url", "ok"), "url_invalid", "success_url"),
        (("expires_at", "1"), "", "expires_at"),
    ];
    for (changed, code, param) in cases {
        let mut form = SESSION.to_vec();
        form.retain(|(name, _)| *name != changed.0);
        form.push(changed);
        let (status, body) = post(&sim, "/v1/checkout/sessions", &form).await;
        assert_eq!(status, 400);
        assert_eq!(body["error"]["param"], param);
        assert_eq!(body["error"]["code"].as_str().unwrap_or_default(), code);
    }
    let (status, body) = get(&sim, "/v1/payment_intents/pi_none").await;
    assert_eq!((status, &body["error"]["code"]), (404, &Value::from("resource_missing")));
    assert_eq!(sim.effects(), StripeEffects::default());
}

#[tokio::test]
async fn same_key_same_parameters_is_one_session() {
    let sim = StripeSim::start().await;
    let url = format!("{}/v1/checkout/sessions", sim.base_url());
    let send = |form: Vec<(&'static str, &'static str)>| {
        call(&sim, client().post(&url).header("idempotency-key", "tx-1").form(&form))
    };
    let (_, first) = send(SESSION.to_vec()).await;
    let (status, second) = send(SESSION.to_vec()).await;
    assert_eq!((status, &first), (200, &second));
    let mut other = SESSION.to_vec();
    other.push(("client_reference_id", "x"));
    let (status, error) = send(other).await;
    assert_eq!((status, &error["error"]["type"]), (400, &Value::from("idempotency_error")));
    assert_eq!(sim.effects().sessions_created, 1);
    let journal = sim.journal();
    assert_eq!(journal.iter().map(|entry| entry.replayed).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(journal[0].idempotency_key(), Some("tx-1"));
    assert_eq!(journal[0].params["line_items[0][quantity]"], "2");
}

#[tokio::test]
async fn validation_errors_do_not_use_up_a_key() {
    let sim = StripeSim::start().await;
    let url = format!("{}/v1/checkout/sessions", sim.base_url());
    let wrong = client().post(&url).header("idempotency-key", "k").form(&[("mode", "payment")]);
    assert_eq!(call(&sim, wrong).await.0, 400);
    let right = client().post(&url).header("idempotency-key", "k").form(&SESSION);
    assert_eq!(call(&sim, right).await.0, 200);
}

#[tokio::test]
async fn a_paid_session_expands_to_its_charge_and_refunds_once() {
    let sim = StripeSim::start().await;
    let id = new_session(&sim, &[]).await;
    let intent = sim.pay(&id).unwrap();
    let path =
        format!("/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge&expand[]=line_items");
    let (status, session) = get(&sim, &path).await;
    assert_eq!(status, 200, "{session}");
    assert_eq!(session["payment_status"], "paid");
    assert_eq!(session["payment_intent"]["amount_received"], 2500);
    assert_eq!(session["payment_intent"]["metadata"]["transaction"], "t1");
    assert_eq!(session["payment_intent"]["latest_charge"]["captured"], true);
    assert_eq!(session["line_items"]["data"][0]["quantity"], 2);
    let (status, _) = get(&sim, &format!("/v1/checkout/sessions/{id}?expand[]=nonsense")).await;
    assert_eq!(status, 400);

    let (status, refund) =
        post(&sim, "/v1/refunds", &[("payment_intent", &intent), ("amount", "1000")]).await;
    assert_eq!((status, &refund["status"]), (200, &Value::from("succeeded")));
    let (status, _) = post(&sim, "/v1/refunds", &[("payment_intent", &intent), ("amount", "1501")]).await;
    assert_eq!(status, 400);
    let (status, _) = post(&sim, "/v1/refunds", &[("payment_intent", &intent)]).await;
    assert_eq!(status, 200);
    let (status, error) = post(&sim, "/v1/refunds", &[("payment_intent", &intent)]).await;
    assert_eq!((status, &error["error"]["code"]), (400, &Value::from("charge_already_refunded")));
    let (_, refunds) = get(&sim, &format!("/v1/refunds?payment_intent={intent}&limit=1")).await;
    assert_eq!(refunds["has_more"], true);
    assert_eq!(refunds["data"][0]["amount"], 1500);
    assert_eq!((sim.effects().refunds_created, sim.effects().amount_refunded), (2, 2500));
    let refunded = sim.events().into_iter().rfind(|event| event["type"] == "charge.refunded").unwrap();
    assert_eq!(refunded["data"]["object"]["refunded"], true);
    assert_eq!(refunded["data"]["previous_attributes"]["amount_refunded"], 1000);
    assert_eq!(refunded["data"]["object"]["amount_refunded"], 2500);
}

#[tokio::test]
async fn manual_capture_waits_and_takes_part() {
    let sim = StripeSim::start().await;
    let id = new_session(&sim, &[("payment_intent_data[capture_method]", "manual")]).await;
    let intent = sim.authorize(&id).unwrap();
    let (_, session) = get(&sim, &format!("/v1/checkout/sessions/{id}?expand[]=payment_intent")).await;
    assert_eq!((&session["status"], &session["payment_status"]), (&"complete".into(), &"unpaid".into()));
    assert_eq!(session["payment_intent"]["amount_capturable"], 2500);
    let path = format!("/v1/payment_intents/{intent}/capture");
    assert_eq!(post(&sim, &path, &[("amount_to_capture", "2501")]).await.0, 400);
    let (status, captured) = post(&sim, &path, &[("amount_to_capture", "2000")]).await;
    assert_eq!((status, &captured["amount_received"]), (200, &Value::from(2000)));
    let (status, again) = post(&sim, &path, &[]).await;
    assert_eq!((status, &again["error"]["code"]), (400, &"payment_intent_unexpected_state".into()));
    assert_eq!(again["error"]["payment_intent"]["status"], "succeeded");
    let (_, found) = get(&sim, &format!("/v1/checkout/sessions?payment_intent={intent}")).await;
    assert_eq!(found["data"][0]["payment_status"], "paid");
    assert_eq!(
        kinds(&sim.events()),
        [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "checkout.session.completed",
            "charge.captured",
            "payment_intent.succeeded",
        ]
    );
}

#[tokio::test]
async fn embedded_intents_cancel_and_sessions_guard_theirs() {
    let sim = StripeSim::start().await;
    let form = [("amount", "900"), ("currency", "eur"), ("automatic_payment_methods[enabled]", "true")];
    let (status, intent) = post(&sim, "/v1/payment_intents", &form).await;
    assert_eq!(status, 200, "{intent}");
    let id = intent["id"].as_str().unwrap();
    let (status, canceled) = post(&sim, &format!("/v1/payment_intents/{id}/cancel"), &[]).await;
    assert_eq!((status, &canceled["status"]), (200, &"canceled".into()));
    let session = new_session(&sim, &[]).await;
    let intent = sim.decline(&session).unwrap();
    let (status, _) = post(&sim, &format!("/v1/payment_intents/{intent}/cancel"), &[]).await;
    assert_eq!(status, 400);
    assert_eq!(sim.object(&intent).unwrap()["last_payment_error"]["code"], "card_declined");
    sim.expire(&session).unwrap();
    assert_eq!(sim.object(&intent).unwrap()["status"], "canceled");
}

#[tokio::test]
async fn late_payments_disputes_and_failed_refunds_have_their_events() {
    let sim = StripeSim::start().await;
    let session = new_session(&sim, &[]).await;
    let intent = sim.complete_unpaid(&session).unwrap();
    assert!(sim.pay(&session).is_err());
    sim.async_succeed(&session).unwrap();
    let refund = sim.dashboard_refund(&intent, 500).unwrap();
    sim.refund_fails(&refund).unwrap();
    assert_eq!(sim.object(&refund).unwrap()["failure_reason"], "lost_or_stolen_card");
    let dispute = sim.open_dispute(&intent, 2500).unwrap();
    assert_eq!(post(&sim, "/v1/refunds", &[("payment_intent", &intent)]).await.0, 400);
    sim.update_dispute(&dispute).unwrap();
    sim.close_dispute(&dispute, DisputeOutcome::Won).unwrap();
    let (_, disputes) = get(&sim, &format!("/v1/disputes?payment_intent={intent}")).await;
    assert_eq!(disputes["data"][0]["status"], "won");
    let events = sim.events();
    assert_eq!(
        kinds(&events),
        [
            "payment_intent.created",
            "charge.pending",
            "payment_intent.processing",
            "checkout.session.completed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.async_payment_succeeded",
            "charge.refunded",
            "refund.created",
            "refund.updated",
            "refund.failed",
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_reinstated",
        ]
    );
    let (_, listed) = get(&sim, "/v1/events?types[]=charge.dispute.*&limit=2").await;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (2, &true.into()));
    let other = new_session(&sim, &[]).await;
    sim.complete_unpaid(&other).unwrap();
    sim.async_fail(&other).unwrap();
    assert_eq!(sim.events().last().unwrap()["type"], "checkout.session.async_payment_failed");
}

#[tokio::test]
async fn the_hosted_page_leads_back_to_the_shop() {
    let sim = StripeSim::start().await;
    let id = new_session(&sim, &[]).await;
    let page = format!("{}/pay/{id}", sim.base_url());
    let text = client().get(&page).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("href=\"https://shop.example.com/back?a=1&amp;b=2\""), "{text}");
    assert!(text.contains(&format!("action=\"/pay/{id}/decline\"")));
    let declined = client().post(format!("{page}/decline")).send().await.unwrap();
    assert_eq!(declined.headers()["location"].to_str().unwrap(), format!("/pay/{id}"));
    let text = client().get(&page).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("declined"));
    let asked = client().post(format!("{page}/authenticate")).send().await.unwrap();
    assert_eq!(asked.headers()["location"].to_str().unwrap(), format!("/pay/{id}/3ds"));
    let paid = client().post(format!("{page}/pay")).send().await.unwrap();
    assert_eq!(paid.status().as_u16(), 303);
    let back = paid.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(back, format!("https://shop.example.com/ok?s={id}"));
    assert_eq!(client().post(format!("{page}/pay")).send().await.unwrap().status().as_u16(), 409);
    assert!(sim.journal().iter().all(|entry| entry.path.starts_with("/v1/")));
}

#[tokio::test]
async fn webhooks_are_signed_repeated_retried_and_tampered_with() {
    let sim = StripeSim::start().await;
    let receiver = Receiver::start().await;
    receiver.script("/hook", [Answer::status(500)]);
    sim.set_webhook(receiver.url("/hook"), "whsec_example");
    let policy = DeliveryPolicy::immediately().with_duplicates(1).with_attempts(3, Duration::from_millis(10));
    sim.set_delivery(policy);
    sim.tamper_next_event("payment_intent.succeeded", |event| {
        event["data"]["object"]["amount_received"] = 1.into();
    });
    let id = new_session(&sim, &[]).await;
    let intent = sim.pay(&id).unwrap();
    sim.settled(Duration::from_secs(5)).await.unwrap();
    let requests = receiver.requests();
    assert_eq!(requests.len(), 9, "four events twice and one retry");
    for request in &requests {
        let header = request.header("stripe-signature").unwrap();
        let unix_s: i64 = header[2..].split(',').next().unwrap().parse().unwrap();
        assert_eq!(header, signature_header("whsec_example", unix_s, &request.body));
    }
    let tampered =
        requests.iter().find(|request| request.json()["type"] == "payment_intent.succeeded").unwrap();
    assert_eq!(tampered.json()["data"]["object"]["amount_received"], 1);
    assert_eq!(sim.object(&intent).unwrap()["amount_received"], 2500);
    assert_eq!(sim.deliveries().iter().filter(|delivery| delivery.status == Some(500)).count(), 1);
}

#[tokio::test]
async fn held_events_are_delivered_by_hand_in_any_order() {
    let sim = StripeSim::start().await;
    let receiver = Receiver::start().await;
    sim.set_webhook(receiver.url("/hook"), "whsec_example");
    sim.set_delivery(DeliveryPolicy::hold());
    let id = new_session(&sim, &[]).await;
    sim.pay(&id).unwrap();
    let events = sim.take_events();
    assert_eq!(events.len(), 4);
    assert!(sim.take_events().is_empty());
    for event in events.iter().rev().chain(&events) {
        assert_eq!(sim.deliver(event).await.unwrap(), 200);
    }
    assert_eq!(receiver.requests()[0].json(), events[3]);
    assert_eq!(receiver.requests().len(), 8);
}

#[tokio::test]
async fn faults_lose_answers_but_not_effects() {
    let sim = StripeSim::start().await;
    let url = format!("{}/v1/checkout/sessions", sim.base_url());
    let send = |key: &'static str| {
        client().post(&url).bearer_auth(KEY).header("idempotency-key", key).form(&SESSION).send()
    };
    sim.apply_then_drop(1);
    let lost = send("a").await.unwrap_err();
    assert!(!lost.is_timeout());
    assert_eq!(sim.effects().sessions_created, 1);
    assert_eq!(send("a").await.unwrap().status().as_u16(), 200);
    assert_eq!(sim.effects().sessions_created, 1);
    sim.apply_then_hang(1);
    assert!(send("b").await.unwrap_err().is_timeout());
    assert_eq!(sim.effects().sessions_created, 2);
    sim.hang_next(1);
    assert!(send("c").await.unwrap_err().is_timeout());
    sim.fail_next(1, 503);
    assert_eq!(send("c").await.unwrap().status().as_u16(), 503);
    sim.inject(Fault::StatusAfterEffect(500), 1, "POST /v1/checkout");
    assert_eq!(send("d").await.unwrap().status().as_u16(), 500);
    assert_eq!(sim.effects().sessions_created, 3);
    sim.outage(true);
    assert!(send("e").await.is_err());
    sim.outage(false);
    assert_eq!(send("e").await.unwrap().status().as_u16(), 200);
    let answers: Vec<_> = sim.journal().iter().map(|entry| (entry.status, entry.applied)).collect();
    assert_eq!(
        answers,
        [
            (None, true),
            (Some(200), true),
            (None, true),
            (None, false),
            (Some(503), false),
            (Some(500), true),
            (None, false),
            (Some(200), true),
        ]
    );
}

#[tokio::test]
async fn sessions_run_out_with_the_clock() {
    let sim = StripeSim::start().await;
    let id = new_session(&sim, &[]).await;
    sim.set_time_offset_ms(25 * 3_600_000);
    assert_eq!(sim.object(&id).unwrap()["status"], "expired");
    assert_eq!(kinds(&sim.events()), ["checkout.session.expired"]);
}
