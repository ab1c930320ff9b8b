//! What becomes of a transfer, by what people have seen of it.

use std::time::Duration;

use super::{reduce_tests::blank, *};

pub(super) const START: Timestamp = Timestamp::from_seconds(1_000);
const UNTIL: Timestamp = Timestamp::from_seconds(1_000_000);

pub(super) fn waiting() -> Transaction {
    let mut t = blank();
    t.provider_kind = Some(ProviderKind::Wire);
    t.await_transfer(UNTIL, START);
    assert_eq!((t.status, t.expires_at), (TransactionStatus::Pending, UNTIL));
    t
}

pub(super) fn money(amount: i64) -> Confirmation {
    Confirmation {
        id: crate::ConfirmationId::generate(),
        amount,
        reverses: None,
        received_at: START,
        bank_reference: None,
        note: None,
        idem: None,
        created_at: START,
    }
}

pub(super) fn review(t: &Transaction) -> Option<&str> {
    t.needs_review.as_ref().map(|review| review.reason.as_str())
}

#[test]
fn parts_add_up_to_a_payment() {
    let mut t = waiting();
    for (part, left) in [(300, 700), (699, 1)] {
        t.confirm(money(part), Overpayment::Allowed, START).unwrap();
        assert_eq!((t.status, t.outstanding(), t.captured), (TransactionStatus::Pending, left, 0));
    }
    t.confirm(money(1), Overpayment::Allowed, START).unwrap();
    assert_eq!((t.status, t.captured, review(&t)), (TransactionStatus::Succeeded, 1000, None));
    t.advance_reconcile(START);
    assert_eq!(t.reconcile, None, "after one look more there is none");
    assert_eq!(t.confirm(money(1), Overpayment::Allowed, START), Err(ConfirmationError::AlreadyPaid));
    assert_eq!(t.history.last().unwrap().source, "person");
}

#[test]
fn too_much_succeeds_and_is_flagged() {
    let mut t = waiting();
    t.confirm(money(1200), Overpayment::Allowed, START).unwrap();
    assert_eq!((t.status, t.captured, t.received()), (TransactionStatus::Succeeded, 1000, 1200));
    assert_eq!((review(&t), t.outstanding()), (Some("overpaid"), 0));
}

#[test]
fn money_for_a_payment_that_is_over_is_a_late_success() {
    for state in [PaymentState::Expired, PaymentState::Cancelled] {
        let mut t = waiting();
        t.end(state, "expiry", None, START);
        t.confirm(money(400), Overpayment::Allowed, START).unwrap();
        assert!(t.status.ended_unpaid());
        assert_eq!(review(&t), Some("underpaid"), "recorded, never dropped");
        t.needs_review = None;
        t.confirm(money(600), Overpayment::Allowed, START).unwrap();
        assert_eq!((t.status, review(&t)), (TransactionStatus::Succeeded, Some("late_success")));
    }
}

#[test]
fn what_cannot_be_confirmed_changes_nothing() {
    let mut card = blank();
    card.provider_kind = Some(ProviderKind::Stripe);
    assert_eq!(card.confirm(money(1000), Overpayment::Allowed, START), Err(ConfirmationError::NotByHand));
    let mut t = waiting();
    let seq = t.outbox.seq;
    assert_eq!(t.confirm(money(0), Overpayment::Allowed, START), Err(ConfirmationError::NotPositive));
    assert_eq!(t.confirm(money(-5), Overpayment::Allowed, START), Err(ConfirmationError::NotPositive));
    assert_eq!(t.confirm(money(i64::MAX), Overpayment::Allowed, START), Err(ConfirmationError::TooLarge));
    assert_eq!((t.confirmations.len(), t.outbox.seq), (0, seq));
    let named = Confirmation { bank_reference: Some("A-1".to_owned()), ..money(10) };
    t.confirm(named.clone(), Overpayment::Allowed, START).unwrap();
    assert_eq!(
        t.confirm(named, Overpayment::Allowed, START),
        Err(ConfirmationError::Known("A-1".to_owned()))
    );
    for _ in 1..CONFIRMATIONS_MAX {
        t.confirm(money(1), Overpayment::Allowed, START).unwrap();
    }
    assert_eq!(t.confirm(money(1), Overpayment::Allowed, START), Err(ConfirmationError::TooMany));
}

#[test]
fn a_transfer_is_left_to_the_customer_until_money_has_come() {
    let mut t = waiting();
    assert!(t.may_be_given_up() && t.keeps_waiting(START) && !t.keeps_waiting(UNTIL));
    t.confirm(money(1), Overpayment::Allowed, START).unwrap();
    assert!(!t.may_be_given_up(), "money has come");
    assert!(t.keeps_waiting(UNTIL), "a clock does not give it up");
}

#[test]
fn the_reconciler_looks_when_the_time_is_over() {
    let mut t = waiting();
    t.expires_at = START + Duration::from_secs(1);
    t.schedule_reconcile(true, START);
    assert_eq!(t.reconcile.unwrap().due, t.expires_at);
    t.advance_reconcile(t.expires_at);
    assert!(t.reconcile.unwrap().due > t.expires_at, "not again and again");
}
