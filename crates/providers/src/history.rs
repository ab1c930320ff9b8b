//! For tests: a provider's history, applied in every order.

use std::collections::BTreeSet;

use gateway_core::{
    domain::{
        CheckoutId, Currency, Mode, Money, OrganizationId, SiteId, Tenant, Timestamp,
        checkout::CaptureMethod,
        transaction::{DisputeState, ProviderUpdate, RefundState, Transaction, TransactionStatus},
    },
    provider::{IncomingEvent, Interpretation, PaymentProvider},
};

/// The transaction that the fixtures name in their metadata.
pub(crate) const TRANSACTION: &str = "0123456789abcdef01234567";
/// The public id of its checkout.
pub(crate) const SESSION_PUBLIC_ID: &str = "cs_example";

/// A transaction of EUR 10.00 that was just begun.
pub(crate) fn transaction(capture_method: CaptureMethod) -> Transaction {
    let now = Timestamp::from_seconds(1_700_000_000);
    let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
    let (site, checkout) = (SiteId::from_bytes([2; 12]), CheckoutId::from_bytes([3; 12]));
    let (id, money) = (TRANSACTION.parse().unwrap(), Money::new(1000, Currency::EUR));
    Transaction {
        session_public_id: SESSION_PUBLIC_ID.to_owned(),
        external_reference: "ORD-1".to_owned(),
        capture_method,
        status_version: 0,
        ..Transaction::initiated(id, tenant, site, checkout, money, now)
    }
}

/// What a history ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) status: TransactionStatus,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) refunds: BTreeSet<(String, i64, &'static str)>,
    pub(crate) disputes: BTreeSet<(String, &'static str)>,
    pub(crate) review: Option<String>,
}

fn refund_word(state: RefundState) -> &'static str {
    state.as_str()
}

fn dispute_word(state: DisputeState) -> &'static str {
    state.as_str()
}

/// Applies updates in this order; answers the end and the statuses announced.
pub(crate) fn replay<'a>(
    mut transaction: Transaction,
    updates: impl IntoIterator<Item = &'a ProviderUpdate>,
) -> (End, Vec<TransactionStatus>) {
    for (step, update) in (0_i64..).zip(updates) {
        transaction.check(update).unwrap();
        transaction.apply(update, Timestamp::from_seconds(1_700_100_000 + step));
    }
    let refunds = transaction
        .refunds
        .iter()
        .map(|r| (r.reference.clone().unwrap_or_default(), r.amount, refund_word(r.state)))
        .collect();
    let disputes =
        transaction.disputes.iter().map(|d| (d.reference.clone(), dispute_word(d.state))).collect();
    let end = End {
        status: transaction.status,
        captured: transaction.captured,
        refunded: transaction.refunded,
        refunds,
        disputes,
        // That success came late depends on what was heard before it.
        review: transaction
            .needs_review
            .map(|review| review.reason)
            .filter(|reason| reason != "late_success"),
    };
    (end, transaction.history.iter().map(|change| change.status).collect())
}

/// What an adapter makes of a raw event.
pub(crate) fn interpreted(provider: &dyn PaymentProvider, name: &str, raw: &str) -> Interpretation {
    let event = IncomingEvent {
        event_id: "evt_example".to_owned(),
        name: name.to_owned(),
        raw: raw.to_owned().into(),
    };
    provider.interpret(&event).unwrap()
}

/// The update that an adapter makes of a raw event.
pub(crate) fn update_of(provider: &dyn PaymentProvider, raw: &str) -> ProviderUpdate {
    match interpreted(provider, "", raw) {
        Interpretation::Update(update) => update.update,
        Interpretation::Ignored(reason) => panic!("ignored: {reason}"),
    }
}

/// Every order of a history, each event also delivered twice, ends alike; what is announced is part of what
/// the usual order announces, and ends with the same.
pub(crate) fn check_all_orders(begin: &Transaction, updates: &[ProviderUpdate]) -> End {
    let (_, usual) = replay(begin.clone(), updates);
    check_all_ends(begin, updates, |announced, order| {
        assert!(is_subsequence(announced, &usual), "{announced:?} is not part of {usual:?}, order {order:?}");
        assert_eq!(announced.last(), usual.last(), "in the order {order:?}");
    })
}

/// Every order of a history, each event also delivered twice, ends alike. What is announced on the way is
/// another matter where a refund and a dispute overtake each other: events alone cannot tell.
pub(crate) fn check_all_ends(
    begin: &Transaction,
    updates: &[ProviderUpdate],
    check: impl Fn(&[TransactionStatus], &[usize]),
) -> End {
    let (wanted, _) = replay(begin.clone(), updates);
    let orders = permutations(updates.len());
    for (number, order) in orders.iter().enumerate() {
        // The second copies come at once, or after everything else.
        let mut twice: Vec<usize> = order.clone();
        if number % 2 == 0 {
            twice.extend(order.iter().rev());
        } else {
            twice = order.iter().flat_map(|index| [*index, *index]).collect();
        }
        let (end, announced) = replay(begin.clone(), twice.iter().map(|index| &updates[*index]));
        assert_eq!(end, wanted, "in the order {order:?}");
        check(&announced, order);
    }
    wanted
}

fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|found| found == wanted))
}

/// Each shorter order with the last index put in every place.
fn permutations(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    permutations(length - 1)
        .into_iter()
        .flat_map(|shorter| {
            (0..length).map(move |position| {
                let mut longer = shorter.clone();
                longer.insert(position, length - 1);
                longer
            })
        })
        .collect()
}
