use super::{
    DisputeFact, DisputeState, Failure, PaymentFact, PaymentState, ProviderUpdate, RefundFact, RefundState,
    Source, Transaction, TransactionStatus, Unread, UpdateMismatch,
};
use crate::{
    CheckoutId, Currency, Mode, Money, OrganizationId, RefundId, SiteId, Tenant, Timestamp, TransactionId,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn paid() -> Transaction {
    let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
    let (site, checkout) = (SiteId::from_bytes([2; 12]), CheckoutId::from_bytes([3; 12]));
    let money = Money::new(1000, Currency::EUR);
    let id = TransactionId::from_bytes([4; 12]);
    let mut transaction = Transaction::initiated(id, tenant, site, checkout, money, at(0));
    transaction.apply(&snapshot(1), at(1));
    transaction
}

/// A snapshot that says: paid.
fn snapshot(second: i64) -> ProviderUpdate {
    let payment = PaymentFact { amount: Some(1000), ..PaymentFact::state(PaymentState::Succeeded) };
    ProviderUpdate { payment: Some(payment), ..ProviderUpdate::new(Source::Fetch, at(second)) }
}

fn dispute(state: DisputeState) -> DisputeFact {
    let reference = "PM1".to_owned();
    DisputeFact { reference, amount: None, currency: None, inquiry: false, state, reason: None }
}

fn refund(reference: &str, amount: Option<i64>, state: RefundState) -> RefundFact {
    RefundFact { reference: reference.to_owned(), refund_id: None, amount, state, failure: None, at: None }
}

/// As the use case does it.
fn take(transaction: &mut Transaction, snapshot: &ProviderUpdate, now: Timestamp) {
    let mut snapshot = snapshot.clone();
    transaction.before_snapshot(&snapshot, now);
    snapshot.refunds.extend(transaction.released_refunds(&snapshot));
    transaction.apply(&snapshot, now);
}

#[test]
fn a_lost_dispute_that_is_given_back_is_for_a_person() {
    let mut transaction = paid();
    let lost = ProviderUpdate { disputes: vec![dispute(DisputeState::Lost)], ..snapshot(10) };
    take(&mut transaction, &lost, at(10));
    assert_eq!((transaction.status, transaction.needs_review.clone()), (TransactionStatus::Lost, None));
    assert!(!transaction.is_unsettled(), "nobody asks about it any more");
    let won = ProviderUpdate { disputes: vec![dispute(DisputeState::Won)], ..snapshot(20) };
    take(&mut transaction, &won, at(21));
    assert_eq!(transaction.status, TransactionStatus::Lost, "lost is final");
    assert_eq!(transaction.needs_review.unwrap().reason, "dispute_returned");
}

#[test]
fn a_snapshot_that_agrees_answers_a_mismatch() {
    for (reason, stays) in [
        ("currency_mismatch", false),
        ("amount_mismatch", false),
        ("reference_mismatch", false),
        ("second_payment", true),
        ("refund_mismatch", true),
    ] {
        let mut transaction = paid();
        transaction.flag(reason, "seen", at(5));
        transaction.before_snapshot(&snapshot(10), at(10));
        assert_eq!(transaction.needs_review.is_some(), stays, "{reason}");
    }
}

#[test]
fn what_could_not_be_read_is_flagged_until_it_can() {
    let mut transaction = paid();
    let unread = |unread| ProviderUpdate { unread: vec![unread], ..snapshot(10) };
    transaction.before_snapshot(&unread(Unread::Forbidden("disputes")), at(10));
    assert_eq!(transaction.needs_review, None, "that is a matter of the account");
    let object = Unread::Object { what: "refund", id: "re_1".to_owned(), problem: "odd".to_owned() };
    transaction.before_snapshot(&unread(object), at(11));
    let review = transaction.needs_review.clone().unwrap();
    assert!(review.reason == "unreadable" && review.detail.as_str().contains("re_1"));
    transaction.before_snapshot(&unread(Unread::Forbidden("disputes")), at(12));
    assert!(transaction.needs_review.is_some(), "it has not been seen since");
    transaction.before_snapshot(&snapshot(13), at(13));
    assert_eq!(transaction.needs_review, None);
}

#[test]
fn a_released_authorization_is_no_refund_even_when_it_was_taken_for_one() {
    let mut transaction = paid();
    let source = Source::Event("evt_1".to_owned());
    let event = ProviderUpdate {
        refunds: vec![refund("re_1", Some(600), RefundState::Succeeded)],
        ..ProviderUpdate::new(source, at(5))
    };
    transaction.apply(&event, at(5));
    assert_eq!(transaction.refunded, 600);
    let seen = ProviderUpdate { released: vec!["re_1".to_owned()], ..snapshot(10) };
    take(&mut transaction, &seen, at(10));
    assert_eq!((transaction.refunded, transaction.status), (0, TransactionStatus::Succeeded));
    assert_eq!(transaction.refunds[0].failure.as_ref().unwrap().code, "authorization_released");
    take(&mut transaction, &seen, at(11));
    assert_eq!(transaction.refunds.len(), 1);
}

#[test]
fn a_refund_without_an_amount_is_missed_until_it_is_known() {
    let mut transaction = paid();
    let source = Source::Event("EV1".to_owned());
    let event = ProviderUpdate {
        refunds: vec![refund("RF1", None, RefundState::Succeeded)],
        ..ProviderUpdate::new(source, at(5))
    };
    assert!(transaction.needs_snapshot(&event) && transaction.misses_refund_of(&event));
    let seen =
        ProviderUpdate { refunds: vec![refund("RF1", Some(300), RefundState::Succeeded)], ..snapshot(6) };
    take(&mut transaction, &seen, at(6));
    assert!(!transaction.misses_refund_of(&event));
    assert_eq!(transaction.refunded, 300);
}

#[test]
fn a_refund_that_came_out_otherwise_is_neither_repeated_nor_forgotten() {
    let mut transaction = paid();
    let id = RefundId::from_bytes([9; 12]);
    let request = super::RefundRequest { id, amount: Some(400), reason: None, idem: None };
    transaction.request_refund(request, at(5)).unwrap();
    let source = Source::Event("re_1".to_owned());
    let fact = RefundFact { refund_id: Some(id), ..refund("re_1", Some(400), RefundState::Succeeded) };
    let answer = ProviderUpdate { refunds: vec![fact], ..ProviderUpdate::new(source, at(6)) };
    let mismatch = UpdateMismatch::Currency { stated: "USD".to_owned(), stored: "EUR".to_owned() };
    transaction.doubt_refund(id, &answer, &mismatch, at(6));
    let refund = transaction.refund(id).unwrap();
    assert_eq!((refund.state, refund.reference.as_deref()), (RefundState::Unknown, Some("re_1")));
    assert_eq!(transaction.refundable(), 600, "its money stays reserved");
    assert_eq!(transaction.needs_review.as_ref().unwrap().reason, "refund_mismatch");
}

#[test]
fn every_private_text_is_known_by_its_place() {
    let mut transaction = paid();
    let failure = || Some(Failure::new("odd code!", "max@example.com"));
    assert_eq!(failure().unwrap().code, "error", "free text is no code");
    transaction.failure = failure();
    transaction.flag("amount_mismatch", "max@example.com", at(9));
    let texts: Vec<String> =
        transaction.private_texts().into_iter().map(|text| text.as_str().to_owned()).collect();
    assert_eq!(texts, ["max@example.com", "max@example.com"]);
}
