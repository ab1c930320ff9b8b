//! The simulator against an ordinary HTTP client.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::receiver::{Answer, Receiver};
use crate::sim::DeliveryPolicy;

const TOKEN: &str = "sandbox_simulated";

fn client() -> reqwest::Client {
    crate::sim::install_tls_provider();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_millis(800))
        .build()
        .unwrap()
}

async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let request = request.bearer_auth(TOKEN).header("GoCardless-Version", API_VERSION);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn post(sim: &GoCardlessSim, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let request = client().post(format!("{}{path}", sim.base_url())).json(body);
    send(if key.is_empty() { request } else { request.header("Idempotency-Key", key) }).await
}

async fn get(sim: &GoCardlessSim, path: &str) -> (u16, Value) {
    send(client().get(format!("{}{path}", sim.base_url()))).await
}

fn billing_request() -> Value {
    json!({ "billing_requests": {
        "payment_request": { "amount": 2500, "currency": "GBP", "description": "Order 42", "metadata": { "transaction": "t1" } },
        "mandate_request": { "currency": "GBP", "scheme": "bacs" },
        "metadata": { "transaction": "t1" },
    } })
}

async fn new_billing_request(sim: &GoCardlessSim) -> String {
    let (status, made) = post(sim, "/billing_requests", "", &billing_request()).await;
    assert_eq!(status, 201, "{made}");
    made["billing_requests"]["id"].as_str().unwrap().to_owned()
}

async fn paid(sim: &GoCardlessSim) -> Fulfilled {
    let made = sim.fulfil(&new_billing_request(sim).await).unwrap();
    let payment = made.payment.clone().unwrap();
    sim.submit(&payment).unwrap();
    sim.confirm(&payment).unwrap();
    made
}

fn kinds(events: &[Value]) -> Vec<String> {
    events.iter().map(<GoCardless as Provider>::event_kind).collect()
}

#[test]
fn signs_as_the_client_libraries_verify() {
    let body = concat!(
        r#"{"events":[{"id":"EV00BD05S5VM2T","created_at":"2018-07-05T09:13:51.404Z","resource_type":"subscriptions","#,
        r#""action":"created","links":{"subscription":"SB0003JJQ2MR06"},"details":{"origin":"api","cause":"#,
        r#""subscription_created","description":"Subscription created via the API."},"metadata":{}},{"id":"#,
        r#""EV00BD05TB8K63","created_at":"2018-07-05T09:13:56.893Z","resource_type":"mandates","action":"created","#,
        r#""links":{"mandate":"MD000AMA19XGEC"},"details":{"origin":"api","cause":"mandate_created","description":"#,
        r#""Mandate created via the API."},"metadata":{}}]}"#,
    );
    let expected = "2693754819d3e32d7e8fcb13c729631f316c6de8dc1cf634d6527f1c07276e7e";
    let secret = "ED7D658C-D8EB-4941-948B-3973214F2D49";
    assert_eq!(signature(secret, body.as_bytes()), expected);
    let with_newline = format!("{body}\n");
    assert_ne!(signature(secret, with_newline.as_bytes()), expected, "every byte counts");
}

#[tokio::test]
async fn a_billing_request_becomes_payment_and_mandate() {
    let sim = GoCardlessSim::start().await;
    let id = new_billing_request(&sim).await;
    let flow = json!({ "billing_request_flows": {
        "redirect_uri": "https://shop.example.com/ok", "exit_uri": "https://shop.example.com/back",
        "prefilled_customer": { "email": "customer@example.com" }, "links": { "billing_request": id },
    } });
    let (status, flow) = post(&sim, "/billing_request_flows", "", &flow).await;
    assert_eq!(status, 201, "{flow}");
    let page = flow["billing_request_flows"]["authorisation_url"].as_str().unwrap();
    assert!(client().get(page).send().await.unwrap().text().await.unwrap().contains("Approve"));
    let back = client().post(format!("{page}/cancel")).send().await.unwrap();
    assert_eq!(back.headers()["location"].to_str().unwrap(), "https://shop.example.com/back");
    let done = client().post(format!("{page}/approve")).send().await.unwrap();
    assert_eq!(done.headers()["location"].to_str().unwrap(), "https://shop.example.com/ok");
    let (_, found) = get(&sim, &format!("/billing_requests/{id}")).await;
    let found = &found["billing_requests"];
    assert_eq!(found["status"], "fulfilled");
    let payment = found["links"]["payment_request_payment"].as_str().unwrap();
    let mandate = found["links"]["mandate_request_mandate"].as_str().unwrap();
    let (_, shown) = get(&sim, &format!("/payments/{payment}")).await;
    assert_eq!(
        (&shown["payments"]["amount"], &shown["payments"]["status"]),
        (&json!(2500), &json!("pending_submission"))
    );
    assert_eq!(shown["payments"]["metadata"]["transaction"], "t1");
    assert_eq!(get(&sim, &format!("/mandates/{mandate}")).await.0, 200);
    assert_eq!(get(&sim, &format!("/payments/{mandate}")).await.0, 404);
    let (status, error) = post(&sim, &format!("/billing_requests/{id}/actions/cancel"), "", &json!({})).await;
    assert_eq!((status, &error["error"]["type"]), (422, &json!("invalid_state")));
    assert_eq!(
        kinds(&sim.events()),
        [
            "billing_requests.created",
            "billing_requests.flow_created",
            "billing_requests.flow_exited",
            "billing_requests.fulfilled",
            "mandates.created",
            "payments.created",
        ]
    );
    assert_eq!(get(&sim, "/creditors").await.1["creditors"][0]["id"], "CR000001SIMULATED");
}

#[tokio::test]
async fn refuses_what_gocardless_refuses() {
    let sim = GoCardlessSim::start().await;
    let url = format!("{}/creditors", sim.base_url());
    let no_token = client().get(&url).header("GoCardless-Version", API_VERSION).send().await.unwrap();
    assert_eq!(no_token.status().as_u16(), 401);
    let no_version = client().get(&url).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(no_version.status().as_u16(), 400);
    let cases = [
        (json!({ "payment_request": {} }), "invalid_document_structure", ""),
        (
            json!({ "billing_requests": { "payment_request": { "amount": 1, "currency": "GBP" }, "colour": 1 } }),
            "",
            "invalid_api_usage",
        ),
        (
            json!({ "billing_requests": { "payment_request": { "currency": "GBP" } } }),
            "",
            "invalid_api_usage",
        ),
        (
            json!({ "billing_requests": { "payment_request": { "amount": 0, "currency": "GBP" } } }),
            "",
            "validation_failed",
        ),
        (
            json!({ "billing_requests": { "payment_request": { "amount": 1, "currency": "JPY" } } }),
            "",
            "validation_failed",
        ),
        (
            json!({ "billing_requests": { "payment_request": { "amount": 1, "currency": "GBP" },
                "metadata": { "a": "1", "b": "2", "c": "3", "d": "4" } } }),
            "",
            "validation_failed",
        ),
    ];
    for (body, reason, kind) in cases {
        let (status, answer) = post(&sim, "/billing_requests", "", &body).await;
        assert!((400..500).contains(&status), "{body}");
        assert!(reason.is_empty() || answer["error"]["errors"][0]["reason"] == reason, "{answer}");
        assert!(kind.is_empty() || answer["error"]["type"] == kind, "{answer}");
    }
    let unknown = json!({ "payments": { "amount": 1, "currency": "GBP", "links": { "mandate": "MD0" } } });
    assert_eq!(
        post(&sim, "/payments", "", &unknown).await.1["error"]["errors"][0]["reason"],
        "link_not_found"
    );
    assert_eq!(sim.effects(), GoCardlessEffects::default());
    sim.fail_next(1, 429);
    let (status, limited) = get(&sim, "/creditors").await;
    assert_eq!((status, &limited["error"]["errors"][0]["reason"]), (429, &json!("rate_limit_exceeded")));
}

#[tokio::test]
async fn a_used_key_points_at_what_it_made() {
    let sim = GoCardlessSim::start().await;
    let (_, first) = post(&sim, "/billing_requests", "k1", &billing_request()).await;
    let (status, second) = post(&sim, "/billing_requests", "k1", &billing_request()).await;
    assert_eq!(status, 409);
    let error = &second["error"]["errors"][0];
    assert_eq!(error["reason"], "idempotent_creation_conflict");
    assert_eq!(error["links"]["conflicting_resource_id"], first["billing_requests"]["id"]);
    assert_eq!(sim.effects().billing_requests_created, 1);
    assert_eq!(sim.journal().iter().map(|entry| entry.replayed).collect::<Vec<_>>(), [false, true]);
    sim.apply_then_drop(1);
    let lost = client().post(format!("{}/billing_requests", sim.base_url()));
    let lost =
        lost.bearer_auth(TOKEN).header("GoCardless-Version", API_VERSION).header("Idempotency-Key", "k2");
    assert!(lost.json(&billing_request()).send().await.is_err());
    assert_eq!(post(&sim, "/billing_requests", "k2", &billing_request()).await.0, 409);
    assert_eq!(sim.effects().billing_requests_created, 2);
}

#[tokio::test]
async fn mandates_are_charged_and_payments_cancelled_in_time() {
    let sim = GoCardlessSim::start().await;
    let mandate = sim.fulfil(&new_billing_request(&sim).await).unwrap().mandate.unwrap();
    sim.change_mandate(&mandate, MandateChange::Active).unwrap();
    let charge = json!({ "payments": { "amount": 900, "currency": "GBP", "links": { "mandate": mandate } } });
    let (status, made) = post(&sim, "/payments", "c1", &charge).await;
    assert_eq!((status, &made["payments"]["links"]["mandate"]), (201, &json!(mandate)));
    let id = made["payments"]["id"].as_str().unwrap().to_owned();
    let cancel = format!("/payments/{id}/actions/cancel");
    let (status, cancelled) = post(&sim, &cancel, "", &json!({})).await;
    assert_eq!((status, &cancelled["payments"]["status"]), (200, &json!("cancelled")));
    let (status, again) = post(&sim, &cancel, "", &json!({})).await;
    assert_eq!((status, &again["error"]["errors"][0]["reason"]), (422, &json!("cancellation_failed")));
    sim.change_mandate(&mandate, MandateChange::Cancelled).unwrap();
    let (_, refused) = post(&sim, "/payments", "c2", &charge).await;
    assert_eq!(refused["error"]["errors"][0]["reason"], "mandate_is_inactive");
    sim.change_mandate(&mandate, MandateChange::Reinstated).unwrap();
    assert_eq!((sim.effects().payments_created, sim.effects().payments_cancelled), (1, 1));
}

#[tokio::test]
async fn refunds_need_the_right_total() {
    let sim = GoCardlessSim::start().await;
    let payment = paid(&sim).await.payment.unwrap();
    let refund = |amount: i64, total: i64| json!({ "refunds": { "amount": amount, "total_amount_confirmation": total, "links": { "payment": payment } } });
    let (status, first) = post(&sim, "/refunds", "r1", &refund(1000, 1000)).await;
    assert_eq!(status, 201, "{first}");
    let (status, wrong) = post(&sim, "/refunds", "r2", &refund(500, 500)).await;
    assert_eq!(
        (status, &wrong["error"]["errors"][0]["reason"]),
        (422, &json!("total_amount_confirmation_invalid"))
    );
    let (status, much) = post(&sim, "/refunds", "r3", &refund(2000, 3000)).await;
    assert_eq!((status, &much["error"]["type"]), (422, &json!("validation_failed")));
    let (status, second) = post(&sim, "/refunds", "r4", &refund(1500, 2500)).await;
    assert_eq!(status, 201, "{second}");
    let id = |made: &Value| made["refunds"]["id"].as_str().unwrap().to_owned();
    sim.refund_paid(&id(&first)).unwrap();
    sim.refund_failed(&id(&second)).unwrap();
    sim.refund_funds_returned(&id(&first)).unwrap();
    assert!(sim.refund_bounced(&id(&first)).is_err());
    assert_eq!(sim.object(&payment).unwrap()["amount_refunded"], 0);
    let (_, listed) = get(&sim, &format!("/refunds?payment={payment}&limit=1")).await;
    assert_eq!(listed["refunds"][0]["id"], id(&second));
    assert_eq!(listed["meta"]["cursors"]["after"], id(&second));
    let (_, rest) = get(&sim, &format!("/refunds?payment={payment}&after={}", id(&second))).await;
    assert_eq!(
        (rest["refunds"].as_array().unwrap().len(), &rest["refunds"][0]["id"]),
        (1, &json!(id(&first)))
    );
    assert_eq!(sim.effects().amount_refunded, 2500);
}

#[tokio::test]
async fn payments_go_back_and_forth() {
    let sim = GoCardlessSim::start().await;
    let payment = sim.fulfil(&new_billing_request(&sim).await).unwrap().payment.unwrap();
    sim.submit(&payment).unwrap();
    sim.fail(&payment, true).unwrap();
    sim.resubmit(&payment).unwrap();
    sim.submit(&payment).unwrap();
    sim.confirm(&payment).unwrap();
    sim.pay_out(&payment).unwrap();
    sim.charge_back(&payment).unwrap();
    sim.settle_charge_back(&payment).unwrap();
    sim.charge_back_cancelled(&payment).unwrap();
    assert_eq!(sim.object(&payment).unwrap()["status"], "paid_out");
    sim.late_failure(&payment).unwrap();
    sim.settle_late_failure(&payment).unwrap();
    assert!(sim.pay_out(&payment).is_err());
    let (_, listed) = get(&sim, &format!("/events?payment={payment}&action=failed")).await;
    let retries: Vec<_> = listed["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["details"]["will_attempt_retry"])
        .collect();
    assert_eq!(retries, [&json!(false), &json!(true)]);
    let denied = sim.fulfil(&new_billing_request(&sim).await).unwrap().payment.unwrap();
    sim.deny(&denied).unwrap();
    assert_eq!(sim.object(&denied).unwrap()["status"], "customer_approval_denied");
}

#[tokio::test]
async fn webhooks_come_in_signed_batches() {
    let sim = GoCardlessSim::start().await;
    let receiver = Receiver::start().await;
    receiver.always("/hook", Answer::status(204));
    sim.set_webhook(receiver.url("/hook"), "secret");
    sim.set_delivery(DeliveryPolicy::hold());
    paid(&sim).await;
    let held = sim.take_events();
    let many: Vec<Value> = held.iter().cycle().take(250).cloned().collect();
    assert_eq!(sim.deliver_batch(&many).await.unwrap(), 204);
    let batch = &receiver.requests()[0];
    assert_eq!(batch.json()["events"].as_array().unwrap().len(), 250);
    assert_eq!(batch.header("webhook-signature").unwrap(), signature("secret", &batch.body));
    assert!(batch.body.ends_with(b"\n"));
    let event = &batch.json()["events"][3];
    assert_eq!(event["created_at"].as_str().unwrap().len(), "2018-07-05T09:13:51.404Z".len());

    sim.set_delivery(DeliveryPolicy::immediately().with_duplicates(1).with_shuffle(7));
    sim.tamper_next_event("billing_requests.fulfilled", |event| {
        event["links"]["billing_request"] = json!("BRQ0");
    });
    let id = new_billing_request(&sim).await;
    sim.settled(Duration::from_secs(5)).await.unwrap();
    receiver.forget();
    sim.fulfil(&id).unwrap();
    sim.settled(Duration::from_secs(5)).await.unwrap();
    let requests = receiver.requests();
    assert_eq!(requests.len(), 2, "one batch of three events, twice");
    let events = requests[0].json()["events"].as_array().unwrap().clone();
    assert_eq!(events.len(), 3);
    assert!(events.iter().any(|event| event["links"]["billing_request"] == "BRQ0"));
}
