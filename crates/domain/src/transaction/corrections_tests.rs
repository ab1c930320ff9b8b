//! Confirmations that are taken back, and money that was sent back at the bank.

use super::{
    reduce_tests::blank,
    transfer_tests::{START, money, review, waiting},
    *,
};
use crate::{ConfirmationId, RefundId, outbox::EventType};

use Overpayment::{Allowed, Refused};
use TransactionStatus as S;

fn counter() -> Confirmation {
    money(0)
}

fn sent(amount: Option<i64>) -> SentBack {
    SentBack {
        refund_id: RefundId::generate(),
        entry_id: ConfirmationId::generate(),
        amount,
        at: START,
        bank_reference: None,
        reason: None,
        idem: None,
    }
}

fn confirmed(amount: i64) -> (Transaction, ConfirmationId) {
    let mut t = waiting();
    let entry = money(amount);
    let id = entry.id;
    t.confirm(entry, Allowed, START).unwrap();
    (t, id)
}

/// The statuses that it took since a moment, as they are announced.
fn taken(t: &Transaction, since: usize) -> Vec<TransactionStatus> {
    t.history.iter().skip(since).map(|change| change.status).collect()
}

#[test]
fn more_than_is_missing_is_asked_about() {
    let mut t = waiting();
    t.confirm(money(400), Refused, START).unwrap();
    let error = t.confirm(money(5000), Refused, START).unwrap_err();
    assert_eq!(error.to_string(), "€50.00 is €44.00 more than is missing (€6.00)");
    assert_eq!((t.received(), t.status), (400, S::Pending), "and nothing was recorded");
    t.confirm(money(600), Refused, START).unwrap();
    assert_eq!(t.status, S::Succeeded, "all that is missing is no question");
}

#[test]
fn a_confirmation_that_is_taken_back_fails_the_payment_and_the_shop_is_told() {
    let (mut t, id) = confirmed(1000);
    let since = t.history.len();
    t.reverse_confirmation(id, counter(), START).unwrap();
    assert_eq!((t.status, t.captured, t.received()), (S::Failed, 0, 0));
    assert_eq!(t.confirmations.iter().map(|one| one.amount).collect::<Vec<_>>(), [1000, -1000]);
    assert_eq!(t.confirmations[1].reverses, Some(id), "the entry stays, and so does what takes it back");
    assert_eq!((taken(&t, since), review(&t)), (vec![S::Failed], None));
    assert_eq!(t.outbox.entries.last().unwrap().event, EventType::TransactionFailed);
    assert_eq!(t.payment.as_ref().unwrap().failure.as_ref().unwrap().code, "confirmation_reversed");
    // Taken back once, and no way to take the correction back but to confirm again.
    assert_eq!(t.reverse_confirmation(id, counter(), START), Err(CorrectionError::Reversed));
    let correction = t.confirmations[1].id;
    assert_eq!(t.reverse_confirmation(correction, counter(), START), Err(CorrectionError::IsCorrection));
    assert_eq!(
        t.reverse_confirmation(ConfirmationId::generate(), counter(), START),
        Err(CorrectionError::Unknown)
    );
    t.confirm(money(1000), Refused, START).unwrap();
    assert_eq!((t.captured, taken(&t, since)), (1000, vec![S::Failed, S::Succeeded]));
}

#[test]
fn a_part_that_is_taken_back_leaves_the_payment_waiting() {
    let (mut t, id) = confirmed(400);
    assert!(!t.may_be_given_up());
    t.reverse_confirmation(id, counter(), START).unwrap();
    assert_eq!((t.status, t.outstanding()), (S::Pending, 1000));
    assert!(t.may_be_given_up(), "nothing has come after all");
}

#[test]
fn a_slip_of_the_pen_is_put_right() {
    // 20 had come, 29 were missing, 500 was typed.
    let mut t = waiting();
    t.confirm(money(400), Refused, START).unwrap();
    let slip = money(10_000);
    let id = slip.id;
    t.confirm(slip, Allowed, START).unwrap();
    assert_eq!((t.status, review(&t), t.excess()), (S::Succeeded, Some("overpaid"), 9400));
    t.reverse_confirmation(id, counter(), START).unwrap();
    assert_eq!((t.status, t.received(), review(&t)), (S::Failed, 400, Some("underpaid")));
    t.confirm(money(600), Refused, START).unwrap();
    assert_eq!((t.status, t.received(), t.captured), (S::Succeeded, 1000, 1000));
    // One of two confirmations of the same money: the payment stays paid.
    let (mut twice, _) = confirmed(1000);
    let second = Confirmation { amount: 1000, ..money(1000) };
    let second_id = second.id;
    twice.confirmations.push(second);
    twice.flag("overpaid", "", START);
    twice.reverse_confirmation(second_id, counter(), START).unwrap();
    assert_eq!((twice.status, review(&twice)), (S::Succeeded, None));
}

#[test]
fn money_that_was_sent_back_is_a_refund_that_has_succeeded() {
    let (mut t, id) = confirmed(1000);
    let part = t.record_sent_back(sent(Some(300)), START).unwrap();
    assert!(part.entry.is_none() && part.refund.is_some());
    assert_eq!((t.status, t.refunded, t.refundable()), (S::PartiallyRefunded, 300, 700));
    assert_eq!(t.reverse_confirmation(id, counter(), START), Err(CorrectionError::SentBack));
    t.record_sent_back(sent(None), START).unwrap();
    assert_eq!((t.status, t.refunded), (S::Refunded, 1000));
    assert_eq!(t.refunds.len(), 2);
    assert!(t.refunds.iter().all(|refund| refund.imported && refund.state == RefundState::Succeeded));
    let succeeded = t.outbox.entries.iter().filter(|entry| entry.event == EventType::RefundSucceeded).count();
    assert_eq!(succeeded, 2);
    assert_eq!(t.record_sent_back(sent(None), START), Err(CorrectionError::NothingLeft));
}

#[test]
fn what_came_too_much_goes_back_first_and_leaves_the_payment_paid() {
    let (mut t, _) = confirmed(1200);
    assert_eq!((review(&t), t.returnable()), (Some("overpaid"), 1200));
    let back = t.record_sent_back(sent(Some(200)), START).unwrap();
    assert!(back.entry.is_some() && back.refund.is_none());
    assert_eq!((t.status, t.received(), t.refunded), (S::Succeeded, 1000, 0));
    assert_eq!(review(&t), None, "closed by what was done, not by words");
    // All of it at once: the rest is the payment's.
    let (mut all, _) = confirmed(1200);
    let back = all.record_sent_back(sent(None), START).unwrap();
    assert!(back.entry.is_some() && back.refund.is_some());
    assert_eq!((all.status, all.received(), all.refunded), (S::Refunded, 1000, 1000));
}

#[test]
fn what_cannot_have_been_sent_back_changes_nothing() {
    let mut card = blank();
    card.provider_kind = Some(ProviderKind::Stripe);
    assert_eq!(card.record_sent_back(sent(None), START), Err(CorrectionError::NotByHand));
    let mut pending = waiting();
    pending.confirm(money(400), Refused, START).unwrap();
    assert_eq!(pending.record_sent_back(sent(None), START), Err(CorrectionError::NothingLeft));
    let (mut t, _) = confirmed(1000);
    let seq = t.outbox.seq;
    assert_eq!(t.record_sent_back(sent(Some(0)), START), Err(CorrectionError::NotPositive));
    let error = t.record_sent_back(sent(Some(1001)), START).unwrap_err().to_string();
    assert_eq!(error, "at most €10.00 can have been sent back, not €10.01");
    assert_eq!((t.refunds.len(), t.outbox.seq), (0, seq));
    let named = SentBack { bank_reference: Some("B-1".to_owned()), ..sent(Some(1)) };
    t.record_sent_back(named.clone(), START).unwrap();
    assert_eq!(t.record_sent_back(named, START), Err(CorrectionError::Known("B-1".to_owned())));
}
