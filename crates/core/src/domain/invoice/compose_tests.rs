//! Papers of payments and credits.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    InvoiceId, Timestamp,
    invoice::{
        credit::Credit,
        tax::{
            compute,
            tests::{any_items, assert_agrees, rules},
        },
    },
};

/// A paper's figures, to be checked as they were computed.
fn figures(paper: &Paper) -> Computed {
    let mut totals = paper.totals;
    (totals.paid, totals.due) = (0, totals.gross + totals.rounding);
    Computed {
        prices_include_tax: paper.prices_include_tax,
        lines: paper.lines.clone(),
        allowances: paper.allowances.clone(),
        taxes: paper.taxes.clone(),
        totals,
    }
}

fn original(items: &[crate::domain::checkout::Item]) -> Paper {
    let sales: Vec<Sale> = items.iter().map(Sale::of).collect();
    let computed = compute(&sales, &rules(), Words::of("en")).unwrap();
    let mut paper = paper(PaperKind::Invoice, Currency::EUR, Heading::default(), computed);
    (paper.number, paper.date) = (Some("INV-2030-00001".to_owned()), "2030-01-31".to_owned());
    paper
}

fn credit(split: Split, whole: bool) -> Credit {
    Credit {
        id: InvoiceId::from_bytes([1; 12]),
        cause: "request:1".to_owned(),
        amount: split.amount(),
        groups: split.groups,
        rounding: split.rounding,
        whole,
        reason: Some("Damaged".to_owned()),
        idem: None,
        at: Timestamp::default(),
    }
}

#[test]
fn buyers_are_read_from_the_billing_address() {
    let customer: Customer = serde_json::from_value(serde_json::json!({
        "email": "buyer@example.com",
        "billingAddress": { "firstName": "Example", "lastName": "Buyer", "company": "Example Ltd",
            "address1": "1 Example Road", "city": "Example Town", "postcode": "1000", "country": "ie" },
    }))
    .unwrap();
    let party = buyer(&customer);
    assert_eq!((party.name.as_str(), party.contact.as_deref()), ("Example Ltd", Some("Example Buyer")));
    assert_eq!((party.address.len(), party.country.as_str()), (1, "IE"));
    assert_eq!(party.email.as_deref(), Some("buyer@example.com"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn credit_notes_agree_and_together_undo_the_invoice(items in any_items(), first in 1_i64..400_000) {
        let original = original(&items);
        let groups: Vec<GroupAmount> = original.taxes.iter().map(GroupAmount::from).collect();
        let whole = Split { groups, rounding: original.totals.rounding };
        prop_assume!(whole.amount() > 1);
        let part = whole.take(first.min(whole.amount() - 1));
        let rest = whole.less([(part.groups.as_slice(), part.rounding)].into_iter());
        let amount = part.amount();
        let papers = [
            of_credit(&original, &credit(part, false), true),
            of_credit(&original, &credit(rest, false), true),
        ];
        for paper in &papers {
            // Half up on ever smaller parts: a group's tax may be a few units from its own rate's.
            let figures = figures(paper);
            prop_assert_eq!(totals(&figures, figures.totals.rounding), figures.totals);
            prop_assert_eq!(paper.totals.due, 0);
            prop_assert_eq!(&paper.preceding.as_ref().unwrap().number, "INV-2030-00001");
        }
        prop_assert_eq!(papers[0].totals.paid, amount);
        prop_assert_eq!(papers.iter().map(|p| p.totals.tax).sum::<i64>(), original.totals.tax);
        prop_assert_eq!(papers.iter().map(|p| p.totals.net).sum::<i64>(), original.totals.net);
        let all = of_credit(&original, &credit(whole, true), false);
        assert_agrees(&figures(&all));
        prop_assert_eq!(&all.lines, &original.lines);
        prop_assert_eq!(all.totals.due, original.totals.due);
    }
}
