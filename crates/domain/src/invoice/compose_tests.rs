//! Papers of payments and credits.

use proptest::prelude::*;

use super::*;
use crate::{
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

fn original(items: &[crate::checkout::Item]) -> Paper {
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
        lines: Vec::new(),
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

#[test]
fn credit_note_by_line_shows_these_lines_and_agrees_with_its_tax() {
    use crate::{
        checkout::AmountType,
        invoice::{LineRequest, credit::of_lines},
    };
    for amount_type in [AmountType::Gross, AmountType::Net] {
        let sale = |name: &str, quantity: &str, unit_price, rate: &str, item_type: &str| Sale {
            name: name.to_owned(),
            description: String::new(),
            quantity: quantity.parse().unwrap(),
            unit: None,
            unit_price,
            amount_type,
            rate: Some(rate.parse().unwrap()),
            category: None,
            item_type: item_type.to_owned(),
        };
        let sales = [
            sale("Seat", "5", 11_900, "19", ""),
            sale("Hours", "7.5", 9_500, "19", ""),
            sale("Book", "2", 535, "7", ""),
            sale("Discount", "1", -1_000, "19", "discount"),
        ];
        let computed = compute(&sales, &rules(), Words::of("en")).unwrap();
        let mut original = paper(PaperKind::Invoice, Currency::EUR, Heading::default(), computed);
        (original.number, original.date) = (Some("INV-1".to_owned()), "2030-01-31".to_owned());
        let groups: Vec<GroupAmount> = original.taxes.iter().map(GroupAmount::from).collect();
        let left = Split { groups, rounding: 0 };
        let asked = [
            LineRequest { line: 0, quantity: Some(Decimal::TWO) },
            LineRequest { line: 1, quantity: Some("2.5".parse().unwrap()) },
        ];
        let (lines, split) = of_lines(&original, &[], &left, &asked).unwrap();
        let mut credit = credit(split, false);
        credit.lines = lines;
        let note = of_credit(&original, &credit, false);
        assert_agrees(&figures(&note));
        let rows: Vec<(&str, String)> =
            note.lines.iter().map(|line| (line.name.as_str(), line.quantity.to_string())).collect();
        assert_eq!(rows, [("Seat", "2".to_owned()), ("Hours", "2.5".to_owned())]);
        assert_eq!(note.taxes.len(), 1, "the other rate is not touched");
        assert_eq!(note.totals.gross, credit.amount);
        assert_eq!(note.supply_date.as_deref(), Some("2030-01-31"));
        assert_eq!(note.allowances[0].reason, "Discount");
    }
}

#[test]
fn countries_of_customers_are_the_standards() {
    for (given, stored) in [("uk", "GB"), ("EL", "GR"), ("XK", "1A"), ("IC", "IC")] {
        let address = Address { country: Some(given.to_owned()), ..Address::default() };
        let customer = Customer { billing_address: Some(address), ..Customer::default() };
        assert_eq!(buyer(&customer).country, stored, "{given}");
    }
}
