use std::time::Duration;

use bytes::Bytes;
use gateway_core::{
    crypto::signature,
    domain::{
        CheckoutId, Currency, Money, Timestamp, TransactionId,
        checkout::{CaptureMethod, Customer},
        transaction::{
            DisputeState, PaymentState, ProviderRef, ProviderUpdate, RefundState, Source, StartPlan,
            TransactionStatus,
        },
    },
    provider::{Interpretation, PaymentProvider, StartPayment, WebhookRejection},
};
use http::HeaderMap;
use serde_json::{Value, json};

use super::{BASE_URL, Stripe, key_mode};
use crate::{
    history::{
        self, SESSION_PUBLIC_ID, TRANSACTION, check_all_ends, check_all_orders, interpreted, replay,
        update_of,
    },
    http::HttpClient,
};

const NOW: i64 = 1_700_000_000;
const REFUND: &str = "00000000000000000000000a";

pub(crate) fn start_payment() -> StartPayment {
    let mut id = [7; 12];
    id[..4].copy_from_slice(&u32::try_from(NOW).unwrap().to_be_bytes());
    StartPayment {
        transaction_id: TransactionId::from_bytes(id),
        checkout_id: CheckoutId::from_bytes([3; 12]),
        session_public_id: SESSION_PUBLIC_ID.to_owned(),
        amount: Money::new(1000, Currency::EUR),
        capture_method: CaptureMethod::Automatic,
        items: Vec::new(),
        description: "Example Shop · ORD-1".to_owned(),
        external_reference: "ORD-1".to_owned(),
        customer: Customer::default(),
        locale: None,
        return_url: "https://pay.example.com/return".parse().unwrap(),
        cancel_url: "https://pay.example.com/back".parse().unwrap(),
        expires_at: Timestamp::from_seconds(NOW) + Duration::from_mins(1),
        plan: StartPlan::default(),
        now: Timestamp::from_seconds(NOW),
    }
}

fn stripe() -> Stripe {
    Stripe::new(HttpClient::new().unwrap(), BASE_URL.parse().unwrap())
}

fn event(kind: &str, second: i64, object: &Value) -> String {
    json!({
        "id": format!("evt_{kind}_{second}"), "object": "event", "type": kind, "created": NOW + second,
        "livemode": false, "data": { "object": object }, "api_version": super::VERSION,
    })
    .to_string()
}

fn update(kind: &str, second: i64, object: &Value) -> ProviderUpdate {
    update_of(&stripe(), &event(kind, second, object))
}

fn with(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("an object") };
    for (name, value) in changes {
        object[name] = value;
    }
    object
}

fn metadata() -> Value {
    json!({ "transaction_id": TRANSACTION, "session_public_id": SESSION_PUBLIC_ID })
}

fn session(changes: Value) -> Value {
    let session = json!({
        "id": "cs_test_1", "object": "checkout.session", "mode": "payment", "status": "complete",
        "payment_status": "paid", "amount_total": 1000, "currency": "eur",
        "client_reference_id": SESSION_PUBLIC_ID, "metadata": metadata(), "payment_intent": "pi_1", "url": null,
    });
    with(session, changes)
}

fn intent(changes: Value) -> Value {
    let intent = json!({
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1000,
        "amount_received": 1000, "amount_capturable": 0, "currency": "eur", "metadata": metadata(),
        "latest_charge": "ch_1", "last_payment_error": null, "cancellation_reason": null,
    });
    with(intent, changes)
}

fn charge(changes: Value) -> Value {
    let charge = json!({
        "id": "ch_1", "object": "charge", "amount": 1000, "amount_captured": 1000, "amount_refunded": 0,
        "captured": true, "currency": "eur", "metadata": metadata(), "payment_intent": "pi_1",
    });
    with(charge, changes)
}

fn refund(changes: Value) -> Value {
    let refund = json!({
        "id": "re_1", "object": "refund", "amount": 300, "currency": "eur", "status": "succeeded",
        "created": NOW + 50, "metadata": { "refund_id": REFUND }, "charge": "ch_1", "payment_intent": "pi_1",
    });
    with(refund, changes)
}

fn dispute(status: &str) -> Value {
    json!({
        "id": "du_1", "object": "dispute", "amount": 1000, "currency": "eur", "status": status,
        "reason": "fraudulent", "charge": "ch_1", "payment_intent": "pi_1", "metadata": {},
    })
}

fn declined() -> Value {
    intent(json!({
        "status": "requires_payment_method", "amount_received": 0, "latest_charge": "ch_0",
        "last_payment_error": {
            "type": "card_error", "code": "card_declined", "decline_code": "generic_decline",
            "message": "Your card was declined.", "charge": "ch_0",
            "payment_method": { "id": "pm_1", "object": "payment_method" },
        },
    }))
}

#[test]
fn every_event_of_the_table_says_what_it_means() {
    use PaymentState as P;
    let unpaid = || session(json!({ "payment_status": "unpaid" }));
    let cases = [
        ("checkout.session.completed", session(json!({})), P::Succeeded, true),
        (
            "checkout.session.completed",
            session(json!({ "payment_status": "no_payment_required" })),
            P::Succeeded,
            true,
        ),
        ("checkout.session.completed", unpaid(), P::Pending, false),
        (
            "checkout.session.completed",
            session(json!({
                "payment_status": "unpaid",
                "payment_intent": intent(json!({ "status": "requires_capture", "amount_capturable": 1000 })),
            })),
            P::Authorized,
            true,
        ),
        ("checkout.session.async_payment_succeeded", session(json!({})), P::Succeeded, true),
        ("checkout.session.async_payment_failed", unpaid(), P::Failed, true),
        (
            "checkout.session.expired",
            session(json!({ "status": "expired", "payment_intent": null })),
            P::Expired,
            true,
        ),
        ("payment_intent.succeeded", intent(json!({})), P::Succeeded, true),
        ("payment_intent.payment_failed", declined(), P::Pending, false),
        ("payment_intent.canceled", intent(json!({ "status": "canceled" })), P::Cancelled, true),
        ("payment_intent.processing", intent(json!({ "status": "processing" })), P::Pending, false),
        (
            "payment_intent.amount_capturable_updated",
            intent(json!({ "status": "requires_capture", "amount_capturable": 1000 })),
            P::Authorized,
            true,
        ),
        ("charge.refunded", charge(json!({ "amount_refunded": 300 })), P::Succeeded, true),
    ];
    for (kind, object, state, sticky) in cases {
        let found = update(kind, 1, &object);
        let fact = found.payment.unwrap();
        assert_eq!((fact.state, fact.sticky), (state, sticky), "{kind}");
        assert_eq!(found.transaction_id, Some(TRANSACTION.parse().unwrap()), "{kind}");
        assert_eq!(found.at, Timestamp::from_seconds(NOW + 1));
        assert_eq!(found.source, Source::Event(format!("evt_{kind}_1")));
        assert_eq!(found.currency, Some(Currency::EUR), "{kind}");
    }
}

#[test]
fn what_is_stated_is_compared() {
    let paid = update("checkout.session.completed", 1, &session(json!({})));
    assert_eq!(
        (paid.expected_amount, paid.session_public_id.as_deref()),
        (Some(1000), Some(SESSION_PUBLIC_ID))
    );
    let partly = update("payment_intent.succeeded", 1, &intent(json!({ "amount_received": 400 })));
    assert_eq!((partly.expected_amount, partly.payment.unwrap().amount), (Some(1000), Some(400)));
    let yen = update("payment_intent.succeeded", 1, &intent(json!({ "currency": "isk", "amount": 100_000 })));
    assert_eq!(yen.expected_amount, Some(1000));
    let begun = history::transaction(CaptureMethod::Automatic);
    for changes in [json!({ "amount": 999 }), json!({ "amount_received": 999 }), json!({ "currency": "usd" })]
    {
        assert!(begun.check(&update("payment_intent.succeeded", 1, &intent(changes))).is_err());
    }
    let foreign = session(json!({ "metadata": { "session_public_id": "cs_other" } }));
    assert!(begun.check(&update("checkout.session.completed", 1, &foreign)).is_err());
}

#[test]
fn a_declined_card_is_an_attempt_and_not_an_end() {
    let found = update("payment_intent.payment_failed", 1, &declined());
    let fact = found.payment.unwrap();
    assert_eq!((fact.attempt.as_deref(), fact.attempt_state), (Some("ch_0"), Some(PaymentState::Failed)));
    assert_eq!(fact.failure.unwrap().code, "card_declined");
    let updates = [
        update("payment_intent.payment_failed", 1, &declined()),
        update("payment_intent.succeeded", 9, &intent(json!({}))),
    ];
    let (end, announced) = replay(history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!(end.status, TransactionStatus::Succeeded);
    assert_eq!(announced, [TransactionStatus::Pending, TransactionStatus::Succeeded]);
}

#[test]
fn refunds_speak_of_themselves_only() {
    for (kind, status, state) in [
        ("refund.created", "pending", RefundState::Pending),
        ("refund.created", "requires_action", RefundState::Pending),
        ("refund.updated", "succeeded", RefundState::Succeeded),
        ("charge.refund.updated", "canceled", RefundState::Failed),
        ("refund.failed", "failed", RefundState::Failed),
        ("refund.updated", "invented_later", RefundState::Pending),
    ] {
        let found = update(kind, 1, &refund(json!({ "status": status })));
        assert!(found.payment.is_none() && found.refunded_total.is_none());
        let fact = &found.refunds[0];
        assert_eq!(
            (fact.state, fact.amount, fact.refund_id),
            (state, Some(300), Some(REFUND.parse().unwrap()))
        );
        assert!(found.refs.contains(&ProviderRef::new("payment_intent", "pi_1")));
    }
}

#[test]
fn disputes_follow_their_status() {
    for (status, state) in [
        ("warning_needs_response", DisputeState::Open),
        ("needs_response", DisputeState::Open),
        ("warning_under_review", DisputeState::UnderReview),
        ("under_review", DisputeState::UnderReview),
        ("warning_closed", DisputeState::Won),
        ("won", DisputeState::Won),
        ("lost", DisputeState::Lost),
        ("invented_later", DisputeState::Open),
    ] {
        for kind in ["created", "updated", "funds_withdrawn", "funds_reinstated", "closed"] {
            let found = update(&format!("charge.dispute.{kind}"), 1, &dispute(status));
            let fact = &found.disputes[0];
            assert_eq!((fact.state, fact.amount), (state, Some(1000)), "{status}");
            assert_eq!(fact.inquiry, status.starts_with("warning_"), "{status}");
            assert!(found.payment.is_none());
        }
    }
}

#[test]
fn only_money_that_was_taken_counts_as_refunded() {
    let released = charge(json!({ "captured": false, "amount_captured": 0, "amount_refunded": 1000 }));
    let found = interpreted(&stripe(), "", &event("charge.refunded", 1, &released));
    assert!(matches!(found, Interpretation::Ignored(_)));
    for (captured, refunded, total) in [(400, 600, 0), (400, 700, 100), (400, 0, 0), (1000, 300, 300)] {
        let object = charge(json!({ "amount_captured": captured, "amount_refunded": refunded }));
        let found = update("charge.refunded", 1, &object);
        assert_eq!((found.refunded_total, found.payment.unwrap().amount), (Some(total), Some(captured)));
    }
}

#[test]
fn the_intent_of_an_expired_session_ends_with_it() {
    for (reason, intent_changes, state) in [
        ("automatic", json!({ "latest_charge": null }), PaymentState::Expired),
        ("expired", json!({ "last_payment_error": { "code": "card_declined" } }), PaymentState::Expired),
        ("automatic", json!({}), PaymentState::Cancelled),
        ("requested_by_customer", json!({ "latest_charge": null }), PaymentState::Cancelled),
    ] {
        let object =
            with(intent(intent_changes), json!({ "status": "canceled", "cancellation_reason": reason }));
        let found = update("payment_intent.canceled", 1, &object);
        assert_eq!(found.payment.unwrap().state, state, "{reason}");
    }
}

#[test]
fn unknown_and_foreign_events_are_ignored() {
    for (kind, object) in [
        ("payment_intent.created", intent(json!({}))),
        ("customer.created", json!({ "id": "cus_1" })),
        ("invented.later", json!({})),
        ("checkout.session.completed", session(json!({ "mode": "subscription", "amount_total": null }))),
    ] {
        let found = interpreted(&stripe(), kind, &event(kind, 1, &object));
        assert!(matches!(found, Interpretation::Ignored(_)), "{kind}");
    }
}

#[test]
fn mode_and_account_are_passed_on() {
    let mut raw: Value =
        serde_json::from_str(&event("payment_intent.succeeded", 1, &intent(json!({})))).unwrap();
    raw["account"] = json!("acct_1");
    let Interpretation::Update(found) = interpreted(&stripe(), "", &raw.to_string()) else {
        panic!("ignored")
    };
    assert_eq!((found.livemode, found.account.as_deref()), (Some(false), Some("acct_1")));
}

#[test]
fn a_history_of_six_events_ends_alike_in_every_order() {
    let updates = [
        update("payment_intent.payment_failed", 1, &declined()),
        update("checkout.session.completed", 10, &session(json!({}))),
        update("payment_intent.succeeded", 10, &intent(json!({}))),
        update("charge.refunded", 50, &charge(json!({ "amount_refunded": 300 }))),
        update("refund.created", 50, &refund(json!({ "status": "pending" }))),
        update("refund.updated", 55, &refund(json!({}))),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!((end.status, end.captured, end.refunded), (TransactionStatus::PartiallyRefunded, 1000, 300));
    assert_eq!((end.review, end.refunds.len()), (None, 1));
}

#[test]
fn a_dispute_that_is_won_ends_alike_in_every_order() {
    let updates = [
        update("payment_intent.processing", 10, &intent(json!({ "status": "processing" }))),
        update("checkout.session.completed", 10, &session(json!({}))),
        update("charge.dispute.created", 90, &dispute("needs_response")),
        update("charge.dispute.updated", 95, &dispute("under_review")),
        update("charge.dispute.closed", 200, &dispute("won")),
        update("charge.dispute.funds_reinstated", 201, &dispute("won")),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!((end.status, end.review, end.disputes.len()), (TransactionStatus::Succeeded, None, 1));
}

#[test]
fn a_refund_and_a_dispute_end_alike_in_every_order() {
    let updates = [
        update("payment_intent.payment_failed", 1, &declined()),
        update("checkout.session.completed", 10, &session(json!({}))),
        update("charge.refunded", 50, &charge(json!({ "amount_refunded": 300 }))),
        update("refund.created", 50, &refund(json!({}))),
        update("charge.dispute.created", 90, &dispute("needs_response")),
        update("charge.dispute.closed", 200, &dispute("won")),
    ];
    let end = check_all_ends(&history::transaction(CaptureMethod::Automatic), &updates, |_, _| ());
    assert_eq!((end.status, end.captured, end.refunded), (TransactionStatus::PartiallyRefunded, 1000, 300));
    assert_eq!((end.review, end.refunds.len(), end.disputes.len()), (None, 1, 1));
}

#[test]
fn an_authorization_ends_alike_in_every_order() {
    let authorized = json!({ "status": "requires_capture", "amount_capturable": 1000, "amount_received": 0 });
    let captured = json!({ "amount_received": 400 });
    let updates = [
        update("checkout.session.completed", 10, &session(json!({ "payment_status": "unpaid" }))),
        update("payment_intent.amount_capturable_updated", 10, &intent(authorized)),
        update("payment_intent.succeeded", 60, &intent(captured)),
        update("charge.refunded", 70, &charge(json!({ "amount_captured": 400, "amount_refunded": 1000 }))),
        update("refund.created", 70, &refund(json!({ "amount": 400, "status": "pending" }))),
        update("refund.updated", 80, &refund(json!({ "amount": 400 }))),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Manual), &updates);
    assert_eq!((end.status, end.captured, end.refunded), (TransactionStatus::Refunded, 400, 400));
    assert_eq!(end.review, None);
}

#[test]
fn a_bounced_refund_and_a_lost_dispute_end_alike_in_every_order() {
    let updates = [
        update("payment_intent.succeeded", 10, &intent(json!({}))),
        update("charge.refunded", 50, &charge(json!({ "amount_refunded": 300 }))),
        update("refund.created", 50, &refund(json!({}))),
        update("refund.failed", 60, &refund(json!({ "status": "failed" }))),
        update("charge.dispute.created", 90, &dispute("needs_response")),
        update("charge.dispute.closed", 200, &dispute("lost")),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!((end.status, end.refunded), (TransactionStatus::Lost, 0));
}

#[test]
fn an_expired_session_and_its_intent_end_alike_in_every_order() {
    let canceled = json!({ "status": "canceled", "cancellation_reason": "automatic" });
    let updates = [
        update("payment_intent.payment_failed", 1, &declined()),
        update("payment_intent.canceled", 60, &with(declined(), canceled)),
        update(
            "checkout.session.expired",
            60,
            &session(json!({ "status": "expired", "payment_status": "unpaid" })),
        ),
    ];
    let end = check_all_orders(&history::transaction(CaptureMethod::Automatic), &updates);
    assert_eq!((end.status, end.review), (TransactionStatus::Expired, None));
}

#[test]
fn only_signed_events_come_in() {
    let body = Bytes::from(event("payment_intent.succeeded", 1, &intent(json!({}))));
    let now = Timestamp::from_seconds(NOW);
    let receive = |secrets: &[&str], signed_with: &str, body: &Bytes| {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut headers = HeaderMap::new();
        let signature = signature::stripe::sign(signed_with, NOW, body);
        headers.insert(signature::stripe::HEADER, signature.parse().unwrap());
        stripe().receive(&secrets, &headers, body, now)
    };
    let found = receive(&["whsec_new", "whsec_old"], "whsec_old", &body).unwrap();
    assert_eq!((found.len(), &found[0].raw), (1, &body));
    assert_eq!(found[0].event_id, "evt_payment_intent.succeeded_1");
    assert_eq!(found[0].name, "payment_intent.succeeded");
    for (secrets, signed_with) in
        [(&["whsec_a"] as &[_], "whsec_b"), (&[], "whsec_a"), (&[""], ""), (&[" "], " ")]
    {
        assert_eq!(receive(secrets, signed_with, &body), Err(WebhookRejection::Signature));
    }
    for broken in
        ["", "{}", "[]", r#"{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.error"}"#]
    {
        let broken = Bytes::from_static(broken.as_bytes());
        assert_eq!(receive(&["whsec_a"], "whsec_a", &broken), Err(WebhookRejection::Body));
    }
    let unsigned = stripe().receive(&["whsec_a".to_owned()], &HeaderMap::new(), &body, now);
    assert_eq!(unsigned, Err(WebhookRejection::Signature));
}

#[test]
fn keys_say_their_mode() {
    for (key, mode) in [
        ("sk_live_x", Some(true)),
        ("rk_test_x", Some(false)),
        ("sk_test_x", Some(false)),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(key_mode(key), mode, "{key}");
    }
}

#[test]
fn accepts_what_stripe_can_express() {
    let accepts =
        |minor, code: &str| stripe().accepts(Money::new(minor, code.parse().unwrap()), CaptureMethod::Manual);
    assert!(accepts(50, "EUR").is_ok() && accepts(500, "JPY").is_ok() && accepts(5_120, "KWD").is_ok());
    assert!(accepts(0, "EUR").is_err() && accepts(5_121, "KWD").is_err() && accepts(5_120, "IQD").is_err());
}
