//! The lifecycle, and what must hold whatever money and credits do.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::invoice::paper::TaxCategory;

fn sealed() -> Sealed {
    Sealed::new(1, [0; 12], vec![0; 18])
}

pub(super) fn draft(total: i64) -> Invoice {
    let tenant = Tenant::new(OrganizationId::from_bytes([1; 12]), Mode::Test);
    let tax = total * 19 / 119;
    Invoice {
        id: InvoiceId::from_bytes([2; 12]),
        org: tenant.organization,
        mode: tenant.mode,
        kind: PaperKind::Invoice,
        status: InvoiceStatus::Draft,
        series_id: SeriesId::from_bytes([3; 12]),
        numbered: None,
        issued_at: None,
        issue_due: None,
        blocked: None,
        currency: Currency::EUR,
        total,
        groups: vec![GroupAmount {
            category: TaxCategory::S,
            rate: Decimal::from(19),
            net: total - tax,
            tax,
        }],
        rounding: 0,
        money: MoneyState::default(),
        credits: Vec::new(),
        paper: sealed(),
        look_id: None,
        due_date: None,
        transaction_id: None,
        payment_of: None,
        checkout_id: None,
        site_id: None,
        external_reference: String::new(),
        corrects: None,
        cause: None,
        email_hash: None,
        voided_at: None,
        rendering: None,
        needs_review: None,
        idem: None,
        trail: None,
        outbox: Outbox::default(),
        version: 1,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

fn issued(total: i64, paid: i64) -> Invoice {
    let mut invoice = draft(total);
    invoice.take_money(MoneyState { paid, returned: 0 }, Timestamp::default());
    let numbered =
        Series::initial(PaperKind::Invoice, invoice.series_id, Timestamp::default()).next(None, "2030-01-31");
    invoice.issue(numbered, sealed(), LookId::from_bytes([4; 12]), Timestamp::default()).unwrap();
    invoice
}

fn ask(n: usize, amount: Option<i64>) -> CreditRequest {
    let id = InvoiceId::from_bytes([u8::try_from(n % 250).unwrap(); 12]);
    let of = amount.map_or(CreditOf::Rest, CreditOf::Amount);
    CreditRequest { id, cause: format!("request:{n}"), of, reason: None, idem: None }
}

fn events(invoice: &Invoice) -> Vec<&'static str> {
    invoice.outbox.entries.iter().map(|entry| entry.event.as_str()).collect()
}

#[test]
fn paid_draft_is_issued_and_settled_at_once() {
    let invoice = issued(1190, 1190);
    assert_eq!(invoice.status, InvoiceStatus::Settled);
    assert_eq!(events(&invoice), ["invoice.issued", "invoice.settled"]);
    assert_eq!(invoice.number(), Some("INV-2030-00001"));
}

#[test]
fn number_is_given_once_and_only_to_a_draft() {
    let mut invoice = issued(1190, 0);
    assert_eq!(invoice.status, InvoiceStatus::Open);
    let again = invoice.numbered.clone().unwrap();
    let refused = invoice.issue(again, sealed(), LookId::from_bytes([4; 12]), Timestamp::default());
    assert_eq!(refused, Err(InvalidTransition { from: InvoiceStatus::Open, to: InvoiceStatus::Issued }));
    let mut draft = draft(5);
    draft.discard(Timestamp::default()).unwrap();
    assert!(draft.queue(Timestamp::default()).is_err());
    assert!(invoice.discard(Timestamp::default()).is_err());
    invoice.void(ask(1, None), Timestamp::default()).unwrap();
    assert_eq!((invoice.status, invoice.credited()), (InvoiceStatus::Voided, 1190));
    assert!(issued(1190, 1190).void(ask(1, None), Timestamp::default()).is_err());
}

#[test]
fn money_moves_it_in_both_directions() {
    let mut invoice = issued(1000, 400);
    let mut take = |paid, returned| {
        invoice.take_money(MoneyState { paid, returned }, Timestamp::default());
        invoice.status
    };
    assert_eq!(take(400, 0), InvoiceStatus::PartiallySettled);
    assert_eq!(take(1000, 0), InvoiceStatus::Settled);
    assert_eq!(take(1000, 300), InvoiceStatus::PartiallyRefunded);
    assert_eq!(take(1000, 1000), InvoiceStatus::Refunded);
    // It bounced; then the payment itself failed.
    assert_eq!(take(1000, 0), InvoiceStatus::Settled);
    assert_eq!(take(0, 0), InvoiceStatus::Open);
}

#[test]
fn credits_stop_at_the_total() {
    let mut invoice = issued(1190, 0);
    assert!(matches!(draft(5).credit(ask(1, None), Timestamp::default()), Err(CreditError::Status(..))));
    invoice.credit(ask(1, Some(190)), Timestamp::default()).unwrap();
    assert_eq!(invoice.credit(ask(2, Some(0)), Timestamp::default()).unwrap_err(), CreditError::NotPositive);
    let refused = invoice.credit(ask(2, Some(1001)), Timestamp::default()).unwrap_err();
    assert_eq!(refused.to_string(), "at most €10.00 can be credited, not €10.01");
    let rest = invoice.credit(ask(3, None), Timestamp::default()).unwrap();
    assert_eq!((rest.amount, invoice.status), (1000, InvoiceStatus::Credited));
    let net: i64 = invoice.credits.iter().map(|credit| credit.groups[0].net).sum();
    assert_eq!(net, invoice.groups[0].net);
}

proptest! {
    #[test]
    fn histories_keep_to_the_lifecycle(steps in prop::collection::vec((0_u8..3, 0_i64..1500), 0..30)) {
        let mut invoice = issued(1190, 0);
        for (index, (step, amount)) in steps.into_iter().enumerate() {
            let (before, seq) = (invoice.status, invoice.outbox.seq);
            match step {
                0 => { invoice.take_money(MoneyState { paid: amount, returned: invoice.money.returned }, Timestamp::default()); }
                1 => { invoice.take_money(MoneyState { returned: amount, ..invoice.money }, Timestamp::default()); }
                _ => { let _ = invoice.credit(ask(index, Some(amount)), Timestamp::default()); }
            }
            prop_assert!(before == invoice.status || before.may_become(invoice.status));
            prop_assert!(before == invoice.status || invoice.outbox.seq > seq);
            prop_assert!(invoice.credited() <= invoice.total);
            prop_assert_eq!(invoice.creditable().amount(), invoice.total - invoice.credited());
        }
    }
}
