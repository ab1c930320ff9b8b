use bytes::Bytes;
use gateway_core::{
    crypto::signature,
    domain::{
        Money, Timestamp,
        checkout::CaptureMethod,
        transaction::{
            DisputeState, PaymentState, ProviderRef, ProviderUpdate, RefundState, TransactionStatus,
        },
    },
    provider::{Interpretation, PaymentProvider, WebhookRejection},
};
use http::HeaderMap;
use serde_json::{Value, json};

use super::{GoCardless, LIVE_URL, TEST_URL};
use crate::{
    history::{
        self, SESSION_PUBLIC_ID, TRANSACTION, check_all_ends, check_all_orders, interpreted, update_of,
    },
    http::HttpClient,
};

const REFUND: &str = "00000000000000000000000a";

fn gocardless() -> GoCardless {
    GoCardless::new(HttpClient::new().unwrap(), LIVE_URL.parse().unwrap(), TEST_URL.parse().unwrap())
}

fn at(second: i64, millis: i64) -> Timestamp {
    Timestamp::from_millis((1_700_000_000 + second) * 1000 + millis)
}

fn event(name: &str, second: i64, links: &Value, details: &Value) -> String {
    let (resource, action) = name.split_once('.').unwrap();
    let metadata = match resource {
        "refunds" => json!({ "refund_id": REFUND, "transaction_id": TRANSACTION }),
        _ => json!({ "transaction_id": TRANSACTION, "session_public_id": SESSION_PUBLIC_ID }),
    };
    json!({
        "id": format!("EV-{name}-{second}"), "created_at": at(second, 7).to_string(),
        "resource_type": resource, "action": action, "links": links, "details": details,
        "metadata": {}, "resource_metadata": metadata,
    })
    .to_string()
}

fn update(name: &str, second: i64) -> ProviderUpdate {
    update_with(name, second, &json!({ "cause": "example_cause", "description": "An example." }))
}

fn update_with(name: &str, second: i64, details: &Value) -> ProviderUpdate {
    let links = match name.split_once('.').unwrap().0 {
        "billing_requests" => json!({
            "billing_request": "BRQ1", "payment_request_payment": "PM1", "mandate_request_mandate": "MD1",
        }),
        "refunds" => json!({ "refund": "RF1" }),
        _ => json!({ "payment": "PM1" }),
    };
    update_of(&gocardless(), &event(name, second, &links, details))
}

#[test]
fn every_event_of_the_table_says_what_it_means() {
    use PaymentState as P;
    for (name, state) in [
        ("billing_requests.fulfilled", P::Pending),
        ("billing_requests.cancelled", P::Cancelled),
        ("billing_requests.failed", P::Failed),
        ("payments.created", P::Pending),
        ("payments.submitted", P::Pending),
        ("payments.resubmission_requested", P::Pending),
        ("payments.confirmed", P::Succeeded),
        ("payments.paid_out", P::Succeeded),
        ("payments.failed", P::Failed),
        ("payments.late_failure_settled", P::Failed),
        ("payments.cancelled", P::Cancelled),
        ("payments.customer_approval_denied", P::Cancelled),
        ("payments.charged_back", P::Succeeded),
        ("payments.chargeback_settled", P::Succeeded),
        ("payments.chargeback_cancelled", P::Succeeded),
    ] {
        let found = update(name, 100);
        let fact = found.payment.unwrap();
        assert_eq!((fact.state, fact.sticky), (state, false), "{name}");
        assert_eq!(found.transaction_id, Some(TRANSACTION.parse().unwrap()));
        assert_eq!(found.session_public_id.as_deref(), Some(SESSION_PUBLIC_ID));
        assert!(found.refs.contains(&ProviderRef::new("payment", "PM1")), "{name}");
        let is_request = name.starts_with("billing_requests");
        assert_eq!(found.at, if is_request { at(90, 7) } else { at(100, 7) }, "{name}");
    }
}

#[test]
fn a_failure_that_will_be_tried_again_is_pending() {
    let found =
        update_with("payments.failed", 1, &json!({ "cause": "refer_to_payer", "will_attempt_retry": true }));
    let fact = found.payment.unwrap();
    assert_eq!((fact.state, fact.attempt_state), (PaymentState::Pending, Some(PaymentState::Failed)));
    assert_eq!(fact.failure.unwrap().code, "refer_to_payer");
}

#[test]
fn chargebacks_are_disputes_named_by_the_payment() {
    for (name, state) in [
        ("payments.charged_back", DisputeState::Open),
        ("payments.chargeback_settled", DisputeState::Open),
        ("payments.chargeback_cancelled", DisputeState::Won),
    ] {
        let found = update(name, 1);
        assert_eq!((found.disputes[0].reference.as_str(), found.disputes[0].state), ("PM1", state), "{name}");
    }
}

#[test]
fn refunds_speak_of_themselves_only() {
    for (action, state) in [
        ("created", RefundState::Pending),
        ("submitted", RefundState::Pending),
        ("paid", RefundState::Succeeded),
        ("failed", RefundState::Failed),
        ("bounced", RefundState::Failed),
        ("funds_returned", RefundState::Failed),
    ] {
        let found = update(&format!("refunds.{action}"), 1);
        assert!(found.payment.is_none());
        let fact = &found.refunds[0];
        assert_eq!((fact.reference.as_str(), fact.state), ("RF1", state), "{action}");
        assert_eq!(fact.refund_id, Some(REFUND.parse().unwrap()));
        assert_eq!(found.refs, [ProviderRef::new("refund", "RF1")]);
    }
}

#[test]
fn steps_and_foreign_resources_are_ignored() {
    for name in [
        "billing_requests.flow_created",
        "billing_requests.flow_exited",
        "payments.surcharge_fee_debited",
        "refunds.refund_settled",
        "mandates.active",
        "mandates.cancelled",
        "payouts.paid",
        "subscriptions.created",
    ] {
        let raw = event(name, 1, &json!({ "refund": "RF1" }), &json!({}));
        assert!(matches!(interpreted(&gocardless(), name, &raw), Interpretation::Ignored(_)), "{name}");
    }
}

#[test]
fn the_creditor_is_the_account_and_the_organisation_is_not() {
    let raw = event("payments.confirmed", 1, &json!({ "payment": "PM1", "organisation": "OR1" }), &json!({}));
    let Interpretation::Update(found) = interpreted(&gocardless(), "", &raw) else { panic!("ignored") };
    assert_eq!((found.account, found.livemode), (None, None));
    let raw = event("payments.confirmed", 1, &json!({ "payment": "PM1", "creditor": "CR1" }), &json!({}));
    let Interpretation::Update(found) = interpreted(&gocardless(), "", &raw) else { panic!("ignored") };
    assert_eq!(found.account.as_deref(), Some("CR1"));
}

/// Failed, tried again, confirmed, paid out, and failed after all.
#[test]
fn a_history_that_goes_back_ends_alike_in_every_order() {
    let updates = [
        update("billing_requests.fulfilled", 1),
        update("payments.failed", 100),
        update("payments.resubmission_requested", 200),
        update("payments.confirmed", 300),
        update("payments.paid_out", 400),
        update("payments.failed", 500),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!((end.status, end.review), (TransactionStatus::Failed, None));
}

#[test]
fn a_chargeback_that_is_cancelled_ends_alike_in_every_order() {
    let updates = [
        update("billing_requests.fulfilled", 1),
        update("payments.submitted", 100),
        update("payments.confirmed", 200),
        update("payments.charged_back", 300),
        update("payments.chargeback_settled", 400),
        update("payments.chargeback_cancelled", 500),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!((end.status, end.captured), (TransactionStatus::Succeeded, 1000));
    assert_eq!(end.disputes.iter().map(|d| d.1).collect::<Vec<_>>(), ["won"]);
}

#[test]
fn a_refund_of_ours_that_bounces_ends_alike_in_every_order() {
    let mut begun = history::transaction(CaptureMethod::Automatic);
    begun.apply(&update("payments.confirmed", 100), at(101, 0));
    let request = gateway_core::domain::transaction::RefundRequest {
        id: REFUND.parse().unwrap(),
        amount: Some(400),
        reason: None,
        idem: None,
    };
    begun.request_refund(request, at(102, 0)).unwrap();
    let updates = [
        update("payments.paid_out", 150),
        update("refunds.created", 200),
        update("refunds.submitted", 201),
        update("refunds.paid", 300),
        update("refunds.bounced", 400),
        update("refunds.funds_returned", 500),
    ];
    let end = check_all_orders(&begun, &updates);
    assert_eq!((end.status, end.refunded, end.refunds.len()), (TransactionStatus::Succeeded, 0, 1));
    let end = check_all_ends(&begun, &updates[..4], |_, _| ());
    assert_eq!((end.status, end.refunded), (TransactionStatus::PartiallyRefunded, 400));
}

#[test]
fn a_batch_becomes_its_events_with_their_exact_bytes() {
    let (secret, now) = ("example-endpoint-secret".to_owned(), at(0, 0));
    let body = Bytes::from_static(
        b"{ \"events\": [{\"id\":\"EV1\",  \"resource_type\":\"payments\",\"action\":\"confirmed\",\"n\":1.0},\n {\"id\": \"EV2\"}], \"meta\": {\"webhook_id\": \"WB1\"} }\n",
    );
    let receive = |secrets: &[String], signature: &str, body: &Bytes| {
        let mut headers = HeaderMap::new();
        headers.insert(signature::gocardless::HEADER, signature.parse().unwrap());
        gocardless().receive(secrets, &headers, body, now)
    };
    let signed = signature::gocardless::sign(&secret, &body);
    let secrets = ["another".to_owned(), secret.clone()];
    let found = receive(&secrets, &signed, &body).unwrap();
    let names: Vec<_> = found.iter().map(|e| (e.event_id.as_str(), e.name.as_str())).collect();
    assert_eq!(names, [("EV1", "payments.confirmed"), ("EV2", ".")]);
    let raw = r#"{"id":"EV1",  "resource_type":"payments","action":"confirmed","n":1.0}"#;
    assert_eq!(found[0].raw, raw.as_bytes());
    let trimmed = body.slice(..body.len() - 1);
    assert_eq!(receive(&secrets, &signed, &trimmed), Err(WebhookRejection::Signature));
    assert_eq!(receive(&[], &signed, &body), Err(WebhookRejection::Signature));
    let blank = signature::gocardless::sign("", &body);
    assert_eq!(receive(&[String::new()], &blank, &body), Err(WebhookRejection::Signature));
    // An event without an id is known by its bytes.
    for nameless in [r#"{"events":[{}]}"#, r#"{"events":[{"id":""}]}"#, r#"{"events":[7]}"#] {
        let body = Bytes::from_static(nameless.as_bytes());
        let found = receive(&secrets, &signature::gocardless::sign(&secret, &body), &body).unwrap();
        assert_eq!((found.len(), found[0].name.as_str()), (1, "unreadable"), "{nameless}");
        assert!(found[0].event_id.starts_with("sha256:"));
    }
    for broken in ["", "{}", r#"{"events":7}"#] {
        let body = Bytes::from_static(broken.as_bytes());
        let signed = signature::gocardless::sign(&secret, &body);
        assert_eq!(receive(&secrets, &signed, &body), Err(WebhookRejection::Body), "{broken}");
    }
    let empty = Bytes::from_static(br#"{"events":[]}"#);
    let signed = signature::gocardless::sign(&secret, &empty);
    assert_eq!(receive(&secrets, &signed, &empty), Ok(vec![]));
}

#[test]
fn accepts_what_a_billing_request_can_collect() {
    let accepts = |minor, code: &str, capture| {
        gocardless().accepts(Money::new(minor, code.parse().unwrap()), capture).is_ok()
    };
    assert!(accepts(1, "EUR", CaptureMethod::Automatic) && accepts(1, "GBP", CaptureMethod::Automatic));
    assert!(!accepts(1, "EUR", CaptureMethod::Manual));
    assert!(!accepts(0, "EUR", CaptureMethod::Automatic) && !accepts(1, "USD", CaptureMethod::Automatic));
}

#[test]
fn webhooks_are_answered_as_the_provider_asks() {
    let answers = gocardless().webhook_answers();
    assert_eq!((answers.accepted, answers.rejected), (204, 498));
}
