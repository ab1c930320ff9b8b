//! Properties of the reducer: order, repetition and loss.

use proptest::prelude::*;

use super::*;
use crate::{CheckoutId, Currency, Mode, Money, OrganizationId, ProviderId, SiteId, Tenant, TransactionId};
use crate::{Timestamp, outbox::EventType};

pub(crate) fn blank() -> Transaction {
    let at = Timestamp::from_millis(1_000);
    let tenant = Tenant::new(OrganizationId::from_bytes([2; 12]), Mode::Test);
    let (site, checkout) = (SiteId::from_bytes([3; 12]), CheckoutId::from_bytes([4; 12]));
    let (id, money) = (TransactionId::from_bytes([1; 12]), Money::new(1000, Currency::EUR));
    Transaction {
        provider_id: Some(ProviderId::from_bytes([5; 12])),
        external_reference: "ORD-1".into(),
        ..Transaction::initiated(id, tenant, site, checkout, money, at)
    }
}

fn event(at: i64) -> ProviderUpdate {
    ProviderUpdate::new(Source::Event(format!("evt_{at}")), Timestamp::from_seconds(at))
}

fn payment(at: i64, state: PaymentState, sticky: bool) -> ProviderUpdate {
    let fact = PaymentFact { sticky, amount: None, ..PaymentFact::state(state) };
    ProviderUpdate { payment: Some(fact), ..event(at) }
}

fn refund(at: i64, reference: &str, amount: i64, state: RefundState) -> ProviderUpdate {
    let fact = RefundFact {
        reference: reference.into(),
        refund_id: None,
        amount: Some(amount),
        state,
        failure: None,
        at: None,
    };
    ProviderUpdate { refunds: vec![fact], ..event(at) }
}

fn dispute(at: i64, state: DisputeState) -> ProviderUpdate {
    let fact = DisputeFact {
        reference: "dp_1".into(),
        amount: None,
        currency: None,
        inquiry: false,
        state,
        reason: None,
    };
    ProviderUpdate { disputes: vec![fact], ..event(at) }
}

/// What must not depend on the order: status, captured, refunded, refunds by reference, disputes.
type Essence = (TransactionStatus, i64, i64, Vec<(String, RefundState, i64)>, Vec<DisputeState>);

fn essence(t: &Transaction) -> Essence {
    let mut refunds: Vec<_> =
        t.refunds.iter().map(|r| (r.reference.clone().unwrap_or_default(), r.state, r.amount)).collect();
    refunds.sort_by(|a, b| a.0.cmp(&b.0));
    (t.status, t.captured, t.refunded, refunds, t.disputes.iter().map(|d| d.state).collect())
}

fn announced(t: &Transaction) -> Vec<EventType> {
    let statuses: Vec<EventType> = TransactionStatus::ALL.iter().map(|s| s.event()).collect();
    t.outbox.entries.iter().map(|e| e.event).filter(|e| statuses.contains(e)).collect()
}

fn run(updates: &[ProviderUpdate]) -> Transaction {
    let mut t = blank();
    for (index, update) in updates.iter().enumerate() {
        t.apply(update, Timestamp::from_millis(10_000 + i64::try_from(index).unwrap()));
    }
    t
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.len() <= 1 {
        return vec![items.to_vec()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(index);
        for mut tail in permutations(&rest) {
            tail.insert(0, first.clone());
            all.push(tail);
        }
    }
    all
}

fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|wanted| whole.any(|have| have == wanted))
}

fn check_all_orders(history: &[ProviderUpdate]) {
    let in_order = run(history);
    let mut orders = 0;
    for order in permutations(history) {
        let doubled: Vec<_> = order.iter().chain(order.iter()).cloned().collect();
        for updates in [&order, &doubled] {
            let got = run(updates);
            assert_eq!(essence(&got), essence(&in_order), "{updates:?}");
            assert!(is_subsequence(&announced(&got), &announced(&in_order)), "{:?}", announced(&got));
            assert_eq!(announced(&got).last(), announced(&in_order).last());
        }
        orders += 1;
    }
    assert_eq!(orders, (1..=history.len()).product::<usize>());
}

#[test]
fn every_order_of_a_card_payment_with_refunds_ends_the_same() {
    check_all_orders(&[
        payment(1, PaymentState::Pending, false),
        payment(2, PaymentState::Succeeded, true),
        refund(3, "re_1", 400, RefundState::Pending),
        refund(4, "re_1", 400, RefundState::Succeeded),
        refund(5, "re_2", 600, RefundState::Pending),
        refund(6, "re_2", 600, RefundState::Succeeded),
    ]);
}

#[test]
fn every_order_of_a_debit_that_goes_back_and_forth_ends_the_same() {
    check_all_orders(&[
        payment(1, PaymentState::Pending, false),
        payment(2, PaymentState::Failed, false),
        payment(3, PaymentState::Pending, false),
        payment(4, PaymentState::Succeeded, false),
        payment(5, PaymentState::Succeeded, false),
        payment(6, PaymentState::Failed, false),
    ]);
}

#[test]
fn every_order_of_a_disputed_payment_ends_in_the_same_state() {
    let history = [
        payment(1, PaymentState::Pending, false),
        payment(2, PaymentState::Succeeded, true),
        refund(3, "re_1", 400, RefundState::Succeeded),
        dispute(4, DisputeState::Open),
        dispute(5, DisputeState::UnderReview),
        dispute(6, DisputeState::Won),
    ];
    let in_order = essence(&run(&history));
    assert_eq!(in_order.0, TransactionStatus::PartiallyRefunded);
    for order in permutations(&history) {
        assert_eq!(essence(&run(&order)), in_order, "{order:?}");
    }
}

#[test]
fn a_refund_that_bounced_restores_the_payment() {
    let t = run(&[
        payment(1, PaymentState::Succeeded, true),
        refund(2, "re_1", 1000, RefundState::Succeeded),
        refund(3, "re_1", 1000, RefundState::Failed),
    ]);
    assert_eq!((t.status, t.refunded), (TransactionStatus::Succeeded, 0));
}

#[test]
fn success_after_cancellation_is_recorded_and_flagged() {
    let mut t = blank();
    t.end(PaymentState::Cancelled, "customer", None, Timestamp::from_seconds(5));
    t.apply(&payment(6, PaymentState::Succeeded, true), Timestamp::from_seconds(6));
    assert_eq!(t.status, TransactionStatus::Succeeded);
    assert_eq!(t.needs_review.unwrap().reason, "late_success");
}

#[test]
fn a_wrong_amount_currency_or_reference_is_a_mismatch() {
    let t = blank();
    let fact = PaymentFact { amount: Some(999), ..PaymentFact::state(PaymentState::Succeeded) };
    assert!(t.check(&ProviderUpdate { payment: Some(fact), ..event(1) }).is_err());
    let usd = "USD".parse().unwrap();
    assert!(t.check(&ProviderUpdate { currency: Some(usd), ..event(1) }).is_err());
    assert!(t.check(&ProviderUpdate { session_public_id: Some("cs_y".into()), ..event(1) }).is_err());
    assert!(t.check(&ProviderUpdate { expected_amount: Some(1001), ..event(1) }).is_err());
    assert!(t.check(&ProviderUpdate { expected_amount: Some(1000), ..event(1) }).is_ok());
}

#[test]
fn two_refunds_cannot_exceed_the_balance_together() {
    let mut t = run(&[payment(1, PaymentState::Succeeded, true)]);
    let ask = |byte: u8, amount| RefundRequest {
        id: crate::RefundId::from_bytes([byte; 12]),
        amount: Some(amount),
        reason: None,
        idem: None,
    };
    let now = Timestamp::from_seconds(9);
    t.request_refund(ask(1, 600), now).unwrap();
    assert_eq!(
        t.request_refund(ask(2, 600), now),
        Err(RefundError::ExceedsBalance {
            requested: Money::new(600, Currency::EUR),
            available: Money::new(400, Currency::EUR)
        })
    );
    t.request_refund(ask(3, 400), now).unwrap();
    assert_eq!(t.refundable(), 0);
}

fn any_update() -> impl Strategy<Value = ProviderUpdate> {
    let states = prop::sample::select(vec![
        PaymentState::Initiated,
        PaymentState::Pending,
        PaymentState::Authorized,
        PaymentState::Succeeded,
        PaymentState::Failed,
        PaymentState::Cancelled,
        PaymentState::Expired,
    ]);
    let refund_states =
        prop::sample::select(vec![RefundState::Pending, RefundState::Succeeded, RefundState::Failed]);
    let dispute_states = prop::sample::select(vec![
        DisputeState::Open,
        DisputeState::UnderReview,
        DisputeState::Won,
        DisputeState::Lost,
    ]);
    prop_oneof![
        (1_i64..50, states, any::<bool>()).prop_map(|(at, state, sticky)| payment(
            at,
            state,
            sticky && state == PaymentState::Succeeded
        )),
        (1_i64..50, 1_u8..5, refund_states).prop_map(|(at, n, state)| refund(
            at,
            &format!("re_{n}"),
            i64::from(n) * 150,
            state
        )),
        (1_i64..50, dispute_states).prop_map(|(at, state)| dispute(at, state)),
        (1_i64..50, 0_i64..1000)
            .prop_map(|(at, total)| ProviderUpdate { refunded_total: Some(total), ..event(at) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn random_histories_keep_to_the_lifecycle(updates in prop::collection::vec((any_update(), any::<bool>()), 1..14)) {
        let mut t = blank();
        let mut known = Vec::new();
        for (index, (mut update, fetched)) in updates.into_iter().enumerate() {
            if fetched {
                update.source = Source::Fetch;
            }
            let (status, version, seq) = (t.status, t.status_version, t.outbox.seq);
            let applied = t.apply(&update, Timestamp::from_millis(10_000 + i64::try_from(index).unwrap()));
            let statuses: Vec<EventType> = TransactionStatus::ALL.iter().map(|s| s.event()).collect();
            let fresh: Vec<EventType> = t.outbox.entries.iter()
                .filter(|e| e.seq > seq && statuses.contains(&e.event)).map(|e| e.event).collect();
            // Each committed status is announced exactly once, and only along the lifecycle.
            let mut at = status;
            for event in &fresh {
                let next = TransactionStatus::ALL.iter().copied().find(|s| s.event() == *event).unwrap();
                prop_assert!(at.may_become(next), "{at} → {next}");
                at = next;
            }
            prop_assert_eq!(at, t.status);
            prop_assert_eq!(t.status_version - version, i64::try_from(fresh.len()).unwrap());
            prop_assert_eq!(applied.status_changed, status != t.status);
            prop_assert!(t.refunded <= t.captured, "{} > {}", t.refunded, t.captured);
            prop_assert_eq!(t.open.is_some(), t.status.is_open());
            known.push(t.status);
        }
    }

    #[test]
    fn events_alone_end_the_same_in_any_order(
        (updates, shuffled) in prop::collection::vec(any_update(), 1..8)
            .prop_flat_map(|updates| (Just(updates.clone()), Just(updates).prop_shuffle()))
    ) {
        // Same-second statements about one object that rank alike but differ are the provider's contradiction.
        let (a, b) = (run(&updates), run(&shuffled));
        prop_assert_eq!(a.computed_status(), b.computed_status());
    }
}
